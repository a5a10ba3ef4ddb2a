package server_test

import (
	"context"
	"fmt"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/seed695671cb/raft/compat/server/internal/cluster"
	"github.com/seed695671cb/raft/compat/server/internal/load"
)

func testLeaderMoves(t *testing.T, c *cluster.Cluster) {
	for _, m := range c.Members() {
		former := c.Leader()
		before := former.Server().Term()
		c.MoveLeader(m) // returns when everybody takes m for the leader
		if former != m {
			awaitTermAfter(t, m, before)
		}
		put(t, m, "moved/to", m.Name)
	}
	requireRefused(t, rpctypes.ErrNotLeader, func(ctx context.Context) error {
		follower := c.Followers()[0]
		_, err := follower.Client().MoveLeader(ctx, follower.ID())
		return err
	})
	requireRefused(t, rpctypes.ErrBadLeaderTransferee, func(ctx context.Context) error {
		_, err := c.Leader().Client().MoveLeader(ctx, 42)
		return err
	})
}

// awaitTermAfter returns when the member is in a later term than that. A server's term is that of the entry that it
// applied last, so a leader is in its own a moment after it was elected.
func awaitTermAfter(t *testing.T, m *cluster.Member, before uint64) {
	t.Helper()
	cluster.Await(t, m.Name+" is in a later term", func() error {
		if now := m.Server().Term(); now <= before {
			return fmt.Errorf("it is in term %d, and the leader before it was in term %d", now, before)
		}
		return nil
	})
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
