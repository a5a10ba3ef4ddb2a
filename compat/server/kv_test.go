package server_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/seed695671cb/raft/compat/server/internal/cluster"
)

func testPuts(t *testing.T, c *cluster.Cluster) {
	ctx := bounded(t)
	members := c.Members()
	var last int64
	for i := range 60 {
		done := put(t, members[i%3], "puts/"+strconv.Itoa(i), "value "+strconv.Itoa(i))
		require.Greater(t, done.Header.Revision, last, "every put has a revision of its own")
		last = done.Header.Revision
	}
	for i := range 60 {
		got, err := members[(i+1)%3].Client().Get(ctx, "puts/"+strconv.Itoa(i))
		require.NoError(t, err)
		require.Len(t, got.Kvs, 1)
		require.Equal(t, "value "+strconv.Itoa(i), string(got.Kvs[0].Value))
	}
	large := make([]byte, 1<<20)
	put(t, members[0], "puts/large", string(large))
	got, err := members[1].Client().Get(ctx, "puts/large")
	require.NoError(t, err)
	require.Len(t, got.Kvs[0].Value, 1<<20)
}

func testRanges(t *testing.T, c *cluster.Cluster) {
	ctx := bounded(t)
	for i := range 20 {
		putNext(t, c.Members()[0], fmt.Sprintf("ranges/%02d", i), "first", 0)
	}
	before, err := c.Client().Get(ctx, "ranges/", clientv3.WithPrefix(), clientv3.WithCountOnly())
	require.NoError(t, err)
	require.EqualValues(t, 20, before.Count)
	putNext(t, c.Members()[1], "ranges/05", "second", 1)
	for _, m := range c.Members() {
		page, err := m.Client().Get(ctx, "ranges/04", clientv3.WithRange("ranges/07"), clientv3.WithLimit(2))
		require.NoError(t, err)
		require.Len(t, page.Kvs, 2)
		require.True(t, page.More)
		require.Equal(t, "second", string(page.Kvs[1].Value))
		require.EqualValues(t, 2, page.Kvs[1].Version)

		old, err := m.Client().Get(ctx, "ranges/05", clientv3.WithRev(before.Header.Revision))
		require.NoError(t, err)
		require.Equal(t, "first", string(old.Kvs[0].Value), "a read of the past")
	}
}

func testDeletes(t *testing.T, c *cluster.Cluster) {
	ctx := bounded(t)
	deleted := insist(t, "put and delete", func(ctx context.Context) (*clientv3.DeleteResponse, error) {
		for i := range 10 {
			c.Put(fmt.Sprintf("deletes/%d", i), "x")
		}
		return c.Followers()[0].Client().Delete(ctx, "deletes/", clientv3.WithPrefix(), clientv3.WithPrevKV())
	})
	require.EqualValues(t, 10, deleted.Deleted)
	require.Len(t, deleted.PrevKvs, 10)
	for _, m := range c.Members() {
		got, err := m.Client().Get(ctx, "deletes/", clientv3.WithPrefix())
		require.NoError(t, err)
		require.Empty(t, got.Kvs)
	}
}

func testTransactions(t *testing.T, c *cluster.Cluster) {
	client := c.Followers()[0].Client()
	transfer := func(ctx context.Context, amount string) (*clientv3.TxnResponse, error) {
		return client.Txn(ctx).
			If(clientv3.Compare(clientv3.Value("txn/from"), "=", "100"), clientv3.Compare(clientv3.Version("txn/to"), "=", 0)).
			Then(clientv3.OpPut("txn/from", "100 less "+amount), clientv3.OpPut("txn/to", amount), clientv3.OpGet("txn/to")).
			Else(clientv3.OpGet("txn/", clientv3.WithPrefix())).
			Commit()
	}
	first := insist(t, "the first transfer", func(ctx context.Context) (*clientv3.TxnResponse, error) {
		if _, err := client.Delete(ctx, "txn/to"); err != nil { // of a transfer whose outcome was not known
			return nil, err
		}
		c.Put("txn/from", "100")
		return transfer(ctx, "30")
	})
	require.True(t, first.Succeeded)
	require.Equal(t, "30", string(first.Responses[2].GetResponseRange().Kvs[0].Value))

	second := insist(t, "the second transfer", func(ctx context.Context) (*clientv3.TxnResponse, error) {
		return transfer(ctx, "40")
	})
	require.False(t, second.Succeeded)
	kvs := second.Responses[0].GetResponseRange().Kvs
	require.Len(t, kvs, 2)
	require.Equal(t, "100 less 30", string(kvs[0].Value))
	require.Equal(t, kvs[0].ModRevision, kvs[1].ModRevision, "both puts of a transaction are one revision")
}

// testTransactionsOnOneKey has clients of all members compete for the same key: no increment may be lost. When the outcome of
// one is not known, they begin again with another key.
func testTransactionsOnOneKey(t *testing.T, c *cluster.Cluster) {
	const each = 20
	members := c.Members()
	keys := 0
	key := insist(t, "every increment has an outcome", func(ctx context.Context) (string, error) {
		keys++
		key := fmt.Sprintf("txn/number/%d", keys)
		errs := make([]error, len(members))
		var raising sync.WaitGroup
		for i, m := range members {
			raising.Go(func() { errs[i] = increment(ctx, m.Client(), key, each) })
		}
		raising.Wait()
		return key, errors.Join(errs...)
	})
	got, err := members[0].Client().Get(bounded(t), key)
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(each*len(members)), string(got.Kvs[0].Value))
	require.EqualValues(t, each*len(members), got.Kvs[0].Version)
}
