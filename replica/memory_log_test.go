package replica_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/replica"
	"github.com/seed695671cb/raft/replica/logstoretest"
)

func TestMemoryLogStoreKeepsTheContract(t *testing.T) {
	logstoretest.Run(t, logstoretest.Subject{
		Open:   func(testing.TB) replica.LogStore { return replica.NewMemoryLogStore() },
		Reopen: func(_ testing.TB, store replica.LogStore) replica.LogStore { return store },
		Crash: func(_ testing.TB, store replica.LogStore) replica.LogStore {
			return store.(*replica.MemoryLogStore).Crash()
		},
	})
}

func entries(term, first, last uint64) []pb.Entry {
	var list []pb.Entry
	for index := first; index <= last; index++ {
		list = append(list, pb.Entry{Term: term, Index: index, Data: []byte(fmt.Sprint(term, index))})
	}
	return list
}

func lastIndex(t testing.TB, store replica.LogStore, group uint64) uint64 {
	log, err := store.Open(group)
	require.NoError(t, err)
	last, err := log.LastIndex()
	require.NoError(t, err)
	return last
}

func stage(t testing.TB, log replica.Log, stream uint64, meta pb.SnapshotMetadata, contents string) {
	w, err := log.StageSnapshot(stream, meta)
	require.NoError(t, err)
	_, err = io.WriteString(w, contents)
	require.NoError(t, err)
	require.NoError(t, w.Finish())
	require.NoError(t, w.Close())
}

func TestMemoryLogStoreCrashLosesExactlyWhatIsNotSynced(t *testing.T) {
	store := replica.NewMemoryLogStore()
	require.NoError(t, store.Write([]replica.Update{{Group: 1, Entries: entries(1, 1, 5)}}))
	require.Zero(t, lastIndex(t, store.Crash(), 1))
	groups, err := store.Crash().Groups()
	require.NoError(t, err)
	require.Empty(t, groups)

	require.NoError(t, store.Write([]replica.Update{{Group: 2, Entries: entries(1, 1, 1), Sync: true}}))
	require.NoError(t, store.Write([]replica.Update{{Group: 1, Entries: entries(2, 3, 3)}}))
	crashed := store.Crash()
	require.EqualValues(t, 5, lastIndex(t, crashed, 1))
	require.EqualValues(t, 3, lastIndex(t, store, 1), "the store itself goes on")

	require.NoError(t, store.Write([]replica.Update{{Group: 1, Entries: entries(2, 4, 9), Sync: true}}))
	require.EqualValues(t, 5, lastIndex(t, crashed, 1), "and does not reach the other one")
	require.NoError(t, crashed.Write([]replica.Update{{Group: 1, Entries: entries(3, 6, 6), Sync: true}}))
	require.EqualValues(t, 9, lastIndex(t, store, 1))
	require.EqualValues(t, 6, lastIndex(t, crashed.Crash(), 1))
}

func TestMemoryLogStoreCrashUndoesCompactionAndDropping(t *testing.T) {
	store := replica.NewMemoryLogStore()
	log, err := store.Open(1)
	require.NoError(t, err)
	require.NoError(t, store.Write([]replica.Update{{Group: 1, Entries: entries(1, 1, 9), Sync: true}}))
	meta := pb.SnapshotMetadata{Index: 5, Term: 1}
	stage(t, log, 1, meta, "contents")
	require.NoError(t, log.AdoptSnapshot(meta))
	require.NoError(t, log.Compact(5))
	require.NoError(t, log.DropSnapshot(5))
	_, err = log.OpenSnapshot()
	require.ErrorIs(t, err, fs.ErrNotExist)

	crashed, err := store.Crash().Open(1)
	require.NoError(t, err)
	first, err := crashed.FirstIndex()
	require.NoError(t, err)
	require.EqualValues(t, 1, first)
	contents, err := crashed.OpenSnapshot()
	require.NoError(t, err)
	data, err := io.ReadAll(contents)
	require.NoError(t, err)
	require.Equal(t, "contents", string(data))
}

// TestMemoryLogStoreStagingAfterAnInstallThatIsNotSynced has a sync carry out an installation after the same snapshot was
// staged anew, which must not consume the new contents.
func TestMemoryLogStoreStagingAfterAnInstallThatIsNotSynced(t *testing.T) {
	store := replica.NewMemoryLogStore()
	log, err := store.Open(1)
	require.NoError(t, err)
	meta := pb.SnapshotMetadata{Index: 5, Term: 1}
	stage(t, log, 1, meta, "contents")
	require.NoError(t, store.Write([]replica.Update{{Group: 1, Snapshot: &meta}}))
	stage(t, log, 1, meta, "contents")
	require.NoError(t, store.Write([]replica.Update{{Group: 2, HardState: pb.HardState{Term: 1}, Sync: true}}))

	crashed, err := store.Crash().Open(1)
	require.NoError(t, err)
	w, err := crashed.StageSnapshot(1, meta)
	require.NoError(t, err)
	require.EqualValues(t, len("contents"), w.Offset())
}

func TestMemoryLogStoreRefusesWhatDoesNotFit(t *testing.T) {
	store := replica.NewMemoryLogStore()
	log, err := store.Open(1)
	require.NoError(t, err)
	require.NoError(t, store.Write([]replica.Update{{Group: 1, Entries: entries(1, 1, 9), Sync: true}}))
	require.NoError(t, log.Compact(4))
	gap := append(entries(1, 8, 8), entries(1, 10, 10)...)
	for want, update := range map[string]replica.Update{
		"writing group 1: entries begin at index 11, but the log ends at 9": {Entries: entries(1, 11, 11)},
		"entries begin at index 4, but the log begins at 5":                 {Entries: entries(1, 4, 5)},
		"entry 10 follows entry 8":                                          {Entries: gap},
		"no contents are staged and finished for the snapshot at index 20":  {Snapshot: &pb.SnapshotMetadata{Index: 20}},
		"has index 0": {Snapshot: &pb.SnapshotMetadata{}},
	} {
		update.Group = 1
		require.ErrorContains(t, store.Write([]replica.Update{update}), want)
	}
	require.ErrorContains(t, log.Compact(10), "its log ends at 9")
	_, err = log.StageSnapshot(1, pb.SnapshotMetadata{})
	require.ErrorContains(t, err, "its index is 0")
	require.EqualValues(t, 9, lastIndex(t, store, 1))

	w, err := log.StageSnapshot(1, pb.SnapshotMetadata{Index: 5})
	require.NoError(t, err)
	_, err = log.StageSnapshot(2, pb.SnapshotMetadata{Index: 5})
	require.NoError(t, err)
	_, err = w.Write([]byte("x"))
	require.ErrorContains(t, err, "they were removed, because others were staged")
	require.NoError(t, w.Close())
	_, err = w.Write([]byte("x"))
	require.ErrorIs(t, err, fs.ErrClosed)
}

func TestMemoryLogStoreFailsWhenTold(t *testing.T) {
	store := replica.NewMemoryLogStore()
	log, err := store.Open(1)
	require.NoError(t, err)
	meta := pb.SnapshotMetadata{Index: 5, Term: 1}
	w, err := log.StageSnapshot(1, meta)
	require.NoError(t, err)
	broken := errors.New("broken")
	store.FailWrites(broken)
	for name, err := range map[string]error{
		"Write":         store.Write([]replica.Update{{Group: 1, Entries: entries(1, 1, 5), Sync: true}}),
		"Remove":        store.Remove(1),
		"Compact":       log.Compact(0),
		"DropSnapshot":  log.DropSnapshot(9),
		"AdoptSnapshot": log.AdoptSnapshot(meta),
		"Finish":        w.Finish(),
	} {
		require.ErrorIs(t, err, broken, name)
	}
	_, err = log.StageSnapshot(1, meta)
	require.ErrorIs(t, err, broken)
	require.Zero(t, lastIndex(t, store, 1))
	require.NoError(t, store.Crash().Write([]replica.Update{{Group: 1, Entries: entries(1, 1, 5), Sync: true}}))
	store.FailWrites(nil)
	require.NoError(t, store.Write([]replica.Update{{Group: 1, Entries: entries(1, 1, 5), Sync: true}}))
	require.EqualValues(t, 5, lastIndex(t, store, 1))
}

// TestMemoryLogStoreFromManyGoroutines is for the race detector.
func TestMemoryLogStoreFromManyGoroutines(t *testing.T) {
	store := replica.NewMemoryLogStore()
	var wait sync.WaitGroup
	for group := range uint64(3) {
		log, err := store.Open(group)
		require.NoError(t, err)
		wait.Add(2)
		go func() {
			defer wait.Done()
			for round := range uint64(30) {
				meta := pb.SnapshotMetadata{Index: 3 * (round + 1), Term: 1}
				stage(t, log, round, meta, "contents")
				_ = log.AdoptSnapshot(meta)
				_ = log.DropSnapshot(meta.Index)
			}
		}()
		go func() {
			defer wait.Done()
			for range 100 {
				_, _ = log.OpenSnapshot()
				_, _, _ = log.InitialState()
				_, _ = log.Snapshot()
				_, _ = log.Entries(1, 3, 1<<20)
				_, _ = store.Crash().Groups()
			}
		}()
	}
	for round := range uint64(30) {
		for group := range uint64(3) {
			first := 3*round + 1
			require.NoError(t, store.Write([]replica.Update{{Group: group, Entries: entries(1, first, first+2), Sync: round%2 == 0}}))
		}
	}
	wait.Wait()
	require.EqualValues(t, 90, lastIndex(t, store, 2))
}
