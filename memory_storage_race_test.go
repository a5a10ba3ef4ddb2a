package raft

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// TestMemoryStorageReadersAndWriters is for the race detector above all: readers check that every answer is one that
// the log gave at some time, and that it does not change under their hands.
func TestMemoryStorageReadersAndWriters(t *testing.T) {
	ms := NewMemoryStorage()
	var done atomic.Bool
	var writer, readers sync.WaitGroup
	writer.Go(func() {
		defer done.Store(true)
		writeAtRandom(t, ms, rand.New(rand.NewPCG(1, 1)))
	})
	for seed := range uint64(3) {
		readers.Go(func() {
			rng := rand.New(rand.NewPCG(2, seed))
			for !done.Load() {
				readAtRandom(t, ms, rng)
			}
		})
	}
	readers.Go(func() {
		for !done.Load() {
			readLocked(t, ms)
		}
	})
	writer.Wait()
	readers.Wait()
}

func writeAtRandom(t *testing.T, ms *MemoryStorage, rng *rand.Rand) {
	for term := uint64(1); term <= 1500; term++ {
		first, _ := ms.FirstIndex()
		last, _ := ms.LastIndex()
		from := last + 1 - min(rng.Uint64N(5), last+1-first)
		if err := ms.Append(testEntries(term, from, from+rng.Uint64N(20))); err != nil {
			t.Errorf("append: %v", err)
		}
		_ = ms.SetHardState(pb.HardState{Term: term, Commit: last})
		if rng.IntN(10) > 0 {
			continue
		}
		_, err := ms.CreateSnapshot(from, &pb.ConfState{Voters: []uint64{term}}, nil)
		if err == nil {
			err = ms.Compact(from - min(from, rng.Uint64N(100)))
		}
		if err != nil && err != ErrSnapOutOfDate && err != ErrCompacted {
			t.Errorf("compact: %v", err)
		}
	}
}

func readAtRandom(t *testing.T, ms *MemoryStorage, rng *rand.Rand) {
	first, _ := ms.FirstIndex()
	last, _ := ms.LastIndex()
	if first > last {
		return
	}
	lo := first + rng.Uint64N(last-first+1)
	ents, err := ms.Entries(lo, last+1, rng.Uint64N(5000))
	if err != nil && err != ErrCompacted && err != ErrUnavailable {
		t.Errorf("entries: %v", err)
	}
	for range 2 {
		checkRead(t, ents, lo)
	}
	if _, err = ms.Term(lo); err != nil && err != ErrCompacted && err != ErrUnavailable {
		t.Errorf("term: %v", err)
	}
	hs, cs, _ := ms.InitialState()
	if len(cs.Voters) > 0 && cs.Voters[0] > hs.Term {
		t.Errorf("members of term %d with the hard state of term %d", cs.Voters[0], hs.Term)
	}
	_, _ = ms.Snapshot()
}

func checkRead(t *testing.T, ents []pb.Entry, lo uint64) {
	for i := range ents {
		e := &ents[i]
		if e.Index != lo+uint64(i) || string(e.Data) != idOf(e).String() {
			t.Errorf("entry %s at index %d holds %q", idOf(e), lo+uint64(i), e.Data)
		}
	}
}

// readLocked reads several values that must fit together, with writers kept out.
func readLocked(t *testing.T, ms *MemoryStorage) {
	ms.Lock()
	defer ms.Unlock()
	first, _ := ms.FirstIndex()
	last, _ := ms.LastIndex()
	if first > last {
		return
	}
	ents, err := ms.Entries(first, last+1, noLimit)
	if err != nil || uint64(len(ents)) != last-first+1 {
		t.Errorf("[%d, %d] under the lock: %d entries, %v", first, last, len(ents), err)
	}
	if _, err = ms.Term(first - 1); err != nil {
		t.Errorf("term before the log under the lock: %v", err)
	}
}

func TestMemoryStorageMutexKeepsWritersOut(t *testing.T) {
	for name, write := range map[string]func(*MemoryStorage) error{
		"Append":        func(ms *MemoryStorage) error { return ms.Append(testEntries(9, 7, 7)) },
		"Compact":       func(ms *MemoryStorage) error { return ms.Compact(5) },
		"SetHardState":  func(ms *MemoryStorage) error { return ms.SetHardState(pb.HardState{Term: 9}) },
		"ApplySnapshot": func(ms *MemoryStorage) error { return ms.ApplySnapshot(snapshotAt(9, 9)) },
		"CreateSnapshot": func(ms *MemoryStorage) error {
			_, err := ms.CreateSnapshot(6, nil, nil)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			ms := storageInState(t)
			observe := func() string {
				first, last := bounds(t, ms)
				hs, cs, _ := ms.InitialState()
				snap, _ := ms.Snapshot()
				return fmt.Sprint(first, last, hs, cs, snapshotID(&snap))
			}
			ms.Lock()
			before := observe()
			result := make(chan error)
			go func() { result <- write(ms) }()
			for range 200 {
				runtime.Gosched()
				require.Equal(t, before, observe())
			}
			ms.Unlock()
			require.NoError(t, <-result)
			require.NotEqual(t, before, observe())
		})
	}
}

func snapshotAt(term, index uint64) pb.Snapshot {
	return pb.Snapshot{Metadata: pb.SnapshotMetadata{Term: term, Index: index}}
}
