package raft

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Schedules of a few steps that went wrong once, found by fuzzing and by reading; and many long ones at random.

// A second snapshot may come before the first is stored: nothing of the first was being applied, so that nothing has to
// be waited for.
func TestSecondSnapshotBeforeTheFirstIsStored(t *testing.T) {
	s := votersOf(t, 3)
	rn, err := NewRawNode(testConfig(1, s))
	require.NoError(t, err)
	cs := pb.ConfState{Voters: []uint64{1, 2, 3}}
	for _, index := range []uint64{10, 20} {
		snap := pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: index, Term: 2, ConfState: cs}}
		require.NoError(t, rn.Step(pb.Message{Type: pb.MsgSnap, From: 2, To: 1, Term: 2, Snapshot: &snap}))
	}
	require.NoError(t, rn.Step(appendOf(2, 2, entryID{term: 2, index: 20}, 21, 2)))
	var applied int
	for range 5 {
		rd := rn.Ready()
		persist(t, s, rd)
		applied += len(rd.CommittedEntries)
		rn.Advance(rd)
	}
	require.Equal(t, 1, applied)
}

// appendOf returns an append to member 1 of entries of the given terms, whose data names the term.
func appendOf(from, term uint64, prev entryID, commit uint64, terms ...uint64) pb.Message {
	m := pb.Message{Type: pb.MsgApp, From: from, To: 1, Term: term, LogTerm: prev.term, Index: prev.index, Commit: commit}
	for i, t := range terms {
		m.Entries = append(m.Entries, pb.Entry{Term: t, Index: prev.index + 1 + uint64(i), Data: fmt.Append(nil, t)})
	}
	return m
}

// A follower answers as soon as it has the request, which may be before the candidate calls Advance.
func TestVotesThatArriveBeforeAdvance(t *testing.T) {
	s := votersOf(t, 3)
	rn, err := NewRawNode(testConfig(1, s))
	require.NoError(t, err)
	require.NoError(t, rn.Campaign())
	rd := rn.Ready()
	persist(t, s, rd)
	for _, id := range []uint64{2, 3} {
		vote := pb.Message{Type: pb.MsgVoteResp, From: id, To: 1, Term: 2}
		require.NotPanics(t, func() { require.NoError(t, rn.Step(vote)) })
	}
	rn.Advance(rd)
	require.Equal(t, StateLeader, rn.raft.state)
}

// Entry 2/2 is replaced by 3/2, and that by 2/2 again. When the first write of it is acknowledged, storage holds
// 3/2, or is about to: the acknowledgement must not release the third write's entry, which is the same by its
// identity.
func TestAcknowledgementOfAnEntryReplacedAndPutBack(t *testing.T) {
	s := votersOf(t, 5)
	cfg := testConfig(1, s)
	cfg.AsyncStorageWrites = true
	rn, err := NewRawNode(cfg)
	require.NoError(t, err)
	base := entryID{term: 1, index: 1}
	var writes []pb.Message
	for _, m := range []pb.Message{
		appendOf(2, 2, base, 1, 2), appendOf(3, 3, base, 1, 3), appendOf(4, 4, base, 3, 2, 4),
	} {
		require.NoError(t, rn.Step(m))
		msgs := rn.Ready().Messages
		require.Len(t, msgs, 1)
		writes = append(writes, msgs[0])
	}
	require.NoError(t, s.Append(writes[0].Entries))
	require.NoError(t, s.Append(writes[1].Entries))
	ack := writes[0].Responses[len(writes[0].Responses)-1]
	require.Equal(t, pb.MsgStorageAppendResp, ack.Type)
	require.NoError(t, rn.Step(ack))
	require.Equal(t, uint64(1), rn.raft.log.storedIndex())
	if rn.HasReady() {
		require.Empty(t, rn.Ready().CommittedEntries, "the entry that storage holds is not the committed one")
	}
}

// A follower cannot reject what the leader cannot have sent. To believe it would leave the follower without appends.
func TestRejectionBeyondTheLeadersLogIsRefused(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	reject := pb.Message{Type: pb.MsgAppResp, From: 2, To: 1, Term: 2, Reject: true, Index: 1000, RejectHint: 999}
	require.ErrorIs(t, c.step(reject), ErrInvalidMessage)
	c.propose(1, "x")
	c.stabilize()
	require.Equal(t, []string{"x"}, c.data(2))
}

// A follower may acknowledge what it was sent before it became unreachable after the leader has decided on a snapshot
// that ends below, and has compacted its log beyond both.
func TestLateAcknowledgementOfAFollowerThatWasSentASnapshot(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	c.stabilize()
	c.lose = func(m pb.Message) bool { return m.From == 3 || m.To == 3 }
	commit := func(n int) {
		for i := range n {
			c.propose(1, fmt.Sprint(i))
		}
		c.stabilize()
	}
	commit(5)
	m := c.members[1]
	c.snapshot(1, c.raft(1).log.applied-2)
	m.rn.ReportUnreachable(3)
	for m.rn.Status().Progress[3].State != ProgressStateSnapshot {
		require.NoError(t, m.rn.Step(pb.Message{Type: pb.MsgHeartbeatResp, From: 3, To: 1, Term: 2}))
		c.stabilize(1, 2)
	}
	pending := m.rn.Status().Progress[3].PendingSnapshot
	commit(4)
	c.snapshot(1, c.raft(1).log.applied)
	ack := pb.Message{Type: pb.MsgAppResp, From: 3, To: 1, Term: 2, Index: pending + 2}
	require.NotPanics(t, func() { require.NoError(t, m.rn.Step(ack)) })
	pr := m.rn.Status().Progress[3]
	require.Less(t, pr.Match, pr.Next)
}

// What Step accepts must not leave a log that a restart refuses.
func TestLogAtTheEndOfAllIndexesCanBeRestarted(t *testing.T) {
	s := votersOf(t, 3)
	rn, err := NewRawNode(testConfig(1, s))
	require.NoError(t, err)
	cs := pb.ConfState{Voters: []uint64{1, 2, 3}}
	for index := uint64(maxIndex); index > maxIndex-2; index-- {
		snap := pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: index, Term: 2, ConfState: cs}}
		_ = rn.Step(pb.Message{Type: pb.MsgSnap, From: 2, To: 1, Term: 2, Snapshot: &snap})
	}
	last := rn.raft.log.lastID()
	_ = rn.Step(appendOf(2, 2, last, last.index, 2, 2))
	_ = rn.Step(appendOf(2, 2, last, last.index, 2))
	rd := rn.Ready()
	persist(t, s, rd)
	rn.Advance(rd)
	_, err = NewRawNode(testConfig(1, s))
	require.NoError(t, err)
}

// The schedules of FuzzStepSchedule, many of them, with decisions drawn at random.
func TestStepSchedulesAtRandom(t *testing.T) {
	for seed := range uint64(500) {
		source := rand.NewPCG(seed, 7)
		data := make([]byte, 50+source.Uint64()%1500)
		for i := range data {
			data[i] = byte(source.Uint64())
		}
		require.NotPanics(t, func() { runSchedule(t, byte(source.Uint64()), byte(source.Uint64()), data) }, "seed %d", seed)
	}
}
