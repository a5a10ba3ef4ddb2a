package server_test

import (
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
		put, err := c.Client().Put(ctx, "compaction/key", fmt.Sprint(i))
		require.NoError(t, err)
		revisions = append(revisions, put.Header.Revision)
	}
	_, err := c.Followers()[0].Client().Compact(ctx, revisions[10], clientv3.WithCompactPhysical())
	require.NoError(t, err)
	for _, m := range c.Members() {
		_, err := m.Client().Get(ctx, "compaction/key", clientv3.WithRev(revisions[9]))
		require.ErrorIs(t, err, rpctypes.ErrCompacted)
		got, err := m.Client().Get(ctx, "compaction/key", clientv3.WithRev(revisions[10]))
		require.NoError(t, err)
		require.Equal(t, "10", string(got.Kvs[0].Value))
	}
	_, err = c.Client().Compact(ctx, revisions[5])
	require.ErrorIs(t, err, rpctypes.ErrCompacted)
}

// testDefragmentation makes members rewrite their files, one after another, while the cluster is used.
func testDefragmentation(t *testing.T, c *cluster.Cluster) {
	ctx := bounded(t)
	for i := range 100 {
		c.Put("defragmentation/key", strings.Repeat(fmt.Sprint(i), 20_000))
	}
	last, err := c.Client().Delete(ctx, "defragmentation/key")
	require.NoError(t, err)
	_, err = c.Client().Compact(ctx, last.Header.Revision, clientv3.WithCompactPhysical())
	require.NoError(t, err)

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
