package pebblelog

import (
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/replica"
)

var crashSeeds = flag.Int("crash.seeds", 2, "how many workloads the crash tests run")

// A crash is what a disk may look like after a crash, and what may be on it.
type crash struct {
	fs           *vfs.MemFS
	acknowledged int // so many steps are durable for certain
	issued       int // no more steps than these have begun
	unsynced     int // percent of what was not synced that is on it
}

// A crasher is a file system that crashes at each of its writes: it keeps what a disk may look like then.
type crasher struct {
	mem          *vfs.MemFS
	acknowledged atomic.Int64
	issued       atomic.Int64

	mu      sync.Mutex
	rng     *rand.Rand
	crashes []crash
	taken   int
}

func newCrasher(seed uint64) *crasher {
	return &crasher{mem: vfs.NewCrashableMem(), rng: rand.New(rand.NewPCG(seed, 2))}
}

func (c *crasher) fs() vfs.FS {
	return errorfs.Wrap(c.mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			c.crash()
		}
		return nil
	}))
}

// crash keeps what the disk may look like if everything stops now.
func (c *crasher) crash() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.taken++
	unsynced := []int{0, 50, 100, 0, 10}[c.taken%5]
	acknowledged := int(c.acknowledged.Load())
	clone := c.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: unsynced, RNG: c.rng})
	c.crashes = append(c.crashes, crash{
		fs: clone, acknowledged: acknowledged, issued: int(c.issued.Load()), unsynced: unsynced,
	})
}

func (c *crasher) take() []crash {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.crashes
	c.crashes = nil
	return out
}

// TestCrashAtEveryWrite crashes at every write of a workload to the file system, and opens what may be on the disk then:
// it must be what was there after some step, none older than the last one that was acknowledged with Sync.
func TestCrashAtEveryWrite(t *testing.T) {
	for seed := range *crashSeeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { crashEverywhere(t, uint64(seed)) })
	}
}

func crashEverywhere(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 3))
	c := newCrasher(seed)
	s := mustOpen(t, "db", testOptions(c.fs()))
	worlds := []world{{}}
	crashes := 0
	for i := range 70 {
		w := worlds[i]
		st := randomStep(rng, w)
		after := w.clone()
		st.doTwin(after)
		worlds = append(worlds, after)
		c.issued.Store(int64(i + 1))
		require.NoError(t, st.do(s, w), "step %d: %v", i, st)
		if st.sync {
			c.acknowledged.Store(int64(i + 1))
		}
		if i%30 == 17 {
			require.NoError(t, s.Close())
			s = mustOpen(t, "db", testOptions(c.fs()))
		}
		if i%7 == 3 {
			_, err := s.db.AsyncFlush() // tables and manifests are written while the next steps are done
			require.NoError(t, err)
		}
		c.crash()
		for _, crash := range c.take() {
			crashes++
			crash.check(t, worlds)
		}
	}
	require.NoError(t, s.Close())
	t.Logf("%d crashes, each survived", crashes)
}

// check opens what may be on the disk.
func (c crash) check(t *testing.T, worlds []world) {
	t.Helper()
	name := fmt.Sprintf("crash between steps %d and %d with %d%% of what was not synced",
		c.acknowledged, c.issued, c.unsynced)
	s, err := Open("db", testOptions(c.fs))
	require.NoError(t, err, name)
	defer s.Close()
	text, err := describeStore(s)
	require.NoError(t, err, name)
	candidates := worlds[c.acknowledged : c.issued+1]
	if !slices.ContainsFunc(candidates, func(w world) bool { return w.describe() == text }) {
		require.Equal(t, candidates[len(candidates)-1].describe(), text, name)
	}
	for n := range testGroups {
		c.checkStaged(t, s, groupID(n), candidates)
	}
	more := replica.Update{Group: 99, HardState: candidates[0].group(99).hard, Sync: true}
	more.HardState.Term = 5
	require.NoError(t, s.Write([]replica.Update{more}), name)
}

// checkStaged goes on with what a group had staged throughout, and adopts it.
func (c crash) checkStaged(t *testing.T, s *Store, group uint64, candidates []world) {
	t.Helper()
	least := candidates[0].group(group).staged
	if least == nil {
		return
	}
	most := least
	for _, w := range candidates {
		most = w.group(group).staged
		if most == nil || most.stream != least.stream || most.meta.Index != least.meta.Index ||
			most.meta.Term != least.meta.Term {
			return
		}
	}
	log := mustLog(t, s, group)
	writer, err := log.StageSnapshot(least.stream, least.meta)
	require.NoError(t, err)
	require.GreaterOrEqual(t, writer.Offset(), uint64(least.length))
	require.LessOrEqual(t, writer.Offset(), uint64(most.length))
	contents := stream(least.stream, least.meta)
	_, err = writer.Write(contents[writer.Offset():])
	require.NoError(t, err)
	require.NoError(t, writer.Finish())
	require.NoError(t, writer.Close())
	newest := candidates[0].group(group).snapshot
	if least.meta.Index == 0 || newest != nil && newest.Index >= least.meta.Index {
		return
	}
	require.NoError(t, log.AdoptSnapshot(least.meta))
	r, err := log.OpenSnapshot()
	require.NoError(t, err)
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.Equal(t, string(contents), string(got))
}
