package server_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/seed695671cb/raft/compat/server/internal/cluster"
	"github.com/seed695671cb/raft/compat/server/internal/load"
)

// Members are restarted one by one under load, then all of them at once.
func TestMembersRestart(t *testing.T) {
	t.Parallel()
	c := cluster.New(t, cluster.Options{SnapshotCount: 300})
	traffic := load.Start(t, c, "restart", 4, *seed)
	for _, m := range c.Members() {
		traffic.AwaitProgress(150)
		m.Restart()
	}
	traffic.AwaitProgress(150)
	traffic.Stop()
	requireLeaderHandsOn(t, c)

	before := contents(t, c)
	for _, m := range c.Members() {
		m.Stop()
	}
	c.StartAll()
	require.Equal(t, before, contents(t, c))
	c.Put("restart/after", "all members")
}

// requireLeaderHandsOn stops leaders in good order, until one of them says that it handed its leadership on. It cannot if it
// loses it first, so one may need a second try.
func requireLeaderHandsOn(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	for range 5 {
		leader := c.Leader()
		before := len(leader.Journal.Notes(cluster.LeaderMoved))
		leader.Restart()
		if len(leader.Journal.Notes(cluster.LeaderMoved)) > before {
			return
		}
	}
	require.Fail(t, "no leader handed its leadership on before it stopped")
}

// contents returns the value of every key, and the revision that wrote it.
func contents(t *testing.T, c *cluster.Cluster) map[string]string {
	t.Helper()
	got, err := c.Client().Get(bounded(t), "", clientv3.WithFromKey())
	require.NoError(t, err)
	all := map[string]string{}
	for _, kv := range got.Kvs {
		all[string(kv.Key)] = fmt.Sprintf("%d: %s", kv.ModRevision, kv.Value)
	}
	return all
}
