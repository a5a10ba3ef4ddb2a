package raft

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// The term that a member takes from its log after a torn write is written at once: what it sends at that term rests
// on it.
func TestTermTakenFromATornWriteIsWritten(t *testing.T) {
	c := newVoters(t, 3)
	seed(c, 1, pb.HardState{Term: 2, Vote: 3, Commit: 1}, at(3, 2))
	rn := c.members[1].rn
	require.True(t, rn.HasReady())
	rd := rn.Ready()
	require.Equal(t, pb.HardState{Term: 3, Commit: 1}, rd.HardState)
	require.True(t, rd.MustSync)
}
