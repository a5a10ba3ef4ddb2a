package raft

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Asynchronous storage writes (thesis §10.2.1): what leaves at once, what waits for the disk, and what an
// acknowledgement releases.

// takeReady takes one Ready without doing anything of it.
func takeReady(t *testing.T, c *cluster, id uint64) Ready {
	t.Helper()
	require.True(t, c.members[id].rn.HasReady())
	return c.members[id].rn.Ready()
}

// The write of a Ready is one message to the append thread: it holds the hard state, the entries, the messages that
// rest on them, and last the acknowledgement to the member itself.
func TestAsyncAppendMessage(t *testing.T) {
	c := newVoters(t, 3, withAsync)
	require.NoError(t, c.step(appendFrom(2, 1, 3, at(1, 1), 1, at(2, 2), at(3, 3))))
	rd := takeReady(t, c, 1)
	require.Len(t, rd.Messages, 1)
	m := rd.Messages[0]
	require.Equal(t, pb.MsgStorageAppend, m.Type)
	require.Equal(t, LocalAppendThread, m.To)
	require.Equal(t, uint64(1), m.From)
	require.Equal(t, pb.HardState{Term: 3, Commit: 1}, pb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit})
	require.Equal(t, rd.Entries, m.Entries)
	require.True(t, rd.MustSync)
	require.Len(t, m.Responses, 2)
	require.Equal(t, pb.MsgAppResp, m.Responses[0].Type)
	require.Equal(t, uint64(2), m.Responses[0].To)
	ack := m.Responses[1]
	require.Equal(t, pb.MsgStorageAppendResp, ack.Type)
	require.Equal(t, []uint64{1, LocalAppendThread, 3, 3, 3}, []uint64{ack.To, ack.From, ack.Term, ack.Index, ack.LogTerm})
	require.False(t, c.members[1].rn.HasReady())
	require.NoError(t, c.step(ack))
	require.Equal(t, uint64(3), c.raft(1).log.storedIndex())
}

// What is to be applied is one message to the apply thread, and applied when that says so.
func TestAsyncApplyMessage(t *testing.T) {
	c := newVoters(t, 3, withAsync)
	require.NoError(t, c.step(appendFrom(2, 1, 3, at(1, 1), 3, at(2, 2), at(3, 3))))
	c.ready(1)
	require.False(t, c.members[1].rn.HasReady(), "not durable yet, so not applied either")
	c.runAppendThread(1)
	rd := takeReady(t, c, 1)
	require.Len(t, rd.Messages, 1)
	m := rd.Messages[0]
	require.Equal(t, pb.MsgStorageApply, m.Type)
	require.Equal(t, LocalApplyThread, m.To)
	require.Equal(t, []entryID{at(2, 2), at(3, 3)}, idsOf(m.Entries))
	require.Len(t, m.Responses, 1)
	require.Equal(t, uint64(1), c.raft(1).log.applied)
	require.NoError(t, c.step(m.Responses[0]))
	require.Equal(t, uint64(3), c.raft(1).log.applied)
}

// A commit index alone is written without an acknowledgement: it may be lost.
func TestAsyncCommitIndexAloneIsNotAcknowledged(t *testing.T) {
	c := newVoters(t, 3, withAsync)
	require.NoError(t, c.step(appendFrom(2, 1, 2, at(1, 1), 1, at(2, 2))))
	outOf(c, 1)
	require.NoError(t, c.step(heartbeatFrom(2, 1, 2, 2)))
	rd := takeReady(t, c, 1)
	require.False(t, rd.MustSync)
	for _, m := range rd.Messages {
		for _, response := range m.Responses {
			require.NotEqual(t, pb.MsgStorageAppendResp, response.Type)
		}
	}
	require.Len(t, ofType(rd.Messages, pb.MsgHeartbeatResp), 1, "an answer that rests on nothing leaves at once")
}

// A new term is not shown to anybody before it is durable, and then nothing waits any more.
func TestAsyncMessagesWaitForTheirTerm(t *testing.T) {
	c := newVoters(t, 3, withAsync)
	require.NoError(t, c.step(heartbeatFrom(2, 1, 4, 1)))
	c.ready(1)
	require.Empty(t, c.network, "term 4 is not durable")
	require.NoError(t, c.step(heartbeatFrom(2, 1, 4, 1)))
	c.ready(1)
	require.Empty(t, c.network, "nor is it now")
	for c.runAppendThread(1) {
		continue
	}
	require.Len(t, ofType(c.network, pb.MsgHeartbeatResp), 2)
	c.network = nil
	require.NoError(t, c.step(heartbeatFrom(2, 1, 4, 1)))
	c.ready(1)
	require.Len(t, c.network, 1)
}

// An acknowledgement of an append waits for the disk even if the term is old, and others pass it.
func TestAsyncAcknowledgementWaitsForTheWrite(t *testing.T) {
	c := newVoters(t, 3, withAsync)
	require.NoError(t, c.step(appendFrom(2, 1, 2, at(1, 1), 1)))
	outOf(c, 1)
	require.NoError(t, c.step(appendFrom(2, 1, 2, at(1, 1), 1, at(2, 2))))
	require.NoError(t, c.step(heartbeatFrom(2, 1, 2, 1)))
	c.ready(1)
	require.Len(t, c.network, 1)
	require.Equal(t, pb.MsgHeartbeatResp, c.network[0].Type)
	c.runAppendThread(1)
	require.Len(t, c.network, 2)
	require.Equal(t, pb.MsgAppResp, c.network[1].Type)
}

// The leader's entries leave for the followers while they are being written (thesis §10.2.1), and count for itself
// only when they are.
func TestAsyncLeaderWritesInParallel(t *testing.T) {
	c := newVoters(t, 3, withAsync)
	c.elect(1)
	c.propose(1, "a")
	c.ready(1)
	require.Len(t, ofType(c.network, pb.MsgApp), 2)
	c.network = nil
	require.NoError(t, c.step(ackFrom(2, 1, 2, 3)))
	require.Equal(t, uint64(2), c.raft(1).log.committed)
	c.runAppendThread(1)
	require.Equal(t, uint64(3), c.raft(1).log.committed)
}

// A snapshot is written, and acknowledged by its index; what follows it in the log waits for it.
func TestAsyncSnapshot(t *testing.T) {
	c := newVoters(t, 3, withAsync)
	require.NoError(t, c.step(snapshotFrom(2, 1, 2, at(2, 9), voters(1, 2, 3))))
	require.NoError(t, c.step(appendFrom(2, 1, 2, at(2, 9), 10, at(2, 10))))
	rd := takeReady(t, c, 1)
	m := rd.Messages[len(rd.Messages)-1]
	require.Equal(t, pb.MsgStorageAppend, m.Type)
	require.Equal(t, uint64(9), m.Snapshot.Metadata.Index)
	require.NotEmpty(t, m.Snapshot.Data)
	ack := m.Responses[len(m.Responses)-1]
	require.Equal(t, uint64(9), ack.Snapshot.Metadata.Index)
	require.Empty(t, ack.Snapshot.Data, "the application's data does not travel back")
	require.False(t, c.members[1].rn.HasReady())
	c.send(1, rd.Messages)
	c.runAppendThread(1)
	require.Equal(t, uint64(9), c.raft(1).log.applied)
	require.Equal(t, uint64(10), c.raft(1).log.storedIndex())
	outOf(c, 1)
	require.Equal(t, uint64(10), c.raft(1).log.applied)
}

// Entries that are being applied when a snapshot replaces the log are still acknowledged, and nothing is handed out
// to be applied meanwhile.
func TestAsyncSnapshotDuringApplication(t *testing.T) {
	c := newVoters(t, 3, withAsync)
	require.NoError(t, c.step(appendFrom(2, 1, 2, at(1, 1), 3, at(2, 2), at(2, 3))))
	for c.ready(1) || c.runAppendThread(1) {
		continue
	}
	work := c.members[1].applyQueue
	require.Len(t, work, 1)
	c.members[1].applyQueue = nil
	require.NoError(t, c.step(snapshotFrom(2, 1, 2, at(2, 9), voters(1, 2, 3))))
	require.NoError(t, c.step(appendFrom(2, 1, 2, at(2, 9), 10, at(2, 10))))
	for c.ready(1) || c.runAppendThread(1) {
		continue
	}
	require.Empty(t, c.members[1].applyQueue, "the application is still busy with what the snapshot stands for")
	require.NoError(t, c.step(work[0].Responses[0]))
	outOf(c, 1)
	require.Equal(t, []entryID{at(2, 10)}, idsOf(c.members[1].applied))
}

// Advance does nothing here.
func TestAsyncAdvanceDoesNothing(t *testing.T) {
	c := newVoters(t, 3, withAsync)
	require.NoError(t, c.step(appendFrom(2, 1, 2, at(1, 1), 2, at(2, 2))))
	rd := takeReady(t, c, 1)
	before := fingerprint(c.raft(1))
	c.members[1].rn.Advance(rd)
	require.Equal(t, before, fingerprint(c.raft(1)))
}

// With synchronous writes the threads' responses are refused, and with asynchronous ones those that are not theirs.
func TestAsyncResponsesFromTheWrongPlace(t *testing.T) {
	sync, async := newVoters(t, 3), newVoters(t, 3, withAsync)
	for typ, thread := range map[pb.MessageType]uint64{
		pb.MsgStorageAppendResp: LocalAppendThread,
		pb.MsgStorageApplyResp:  LocalApplyThread,
	} {
		m := pb.Message{Type: typ, From: thread, To: 1, Term: 1}
		require.ErrorContains(t, sync.step(m), "AsyncStorageWrites is not set: call Advance instead")
		require.NoError(t, async.step(m))
		m.From = 2
		require.ErrorContains(t, async.step(m), "only the local thread")
		require.ErrorIs(t, async.step(m), ErrInvalidMessage)
	}
}

// A write of an earlier term is not forgotten: the next acknowledgement of the new term releases it.
func TestAsyncEntriesOfAnEarlierTermAreReleasedLater(t *testing.T) {
	c := newVoters(t, 3, withAsync)
	require.NoError(t, c.step(appendFrom(2, 1, 2, at(1, 1), 1, at(2, 2))))
	c.ready(1)
	require.NoError(t, c.step(heartbeatFrom(3, 1, 3, 1)))
	c.ready(1)
	for c.runAppendThread(1) {
		continue
	}
	require.Equal(t, uint64(2), c.raft(1).log.storedIndex())
	require.NoError(t, c.step(appendFrom(3, 1, 3, at(2, 2), 2)))
	outOf(c, 1)
	require.Equal(t, []entryID{at(2, 2)}, idsOf(c.members[1].applied))
}

// Both ways of writing give the same log, the same state, and the same reads.
func TestAsyncAndSyncComeToTheSame(t *testing.T) {
	var logs [2][]entryID
	var datas [2][]string
	for i := range logs {
		c := newVoters(t, 3, func(c *Config) { c.AsyncStorageWrites = i == 1 })
		c.elect(1)
		for _, data := range []string{"a", "b", "c"} {
			c.propose(1, data)
			c.propose(2, data+data)
			c.stabilize()
		}
		c.members[3].rn.ReadIndex([]byte("r"))
		c.stabilize()
		require.Len(t, c.members[3].reads, 1)
		logs[i], datas[i] = logOf(c, 2), c.data(3)
	}
	require.Equal(t, logs[0], logs[1])
	require.Equal(t, datas[0], datas[1])
	require.Equal(t, []string{"a", "aa", "b", "bb", "c", "cc"}, datas[0])
}
