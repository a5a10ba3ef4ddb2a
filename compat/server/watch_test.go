package server_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/seed695671cb/raft/compat/server/internal/cluster"
)

// testWatch watches at every member what is written through another.
func testWatch(t *testing.T, c *cluster.Cluster) {
	ctx := bounded(t)
	members := c.Members()
	channels := make([]clientv3.WatchChan, len(members))
	for i, m := range members {
		watching, cancel := context.WithCancel(ctx)
		defer cancel()
		channels[i] = m.Client().Watch(watching, "watch/",
			clientv3.WithPrefix(), clientv3.WithPrevKV(), clientv3.WithCreatedNotify())
		require.True(t, (<-channels[i]).Created)
	}
	for i := range 30 {
		putNext(t, members[i%3], "watch/key", fmt.Sprint(i), i)
	}
	insist(t, "delete", func(ctx context.Context) (*clientv3.DeleteResponse, error) {
		return members[0].Client().Delete(ctx, "watch/key")
	})

	for i := range channels {
		events := collect(t, channels[i], 31)
		require.Len(t, events, 31)
		for n, event := range events[:30] {
			require.Equal(t, fmt.Sprint(n), string(event.Kv.Value))
			require.EqualValues(t, n+1, event.Kv.Version)
		}
		require.Equal(t, clientv3.EventTypeDelete, events[30].Type)
		require.Equal(t, "29", string(events[30].PrevKv.Value))
	}
}

// testWatchFromThePast begins to watch at a revision that has passed.
func testWatchFromThePast(t *testing.T, c *cluster.Cluster) {
	ctx, cancel := context.WithCancel(bounded(t))
	defer cancel()
	for i := range 10 {
		putNext(t, c.Leader(), "watch/past", fmt.Sprint(i), i)
	}
	got, err := c.Client().Get(ctx, "watch/past")
	require.NoError(t, err)
	first := got.Kvs[0].CreateRevision
	for _, m := range c.Members() {
		events := collect(t, m.Client().Watch(ctx, "watch/past", clientv3.WithRev(first)), 10)
		require.Equal(t, first, events[0].Kv.ModRevision)
		require.Equal(t, "9", string(events[9].Kv.Value))
	}
}

// collect takes n events or a few more from a channel. Their revisions must not go back.
func collect(t *testing.T, channel clientv3.WatchChan, n int) []*clientv3.Event {
	t.Helper()
	ctx := bounded(t)
	var events []*clientv3.Event
	for len(events) < n {
		select {
		case response, open := <-channel:
			require.True(t, open)
			require.NoError(t, response.Err())
			events = append(events, response.Events...)
		case <-ctx.Done():
			require.Fail(t, "events are missing", "%d of %d came", len(events), n)
		}
	}
	for i := 1; i < len(events); i++ {
		require.GreaterOrEqual(t, events[i].Kv.ModRevision, events[i-1].Kv.ModRevision)
	}
	return events
}
