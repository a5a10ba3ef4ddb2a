package server_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/seed695671cb/raft/compat/server/internal/cluster"
)

const longTTL = 600 // seconds, more than any test takes

func testLease(t *testing.T, c *cluster.Cluster) {
	ctx := bounded(t)
	follower := c.Followers()[0].Client()
	lease, err := follower.Grant(ctx, longTTL)
	require.NoError(t, err)
	for _, key := range []string{"lease/a", "lease/b"} {
		_, err = c.Leader().Client().Put(ctx, key, "held", clientv3.WithLease(lease.ID))
		require.NoError(t, err)
	}
	kept, err := follower.KeepAliveOnce(ctx, lease.ID)
	require.NoError(t, err)
	require.EqualValues(t, longTTL, kept.TTL)

	left, err := follower.TimeToLive(ctx, lease.ID, clientv3.WithAttachedKeys())
	require.NoError(t, err)
	require.Len(t, left.Keys, 2)
	require.EqualValues(t, longTTL, left.GrantedTTL)

	_, err = c.Followers()[1].Client().Revoke(ctx, lease.ID)
	require.NoError(t, err)
	got, err := follower.Get(ctx, "lease/", clientv3.WithPrefix())
	require.NoError(t, err)
	require.Empty(t, got.Kvs, "a revoked lease takes its keys along")
	_, err = follower.KeepAliveOnce(ctx, lease.ID)
	require.ErrorIs(t, err, rpctypes.ErrLeaseNotFound)
}

func testLeaseExpires(t *testing.T, c *cluster.Cluster) {
	ctx, cancel := context.WithCancel(bounded(t))
	defer cancel()
	client := c.Client()
	lease, err := client.Grant(ctx, 1)
	require.NoError(t, err)
	put, err := client.Put(ctx, "lease/short", "held", clientv3.WithLease(lease.ID))
	require.NoError(t, err)

	gone := collect(t, client.Watch(ctx, "lease/short", clientv3.WithRev(put.Header.Revision+1)), 1)
	require.Equal(t, clientv3.EventTypeDelete, gone[0].Type)
	for _, m := range c.Members() {
		got, err := m.Client().Get(ctx, "lease/short")
		require.NoError(t, err)
		require.Empty(t, got.Kvs)
	}
	_, err = client.KeepAliveOnce(ctx, lease.ID)
	require.ErrorIs(t, err, rpctypes.ErrLeaseNotFound)
}

// testLeaseOutlivesItsLeader keeps a lease alive through every leader in turn.
func testLeaseOutlivesItsLeader(t *testing.T, c *cluster.Cluster) {
	ctx, cancel := context.WithCancel(bounded(t))
	defer cancel()
	lease, err := c.Client().Grant(ctx, longTTL)
	require.NoError(t, err)
	_, err = c.Client().Put(ctx, "lease/kept", "held", clientv3.WithLease(lease.ID))
	require.NoError(t, err)
	answers, err := c.Client().KeepAlive(ctx, lease.ID)
	require.NoError(t, err)
	require.EqualValues(t, longTTL, (<-answers).TTL)

	for _, m := range c.Members() {
		c.MoveLeader(m)
		cluster.Await(t, "the lease is kept alive by "+m.Name, func() error {
			kept, err := m.Client().KeepAliveOnce(ctx, lease.ID)
			if err == nil && kept.TTL != longTTL {
				err = errors.New("the lease has another time to live")
			}
			return err
		})
	}
	got, err := c.Client().Get(ctx, "lease/kept")
	require.NoError(t, err)
	require.Len(t, got.Kvs, 1)
	require.EqualValues(t, lease.ID, got.Kvs[0].Lease)
}
