package pebblelog

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/replica"
)

var errDisk = errors.New("the disk has failed")

// A faultyDisk fails writes to some files while it is told to.
type faultyDisk struct {
	mem    *vfs.MemFS
	suffix string // of the files, or a part of their name
	from   int64  // the number of the first write that fails
	to     int64  // and of the first that does not fail any more
	writes atomic.Int64
}

func (d *faultyDisk) fs() vfs.FS {
	return errorfs.Wrap(d.mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() != errorfs.OpIsWrite || !strings.Contains(op.Path, d.suffix) {
			return nil
		}
		if n := d.writes.Add(1); n >= d.from && n < d.to {
			return errDisk
		}
		return nil
	}))
}

// TestWriteFailuresLoseNothing has the disk fail at a random write to one kind of file, for a while or for ever, and crashes
// after it. Whatever was acknowledged by then is there afterwards.
func TestWriteFailuresLoseNothing(t *testing.T) {
	for _, files := range []string{".log", ".sst", "MANIFEST"} {
		for seed := range uint64(6) {
			t.Run(fmt.Sprint(files, seed), func(t *testing.T) { failWrites(t, files, seed) })
		}
	}
}

func failWrites(t *testing.T, files string, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 4))
	disk := &faultyDisk{mem: vfs.NewCrashableMem(), suffix: files, from: math.MaxInt64, to: math.MaxInt64}
	options := testOptions(disk.fs())
	fatal := make(chan error, 1)
	options.OnFatal = func(err error) {
		fatal <- err
		select {} // as at the end of the process: whoever met the failure does not go on
	}
	reach := int64(40)
	if files == ".log" {
		// A write-ahead log that cannot be closed ends the process at once: have one that is long enough.
		options.MemTableBytes, reach = 8<<20, 150
	}
	s := mustOpen(t, "db", options)
	from := disk.writes.Load() + 1 + rng.Int64N(reach)
	if seed%2 == 0 || files == ".sst" { // without tables for ever, writes would wait for ever
		disk.to = from + 1 + rng.Int64N(5)
	}
	disk.from = from

	h := &history{worlds: []world{{}}}
	done := make(chan error, 1)
	go func() { done <- h.run(s, rng, files != ".log") }()
	ended := "without a failure"
	select {
	case err := <-fatal:
		ended = err.Error()
	case err := <-done:
		if err != nil {
			ended = err.Error()
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	issued := len(h.worlds) - 1
	t.Logf("after %d of %d steps: %s", h.acknowledged, issued, ended)
	clone := disk.mem.CrashClone(vfs.CrashCloneCfg{})
	crash{fs: clone, acknowledged: h.acknowledged, issued: issued}.check(t, h.worlds)
}

// A history is what was done to a store that may fail.
type history struct {
	mu           sync.Mutex
	worlds       []world
	acknowledged int
}

func (h *history) run(s *Store, rng *rand.Rand, flush bool) error {
	before := world{} // the worlds of h are for the goroutine that checks, which may begin at any time
	for i := range 120 {
		st := randomStep(rng, before)
		after := before.clone()
		st.doTwin(after)
		h.mu.Lock()
		h.worlds = append(h.worlds, after.clone())
		h.mu.Unlock()
		if err := st.do(s, before); err != nil {
			return err
		}
		before = after
		if st.sync {
			h.mu.Lock()
			h.acknowledged = i + 1
			h.mu.Unlock()
		}
		if !flush || i%5 > 0 {
			continue
		}
		if _, err := s.db.AsyncFlush(); err != nil {
			return err
		}
	}
	return nil
}

// TestFailedWriteIsFinal has the write-ahead log fail, with an OnFatal that returns: the Write returns an error, and so does
// all that comes after it.
func TestFailedWriteIsFinal(t *testing.T) {
	for _, kind := range []string{"write", "sync"} {
		mem, failing := vfs.NewCrashableMem(), atomic.Bool{}
		options := testOptions(errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			isSync := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
			if failing.Load() && strings.HasSuffix(op.Path, ".log") &&
				op.Kind.ReadOrWrite() == errorfs.OpIsWrite && isSync == (kind == "sync") {
				return errDisk
			}
			return nil
		})))
		var failures []error
		options.OnFatal = func(err error) { failures = append(failures, err) }
		options.MemTableBytes = 4 << 20
		s := mustOpen(t, "db", options)
		log := mustLog(t, s, 1)
		update := func(term uint64) []replica.Update {
			return []replica.Update{{Group: 1, HardState: pb.HardState{Term: term}, Sync: true}}
		}
		require.NoError(t, s.Write(update(1)))
		failing.Store(true)
		require.ErrorIs(t, s.Write(update(2)), errDisk)
		failing.Store(false)
		require.ErrorIs(t, s.Write(update(3)), errDisk)
		require.ErrorIs(t, log.Compact(0), errDisk)
		_, err := log.StageSnapshot(1, pb.SnapshotMetadata{Index: 1})
		require.ErrorIs(t, err, errDisk)
		require.ErrorIs(t, s.Remove(1), errDisk)
		_, err = s.Groups()
		require.ErrorIs(t, err, errDisk)
		require.ErrorIs(t, s.Close(), errDisk)
		require.Len(t, failures, 1)

		s = mustOpen(t, "db", testOptions(mem.CrashClone(vfs.CrashCloneCfg{})))
		hard, _, err := mustLog(t, s, 1).InitialState()
		require.NoError(t, err)
		require.Equal(t, uint64(1), hard.Term)
		require.NoError(t, s.Close())
	}
}

// TestFullDiskForTablesIsSurvived fails the writing of tables for a while: writes wait or go on, none is lost, and what was
// to be written is written later.
func TestFullDiskForTablesIsSurvived(t *testing.T) {
	mem, full := vfs.NewCrashableMem(), atomic.Bool{}
	refused := atomic.Int64{}
	options := testOptions(errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full.Load() && strings.HasSuffix(op.Path, ".sst") && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			if refused.Add(1) > 20 {
				full.Store(false)
			}
			return errDisk
		}
		return nil
	})))
	s := mustOpen(t, "db", options)
	full.Store(true)
	for i := range uint64(400) {
		u := replica.Update{Group: 1, Entries: []pb.Entry{{Index: i + 1, Term: 1, Data: make([]byte, 1000)}}, Sync: true}
		require.NoError(t, s.Write([]replica.Update{u}))
	}
	require.Greater(t, refused.Load(), int64(20))
	s2 := mustOpen(t, "db", testOptions(mem.CrashClone(vfs.CrashCloneCfg{})))
	last, err := mustLog(t, s2, 1).LastIndex()
	require.NoError(t, err)
	require.Equal(t, uint64(400), last)
	require.NoError(t, s2.Close())
	require.NoError(t, s.Close())
}

// TestPanicOfTheDatabaseIsAFailure has the database panic in a write, as it does when it cannot close a write-ahead log.
func TestPanicOfTheDatabaseIsAFailure(t *testing.T) {
	options := testOptions(vfs.NewMem())
	var failure error
	options.OnFatal = func(err error) { failure = err }
	s := mustOpen(t, "db", options)
	err := s.guard.protect(func() error { panic(errDisk) })
	require.ErrorContains(t, err, errDisk.Error())
	require.Equal(t, err, failure)
	err = s.guard.protect(func() error { s.guard.Fatalf("later: %w", pebble.ErrClosed); return nil })
	require.Equal(t, failure, err)
	require.Equal(t, failure, s.Write([]replica.Update{{Group: 1, Sync: true}}))
}
