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

// grant grants a lease. One whose grant is not answered lives on without keys.
func grant(t *testing.T, client *clientv3.Client, ttl int64) *clientv3.LeaseGrantResponse {
	t.Helper()
	return insist(t, "grant a lease", func(ctx context.Context) (*clientv3.LeaseGrantResponse, error) {
		return client.Grant(ctx, ttl)
	})
}

// requireGone requires that there is no such lease.
func requireGone(t *testing.T, client *clientv3.Client, id clientv3.LeaseID) {
	t.Helper()
	requireRefused(t, rpctypes.ErrLeaseNotFound, func(ctx context.Context) error {
		_, err := client.KeepAliveOnce(ctx, id)
		return err
	})
}

func testLease(t *testing.T, c *cluster.Cluster) {
	ctx := bounded(t)
	follower := c.Followers()[0].Client()
	lease := grant(t, follower, longTTL)
	for _, key := range []string{"lease/a", "lease/b"} {
		put(t, c.Leader(), key, "held", clientv3.WithLease(lease.ID))
	}
	kept := insist(t, "keep the lease alive", func(ctx context.Context) (*clientv3.LeaseKeepAliveResponse, error) {
		return follower.KeepAliveOnce(ctx, lease.ID)
	})
	require.EqualValues(t, longTTL, kept.TTL)

	left := insist(t, "ask for the lease", func(ctx context.Context) (*clientv3.LeaseTimeToLiveResponse, error) {
		return follower.TimeToLive(ctx, lease.ID, clientv3.WithAttachedKeys())
	})
	require.Len(t, left.Keys, 2)
	require.EqualValues(t, longTTL, left.GrantedTTL)

	insist(t, "revoke the lease", func(ctx context.Context) (*clientv3.LeaseRevokeResponse, error) {
		done, err := c.Followers()[1].Client().Revoke(ctx, lease.ID)
		if errors.Is(err, rpctypes.ErrLeaseNotFound) { // it was revoked when it was asked for before
			err = nil
		}
		return done, err
	})
	got, err := follower.Get(ctx, "lease/", clientv3.WithPrefix())
	require.NoError(t, err)
	require.Empty(t, got.Kvs, "a revoked lease takes its keys along")
	requireGone(t, follower, lease.ID)
}

func testLeaseExpires(t *testing.T, c *cluster.Cluster) {
	ctx, cancel := context.WithCancel(bounded(t))
	defer cancel()
	client := c.Client()
	var lease *clientv3.LeaseGrantResponse
	held := insist(t, "put with a lease", func(ctx context.Context) (*clientv3.PutResponse, error) {
		lease = grant(t, client, 1) // another one each time: the former may have expired before the put
		return client.Put(ctx, "lease/short", "held", clientv3.WithLease(lease.ID))
	})

	gone := collect(t, client.Watch(ctx, "lease/short", clientv3.WithRev(held.Header.Revision+1)), 1)
	require.Equal(t, clientv3.EventTypeDelete, gone[0].Type)
	for _, m := range c.Members() {
		got, err := m.Client().Get(ctx, "lease/short")
		require.NoError(t, err)
		require.Empty(t, got.Kvs)
	}
	requireGone(t, client, lease.ID)
}

// testLeaseOutlivesItsLeader keeps a lease alive through every leader in turn.
func testLeaseOutlivesItsLeader(t *testing.T, c *cluster.Cluster) {
	ctx, cancel := context.WithCancel(bounded(t))
	defer cancel()
	lease := grant(t, c.Client(), longTTL)
	put(t, c.Leader(), "lease/kept", "held", clientv3.WithLease(lease.ID))
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
