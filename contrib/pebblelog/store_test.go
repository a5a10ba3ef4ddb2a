package pebblelog

import (
	"io"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/replica"
)

func someEntries(first, n, term uint64, size int) []pb.Entry {
	var out []pb.Entry
	for i := range n {
		out = append(out, pb.Entry{Index: first + i, Term: term, Data: make([]byte, size)})
	}
	return out
}

// TestForeignDatabasesAreRefused opens databases that this package did not write.
func TestForeignDatabasesAreRefused(t *testing.T) {
	for _, pair := range [][2]string{{"some key", "value"}, {formatKey, "raft pebblelog 99"}} {
		mem := vfs.NewMem()
		db, err := pebble.Open("db", &pebble.Options{FS: mem, Logger: newGuard(testOptions(mem))})
		require.NoError(t, err)
		require.NoError(t, db.Set([]byte(pair[0]), []byte(pair[1]), pebble.Sync))
		require.NoError(t, db.Close())
		_, err = Open("db", testOptions(mem))
		require.ErrorIs(t, err, ErrFormat)
	}
}

// TestOlderDatabaseIsRefused puts an older copy of the database in the place of the one that has acknowledged more.
func TestOlderDatabaseIsRefused(t *testing.T) {
	mem := vfs.NewCrashableMem()
	s := mustOpen(t, "db", testOptions(mem))
	require.NoError(t, s.Write([]replica.Update{{Group: 1, HardState: pb.HardState{Term: 1}, Sync: true}}))
	old := copyOf(mem)
	require.NoError(t, s.Write([]replica.Update{{Group: 1, HardState: pb.HardState{Term: 2}, Sync: true}}))
	require.NoError(t, s.Close())
	require.NoError(t, old.Remove("db/"+acknowledgedFile))
	_, err := vfs.Clone(mem, old, "db/"+acknowledgedFile, "db/"+acknowledgedFile)
	require.NoError(t, err)
	_, err = Open("db", testOptions(old))
	require.ErrorIs(t, err, ErrLost)
}

// TestUpdatesThatDoNotFitAreRefused checks that nothing of a Write is written if one of its updates does not fit.
func TestUpdatesThatDoNotFitAreRefused(t *testing.T) {
	s := mustOpen(t, "db", testOptions(vfs.NewMem()))
	defer s.Close()
	good := replica.Update{Group: 1, HardState: pb.HardState{Term: 1}, Entries: someEntries(1, 3, 1, 5), Sync: true}
	require.NoError(t, s.Write([]replica.Update{good}))
	more := replica.Update{Group: 1, HardState: pb.HardState{Term: 2}, Entries: someEntries(4, 3, 2, 5)}
	torn := someEntries(4, 2, 1, 5)
	torn[1].Index = 9
	meta := pb.SnapshotMetadata{}
	for _, bad := range []replica.Update{
		{Group: 2, Entries: someEntries(5, 1, 1, 5)},
		{Group: 1, Entries: someEntries(8, 1, 1, 5)},
		{Group: 1, Entries: torn},
		{Group: 1, Snapshot: &meta},
	} {
		require.Error(t, s.Write([]replica.Update{more, bad}))
		log := mustLog(t, s, 1)
		last, err := log.LastIndex()
		require.NoError(t, err)
		require.Equal(t, uint64(3), last)
		hard, _, err := log.InitialState()
		require.NoError(t, err)
		require.Equal(t, good.HardState, hard)
	}
	require.NoError(t, s.Write([]replica.Update{more}))
	require.ErrorIs(t, mustLog(t, s, 1).Compact(7), raft.ErrUnavailable)
	require.NoError(t, mustLog(t, s, 1).Compact(6))
	require.NoError(t, mustLog(t, s, 1).Compact(2))
	require.NoError(t, s.Write(nil))
	require.NoError(t, s.Write([]replica.Update{{Group: 3, Sync: true}}))
}

// TestRemovedAndClosed checks that what was removed or closed says so.
func TestRemovedAndClosed(t *testing.T) {
	mem := vfs.NewMem()
	s := mustOpen(t, "db", testOptions(mem))
	log := mustLog(t, s, 1)
	meta := pb.SnapshotMetadata{Index: 1, Term: 1}
	stage(t, log, 1, meta, 500)
	require.NoError(t, log.AdoptSnapshot(meta))
	r, err := log.OpenSnapshot()
	require.NoError(t, err)
	require.NoError(t, s.Remove(1))
	require.NoError(t, s.Remove(2))
	_, err = io.ReadAll(r)
	require.ErrorIs(t, err, errRemoved)
	require.NoError(t, r.Close())
	_, err = log.FirstIndex()
	require.ErrorIs(t, err, errRemoved)
	require.ErrorIs(t, log.Compact(1), errRemoved)
	groups, err := s.Groups()
	require.NoError(t, err)
	require.Empty(t, groups)
	log = mustLog(t, s, 1)
	last, err := log.LastIndex()
	require.NoError(t, err)
	require.Zero(t, last)
	require.NoError(t, s.Write([]replica.Update{{Group: 1, Entries: someEntries(1, 90, 1, 100), Sync: true}}))
	require.NoError(t, s.Close())

	require.ErrorIs(t, s.Close(), ErrClosed)
	require.ErrorIs(t, s.Write([]replica.Update{{Group: 1}}), ErrClosed)
	_, err = log.Entries(1, 5, math.MaxUint64)
	require.ErrorIs(t, err, ErrClosed)

	options := testOptions(mem)
	options.ReadOnly = true
	s = mustOpen(t, "db", options)
	entries, err := mustLog(t, s, 1).Entries(1, 91, math.MaxUint64)
	require.NoError(t, err)
	require.Len(t, entries, 90)
	require.ErrorIs(t, s.Write([]replica.Update{{Group: 1}}), ErrReadOnly)
	require.ErrorIs(t, s.Remove(1), ErrReadOnly)
	require.NoError(t, s.Close())
	_, err = Open("nothing", options)
	require.Error(t, err)
}

// TestCacheIsBounded writes to many groups: memory keeps no more than it may, the newest entries among them.
func TestCacheIsBounded(t *testing.T) {
	s := mustOpen(t, "db", testOptions(vfs.NewMem()))
	defer s.Close()
	for i := range uint64(60) {
		for group := range uint64(8) {
			require.NoError(t, s.Write([]replica.Update{{Group: group, Entries: someEntries(i+1, 1, 1, int(i)*3)}}))
			require.LessOrEqual(t, s.Metrics().CachedBytes, uint64(2<<10))
		}
	}
	before := s.Metrics()
	_, err := mustLog(t, s, 7).Entries(60, 61, math.MaxUint64)
	require.NoError(t, err)
	_, err = mustLog(t, s, 7).Entries(1, 2, math.MaxUint64)
	require.NoError(t, err)
	after := s.Metrics()
	require.Equal(t, before.CacheHits+1, after.CacheHits)
	require.Equal(t, before.CacheMisses+1, after.CacheMisses)
	require.Equal(t, uint64(480), after.Entries)
	require.Equal(t, 8, after.Groups)

	require.NoError(t, s.Write([]replica.Update{{Group: 9, Entries: someEntries(1, 1, 1, 1<<20)}}))
	require.LessOrEqual(t, s.Metrics().CachedBytes, uint64(2<<10))
	entries, err := mustLog(t, s, 9).Entries(1, 2, 0)
	require.NoError(t, err)
	require.Len(t, entries[0].Data, 1<<20)
}

// TestOneSyncForManyGroups counts the writes that one Write for many groups makes.
func TestOneSyncForManyGroups(t *testing.T) {
	s := mustOpen(t, "db", testOptions(vfs.NewMem()))
	defer s.Close()
	before := s.Metrics()
	var updates []replica.Update
	for group := range uint64(100) {
		updates = append(updates, replica.Update{
			Group: group, Entries: someEntries(1, 2, 1, 10), HardState: pb.HardState{Term: 1}, Sync: group == 50,
		})
	}
	require.NoError(t, s.Write(updates))
	after := s.Metrics()
	require.Equal(t, before.Writes+1, after.Writes)
	require.Equal(t, before.Syncs+1, after.Syncs)
	sum := uint64(0)
	for _, b := range after.SyncBuckets {
		sum += b.Count
	}
	require.Equal(t, after.Syncs, sum)
	updates[50].Sync = false
	require.NoError(t, s.Write(updates))
	require.Equal(t, after.Syncs, s.Metrics().Syncs)
}

// TestSpaceOfCompactedEntriesIsReclaimed compacts all that was written and waits for the disk to be free.
func TestSpaceOfCompactedEntriesIsReclaimed(t *testing.T) {
	options := testOptions(vfs.NewMem())
	options.MemTableBytes = 256 << 10
	adjust := options.adjust
	options.adjust = func(o *pebble.Options) {
		require.Positive(t, o.FlushDelayDeleteRange) // as it is when it is not a test's
		adjust(o)
		o.FlushDelayDeleteRange = time.Millisecond
		o.DisableTableStats = false
	}
	s := mustOpen(t, "db", options)
	defer s.Close()
	for i := range uint64(100) {
		u := replica.Update{Group: 1, Entries: someEntries(i*8+1, 8, 1, 10<<10)}
		for j := range u.Entries {
			for k := range u.Entries[j].Data {
				u.Entries[j].Data[k] = byte(k * (int(i) + k/256 + j)) // not to be compressed away
			}
		}
		require.NoError(t, s.Write([]replica.Update{u}))
	}
	full := s.Metrics().DiskBytes
	require.NoError(t, mustLog(t, s, 1).Compact(800))
	require.Eventually(t, func() bool { return s.Metrics().DiskBytes < full/4 }, time.Minute, 10*time.Millisecond)
}

// TestReadersWhileWriting reads while another goroutine writes: each read shows the log before a write or after it.
func TestReadersWhileWriting(t *testing.T) {
	s := mustOpen(t, "db", testOptions(vfs.NewMem()))
	defer s.Close()
	require.NoError(t, s.Write([]replica.Update{{Group: 1, Entries: someEntries(1, 50, 1, 40)}}))
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Add(1)
		go func() {
			defer readers.Done()
			for {
				select {
				case <-stop:
					return
				default:
					readOnce(t, mustLog(t, s, 1))
				}
			}
		}()
	}
	for term := uint64(2); term < 300; term++ {
		// Each write replaces all but the first ten entries, by more or fewer of them, and each term has its own length.
		u := replica.Update{Group: 1, Entries: someEntries(11, 20+term%30, term, 40), HardState: pb.HardState{Term: term}}
		require.NoError(t, s.Write([]replica.Update{u}))
		if term%100 == 0 {
			require.NoError(t, mustLog(t, s, 1).Compact(term/100))
		}
		if term%50 == 0 {
			meta := pb.SnapshotMetadata{Index: term / 50, Term: 1}
			stage(t, mustLog(t, s, 1), term, meta, 300)
			require.NoError(t, mustLog(t, s, 1).AdoptSnapshot(meta))
		}
	}
	close(stop)
	readers.Wait()
}

// readOnce reads entries that writes replace: all of one read are of one write.
func readOnce(t *testing.T, log replica.Log) {
	entries, err := log.Entries(5, 25, math.MaxUint64)
	if err != nil {
		t.Errorf("read: %v", err)
		return
	}
	for i, e := range entries {
		if e.Index != uint64(5+i) || e.Index > 10 && e.Term != entries[6].Term {
			t.Errorf("entry %d/%d at place %d beside term %d", e.Index, e.Term, i, entries[6].Term)
		}
	}
	if _, err := log.Term(12); err != nil {
		t.Errorf("term: %v", err)
	}
	if r, err := log.OpenSnapshot(); err == nil {
		if data, err := io.ReadAll(r); err != nil || len(data) != 300 {
			t.Errorf("snapshot of %d bytes: %v", len(data), err)
		}
		r.Close()
	}
}
