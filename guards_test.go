package raft

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// A candidate that learns, from a refusal, that a membership change in its log is committed asks a majority that
// may have been abolished: it gives up (docs/INVARIANTS.md, R2).
func TestCandidateGivesUpWhenItLearnsOfACommittedChange(t *testing.T) {
	for _, preVote := range []bool{false, true} {
		c := newVoters(t, 3, func(cfg *Config) { cfg.PreVote = preVote })
		m := c.members[1]
		add := appendFrom(2, 1, 2, at(1, 1), 1)
		add.Entries = []pb.Entry{changeEntry(t, at(2, 2), "v4")}
		require.NoError(t, m.rn.Step(add))
		outOf(c, 1)
		require.NoError(t, m.rn.Campaign())
		outOf(c, 1)
		typ := pb.MsgVoteResp
		if preVote {
			typ = pb.MsgPreVoteResp
		}
		refusal := answerFrom(typ, 3, 1, c.raft(1).term, false)
		refusal.Commit, refusal.RejectHint = 2, 2
		require.NoError(t, m.rn.Step(refusal))
		require.Equal(t, uint64(2), c.raft(1).log.committed)
		require.Equal(t, StateFollower, c.raft(1).state, "pre-vote %t", preVote)
		require.NoError(t, m.rn.Step(answerFrom(pb.MsgVoteResp, 2, 1, c.raft(1).term, true)))
		require.Equal(t, StateFollower, c.raft(1).state, "a grant that came late made it leader")
	}
}

// A member that follows the leader of a term has no vote left in it, even if it has not cast one.
func TestNoVoteInATermWhoseLeaderIsKnown(t *testing.T) {
	c := newVoters(t, 3)
	replies(c, heartbeatFrom(2, 1, 2, 1))
	require.Equal(t, None, c.raft(1).vote)
	answer := soleReply(c, askFrom(pb.MsgVote, 3, 1, 2, at(1, 1)), pb.MsgVoteResp)
	require.True(t, answer.Reject)
	require.Equal(t, None, c.raft(1).vote)
}

// A leader that is removed and added again, by two changes that the application let it append at once, counts
// itself only for what is durable.
func TestLeaderAddedAgainCountsOnlyWhatIsDurable(t *testing.T) {
	c := newVoters(t, 3, withAsync, func(cfg *Config) { cfg.DisableConfChangeValidation = true })
	c.elect(1)
	m := c.members[1]
	for _, text := range []string{"r1", "v1"} {
		require.NoError(t, m.rn.ProposeConfChange(changeOf(t, text)))
	}
	m.applyStalled = true
	c.stabilize()
	c.propose(1, "x")
	m.appendStalled = true
	c.stabilize()
	m.applyStalled = false
	c.stabilize()
	require.Equal(t, "(1 2 3)", incomingVoters(c, 1))
	l := c.raft(1).leading
	require.Less(t, c.raft(1).log.storedIndex(), c.raft(1).log.lastIndex())
	require.Equal(t, c.raft(1).log.storedIndex(), l.self().Match)
}
