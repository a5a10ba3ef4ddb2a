package server_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/seed695671cb/raft/compat/server/internal/cluster"
	"github.com/seed695671cb/raft/compat/server/internal/load"
)

// Leaders are killed under load, one after another, and at last all members at once. Nothing that was acknowledged is
// lost, nobody reads what is old, and a watch that began before tells of every put, once and in order.
func TestLeadersAreKilledUnderLoad(t *testing.T) {
	t.Parallel()
	c := cluster.New(t, cluster.Options{Processes: true})
	watching, cancel := context.WithCancel(context.Background())
	defer cancel()
	watch := c.Client().Watch(watching, "kills/put/", clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	require.True(t, (<-watch).Created)

	traffic := load.Start(t, c, "kills", 8, *seed)
	require.Equal(t, "kills/put/", traffic.Prefix())
	for range 3 {
		traffic.AwaitProgress(200)
		leader := c.Leader()
		leader.Kill()
		require.NotEqual(t, leader, c.Leader())
		traffic.AwaitProgress(200)
		leader.Start()
	}
	for _, m := range c.Members() {
		m.Kill()
	}
	c.StartAll()
	traffic.AwaitProgress(200)
	traffic.Stop()
	c.Put(traffic.Prefix()+end, "")
	requireWatched(t, watch, traffic.Puts())
}

// A leader stands still for longer than an election takes, and goes on as if nothing had happened: it must not believe
// that it still leads.
func TestALeaderStallsUnderLoad(t *testing.T) {
	t.Parallel()
	c := cluster.New(t, cluster.Options{Processes: true})
	traffic := load.Start(t, c, "stalls", 8, *seed)
	for range 3 {
		leader := c.Leader()
		leader.Stall()
		c.LeaderAmong(c.Others(leader)...)
		traffic.AwaitProgress(100)
		leader.Resume()
		traffic.AwaitProgress(200)
	}
	traffic.Stop()
}

// end is the last key that is put, so that a watch knows when it has seen all.
const end = "end"

// requireWatched demands that each worker's puts come by the watch in their order, each of them once. Puts whose outcome
// no worker knows may come as well.
func requireWatched(t *testing.T, watch clientv3.WatchChan, puts [][]string) {
	t.Helper()
	position := positions(t, watch)
	for _, keys := range puts {
		last := -1
		for _, key := range keys {
			at, seen := position[key]
			require.True(t, seen, "the watch missed the put of %s", key)
			require.Greater(t, at, last, "the watch told of %s before an earlier put", key)
			last = at
		}
	}
}

// positions returns the place of each key in the sequence of events; none may be there twice.
func positions(t *testing.T, watch clientv3.WatchChan) map[string]int {
	t.Helper()
	position := map[string]int{}
	for {
		for _, event := range collect(t, watch, 1) {
			key := string(event.Kv.Key)
			require.NotContains(t, position, key, "the watch told of a put twice")
			position[key] = len(position)
			if strings.HasSuffix(key, "/"+end) {
				return position
			}
		}
	}
}
