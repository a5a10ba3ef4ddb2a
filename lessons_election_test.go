package raft

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Lessons about elections that could not be won, or were won twice (Raft §5.4.1, §6; thesis §4.2.3, §9.6).

// runUntilLeader lets time pass at the members, at most n ticks, until one of them leads and has committed in its term.
func runUntilLeader(c *cluster, n int, ids ...uint64) uint64 {
	c.t.Helper()
	for i := 0; i < n; i++ {
		c.tick(1, ids...)
		c.stabilize()
		for _, id := range ids {
			if c.raft(id).state == StateLeader && c.raft(id).committedInTerm() {
				return id
			}
		}
	}
	c.t.Fatalf("no leader among %v within %d ticks", ids, n)
	return None
}

// changeEntry is the entry of a membership change.
func changeEntry(t *testing.T, id entryID, text string) pb.Entry {
	typ, data, err := pb.MarshalConfChange(changeOf(t, text))
	require.NoError(t, err)
	return pb.Entry{Term: id.term, Index: id.index, Type: typ, Data: data}
}

// C knows that a change is committed and has the shorter log; D has the longer log and still the old membership. C
// needs D's vote, D's quorum does not exist any more. What C knows frees D.
func TestLesson06_MembershipWedge(t *testing.T) {
	for _, preVote := range []bool{false, true} {
		c := newVoters(t, 4, func(c *Config) { c.PreVote = preVote })
		removal := changeEntry(t, at(2, 2), "r1")
		require.NoError(t, c.members[3].storage.Append([]pb.Entry{removal}))
		seed(c, 3, pb.HardState{Term: 2, Commit: 2})
		require.NoError(t, c.members[4].storage.Append([]pb.Entry{removal}))
		seed(c, 4, pb.HardState{Term: 2, Commit: 1}, at(2, 3))
		c.isolated[1], c.isolated[2] = true, true
		c.stabilize(3, 4)
		require.Equal(t, "r(2 3 4)", "r"+incomingVoters(c, 3))
		require.Equal(t, "(1 2 3 4)", incomingVoters(c, 4))
		require.Equal(t, uint64(4), runUntilLeader(c, 200, 3, 4))
		require.Equal(t, "(2 3 4)", incomingVoters(c, 4))
	}
}

// incomingVoters shows the incoming voters of the member's configuration.
func incomingVoters(c *cluster, id uint64) string {
	cfg := c.members[id].rn.Status().Config
	return cfg.Voters[0].String()
}

// One with a long log and a low term, one with a short log and a high term: each would refuse the other's pre-vote for
// ever if the first did not adopt the term of the refusal.
func TestLesson07_PreVoteTrap(t *testing.T) {
	c := newVoters(t, 3, withPreVote)
	seed(c, 2, pb.HardState{Term: 2, Commit: 1}, at(2, 2), at(2, 3))
	seed(c, 3, pb.HardState{Term: 9, Commit: 1})
	c.isolated[1] = true
	require.Equal(t, uint64(2), runUntilLeader(c, 100, 2, 3))
	require.Equal(t, uint64(10), c.raft(2).term)
}

// The old leader reaches only the bridge of a connected majority. Its heartbeats would keep the bridge's lease
// alive for ever if it did not step down for want of a quorum.
func TestLesson20_BridgePartition(t *testing.T) {
	c := newVoters(t, 5, withCheckQuorum, withPreVote)
	c.elect(1)
	c.isolated[5] = true
	c.lose = func(m pb.Message) bool {
		return m.From == 1 && m.To != 2 || m.To == 1 && m.From != 2
	}
	c.tick(25, 1)
	c.stabilize()
	lead := runUntilLeader(c, 200, 1, 2, 3, 4)
	require.NotEqual(t, uint64(1), lead)
	c.propose(lead, "a")
	c.stabilize()
	require.Contains(t, c.data(lead), "a")
}

// An entry of an earlier term is never committed by counting (Raft Fig. 8).
func TestLesson24_OlderTermIsNotCommittedByCount(t *testing.T) {
	c := newVoters(t, 3)
	seed(c, 1, pb.HardState{Term: 2, Commit: 1}, at(2, 2))
	require.NoError(t, c.members[1].rn.Campaign())
	outOf(c, 1)
	require.NoError(t, c.step(answerFrom(pb.MsgVoteResp, 2, 1, 3, true)))
	outOf(c, 1)
	replies(c, ackFrom(2, 1, 3, 2))
	replies(c, ackFrom(3, 1, 3, 2))
	require.Equal(t, uint64(1), c.raft(1).log.committed)
	replies(c, ackFrom(2, 1, 3, 3))
	require.Equal(t, uint64(3), c.raft(1).log.committed)
}

// Of four, three are a majority: two are one too few for a vote, a commit and a read.
func TestLesson24_EvenSizes(t *testing.T) {
	for n := 1; n <= 7; n++ {
		c := newVoters(t, n)
		require.NoError(t, c.members[1].rn.Campaign())
		outOf(c, 1)
		for id := 2; id <= n/2; id++ {
			require.NoError(t, c.step(answerFrom(pb.MsgVoteResp, uint64(id), 1, 2, true)))
		}
		outOf(c, 1)
		if n > 1 {
			require.Equal(t, StateCandidate, c.raft(1).state, "%d of %d are not a majority", n/2, n)
			require.NoError(t, c.step(answerFrom(pb.MsgVoteResp, uint64(n/2+1), 1, 2, true)))
		}
		outOf(c, 1)
		require.Equal(t, StateLeader, c.raft(1).state, "%d of %d", n/2+1, n)
		for id := 2; id <= n/2; id++ {
			require.NoError(t, c.step(ackFrom(uint64(id), 1, 2, 2)))
		}
		if n > 1 {
			require.Equal(t, uint64(1), c.raft(1).log.committed, "%d of %d are not a majority", n/2, n)
			require.NoError(t, c.step(ackFrom(uint64(n/2+1), 1, 2, 2)))
		}
		require.Equal(t, uint64(2), c.raft(1).log.committed, "%d of %d", n/2+1, n)
	}
}

// A read needs the round acknowledged by a majority, the leader counted.
func TestLesson24_ReadQuorum(t *testing.T) {
	for n := 2; n <= 5; n++ {
		c := newVoters(t, n)
		c.elect(1)
		c.members[1].rn.ReadIndex([]byte("r"))
		var beats []pb.Message
		for _, m := range ofType(outOf(c, 1), pb.MsgHeartbeat) {
			beats = append(beats, replies(c, m)...)
		}
		need := n / 2
		for i, m := range beats[:need] {
			require.Empty(t, c.members[1].reads, "%d of %d are not a majority", i+1, n)
			replies(c, m)
		}
		require.Len(t, c.members[1].reads, 1, "%d of %d", need+1, n)
	}
}

// Logs are compared by last term first, and only then by length.
func TestLesson24_LastTermBeforeLastIndex(t *testing.T) {
	for _, tc := range []struct {
		candidate entryID
		granted   bool
	}{
		{at(2, 9), false}, {at(3, 3), false}, {at(3, 4), true}, {at(3, 5), true}, {at(4, 1), true}, {at(4, 9), true},
	} {
		c := newVoters(t, 3)
		seed(c, 1, pb.HardState{Term: 3, Commit: 1}, at(3, 2), at(3, 3), at(3, 4))
		reply := soleReply(c, askFrom(pb.MsgVote, 2, 1, 5, tc.candidate), pb.MsgVoteResp)
		require.Equal(t, tc.granted, !reply.Reject, "candidate's log ends in %s", tc.candidate)
	}
}

// A leader that removed itself has a longer log than those who do not know of its removal yet, and they still count
// on its vote. Its refusal tells them.
func TestLesson26_RemovedLeaderIsStillNeeded(t *testing.T) {
	for _, n := range []int{2, 4} {
		c := newVoters(t, n)
		removal := changeEntry(t, at(2, 2), "r1")
		require.NoError(t, c.members[1].storage.Append([]pb.Entry{removal}))
		seed(c, 1, pb.HardState{Term: 2, Vote: 1, Commit: 2}, at(2, 3))
		var rest []uint64
		for id := uint64(2); id <= uint64(max(2, n-1)); id++ {
			require.NoError(t, c.members[id].storage.Append([]pb.Entry{removal}))
			seed(c, id, pb.HardState{Term: 2, Vote: 1, Commit: 1})
			rest = append(rest, id)
		}
		if n == 4 {
			c.isolated[4] = true
		}
		c.stabilize()
		lead := runUntilLeader(c, 200, rest...)
		require.NotContains(t, incomingVoters(c, lead), "1")
	}
}

// At the end of the terms nobody campaigns, and nothing overflows.
func TestLesson28_TermsAreExhausted(t *testing.T) {
	for _, preVote := range []bool{false, true} {
		c := newVoters(t, 3, func(c *Config) { c.PreVote = preVote })
		seed(c, 1, pb.HardState{Term: maxTerm, Commit: 1})
		require.NoError(t, c.members[1].rn.Campaign())
		require.Equal(t, StateFollower, c.raft(1).state)
		c.tick(100, 1)
		require.Equal(t, uint64(maxTerm), c.raft(1).term)
		require.Empty(t, outOf(c, 1))
	}
}

// Numbers at the top of their range are refused, and change nothing.
func TestLesson28_NumbersAtTheTop(t *testing.T) {
	const top = math.MaxUint64
	c := newVoters(t, 3)
	c.elect(1)
	before := fingerprint(c.raft(1))
	for _, m := range []pb.Message{
		appendFrom(2, 1, top, at(1, 1), 1),
		appendFrom(2, 1, 3, at(1, top), 1),
		appendFrom(2, 1, 3, at(1, maxIndex), 1, at(1, maxIndex+1)),
		appendFrom(2, 1, 3, at(1, top), 1, at(1, 0)),
		appendFrom(2, 1, 3, at(1, 1), top),
		heartbeatFrom(2, 1, 3, top),
		ackFrom(2, 1, 2, top),
		rejectFrom(2, 1, 2, top, at(1, 1)),
		askFrom(pb.MsgVote, 2, 1, top, at(1, 1)),
		askFrom(pb.MsgVote, 2, 1, 3, at(1, top)),
		snapshotFrom(2, 1, 3, at(2, top), voters(1, 2, 3)),
	} {
		require.ErrorIs(t, c.step(m), ErrInvalidMessage, "%s", DescribeMessage(m, nil))
		require.Equal(t, before, fingerprint(c.raft(1)), "%s", DescribeMessage(m, nil))
	}
	c.propose(1, "a")
	require.NoError(t, c.step(rejectFrom(2, 1, 2, 2, at(0, top))))
	outOf(c, 1)
	require.Equal(t, StateLeader, c.raft(1).state)
}
