package raft

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// The order to campaign names the end of a log by its identity: a log that is as long and ends in another term is
// another.
func TestOrderToCampaignIsForALogOfThatTerm(t *testing.T) {
	c := newVoters(t, 3)
	replies(c, appendFrom(2, 1, 3, at(1, 1), 1, at(2, 2)))
	require.NoError(t, c.step(pb.Message{Type: pb.MsgTimeoutNow, From: 2, To: 1, Term: 3, Index: 2, LogTerm: 3}))
	require.Equal(t, StateFollower, c.raft(1).state)
	require.NoError(t, c.step(pb.Message{Type: pb.MsgTimeoutNow, From: 2, To: 1, Term: 3, Index: 2, LogTerm: 2}))
	require.Equal(t, StateCandidate, c.raft(1).state)
}
