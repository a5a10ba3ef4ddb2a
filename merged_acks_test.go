package raft

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Acknowledgements between two Readys become one only if they go to the same leader of the same term.
func TestAcknowledgementsOfTwoTermsAreNotMerged(t *testing.T) {
	c := newVoters(t, 3)
	require.NoError(t, c.step(appendFrom(2, 1, 2, at(1, 1), 1, at(2, 2))))
	require.NoError(t, c.step(appendFrom(2, 1, 3, at(2, 2), 1, at(3, 3))))
	acks := ofType(outOf(c, 1), pb.MsgAppResp)
	require.Len(t, acks, 2)
	require.Equal(t, ackFrom(1, 2, 3, 3), acks[1])
}

// A leader of an earlier term is told that it leads no more, and the present one is acknowledged, in one Ready.
func TestAcknowledgementIsNotMergedIntoTheAnswerToAFormerLeader(t *testing.T) {
	c := newVoters(t, 3)
	replies(c, heartbeatFrom(2, 1, 3, 1))
	require.NoError(t, c.step(heartbeatFrom(3, 1, 2, 1)))
	require.NoError(t, c.step(appendFrom(2, 1, 3, at(1, 1), 1, at(3, 2))))
	acks := ofType(outOf(c, 1), pb.MsgAppResp)
	require.Equal(t, []pb.Message{ackFrom(1, 3, 3, 0), ackFrom(1, 2, 3, 2)}, acks)
}
