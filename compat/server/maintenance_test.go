package server_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/seed695671cb/raft/compat/server/internal/cluster"
	"github.com/seed695671cb/raft/compat/server/internal/load"
)

func testCompaction(t *testing.T, c *cluster.Cluster) {
	ctx := bounded(t)
	var revisions []int64
	for i := range 20 {
		done := put(t, c.Leader(), "compaction/key", fmt.Sprint(i))
		revisions = append(revisions, done.Header.Revision)
	}
	compact(t, c.Followers()[0].Client(), revisions[10])
	for _, m := range c.Members() {
		_, err := m.Client().Get(ctx, "compaction/key", clientv3.WithRev(revisions[9]))
		require.ErrorIs(t, err, rpctypes.ErrCompacted)
		got, err := m.Client().Get(ctx, "compaction/key", clientv3.WithRev(revisions[10]))
		require.NoError(t, err)
		require.Equal(t, "10", string(got.Kvs[0].Value))
	}
	requireRefused(t, rpctypes.ErrCompacted, func(ctx context.Context) error {
		_, err := c.Client().Compact(ctx, revisions[5])
		return err
	})
}

// compact forgets what is older than the revision. An answer that it is forgotten already comes when it was asked for before
// and the outcome was not known.
func compact(t *testing.T, client *clientv3.Client, revision int64) {
	t.Helper()
	insist(t, "compact", func(ctx context.Context) (*clientv3.CompactResponse, error) {
		done, err := client.Compact(ctx, revision, clientv3.WithCompactPhysical())
		if errors.Is(err, rpctypes.ErrCompacted) {
			err = nil
		}
		return done, err
	})
}

// testDefragmentation makes members rewrite their files, one after another, while the cluster is used.
func testDefragmentation(t *testing.T, c *cluster.Cluster) {
	ctx := bounded(t)
	for i := range 100 {
		c.Put("defragmentation/key", strings.Repeat(fmt.Sprint(i), 20_000))
	}
	last := insist(t, "delete", func(ctx context.Context) (*clientv3.DeleteResponse, error) {
		return c.Client().Delete(ctx, "defragmentation/key")
	})
	compact(t, c.Client(), last.Header.Revision)

	traffic := load.Start(t, c, "defragmentation", 3, *seed)
	for _, m := range c.Members() {
		before, err := c.Client().Status(ctx, m.Endpoint())
		require.NoError(t, err)
		_, err = c.Client().Defragment(ctx, m.Endpoint())
		require.NoError(t, err)
		after, err := c.Client().Status(ctx, m.Endpoint())
		require.NoError(t, err)
		require.Less(t, after.DbSize, before.DbSize)
		traffic.AwaitProgress(20)
	}
	traffic.Stop()
}

func testHashes(_ *testing.T, c *cluster.Cluster) { c.CheckAgreement() }
