package server_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/etcdutl/v3/snapshot"
	"go.uber.org/zap"

	"github.com/seed695671cb/raft/compat/server/internal/cluster"
)

// A snapshot is taken from a member through the maintenance API; a cluster that starts from it has what the first one had
// at that time, and works.
func TestSnapshotIsSavedAndRestored(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	first := cluster.New(t, cluster.Options{})
	for i := range 200 {
		first.Put(fmt.Sprintf("saved/%03d", i), fmt.Sprint(i))
	}
	source := first.Followers()[0]
	_, err := source.Client().Get(ctx, "saved/199") // a snapshot is of what the member has, which may lag behind
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "snapshot.db")
	manager := snapshot.NewV3(zap.NewNop())
	_, err = manager.Save(ctx, clientv3.Config{Endpoints: []string{source.Endpoint()}, Logger: zap.NewNop()}, path)
	require.NoError(t, err)
	saved, err := manager.Status(path)
	require.NoError(t, err)
	first.Put("saved/later", "not in the snapshot")

	second := cluster.Restore(t, path, cluster.Options{Token: "second"})
	require.NotEqual(t, source.Server().Cluster().ID(), second.Leader().Server().Cluster().ID())
	for _, m := range second.Members() {
		got, err := m.Client().Get(ctx, "saved/", clientv3.WithPrefix())
		require.NoError(t, err)
		require.Equal(t, saved.Revision, got.Header.Revision)
		require.Len(t, got.Kvs, 200)
		for i, kv := range got.Kvs {
			require.Equal(t, fmt.Sprint(i), string(kv.Value))
		}
	}
	second.Put("saved/after", "restored")
	second.Leader().Restart()
	for _, m := range second.Members() {
		got, err := m.Client().Get(ctx, "saved/after")
		require.NoError(t, err)
		require.Len(t, got.Kvs, 1)
	}
}
