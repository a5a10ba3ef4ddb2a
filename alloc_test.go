package raft

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the hot paths allocate, in objects for each operation, over thousands of operations: a fraction is an array that
// is shared by many. The limits are just above what is measured, so that one object more for each operation, or one for
// each of several operations, fails. What the bench module measures as time is held here as memory, where it does not
// depend on the machine. Groups are at rest before and after, without a tick in between, unless it is said otherwise:
// each tick begins with small arrays again, see blocks.go.

// hotPath is an operation and what it may cost.
type hotPath struct {
	name string
	// limit is the number of objects that one operation may allocate.
	limit float64
	// start returns the operation, and what checks its result after n times.
	start func(t *testing.T) (op func(), check func(n int))
}

// none is the limit of what allocates nothing: the runtime itself may, a few times.
const none = 0.002

// objectsPer returns how many objects op allocates, on average over n times.
func objectsPer(n int, op func()) float64 {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		op()
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(n)
}

// measurements is how often an operation is measured at most: what the runtime allocates meanwhile for itself, as for a
// garbage collection, counts too. It may be more than a limit leaves room for, but not each time.
const measurements = 3

// measured runs an operation n times, after a tenth of that, and returns how many objects each time allocated.
func measured(t *testing.T, n int, p hotPath) float64 {
	op, check := p.start(t)
	for range n / 10 {
		op()
	}
	got := objectsPer(n, op)
	check(n/10 + n)
	return got
}

// requireObjects measures each operation, and requires its limit.
func requireObjects(t *testing.T, n int, paths []hotPath) {
	if alwaysVerify {
		t.Skip("the checks of invariants allocate")
	}
	for _, p := range paths {
		t.Run(p.name, func(t *testing.T) {
			got := measured(t, n, p)
			for again := 1; got > p.limit && again < measurements; again++ {
				t.Logf("%.4f objects, limit %v: measured again", got, p.limit)
				got = measured(t, n, p)
			}
			t.Logf("%.4f objects, limit %v", got, p.limit)
			require.LessOrEqual(t, got, p.limit)
		})
	}
}

// payload returns the data of proposals.
func payload() []byte { return make([]byte, 128) }

// settled is a path on which n entries are proposed at a time and the group comes to rest.
func settled(name string, n int, limit float64, configure ...func(*Config)) hotPath {
	return hotPath{name: fmt.Sprintf("%s/batch=%d", name, n), limit: limit, start: func(t *testing.T) (func(), func(int)) {
		g := newLeanGroup(t, 3, 1, configure...)
		g.keep = leanKeep
		data := payload()
		op := func() {
			g.propose(data, n)
			g.settle()
		}
		return op, func(times int) { g.requireApplied(times * n) }
	}}
}

// The whole way of an entry in a group of three, from its proposal until all have applied it. The limits are for the
// batch.
func TestAllocSettle(t *testing.T) {
	requireObjects(t, 10_000, []hotPath{
		settled("sync", 1, 0.135),
		settled("sync", 16, 0.29),
		settled("async", 1, 0.375, withAsync),
		settled("async", 16, 0.53, withAsync),
	})
	requireObjects(t, 1_000, []hotPath{
		settled("sync", 256, 2.8),
		settled("async", 256, 3.05, withAsync),
	})
}

// One after the other, what a leader does with an entry: takes the proposal, hands it out, is acknowledged.
func TestAllocLeader(t *testing.T) {
	data := payload()
	requireObjects(t, 10_000, []hotPath{
		{"proposal", 0.0025, func(t *testing.T) (func(), func(int)) {
			l := newLoneLeader(t, 3)
			return func() { l.propose(data, 1) }, func(n int) {
				l.cycle(data, 1)
				require.Equal(t, n+1, l.members[0].entries)
			}
		}},
		{"cycle of three", 0.067, func(t *testing.T) (func(), func(int)) {
			l := newLoneLeader(t, 3)
			return func() { l.cycle(data, 1) }, func(n int) { require.Equal(t, n, l.members[0].entries) }
		}},
		{"cycle of 51", 2.01, func(t *testing.T) (func(), func(int)) {
			l := newLoneLeader(t, 51)
			return func() { l.cycle(data, 1) }, func(n int) { require.Equal(t, n, l.members[0].entries) }
		}},
		{"acknowledgement", none, func(t *testing.T) (func(), func(int)) {
			l := newLoneLeader(t, 3)
			first := l.last()
			l.propose(data, 20_000)
			l.settle()
			acked := first
			op := func() {
				acked++
				l.acknowledge(acked)
			}
			return op, func(n int) { require.Equal(t, first+uint64(n), l.leader().raft.log.committed) }
		}},
	})
}

func TestAllocFollower(t *testing.T) {
	data := payload()
	appends := func(n int, limit float64, configure ...func(*Config)) hotPath {
		return hotPath{fmt.Sprintf("append of %d", n), limit, func(t *testing.T) (func(), func(int)) {
			f := newLeanFollower(t, configure...)
			op := func() { f.follow(data, n) }
			return op, func(times int) { require.Equal(t, (times-1)*n, f.members[0].entries) }
		}}
	}
	async := appends(1, 0.083, withAsync)
	async.name += " async"
	requireObjects(t, 10_000, []hotPath{appends(1, 0.019), appends(16, 0.054), async})
}

// Ticks: the one on which nothing is due costs nothing; one with heartbeats costs an array of messages for each member.
func TestAllocTick(t *testing.T) {
	requireObjects(t, 10_000, []hotPath{
		{"idle follower", none, func(t *testing.T) (func(), func(int)) {
			rn := newLeanFollower(t, func(c *Config) { c.ElectionTick = 1 << 30 }).leader()
			return func() { rn.Tick(); _ = rn.HasReady() }, func(n int) { require.Equal(t, uint64(n), rn.raft.clock.now) }
		}},
		{"idle leader", none, func(t *testing.T) (func(), func(int)) {
			rn := newLoneLeader(t, 3, func(c *Config) { c.HeartbeatTick, c.ElectionTick = 1<<29, 1<<30 }).leader()
			return func() { rn.Tick(); _ = rn.HasReady() }, func(n int) { require.Equal(t, uint64(n), rn.raft.clock.now) }
		}},
		{"heartbeats and answers", 3 + none, func(t *testing.T) (func(), func(int)) {
			g := newLeanGroup(t, 3, 1, withCheckQuorum)
			return func() { g.tick(1) }, func(n int) { require.Equal(t, StateLeader, g.leader().raft.state) }
		}},
		{"status", none, func(t *testing.T) (func(), func(int)) {
			rn := newLoneLeader(t, 3).leader()
			sum := uint64(0)
			op := func() {
				sum += rn.BasicStatus().Applied + rn.TicksUntilDue()
				rn.WithProgress(func(_ uint64, _ ProgressType, pr Progress) { sum += pr.Match })
			}
			return op, func(int) { require.NotZero(t, sum) }
		}},
	})
}

// reading is a path on which n reads are asked for at a time at a member, and the group comes to rest.
func reading(name string, member, n int, limit float64, configure ...func(*Config)) hotPath {
	name = fmt.Sprintf("%s/member=%d/batch=%d", name, member, n)
	return hotPath{name: name, limit: limit, start: func(t *testing.T) (func(), func(int)) {
		g := newLeanGroup(t, 3, 1, configure...)
		g.tick(1)
		m := g.members[member-1]
		context := []byte("r")
		op := func() {
			for range n {
				m.rn.ReadIndex(context)
			}
			g.settle()
		}
		return op, func(times int) { require.Equal(t, times*n, m.reads); require.Zero(t, m.lost) }
	}}
}

// The limits are for the batch.
func TestAllocRead(t *testing.T) {
	requireObjects(t, 10_000, []hotPath{
		reading("safe", 1, 1, 0.21),
		reading("safe", 1, 64, 1.2),
		reading("safe", 2, 1, 0.53),
		reading("safe", 2, 64, 1.53),
		reading("lease", 1, 1, 0.018, withLeaseReads),
		reading("lease", 1, 64, 1+none, withLeaseReads),
		reading("lease", 2, 1, 0.34, withLeaseReads),
		reading("lease", 2, 64, 1.33, withLeaseReads),
	})
}
