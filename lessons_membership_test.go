package raft

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Lessons about membership changes (Raft §6, thesis §4).

// settle lets everything happen at the members, but that those named in idle do not apply what is committed.
func settle(c *cluster, idle map[uint64]bool, ids ...uint64) {
	for busy := true; busy; {
		busy = false
		for _, id := range ids {
			for c.ready(id) || c.runAppendThread(id) || !idle[id] && c.runApplyThread(id) {
				busy = true
			}
		}
		busy = c.deliver() || busy
	}
}

// {1,2,3} becomes {1,2,3,4,5} in two steps. 2 has applied both and can win with {2,4,5}; 3 has both in its log and has
// applied neither: it must not campaign with {1,3}, or the two lead in one term.
func TestLesson03_CampaignWithUnappliedChanges(t *testing.T) {
	c := newVoters(t, 3, withAsync)
	c.add(4, voters(1, 2, 3), withAsync)
	c.add(5, voters(1, 2, 3), withAsync)
	c.elect(2)
	idle := map[uint64]bool{3: true}
	c.isolated[1] = true
	for _, text := range []string{"v4", "v5"} {
		require.NoError(t, c.members[2].rn.ProposeConfChange(changeOf(t, text)))
		for i := 0; i < 3; i++ {
			c.tick(1, 2)
			settle(c, idle, 2, 3, 4, 5)
		}
	}
	require.Equal(t, "(1 2 3 4 5)", incomingVoters(c, 2))
	require.Equal(t, "(1 2 3)", incomingVoters(c, 3))

	c.isolated[1] = false
	c.network = nil
	require.NoError(t, c.members[2].rn.Step(heartbeatResponseOfHigherTerm(2)))
	require.NoError(t, c.members[2].rn.Campaign())
	settle(c, idle, 2, 4, 5)
	term := c.raft(2).term
	require.Equal(t, StateLeader, c.raft(2).state)
	require.NoError(t, c.members[3].rn.Campaign())
	c.tick(3*c.members[3].cfg.ElectionTick, 3)
	settle(c, idle, 1, 3)
	require.NotEqual(t, StateLeader, c.raft(3).state, "two leaders in term %d", term)
	require.Equal(t, StateFollower, c.raft(3).state)

	settle(c, nil, 3)
	require.Equal(t, "(1 2 3 4 5)", incomingVoters(c, 3))
	require.NoError(t, c.members[3].rn.Campaign())
	require.Equal(t, StateCandidate, c.raft(3).state)
}

// heartbeatResponseOfHigherTerm makes a leader step down.
func heartbeatResponseOfHigherTerm(to uint64) pb.Message {
	return pb.Message{Type: pb.MsgHeartbeatResp, From: 4, To: to, Term: 3}
}

// A promotion commits on {2,3}; 2 dies; 3 needs the vote of 1, which still believes itself a learner.
func TestLesson04_LearnerGrantsItsVote(t *testing.T) {
	cs := pb.ConfState{Voters: []uint64{2, 3}, Learners: []uint64{1}}
	c := newCluster(t)
	for id := uint64(1); id <= 3; id++ {
		c.add(id, cs)
	}
	c.elect(2)
	c.isolated[1] = true
	c.change(2, "v1")
	require.Equal(t, "(1 2 3)", incomingVoters(c, 3))
	require.True(t, c.raft(1).membership.IsLearner(1))
	c.isolated[2], c.isolated[1] = true, false
	c.elect(3)
	require.Equal(t, "(1 2 3)", incomingVoters(c, 1))
}

// leavesOf counts the entries of the member's log that leave a joint configuration.
func leavesOf(c *cluster, id uint64) int {
	n := 0
	l := &c.raft(id).log
	err := l.scan(l.firstIndex(), l.lastIndex()+1, noEncodedLimit, func(ents []pb.Entry) bool {
		for _, e := range ents {
			if e.Type == pb.EntryConfChangeV2 && len(e.Data) == 0 {
				n++
			}
		}
		return true
	})
	require.NoError(c.t, err)
	return n
}

// The leader is gone before its proposal to leave the joint configuration reaches anybody: its successor leaves it.
func TestLesson05_AutoLeaveSurvivesTheLeader(t *testing.T) {
	c := newVoters(t, 3)
	c.add(4, voters(1, 2, 3))
	c.elect(1)
	joint := func(id uint64) bool { return c.raft(id).membership.Joint() }
	c.lose = func(m pb.Message) bool { return m.Type == pb.MsgApp && joint(1) && len(m.Entries) > 0 }
	c.change(1, "v4 r3")
	require.True(t, joint(1))
	require.Equal(t, 1, leavesOf(c, 1))
	c.beat(1)
	require.True(t, joint(2))
	require.Zero(t, leavesOf(c, 2))

	c.isolated[1] = true
	c.lose = nil
	c.elect(2)
	for i := 0; i < 3; i++ {
		c.beat(2)
	}
	require.False(t, joint(2))
	require.Equal(t, "(1 2 4)", incomingVoters(c, 2))
}

// Leaving is proposed once, however many entries are applied while it is under way.
func TestLesson05_AutoLeaveIsProposedOnce(t *testing.T) {
	c := newVoters(t, 3)
	c.add(4, voters(1, 2, 3))
	c.elect(1)
	require.NoError(t, c.members[1].rn.ProposeConfChange(changeOf(t, "v4 r3")))
	for i := 0; i < 5; i++ {
		c.propose(1, "x")
	}
	c.members[1].cfg.MaxCommittedSizePerReady = 1
	c.raft(1).log.maxApplyingSize = 1
	for i := 0; i < 30; i++ {
		c.ready(1)
		c.deliver()
		for _, id := range []uint64{2, 3, 4} {
			c.ready(id)
		}
		require.LessOrEqual(t, leavesOf(c, 1), 1)
	}
	c.stabilize()
	require.Equal(t, 1, leavesOf(c, 1))
	require.False(t, c.raft(1).membership.Joint())
}

// 3 is removed and added again, with an empty log, in one term. An acknowledgement of its earlier life is still on its
// way: it is no word about the new log.
func TestLesson23_RemovedAndAddedAgainInOneTerm(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	c.propose(1, "a")
	c.stabilize()
	late := ackFrom(3, 1, 2, c.raft(1).log.lastIndex())
	require.NoError(t, c.members[1].rn.ProposeConfChange(changeOf(t, "r3")))
	for i := 0; i < 3; i++ {
		c.propose(1, "b")
	}
	c.stabilize()
	older := ackFrom(3, 1, 2, c.raft(1).log.lastIndex())

	c.ids = c.ids[:2]
	delete(c.members, 3)
	c.change(1, "v3")
	c.snapshot(1, c.raft(1).log.applied)
	c.add(3, pb.ConfState{})
	require.NoError(t, c.step(late))
	require.NoError(t, c.step(older))
	i := c.raft(1).leading.find(3)
	require.Zero(t, c.raft(1).leading.progress[i].Match, "the new life was credited with the old one's log")
	for i := 0; i < 3; i++ {
		c.beat(1)
	}
	require.Equal(t, c.raft(1).log.committed, c.raft(3).log.committed)
	c.isolated[2] = true
	c.propose(1, "c")
	c.stabilize()
	require.Contains(t, c.data(3), "c")
}

// A snapshot arrives while the application is applying a membership change. The snapshot's membership stands, and
// applying the change changes nothing.
func TestLesson27_SnapshotDuringAMembershipChange(t *testing.T) {
	for _, text := range []string{"v4", "r3", "l5"} {
		c := newVoters(t, 3)
		rn := c.members[1].rn
		change := changeEntry(t, at(2, 2), text)
		m := appendFrom(2, 1, 2, at(1, 1), 2)
		m.Entries = []pb.Entry{change}
		require.NoError(t, rn.Step(m))
		rd := rn.Ready()
		c.write(c.members[1], rd.HardState, rd.Entries, rd.Snapshot)
		for len(rd.CommittedEntries) == 0 {
			rn.Advance(rd)
			rd = rn.Ready()
		}
		require.NoError(t, rn.Step(snapshotFrom(2, 1, 2, at(2, 9), voters(1, 2, 6))))
		var cs *pb.ConfState
		require.NotPanics(t, func() { cs = rn.ApplyConfChange(changeOf(t, text)) })
		require.Equal(t, []uint64{1, 2, 6}, cs.Voters)
		rn.Advance(rd)
		outOf(c, 1)
		require.Equal(t, "(1 2 6)", incomingVoters(c, 1))
		require.Equal(t, uint64(9), c.raft(1).log.applied)
	}
}
