package raft

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Schedules that random exploration, or thinking like it, has found, reduced to their steps.

func snapMessage(from, to, term, index uint64, voters ...uint64) pb.Message {
	return pb.Message{Type: pb.MsgSnap, From: from, To: to, Term: term, Snapshot: &pb.Snapshot{
		Metadata: pb.SnapshotMetadata{Index: index, Term: term, ConfState: pb.ConfState{Voters: voters}},
	}}
}

func entriesOf(ids ...entryID) []pb.Entry {
	ents := make([]pb.Entry, len(ids))
	for i, id := range ids {
		ents[i] = pb.Entry{Term: id.term, Index: id.index}
	}
	return ents
}

// A second snapshot arrives while the first is still being written. Nothing was being applied, so that nothing has to
// be waited for: entries after the second are applied.
func TestFound_SecondSnapshotBeforeTheFirstIsStored(t *testing.T) {
	c := newVoters(t, 3)
	m := c.members[1]
	require.NoError(t, m.rn.Step(snapMessage(2, 1, 2, 20, 1, 2, 3)))
	first := m.rn.Ready()
	require.NoError(t, m.rn.Step(snapMessage(2, 1, 2, 30, 1, 2, 3)))
	c.write(m, first.HardState, first.Entries, first.Snapshot)
	m.rn.Advance(first)
	c.stabilize(1)
	require.NoError(t, m.rn.Step(pb.Message{
		Type: pb.MsgApp, From: 2, To: 1, Term: 2, Index: 30, LogTerm: 2,
		Entries: entriesOf(entryID{2, 31}), Commit: 31,
	}))
	c.stabilize(1)
	require.Equal(t, uint64(31), m.rn.BasicStatus().Applied)
}

// Entries are handed out to be written, replaced by other ones, and replaced again by the very same. The
// acknowledgement of the first write does not stand for the last: between the two, the disk holds the others.
func TestFound_AcknowledgementOfEntriesThatWereReplacedTwice(t *testing.T) {
	c := newVoters(t, 3, withAsync)
	m := c.members[1]
	send := func(from, term, commit uint64, ids ...entryID) {
		require.NoError(t, m.rn.Step(pb.Message{
			Type: pb.MsgApp, From: from, To: 1, Term: term, Index: 1, LogTerm: 1, Entries: entriesOf(ids...), Commit: commit,
		}))
		c.send(1, m.rn.Ready().Messages)
	}
	send(2, 2, 1, entryID{2, 2}, entryID{2, 3})
	send(3, 3, 1, entryID{3, 2})
	send(2, 4, 3, entryID{2, 2}, entryID{2, 3}, entryID{4, 4})
	require.Len(t, m.appendQueue, 3)
	first := m.appendQueue[0].Responses
	acknowledge := first[len(first)-1]
	m.appendQueue[0].Responses = nil
	c.runAppendThread(1)
	c.runAppendThread(1)
	require.NoError(t, m.rn.Step(acknowledge))
	require.Equal(t, uint64(1), c.raft(1).log.storedIndex(), "the disk holds 3/2 now")
	c.stabilize(1)
	require.Equal(t, uint64(4), c.raft(1).log.storedIndex())
	require.Equal(t, entriesOf(entryID{2, 2}, entryID{2, 3}), m.applied)
}

// The term moves on while a write is under way, and nothing else is written. What was written is released all the
// same, by the acknowledgement of the new term.
func TestFound_EntriesAreReleasedAfterTheTermHasMovedOn(t *testing.T) {
	c := newVoters(t, 3, withAsync)
	m := c.members[1]
	require.NoError(t, m.rn.Step(pb.Message{
		Type: pb.MsgApp, From: 2, To: 1, Term: 2, Index: 1, LogTerm: 1, Entries: entriesOf(entryID{2, 2}),
	}))
	c.send(1, m.rn.Ready().Messages)
	require.NoError(t, m.rn.Step(pb.Message{Type: pb.MsgHeartbeat, From: 3, To: 1, Term: 3}))
	c.stabilize(1)
	require.Equal(t, uint64(2), c.raft(1).log.storedIndex())
}

// A member that has confirmed a leader's lease learns of a higher term from an old answer that has been on its way for
// long. It forgets the leader, but not its promise to vote for nobody for an election timeout.
func TestFound_LeaseSurvivesAHigherTermInAStrayAnswer(t *testing.T) {
	c := newVoters(t, 3, withLeaseReads)
	c.tick(30)
	c.elect(1)
	c.beat(1)
	term, last := c.raft(1).term, c.raft(2).log.lastID()
	require.True(t, c.raft(1).leaseHeld())
	m := c.members[2]
	require.NoError(t, m.rn.Step(pb.Message{Type: pb.MsgPreVoteResp, From: 3, To: 2, Term: term + 1, Reject: true}))
	vote := pb.Message{Type: pb.MsgVote, From: 3, To: 2, Term: term + 2, Index: last.index, LogTerm: last.term}
	require.NoError(t, m.rn.Step(vote))
	require.Equal(t, None, c.raft(2).vote, "the leader answers reads by its lease, and would not know of another")
	c.tick(10, 2)
	require.NoError(t, m.rn.Step(vote))
	require.Equal(t, uint64(3), c.raft(2).vote)
}

// Answers to a candidate overtake the acknowledgement of its own storage. It leads once that has arrived.
func TestFound_VotesArriveBeforeTheOwnIsAcknowledged(t *testing.T) {
	c := newVoters(t, 3)
	m := c.members[1]
	require.NoError(t, m.rn.Campaign())
	rd := m.rn.Ready()
	c.write(m, rd.HardState, rd.Entries, rd.Snapshot)
	for from := uint64(2); from <= 3; from++ {
		require.NoError(t, m.rn.Step(pb.Message{Type: pb.MsgVoteResp, From: from, To: 1, Term: rd.Term}))
	}
	require.Equal(t, StateCandidate, c.raft(1).state)
	m.rn.Advance(rd)
	require.Equal(t, StateLeader, c.raft(1).state)
}
