package server_test

import (
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
		put, err := members[i%3].Client().Put(ctx, "puts/"+strconv.Itoa(i), "value "+strconv.Itoa(i))
		require.NoError(t, err)
		require.Greater(t, put.Header.Revision, last, "every put has a revision of its own")
		last = put.Header.Revision
	}
	for i := range 60 {
		got, err := members[(i+1)%3].Client().Get(ctx, "puts/"+strconv.Itoa(i))
		require.NoError(t, err)
		require.Len(t, got.Kvs, 1)
		require.Equal(t, "value "+strconv.Itoa(i), string(got.Kvs[0].Value))
	}
	large := make([]byte, 1<<20)
	_, err := members[0].Client().Put(ctx, "puts/large", string(large))
	require.NoError(t, err)
	got, err := members[1].Client().Get(ctx, "puts/large")
	require.NoError(t, err)
	require.Len(t, got.Kvs[0].Value, 1<<20)
}

func testRanges(t *testing.T, c *cluster.Cluster) {
	ctx := bounded(t)
	for i := range 20 {
		c.Put(fmt.Sprintf("ranges/%02d", i), "first")
	}
	before, err := c.Client().Get(ctx, "ranges/", clientv3.WithPrefix(), clientv3.WithCountOnly())
	require.NoError(t, err)
	require.EqualValues(t, 20, before.Count)
	c.Put("ranges/05", "second")
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
	for i := range 10 {
		c.Put(fmt.Sprintf("deletes/%d", i), "x")
	}
	deleted, err := c.Followers()[0].Client().Delete(ctx, "deletes/", clientv3.WithPrefix(), clientv3.WithPrevKV())
	require.NoError(t, err)
	require.EqualValues(t, 10, deleted.Deleted)
	require.Len(t, deleted.PrevKvs, 10)
	for _, m := range c.Members() {
		got, err := m.Client().Get(ctx, "deletes/", clientv3.WithPrefix())
		require.NoError(t, err)
		require.Empty(t, got.Kvs)
	}
}

func testTransactions(t *testing.T, c *cluster.Cluster) {
	ctx := bounded(t)
	client := c.Followers()[0].Client()
	transfer := func(amount string) *clientv3.TxnResponse {
		done, err := client.Txn(ctx).
			If(clientv3.Compare(clientv3.Value("txn/from"), "=", "100"), clientv3.Compare(clientv3.Version("txn/to"), "=", 0)).
			Then(clientv3.OpPut("txn/from", "100 less "+amount), clientv3.OpPut("txn/to", amount), clientv3.OpGet("txn/to")).
			Else(clientv3.OpGet("txn/", clientv3.WithPrefix())).
			Commit()
		require.NoError(t, err)
		return done
	}
	c.Put("txn/from", "100")
	first := transfer("30")
	require.True(t, first.Succeeded)
	require.Equal(t, "30", string(first.Responses[2].GetResponseRange().Kvs[0].Value))

	second := transfer("40")
	require.False(t, second.Succeeded)
	kvs := second.Responses[0].GetResponseRange().Kvs
	require.Len(t, kvs, 2)
	require.Equal(t, "100 less 30", string(kvs[0].Value))
	require.Equal(t, kvs[0].ModRevision, kvs[1].ModRevision, "both puts of a transaction are one revision")
}

// testTransactionsOnOneKey has clients of all members compete for the same key: no increment may be lost.
func testTransactionsOnOneKey(t *testing.T, c *cluster.Cluster) {
	const each = 20
	ctx := bounded(t)
	members := c.Members()
	errs := make([]error, len(members))
	var raising sync.WaitGroup
	for i, m := range members {
		raising.Go(func() { errs[i] = increment(ctx, m.Client(), "txn/number", each) })
	}
	raising.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	got, err := members[0].Client().Get(ctx, "txn/number")
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(each*len(members)), string(got.Kvs[0].Value))
	require.EqualValues(t, each*len(members), got.Kvs[0].Version)
}
