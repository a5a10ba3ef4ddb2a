package raft

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// What was found by reading the code against the papers, kept as schedules.

// A member holds two membership changes and has lost, in a crash, the commit index that it had not to sync. If it
// took the first change for uncommitted it could be elected by a majority of a configuration that is two changes
// old.
func TestFoundARestartedMemberKnowsWhichChangesAreCommitted(t *testing.T) {
	c := newVoters(t, 3)
	c.add(4, pb.ConfState{})
	c.add(5, pb.ConfState{})
	c.elect(1)
	// 3 writes the commit of +4 without sync: remember what is synced.
	c.change(1, "v4")
	c.snapshot(1, 3) // so that 4 and 5 can join
	c.beat(1)
	c.beat(1)
	require.Equal(t, uint64(3), c.raft(4).log.committed)
	synced := pb.HardState{Term: 2, Vote: 1, Commit: 2} // +4 is at 3
	require.Equal(t, c.raft(3).term, synced.Term)
	c.isolated[2] = true
	require.NoError(t, c.members[1].rn.ProposeConfChange(changeOf(t, "v5")))
	c.isolated[5] = true
	// one message at a time: 3 gets the entry +5 and its Ready is looked at
	for c.ready(1) {
	}
	c.deliver()
	rd := c.members[3].rn.Ready()
	require.True(t, IsEmptyHardState(rd.HardState))
	require.NoError(t, c.members[3].storage.Append(rd.Entries))
	c.send(3, rd.Messages)
	c.members[3].rn.Advance(rd)
	c.stabilize(1, 4)
	require.Equal(t, uint64(4), c.raft(1).log.committed)
	c.isolated[5] = false
	c.beat(1)
	c.beat(1)
	// 4 knows all, and campaigns with {1 2 3 4 5}; 3 crashes and loses the unsynced commit.
	require.Equal(t, "voters=(1 2 3 4 5)", c.raft(4).membership.String())
	require.NoError(t, c.members[3].storage.SetHardState(synced))
	c.members[3].cfg.Applied = 0
	c.members[3].conf = pb.ConfState{Voters: []uint64{1, 2, 3}} // its application keeps nothing
	c.start(3)
	c.stabilize(3)
	c.network = nil
	c.isolated = map[uint64]bool{}
	// two halves: {2,3} and {1,4,5}
	c.lose = func(m pb.Message) bool { return (m.From == 2 || m.From == 3) != (m.To == 2 || m.To == 3) }
	require.NoError(t, c.members[3].rn.Campaign())
	require.NoError(t, c.members[4].rn.Campaign())
	c.stabilize()
	require.Equal(t, StateLeader, c.raft(4).state)
	require.NotEqual(t, StateLeader, c.raft(3).state)
}

// The commit index is not synced: an application that keeps its state may be ahead of it after a crash.
func TestFoundWhatWasAppliedBearsOutTheCommitIndex(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	m := c.members[2]
	applied := m.rn.raft.log.applied
	hs := m.storage.hardState
	hs.Commit = 1 // the unsynced write was lost
	require.NoError(t, m.storage.SetHardState(hs))
	m.cfg.Applied = applied
	_, err := NewRawNode(m.cfg)
	require.NoError(t, err)
}

// Two followers that each take the other for the leader do not pass a proposal to and fro.
func TestFoundAProposalIsNotReturnedToItsSender(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	c.network = nil
	err := c.step(pb.Message{Type: pb.MsgProp, From: 1, To: 2, Entries: []pb.Entry{{Data: []byte("x")}}})
	var why *ProposalDroppedError
	require.ErrorAs(t, err, &why)
	require.Equal(t, DroppedNoLeader, why.Reason)
	c.stabilize()
	require.Empty(t, c.data(1))
}

// A snapshot that ends before the log begins would leave the follower asking for another, for ever.
func TestFoundASnapshotThatTheLogDoesNotFollowIsNotSent(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	c.isolated[3] = true
	for range 5 {
		c.propose(1, "x")
	}
	c.stabilize()
	_, err := c.members[1].storage.CreateSnapshot(4, &c.members[1].conf, nil)
	require.NoError(t, err)
	require.NoError(t, c.members[1].storage.Compact(6))
	c.isolated[3] = false
	var snapshots int
	c.lose = func(m pb.Message) bool {
		if m.Type == pb.MsgSnap {
			snapshots++
		}
		return false
	}
	c.beat(1)
	c.beat(1)
	require.Zero(t, snapshots)
	c.snapshot(1, 7)
	c.beat(1)
	c.beat(1)
	require.Equal(t, 1, snapshots)
	require.Equal(t, c.raft(1).log.committed, c.raft(3).log.committed)
}
