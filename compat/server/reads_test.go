package server_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/seed695671cb/raft/compat/server/internal/cluster"
)

// testLinearizableReads reads at every member what was written last, wherever it was written.
func testLinearizableReads(t *testing.T, c *cluster.Cluster) {
	ctx := bounded(t)
	members := c.Members()
	for i := range 60 {
		value := strconv.Itoa(i)
		put(t, members[i%3], "reads/last", value)
		got, err := members[(i/3)%3].Client().Get(ctx, "reads/last")
		require.NoError(t, err)
		require.Equal(t, value, string(got.Kvs[0].Value))
	}
}

// A follower that hears from nobody still answers reads of its own state, with what it had, and no others.
func TestReadsOfAFollowerThatIsCutOff(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	c := cluster.New(t, cluster.Options{})
	c.Put("reads/cut", "old")
	follower := c.Followers()[0]
	_, err := follower.Client().Get(ctx, "reads/cut")
	require.NoError(t, err)

	c.Isolate(follower)
	c.Put("reads/cut", "new")
	requireNoStaleRead(t, follower, "reads/cut", "new")
	old, err := follower.Value(ctx, "reads/cut")
	require.NoError(t, err)
	require.Equal(t, "old", old)

	c.Mend(follower)
	requireReadsSoon(t, follower, "reads/cut", "new")
}

// A leader that hears from nobody is replaced; it neither answers reads with what it had, nor acknowledges writes.
func TestReadsOfALeaderThatIsCutOff(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	c := cluster.New(t, cluster.Options{})
	c.Put("reads/cut", "old")
	old := c.Leader()
	others := c.Others(old)

	c.Isolate(old)
	lost, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, err := old.Client().Put(lost, "reads/lost", "never acknowledged")
	require.Error(t, err)
	successor := c.LeaderAmong(others...)
	put(t, successor, "reads/cut", "new")
	requireNoStaleRead(t, old, "reads/cut", "new")

	c.Mend(old)
	requireReadsSoon(t, old, "reads/cut", "new")
}

// A leader stands still while another is elected and takes writes; meanwhile clients ask it to read. When it goes on, it
// finds their requests, takes itself for the leader, and must not answer before it has heard from a majority.
func TestReadsOfALeaderThatStalls(t *testing.T) {
	t.Parallel()
	c := cluster.New(t, cluster.Options{Processes: true})
	for round := range 3 {
		old := c.Leader()
		put(t, old, "reads/stalled", "old")
		old.Stall()
		successor := c.LeaderAmong(c.Others(old)...)
		newest := fmt.Sprintf("of round %d", round)
		put(t, successor, "reads/stalled", newest)
		requireReadsAfter(t, old, "reads/stalled", newest)
	}
}

// requireReadsAfter sends reads to a stalled member before it goes on, and demands the newest of those it answers.
func requireReadsAfter(t *testing.T, m *cluster.Member, key, newest string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	answers := make([]string, 20)
	var reading sync.WaitGroup
	for i := range answers {
		reading.Go(func() {
			if got, err := m.Client().Get(ctx, key); err == nil {
				answers[i] = string(got.Kvs[0].Value)
			}
		})
	}
	time.Sleep(100 * time.Millisecond) // so that some of the requests have been sent; if not, less is tested
	m.Resume()
	reading.Wait()
	for _, answer := range answers {
		require.Contains(t, []string{newest, ""}, answer)
	}
}

// requireNoStaleRead reads linearizably at a member that may have no right to answer: if it answers, then with the newest.
func requireNoStaleRead(t *testing.T, m *cluster.Member, key, newest string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	got, err := m.Client().Get(ctx, key)
	if err == nil {
		require.Equal(t, newest, string(got.Kvs[0].Value))
	}
}

// requireReadsSoon reads linearizably until the member answers; the first answer must be the newest.
func requireReadsSoon(t *testing.T, m *cluster.Member, key, newest string) {
	t.Helper()
	var got *clientv3.GetResponse
	cluster.Await(t, fmt.Sprintf("%s answers a read", m.Name), func() (err error) {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		got, err = m.Client().Get(ctx, key)
		return err
	})
	require.Equal(t, newest, string(got.Kvs[0].Value))
}
