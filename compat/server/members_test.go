package server_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/seed695671cb/raft/compat/server/internal/cluster"
	"github.com/seed695671cb/raft/compat/server/internal/load"
)

// Members come as learners and as voters, are promoted, and go, the leader among them, while the cluster is used.
func TestMembersComeAndGo(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	c := cluster.New(t, smallLog())
	writeMuch(t, c)
	traffic := load.Start(t, c, "members", 2, *seed)

	learner := c.AddLearner()
	require.Len(t, c.Learners(), 1)
	_, err := learner.Client().Get(ctx, "no such key")
	require.ErrorContains(t, err, rpctypes.ErrorDesc(rpctypes.ErrGRPCNotSupportedForLearner))
	requireRefused(t, rpctypes.ErrBadLeaderTransferee, func(ctx context.Context) error {
		_, err := c.Leader().Client().MoveLeader(ctx, learner.ID())
		return err
	})
	requireCameBySnapshot(t, c, learner, 0)

	c.Promote(learner)
	require.Empty(t, c.Learners())
	awaitVoter(t, learner)
	traffic.AwaitProgress(50)

	removed := c.Leader()
	c.Remove(removed)
	require.Len(t, c.Members(), 3)
	require.NotEqual(t, removed, c.Leader())
	traffic.AwaitProgress(50)

	voter := c.AddVoter()
	traffic.AwaitProgress(50)
	c.MoveLeader(voter)
	traffic.AwaitProgress(50)
	c.Remove(c.Followers()[0])
	traffic.AwaitProgress(50)
	traffic.Stop()
}

// awaitVoter returns when the member itself knows that it has a vote, which it learns when it applies its promotion.
func awaitVoter(t *testing.T, m *cluster.Member) {
	t.Helper()
	cluster.Await(t, m.Name+" knows that it has a vote", func() error {
		if m.Server().IsLearner() {
			return errors.New("it takes itself for a learner")
		}
		return nil
	})
}
