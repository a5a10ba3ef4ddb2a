package cluster

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/etcdutl/v3/snapshot"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
)

// Restore starts a new cluster from a snapshot that the maintenance API of another one gave, as an operator would: every
// member's directory is made by etcdutl. With another token the cluster and its members have other identities.
func Restore(t testing.TB, path string, options Options) *Cluster {
	t.Helper()
	c := prepare(t, options)
	for _, m := range c.members {
		require.NoError(t, snapshot.NewV3(zap.NewNop()).Restore(snapshot.RestoreConfig{
			SnapshotPath:        path,
			Name:                m.Name,
			OutputDataDir:       m.settings.Dir,
			PeerURLs:            []string{m.PeerURL()},
			InitialCluster:      m.settings.InitialCluster,
			InitialClusterToken: c.options.Token,
		}))
		m.settings.ClusterState = embed.ClusterStateFlagExisting
	}
	c.StartAll()
	return c
}
