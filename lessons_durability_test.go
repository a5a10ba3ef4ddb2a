package raft

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Lessons about what is durable and when: acknowledgements of storage, votes, and entries handed out to be applied
// (Raft Fig. 2, persistent state; thesis §10.2.1).

// A single voter hands out only what is durable, whichever way it writes.
func TestLesson08_SingleVoterAppliesOnlyWhatIsDurable(t *testing.T) {
	for _, async := range []bool{false, true} {
		c := newVoters(t, 1, func(c *Config) { c.AsyncStorageWrites = async })
		c.elect(1)
		c.propose(1, "a")
		rd := c.members[1].rn.Ready()
		require.Len(t, rd.Entries, 1)
		require.Empty(t, rd.CommittedEntries, "handed out to be applied together with the order to write it")
		require.Equal(t, uint64(2), c.raft(1).log.committed)
	}
}

// An acknowledgement of entries that were overwritten meanwhile releases nothing of what replaced them.
func TestLesson09_AcknowledgementOfReplacedEntriesReleasesNothing(t *testing.T) {
	c := newVoters(t, 3, withAsync)
	require.NoError(t, c.step(appendFrom(2, 1, 2, at(1, 1), 1, at(2, 2), at(2, 3))))
	c.ready(1)
	require.NoError(t, c.step(appendFrom(3, 1, 3, at(1, 1), 1, at(3, 2), at(3, 3))))
	c.ready(1)
	c.runAppendThread(1)
	require.Equal(t, uint64(1), c.raft(1).log.storedIndex())
	c.runAppendThread(1)
	require.Equal(t, uint64(3), c.raft(1).log.storedIndex())
}

// Nor within one term: what was written is of an earlier leader, and the leader of this term replaces it.
func TestLesson09_EntriesReplacedWithinATermAreNotReleased(t *testing.T) {
	c := newVoters(t, 3, withAsync)
	require.NoError(t, c.step(appendFrom(2, 1, 2, at(1, 1), 1, at(2, 2), at(2, 3))))
	require.NoError(t, c.step(heartbeatFrom(3, 1, 3, 1)))
	c.ready(1)
	require.NoError(t, c.step(appendFrom(3, 1, 3, at(1, 1), 3, at(3, 2), at(3, 3))))
	c.ready(1)
	require.Len(t, c.members[1].appendQueue, 2)
	c.runAppendThread(1)
	require.Equal(t, uint64(1), c.raft(1).log.storedIndex())
	outOf(c, 1)
	require.Equal(t, []entryID{at(3, 2), at(3, 3)}, idsOf(c.members[1].applied))
}

// The same with a log that comes back to what it held before: A, then B, then A again, all three on their way to the
// disk. When the first is written the second still has to overwrite it, so it releases nothing; else the second
// entry is read back from storage, and applied although it was never committed.
func TestLesson09_AcknowledgementReleasesNothingWhenEntriesComeBack(t *testing.T) {
	for written := 0; written <= 3; written++ {
		c := newVoters(t, 5, withAsync)
		require.NoError(t, c.step(appendFrom(2, 1, 2, at(1, 1), 1, at(2, 2))))
		c.ready(1)
		require.NoError(t, c.step(appendFrom(3, 1, 3, at(1, 1), 1, at(3, 2))))
		c.ready(1)
		require.NoError(t, c.step(appendFrom(2, 1, 4, at(1, 1), 3, at(2, 2), at(4, 3))))
		c.ready(1)
		require.Len(t, c.members[1].appendQueue, 3)
		for i := 0; i < written; i++ {
			c.runAppendThread(1)
		}
		for c.ready(1) || c.runApplyThread(1) {
			continue
		}
		outOf(c, 1)
		require.Equal(t, []entryID{at(2, 2), at(4, 3)}, idsOf(c.members[1].applied), "after %d writes", written)
		require.Equal(t, []entryID{at(2, 2), at(4, 3)}, logOf(c, 1))
	}
}

// A delayed acknowledgement that entries were applied never takes the applied index back.
func TestLesson16_LateApplyDoesNotRewindAppliedIndex(t *testing.T) {
	c := newVoters(t, 3, withAsync)
	require.NoError(t, c.step(appendFrom(2, 1, 2, at(1, 1), 3, at(2, 2), at(2, 3))))
	for c.ready(1) || c.runAppendThread(1) {
		continue
	}
	late := c.members[1].applyQueue
	require.Len(t, late, 1)
	require.NoError(t, c.step(snapshotFrom(2, 1, 2, at(2, 9), voters(1, 2, 3))))
	for c.ready(1) || c.runAppendThread(1) {
		continue
	}
	require.Equal(t, uint64(9), c.raft(1).log.applied)
	require.NoError(t, c.step(late[0].Responses[0]))
	require.Equal(t, uint64(9), c.raft(1).log.applied)
	require.NoError(t, c.step(late[0].Responses[0]))
	require.Equal(t, uint64(9), c.raft(1).log.applied)
}

// Term and vote leave in one HardState, before the answer that rests on them, and hold after a crash.
func TestLesson17_TermAndVoteAreOneWrite(t *testing.T) {
	c := newVoters(t, 3)
	rn := c.members[1].rn
	require.NoError(t, rn.Step(askFrom(pb.MsgVote, 2, 1, 5, at(1, 1))))
	rd := rn.Ready()
	require.Equal(t, pb.HardState{Term: 5, Vote: 2, Commit: 1}, rd.HardState)
	require.True(t, rd.MustSync)
	require.Len(t, ofType(rd.Messages, pb.MsgVoteResp), 1)
	c.write(c.members[1], rd.HardState, rd.Entries, rd.Snapshot)
	c.restart(1)
	reply := soleReply(c, askFrom(pb.MsgVote, 3, 1, 5, at(1, 1)), pb.MsgVoteResp)
	require.True(t, reply.Reject, "a second vote in term 5")
}

// With asynchronous writes the vote is one message to the disk, and the answer waits for it.
func TestLesson17_AsyncVoteAnswersAfterTheWrite(t *testing.T) {
	c := newVoters(t, 3, withAsync)
	require.NoError(t, c.step(askFrom(pb.MsgVote, 2, 1, 5, at(1, 1))))
	for c.ready(1) {
		continue
	}
	require.Empty(t, c.network, "answered before the vote is durable")
	require.Len(t, c.members[1].appendQueue, 1)
	c.runAppendThread(1)
	require.Len(t, ofType(c.network, pb.MsgVoteResp), 1)
}

// A tail that was truncated does not come back after a crash to grant a wrong vote.
func TestLesson18_TruncatedTailStaysAway(t *testing.T) {
	c := newVoters(t, 3)
	replies(c, appendFrom(2, 1, 2, at(1, 1), 1, at(2, 2), at(2, 3), at(2, 4)))
	replies(c, appendFrom(3, 1, 3, at(1, 1), 1, at(3, 2)))
	c.restart(1)
	require.Equal(t, []entryID{at(3, 2)}, logOf(c, 1))
	reply := soleReply(c, askFrom(pb.MsgVote, 2, 1, 4, at(3, 2)), pb.MsgVoteResp)
	require.False(t, reply.Reject, "a ghost of the truncated tail denies the vote")
}

// A leader whose disk is stalled does not hold up its group: what a quorum of others has is committed. Its own log does
// not count.
func TestLesson19_StalledDiskOfTheLeader(t *testing.T) {
	c := newVoters(t, 3, withAsync)
	c.elect(1)
	c.propose(1, "a")
	for c.ready(1) {
		continue
	}
	for _, m := range ofType(c.network, pb.MsgApp) {
		require.Equal(t, uint64(2), c.raft(1).log.committed, "counted what is not durable here")
		for _, reply := range replies(c, m) {
			require.NoError(t, c.step(reply))
		}
		for c.ready(1) {
			continue
		}
	}
	require.Equal(t, uint64(2), c.raft(1).log.storedIndex())
	require.Equal(t, uint64(3), c.raft(1).log.committed)
	require.Empty(t, c.members[1].applyQueue, "applies what is not durable here")
}

// When the loop that handles Ready is blocked, ticks alone have a leader step down.
func TestLesson19_BlockedReadyLoopStepsDown(t *testing.T) {
	c := newVoters(t, 3, withCheckQuorum)
	c.elect(1)
	for i := 0; i < 2*c.members[1].cfg.ElectionTick; i++ {
		c.tick(1, 1)
	}
	require.Equal(t, StateFollower, c.raft(1).state)
}

// Grants that arrive before the acknowledgement of the candidate's own write win the election; that is no state
// that the invariants may refuse, because with synchronous writes the application sends the requests before it
// calls Advance.
func TestElectionWonBeforeTheWriteIsAcknowledged(t *testing.T) {
	c := newVoters(t, 3)
	rn := c.members[1].rn
	require.NoError(t, rn.Campaign())
	rd := rn.Ready()
	c.write(c.members[1], rd.HardState, rd.Entries, rd.Snapshot)
	require.NotPanics(t, func() {
		for _, id := range []uint64{2, 3} {
			require.NoError(t, rn.Step(answerFrom(pb.MsgVoteResp, id, 1, 2, true)))
		}
		rn.Advance(rd)
	})
	require.Equal(t, StateLeader, c.raft(1).state)
}
