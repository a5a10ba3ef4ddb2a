// Package load keeps a cluster busy while a test does things to its members, and finds out whether what the cluster
// acknowledged is true. Each worker does one operation after another, each at a member of its
// choice, which it leaves when something fails there or when it feels like it:
//
//   - it puts a key of its own that never was before; once acknowledged, the key is there for good;
//   - it raises a counter of its own by a transaction; no other worker does, so it knows the value but for one;
//   - it raises the counter of all by a transaction that compares; a value is acknowledged to one worker only;
//   - it reads the counter of all, linearizably; an older value than one known before the read began is stale;
//   - it reads the counter of all at a member as it is there, which may be old, but never ahead of what was asked for.
//
// An operation that fails may have happened or not, and may happen later; nothing is concluded from it.
package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/seed695671cb/raft/compat/server/internal/cluster"
)

// patience is how long one operation waits for its answer; the worker may then have more luck at another member.
const patience = 2 * time.Second

// A Load is a running or finished load. Its methods are for the goroutine of the test.
type Load struct {
	t       testing.TB
	name    string
	cluster *cluster.Cluster
	counter *counter
	workers []*worker
	cancel  context.CancelFunc
	running sync.WaitGroup

	acknowledged atomic.Int64 // operations
	failed       atomic.Int64 // operations whose outcome is unknown

	mu         sync.Mutex
	violations []string
}

// Start starts workers, whose choices follow from the seed. Stop ends them; so does the end of the test. Their keys begin
// with the name, which no other load of the cluster has.
func Start(t testing.TB, c *cluster.Cluster, name string, workers int, seed uint64) *Load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &Load{t: t, name: name, cluster: c, cancel: cancel, counter: newCounter(name + "/counter/all")}
	for i := range workers {
		l.workers = append(l.workers, newWorker(l, i, rand.New(rand.NewPCG(seed, uint64(i)))))
	}
	for _, w := range l.workers {
		l.running.Go(func() { w.run(ctx) })
	}
	t.Cleanup(l.halt)
	return l
}

// AwaitProgress returns when the cluster has acknowledged n operations more. It is patient while there are any.
func (l *Load) AwaitProgress(n int64) {
	l.t.Helper()
	for target := l.acknowledged.Load() + n; l.acknowledged.Load() < target; {
		before := l.acknowledged.Load()
		cluster.Await(l.t, "the cluster acknowledges an operation", func() error {
			if l.acknowledged.Load() == before {
				return fmt.Errorf("it has acknowledged %d, and %d are wanted", before, target)
			}
			return nil
		})
	}
}

// Prefix returns what the keys begin with that are put once.
func (l *Load) Prefix() string { return l.name + "/put/" }

// Acknowledged returns how many operations have succeeded.
func (l *Load) Acknowledged() int64 { return l.acknowledged.Load() }

// Puts returns the keys whose put was acknowledged, by worker, in the order of their puts. The load must have stopped.
func (l *Load) Puts() [][]string {
	var puts [][]string
	for _, w := range l.workers {
		puts = append(puts, w.puts)
	}
	return puts
}

// Stop ends the load, and fails the test if anything that was acknowledged is not so.
func (l *Load) Stop() {
	l.t.Helper()
	l.halt()
	l.checkEnd()
	l.mu.Lock()
	defer l.mu.Unlock()
	require.Empty(l.t, l.violations)
	l.t.Logf("%d operations acknowledged, %d of unknown outcome", l.acknowledged.Load(), l.failed.Load())
}

func (l *Load) halt() {
	l.cancel()
	l.running.Wait()
}

// checkEnd looks for every key whose put was acknowledged, and compares the counters with what their users know.
func (l *Load) checkEnd() {
	l.t.Helper()
	there := l.contents()
	for _, w := range l.workers {
		for _, key := range w.puts {
			if there[key] != valueOf(key) {
				l.violate("the put of %q was acknowledged, and it holds %q", key, there[key])
			}
		}
		w.own.checkEnd(there[w.own.key], l.violate)
	}
	l.counter.checkEnd(there[l.counter.key], l.violate)
}

// contents returns all that the load has written, by one linearizable read.
func (l *Load) contents() map[string]string {
	l.t.Helper()
	var got *clientv3.GetResponse
	cluster.Await(l.t, "all that the load has written is read", func() (err error) {
		ctx, cancel := context.WithTimeout(context.Background(), cluster.Patience)
		defer cancel()
		got, err = l.cluster.Client().Get(ctx, l.name+"/", clientv3.WithPrefix())
		return err
	})
	there := map[string]string{}
	for _, kv := range got.Kvs {
		there[string(kv.Key)] = string(kv.Value)
	}
	return there
}

func (l *Load) violate(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.violations = append(l.violations, fmt.Sprintf(format, args...))
}
