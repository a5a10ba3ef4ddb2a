package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/replica"
)

// What is left after a crash: the state, with the records, of some committed index that is not older than the last Sync.

// A crashRun writes to a store, remembers the hash after every commit, and looks at what crashes leave.
type crashRun struct {
	t      *testing.T
	rng    *rand.Rand
	fs     *vfs.MemFS
	store  *Store
	feed   feed
	hashes map[uint64][32]byte // by applied index
	synced uint64
}

func newCrashRun(t *testing.T, seed uint64) *crashRun {
	r := &crashRun{t: t, rng: rand.New(rand.NewPCG(seed, 9)), fs: vfs.NewCrashableMem(), hashes: map[uint64][32]byte{}}
	r.store = openOn(t, r.fs, smallBounds())
	r.hashes[0] = hashOf(t, r.store)
	return r
}

func TestCrashesLeaveACommittedState(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := newCrashRun(t, seed)
			for range 40 {
				r.commit()
				switch r.rng.IntN(6) {
				case 0:
					require.NoError(t, r.store.Sync())
					r.synced = r.feed.index
				case 1:
					r.examine(r.clone(), r.synced)
				case 2:
					r.restore()
				case 3:
					if r.rng.IntN(3) == 0 {
						r.crash()
					}
				}
			}
			require.NoError(t, r.store.Close())
		})
	}
}

// commit applies random commands and commits them with records that tell the index.
func (r *crashRun) commit() {
	m := maker{r.rng}
	var commands []Command
	for range r.rng.IntN(20) {
		commands = append(commands, m.command())
	}
	_, err := r.store.Apply(r.feed.commands(r.t, commands...))
	require.NoError(r.t, err)
	r.feed.index++
	r.commitIndex()
}

func (r *crashRun) commitIndex() {
	index := binary.BigEndian.AppendUint64(nil, r.feed.index)
	odd := replica.Record{Key: []byte("odd"), Value: index}
	if r.feed.index%2 == 0 {
		odd.Value = nil
	}
	require.NoError(r.t, r.store.Commit(r.feed.index, []replica.Record{{Key: []byte("index"), Value: index}, odd}))
	r.hashes[r.feed.index] = hashOf(r.t, r.store)
}

func (r *crashRun) clone() *vfs.MemFS {
	percent := r.rng.IntN(3) * 50
	return r.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rand.New(rand.NewPCG(r.rng.Uint64(), 1))})
}

// examine opens what a crash has left, and returns the store. The index is at least least, or 0 if voided.
func (r *crashRun) examine(fs *vfs.MemFS, least uint64) *Store {
	s := openOn(r.t, fs, smallBounds())
	r.t.Cleanup(func() {
		if err := s.Close(); !errors.Is(err, ErrClosed) {
			require.NoError(r.t, err)
		}
	})
	applied, records, err := s.Recover()
	require.NoError(r.t, err)
	require.GreaterOrEqual(r.t, applied, least)
	require.Contains(r.t, r.hashes, applied)
	require.Equal(r.t, r.hashes[applied], hashOf(r.t, s))
	require.Equal(r.t, r.records(applied), records)
	return s
}

// records are those that commitIndex stores for an index.
func (r *crashRun) records(applied uint64) []replica.Record {
	if applied == 0 {
		return nil
	}
	index := binary.BigEndian.AppendUint64(nil, applied)
	records := []replica.Record{{Key: []byte("index"), Value: index}}
	if applied%2 == 1 {
		records = append(records, replica.Record{Key: []byte("odd"), Value: index})
	}
	return records
}

// restore replaces the state by its own snapshot; crashes in between leave nothing.
func (r *crashRun) restore() {
	contents := snapshot(r.t, r.store)
	hash := hashOf(r.t, r.store)
	voided := func() {
		s := r.examine(r.clone(), 0)
		require.Zero(r.t, s.Applied())
	}
	err := r.store.Restore(&failingReader{rest: contents[:r.rng.IntN(len(contents))], err: os.ErrDeadlineExceeded, hook: voided})
	require.ErrorIs(r.t, err, os.ErrDeadlineExceeded)
	voided()
	require.Equal(r.t, hash, hashOf(r.t, r.store), "readers still see the state from before")
	require.ErrorContains(r.t, r.store.Commit(r.feed.index, nil), "restore has failed")
	require.NoError(r.t, r.store.Restore(&failingReader{rest: contents, err: io.EOF, hook: voided}))
	voided()
	require.Equal(r.t, hash, hashOf(r.t, r.store))
	_, err = r.store.Capture()
	require.ErrorContains(r.t, err, "commit first")
	r.commitIndex()
	require.Equal(r.t, hash, hashOf(r.t, r.store))
	// Until the next Sync a crash may still leave nothing, but nothing else.
	after := r.examine(r.clone(), 0)
	require.Contains(r.t, []uint64{0, r.feed.index}, after.Applied())
	require.NoError(r.t, r.store.Sync())
	r.synced = r.feed.index
	r.examine(r.clone(), r.synced)
}

// crash goes on with what a crash has left.
func (r *crashRun) crash() {
	fs := r.clone()
	require.NoError(r.t, r.store.Close())
	r.fs = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))})
	r.examine(fs, r.synced)
	r.store = openOn(r.t, r.fs, smallBounds())
	r.feed.index = r.store.Applied()
}

func TestRecoverAfterARestoreThatFailed(t *testing.T) {
	s := openNew(t, Bounds{})
	empty := hashOf(t, s)
	var f feed
	f.do(t, s, put("a", "1"))
	require.NoError(t, s.Commit(f.index, []replica.Record{{Key: []byte("k"), Value: []byte("v")}}))
	require.Error(t, s.Restore(bytes.NewReader(nil)))
	applied, records, err := s.Recover()
	require.NoError(t, err)
	require.Zero(t, applied)
	require.Empty(t, records)
	require.Equal(t, empty, hashOf(t, s))
	f = feed{}
	require.Equal(t, uint64(1), f.do(t, s, put("b", "1"))[0].Rev)
}

func TestEmptyRecordValues(t *testing.T) {
	s := openNew(t, Bounds{})
	require.NoError(t, s.Commit(7, []replica.Record{{Key: []byte{}, Value: []byte{}}, {Key: []byte("x"), Value: []byte("y")}}))
	applied, records, err := s.Recover()
	require.NoError(t, err)
	require.Equal(t, uint64(7), applied)
	require.Equal(t, []replica.Record{{Key: []byte{}, Value: []byte{}}, {Key: []byte("x"), Value: []byte("y")}}, records)
	require.NoError(t, s.Commit(8, []replica.Record{{Key: []byte{}}}))
	_, records, err = s.Recover()
	require.NoError(t, err)
	require.Len(t, records, 1)
}

var errDisk = errors.New("the disk is broken")

func TestAFailedDiskIsReportedOnceAndForAll(t *testing.T) {
	var broken atomic.Bool
	injector := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if broken.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return errDisk
		}
		return nil
	})
	reports := make(chan error, 10)
	o := testOptions(errorfs.Wrap(vfs.NewMem(), injector), Bounds{})
	o.OnFatal = func(err error) { reports <- err }
	s, err := Open("db", o)
	require.NoError(t, err)
	var f feed
	f.do(t, s, put("a", "1"))
	w, err := s.Watch(nil, Position{})
	require.NoError(t, err)
	ended := make(chan error)
	go func() {
		_, err := w.Next(patience(t))
		ended <- err
	}()
	broken.Store(true)
	require.ErrorIs(t, s.Sync(), ErrFailed)
	require.ErrorIs(t, <-reports, errDisk)
	require.ErrorIs(t, <-ended, ErrFailed)
	_, err = s.Apply(f.commands(t, put("a", "2")))
	require.ErrorIs(t, err, ErrFailed)
	require.ErrorIs(t, s.Commit(99, nil), ErrFailed)
	_, _, err = s.Get([]byte("a"))
	require.ErrorIs(t, err, ErrFailed)
	require.ErrorIs(t, s.Close(), ErrFailed)
	require.Empty(t, reports)
}
