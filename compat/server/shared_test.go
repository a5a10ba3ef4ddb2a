package server_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/seed695671cb/raft/compat/server/internal/cluster"
)

// TestOneCluster asks one cluster for everything that leaves its members running, one subject after another.
func TestOneCluster(t *testing.T) {
	c := cluster.New(t, cluster.Options{})
	subjects := []struct {
		name string
		test func(*testing.T, *cluster.Cluster)
	}{
		{"Puts", testPuts},
		{"Ranges", testRanges},
		{"Deletes", testDeletes},
		{"Transactions", testTransactions},
		{"TransactionsOnOneKeyAreSerial", testTransactionsOnOneKey},
		{"Watch", testWatch},
		{"WatchFromThePast", testWatchFromThePast},
		{"LinearizableReads", testLinearizableReads},
		{"Lease", testLease},
		{"LeaseExpires", testLeaseExpires},
		{"LeaseOutlivesItsLeader", testLeaseOutlivesItsLeader},
		{"LeaderMoves", testLeaderMoves},
		{"LeaderMovesUnderLoad", testLeaderMovesUnderLoad},
		{"Compaction", testCompaction},
		{"Defragmentation", testDefragmentation},
		{"Hashes", testHashes},
	}
	for _, subject := range subjects {
		t.Run(subject.name, func(t *testing.T) { subject.test(t, c) })
	}
}

// insist asks until there is an answer. Members lose their leader when a machine is busy for long enough, and what was
// proposed then is dropped, or its outcome is not known: what is asked for must do no harm if it is done twice.
func insist[A any](t *testing.T, what string, ask func(context.Context) (A, error)) A {
	t.Helper()
	var answer A
	cluster.Await(t, what, func() (err error) {
		ctx, cancel := context.WithTimeout(context.Background(), cluster.Patience)
		defer cancel()
		answer, err = ask(ctx)
		return err
	})
	return answer
}

// put puts at the member, once or more often.
func put(t *testing.T, m *cluster.Member, key, value string, options ...clientv3.OpOption) *clientv3.PutResponse {
	t.Helper()
	return insist(t, "put "+key+" at "+m.Name, func(ctx context.Context) (*clientv3.PutResponse, error) {
		return m.Client().Put(ctx, key, value, options...)
	})
}

// putNext puts at the member what comes after so many versions of the key, and does so once: a transaction that is asked
// for again finds that it was made.
func putNext(t *testing.T, m *cluster.Member, key, value string, versions int) {
	t.Helper()
	insist(t, fmt.Sprintf("put %s after %d versions", key, versions), func(ctx context.Context) (*clientv3.TxnResponse, error) {
		return m.Client().Txn(ctx).
			If(clientv3.Compare(clientv3.Version(key), "=", versions)).
			Then(clientv3.OpPut(key, value)).
			Commit()
	})
}

// requireRefused asks until the answer is the error that is wanted: it is another one when leadership has just moved.
func requireRefused(t *testing.T, want error, ask func(context.Context) error) {
	t.Helper()
	insist(t, "the answer is: "+want.Error(), func(ctx context.Context) (struct{}, error) {
		err := ask(ctx)
		if errors.Is(err, want) {
			return struct{}{}, nil
		}
		return struct{}{}, fmt.Errorf("the answer is: %v", err)
	})
}

// bounded returns a context that ends with the test, or when nothing more is to be hoped for.
func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 3*cluster.Patience)
	t.Cleanup(cancel)
	return ctx
}
