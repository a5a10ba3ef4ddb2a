package raft

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// A voter that has confirmed a leader's lease learns of a higher term from a stray answer, and is then asked for
// its vote in that very term. Its promise holds in that term too: otherwise a second leader commits while the first
// answers by lease.
func TestLeasePromiseHoldsInATermLearntFromAStrayAnswer(t *testing.T) {
	c := newVoters(t, 3, withLeaseReads)
	letLeasesPass(c)
	c.elect(1)
	// 3 is cut off, and campaigns when it has heard nothing for long.
	c.isolated[3] = true
	c.tick(25, 3)
	for c.ready(3) {
	}
	require.Equal(t, StateCandidate, c.raft(3).state)
	c.network = nil
	term := c.raft(3).term
	require.Greater(t, term, c.raft(1).term)
	c.beat(1)
	require.True(t, c.raft(1).leaseHeld())
	c.isolated[3] = false
	c.isolated[1] = true

	// Any answer of 3's term tells 2 of the term; then 3's request for that very term, sent again or delayed, arrives.
	m := c.members[2]
	require.NoError(t, m.rn.Step(answerFrom(pb.MsgPreVoteResp, 3, 2, term, false)))
	require.NoError(t, m.rn.Step(askFrom(pb.MsgVote, 3, 2, term, c.raft(3).log.lastID())))
	c.stabilize(2, 3)
	require.True(t, c.raft(1).leaseHeld())
	if c.raft(3).state == StateLeader {
		c.propose(3, "newer")
		c.stabilize(2, 3)
	}
	c.members[1].rn.ReadIndex([]byte("r"))
	require.Len(t, c.raft(1).ownReads().answered, 1)
	require.GreaterOrEqual(t, c.raft(1).ownReads().answered[0].Index, c.raft(3).log.committed, "a stale read")
	require.Equal(t, None, c.raft(2).vote, "votes against its promise")
}

// The same after a restart, at a term learnt before it.
func TestLeasePromiseHoldsAfterARestartAtAHigherTerm(t *testing.T) {
	c := newVoters(t, 3, withLeaseReads)
	letLeasesPass(c)
	c.elect(1)
	c.beat(1)
	require.True(t, c.raft(1).leaseHeld())
	m := c.members[2]
	term := c.raft(1).term + 1
	require.NoError(t, m.rn.Step(pb.Message{Type: pb.MsgPreVoteResp, From: 3, To: 2, Term: term, Reject: true}))
	for c.ready(2) {
	}
	c.restart(2)
	require.Equal(t, term, c.raft(2).term)
	m = c.members[2]
	require.NoError(t, m.rn.Step(askFrom(pb.MsgVote, 3, 2, term, c.raft(3).log.lastID())))
	require.Equal(t, None, c.raft(2).vote)
}
