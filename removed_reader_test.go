package raft

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// A read waits for the answer of a member that is removed meanwhile. What the new configuration needs is there
// already, and where nobody else is left no heartbeat will ever bring it: applying the change confirms the round.
func TestReadIsConfirmedWhenTheMemberItWaitsForIsRemoved(t *testing.T) {
	c := newVoters(t, 2)
	c.elect(1)
	c.lose = func(m pb.Message) bool { return m.Type == pb.MsgHeartbeat }
	require.NoError(t, c.members[1].rn.ProposeConfChange(changeOf(t, "r2")))
	c.members[1].rn.ReadIndex([]byte("r"))
	c.stabilize()
	require.Equal(t, "(1)", incomingVoters(c, 1))
	require.Len(t, c.members[1].reads, 1)
}
