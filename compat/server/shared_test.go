package server_test

import (
	"context"
	"testing"

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

// bounded returns a context that ends with the test, or when nothing more is to be hoped for.
func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 3*cluster.Patience)
	t.Cleanup(cancel)
	return ctx
}
