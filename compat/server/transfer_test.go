package server_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/seed695671cb/raft/compat/server/internal/cluster"
	"github.com/seed695671cb/raft/compat/server/internal/load"
)

func testLeaderMoves(t *testing.T, c *cluster.Cluster) {
	ctx := bounded(t)
	for _, m := range c.Members() {
		before := c.Leader().Server().Term()
		moved := c.Leader() != m
		c.MoveLeader(m)
		require.Equal(t, m, c.Leader())
		if moved {
			require.Greater(t, m.Server().Term(), before)
		}
		_, err := m.Client().Put(ctx, "moved/to", m.Name)
		require.NoError(t, err)
	}
	follower := c.Followers()[0]
	_, err := follower.Client().MoveLeader(ctx, follower.ID())
	require.ErrorIs(t, err, rpctypes.ErrNotLeader)
	_, err = c.Leader().Client().MoveLeader(ctx, 42)
	require.ErrorIs(t, err, rpctypes.ErrBadLeaderTransferee)
}

func testLeaderMovesUnderLoad(t *testing.T, c *cluster.Cluster) {
	traffic := load.Start(t, c, "moves", 6, *seed)
	for range 3 {
		for _, m := range c.Members() {
			traffic.AwaitProgress(50)
			c.MoveLeader(m)
		}
	}
	traffic.AwaitProgress(50)
	traffic.Stop()
}
