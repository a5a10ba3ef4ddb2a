package raft

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/tracker"
)

// RawNode as its caller sees it: what Ready promises, requests and their errors, time, and what things cost
// (Raft Fig. 2; docs/STORAGE.md).

func TestMustSync(t *testing.T) {
	hs := pb.HardState{Term: 2, Vote: 1, Commit: 5}
	for _, tc := range []struct {
		now     pb.HardState
		entries int
		want    bool
	}{
		{hs, 0, false},
		{pb.HardState{Term: 2, Vote: 1, Commit: 9}, 0, false},
		{pb.HardState{Term: 3, Vote: 1, Commit: 5}, 0, true},
		{pb.HardState{Term: 2, Vote: 2, Commit: 5}, 0, true},
		{hs, 1, true},
	} {
		require.Equal(t, tc.want, MustSync(tc.now, hs, tc.entries), "%+v", tc)
	}
	require.True(t, IsEmptyHardState(pb.HardState{}))
	require.False(t, IsEmptyHardState(pb.HardState{Commit: 1}))
}

// readyOf requires that HasReady and the emptiness of the Ready agree, and advances.
func readyOf(t *testing.T, rn *RawNode) Ready {
	t.Helper()
	has := rn.HasReady()
	rd := rn.Ready()
	require.Equal(t, has, !isEmptyReady(rd), "HasReady is %t, the Ready is:\n%s", has, DescribeReady(rd, nil))
	rn.Advance(rd)
	return rd
}

// leaderWithoutEntriesFor returns a leader 1 of three whose log is compacted beyond what member 3, which is away, has.
func leaderWithoutEntriesFor3(t *testing.T) *cluster {
	c := newVoters(t, 3, withCheckQuorum)
	c.isolated[3] = true
	c.elect(1)
	for range 5 {
		c.propose(1, "x")
		c.stabilize()
	}
	c.snapshot(1, c.raft(1).log.applied)
	return c
}

// A follower that needs a snapshot which storage is still making is owed one, and is sent nothing.
func TestHasReadyIsExactWithoutASnapshot(t *testing.T) {
	c := leaderWithoutEntriesFor3(t)
	m := c.members[1]
	m.disk.snapshotPending = true
	require.NoError(t, m.rn.Step(pb.Message{Type: pb.MsgHeartbeatResp, From: 3, To: 1, Term: 2}))
	readyOf(t, m.rn)
	require.False(t, m.rn.HasReady())
	m.disk.snapshotPending = false
	require.NoError(t, m.rn.Step(pb.Message{Type: pb.MsgHeartbeatResp, From: 3, To: 1, Term: 2}))
	require.Len(t, ofType(readyOf(t, m.rn).Messages, pb.MsgSnap), 1, "asked for again")
}

// Nor is one sent to a follower that seems to be away.
func TestHasReadyIsExactForAFollowerThatIsAway(t *testing.T) {
	c := leaderWithoutEntriesFor3(t)
	rn := c.members[1].rn
	i := c.raft(1).leading.find(3)
	c.raft(1).leading.progress[i] = tracker.NewProgress(1, 0, false, c.raft(1).leading.progress[i].Inflights)
	c.raft(1).leading.progress[i].OnQuorumChecked()
	c.raft(1).refresh(i)
	readyOf(t, rn)
	require.False(t, rn.HasReady())
}

// A heartbeat that is due when the last peer is removed has nobody to go to.
func TestHasReadyIsExactWhenTheLastPeerIsRemoved(t *testing.T) {
	c := newVoters(t, 2)
	c.elect(1)
	rn := c.members[1].rn
	require.NoError(t, rn.ProposeConfChange(changeOf(t, "r2")))
	for range 2 {
		rd := rn.Ready()
		c.write(c.members[1], rd.HardState, rd.Entries, rd.Snapshot)
		rn.Advance(rd)
		require.NoError(t, rn.Step(ackFrom(2, 1, 2, 3)))
	}
	rn.Tick()
	require.True(t, rn.raft.leading.beatDue)
	rn.ApplyConfChange(changeOf(t, "r2"))
	for range 3 {
		readyOf(t, rn)
	}
	require.False(t, rn.HasReady())
}

// Committed entries that storage fails to return are not asked for again before the next tick, and are not lost.
func TestReadyWhenStorageFails(t *testing.T) {
	faulty := &faultyStorage{}
	c := newVoters(t, 1, func(c *Config) {
		faulty.Storage = c.Storage
		c.Storage = faulty
	})
	c.elect(1)
	require.NoError(t, c.members[1].rn.Propose([]byte("a")))
	rn := c.members[1].rn
	rd := rn.Ready()
	c.write(c.members[1], rd.HardState, rd.Entries, rd.Snapshot)
	rn.Advance(rd)
	faulty.entriesErr = errors.New("disk on fire")
	require.Empty(t, rn.Ready().CommittedEntries)
	require.False(t, rn.HasReady())
	faulty.entriesErr = nil
	require.False(t, rn.HasReady(), "it was not tried again yet")
	require.Equal(t, uint64(1), rn.TicksUntilDue())
	rn.Tick()
	require.Len(t, rn.Ready().CommittedEntries, 1)
}

// Several Readys may be under way. Advance acknowledges the oldest, and only that.
func TestAdvanceAcknowledgesTheOldest(t *testing.T) {
	c := newVoters(t, 1)
	c.elect(1)
	rn := c.members[1].rn
	require.NoError(t, rn.Propose([]byte("a")))
	first := rn.Ready()
	require.NoError(t, rn.Propose([]byte("b")))
	second := rn.Ready()
	require.Len(t, second.Entries, 1)
	require.Empty(t, second.CommittedEntries)
	for i, rd := range []Ready{first, second} {
		c.write(c.members[1], rd.HardState, rd.Entries, rd.Snapshot)
		rn.Advance(rd)
		require.Equal(t, uint64(3+i), rn.raft.log.storedIndex())
		require.Equal(t, uint64(3+i), rn.raft.log.committed)
	}
	before := fingerprint(&rn.raft)
	rn.Advance(second)
	require.Equal(t, before, fingerprint(&rn.raft), "there was nothing to acknowledge")
}

// A Ready is written in one go: term, vote, entries. What a single voter commits is durable first.
func TestReadyOfASingleVoter(t *testing.T) {
	c := newVoters(t, 1)
	m := c.members[1]
	require.NoError(t, m.rn.Campaign())
	require.Equal(t, StateCandidate, c.raft(1).state, "its own vote is not durable")
	rd := m.rn.Ready()
	require.Equal(t, pb.HardState{Term: 2, Vote: 1, Commit: 1}, rd.HardState)
	c.write(m, rd.HardState, rd.Entries, rd.Snapshot)
	m.rn.Advance(rd)
	require.Equal(t, StateLeader, c.raft(1).state)
	rd = m.rn.Ready()
	require.Equal(t, []entryID{at(2, 2)}, idsOf(rd.Entries))
	require.Empty(t, rd.CommittedEntries)
	c.write(m, rd.HardState, rd.Entries, rd.Snapshot)
	m.rn.Advance(rd)
	rd = m.rn.Ready()
	require.Equal(t, []entryID{at(2, 2)}, idsOf(rd.CommittedEntries))
	require.False(t, rd.MustSync, "only the commit index has changed")
	m.rn.Advance(rd)
	require.False(t, m.rn.HasReady())
}

// Time may be saved up: until the next thing is due, one call does what many would.
func TestTickBySavesTicks(t *testing.T) {
	one, many := newVoters(t, 3), newVoters(t, 3)
	for range 200 {
		n := many.members[1].rn.TicksUntilDue()
		require.GreaterOrEqual(t, n, uint64(1))
		many.members[1].rn.TickBy(n)
		one.tick(int(n), 1)
		require.Equal(t, fingerprint(one.raft(1)), fingerprint(many.raft(1)))
		require.Equal(t, len(outOf(one, 1)), len(outOf(many, 1)))
	}
	require.Greater(t, one.raft(1).term, uint64(10))
}

func TestTickQuiescedActsOnNothing(t *testing.T) {
	c := newVoters(t, 1)
	for range 100 {
		c.members[1].rn.TickQuiesced()
	}
	require.Equal(t, StateFollower, c.raft(1).state)
	require.Equal(t, uint64(100), c.raft(1).clock.now)
	c.members[1].rn.Tick()
	require.Equal(t, StateCandidate, c.raft(1).state)
}

// A membership change of nil, or with every NodeID zero, changes nothing (how an application rejects one).
func TestApplyConfChangeThatIsRejected(t *testing.T) {
	c := newVoters(t, 3)
	rn := c.members[1].rn
	for _, cc := range []pb.ConfChangeI{nil, pb.ConfChange{}, pb.ConfChangeV2{}, pb.ConfChange{Type: pb.ConfChangeRemoveNode}} {
		cs := rn.ApplyConfChange(cc)
		require.Equal(t, voters(1, 2, 3), *cs)
	}
	cs := rn.ApplyConfChange(pb.ConfChange{Type: pb.ConfChangeAddNode, NodeID: 4})
	require.Equal(t, []uint64{1, 2, 3, 4}, cs.Voters)
	cs.Voters[0] = 99
	require.Equal(t, []uint64{1, 2, 3, 4}, rn.ApplyConfChange(nil).Voters, "the caller's copy is its own")
	for range 4 {
		cs = rn.ApplyConfChange(pb.ConfChange{Type: pb.ConfChangeRemoveNode, NodeID: 9})
	}
	require.Equal(t, []uint64{1, 2, 3, 4}, cs.Voters)
}

// A change that leaves nobody to vote is logged and changes nothing.
func TestApplyConfChangeThatCannotBeMade(t *testing.T) {
	c := newVoters(t, 1)
	cs := c.members[1].rn.ApplyConfChange(pb.ConfChange{Type: pb.ConfChangeRemoveNode, NodeID: 1})
	require.Equal(t, []uint64{1}, cs.Voters)
}

func TestForgetLeader(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	rn := c.members[2].rn
	require.NoError(t, rn.ForgetLeader())
	require.Equal(t, uint64(None), rn.BasicStatus().Lead)
	require.Equal(t, uint64(2), rn.BasicStatus().Term)
	require.ErrorIs(t, rn.Propose([]byte("x")), ErrProposalDropped)
	require.NoError(t, rn.ForgetLeader())
	require.NoError(t, c.members[1].rn.ForgetLeader())
	require.Equal(t, StateLeader, c.raft(1).state)
	c.beat(1)
	require.Equal(t, uint64(1), rn.BasicStatus().Lead, "it hears from the leader again")
}
