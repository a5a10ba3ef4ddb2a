package pebblelog

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/replica"
)

const damaged = 3 // the group whose data are damaged

// fill writes a log with ten entries above a snapshot of several chunks, and begins another one.
func fill(t *testing.T, s *Store) {
	t.Helper()
	log := mustLog(t, s, damaged)
	meta := pb.SnapshotMetadata{Index: 4, Term: 2, ConfState: pb.ConfState{Voters: []uint64{1, 2, 3}}}
	stage(t, log, 5, meta, 200)
	u := replica.Update{Group: damaged, HardState: pb.HardState{Term: 3, Vote: 1, Commit: 4}, Snapshot: &meta, Sync: true}
	for i := range uint64(10) {
		u.Entries = append(u.Entries, pb.Entry{Index: 5 + i, Term: 3, Data: []byte(fmt.Sprint("entry ", 5+i))})
	}
	require.NoError(t, s.Write([]replica.Update{u}))
	w, err := log.StageSnapshot(6, pb.SnapshotMetadata{Index: 9, Term: 3})
	require.NoError(t, err)
	_, err = w.Write(make([]byte, 150))
	require.NoError(t, err)
	require.NoError(t, w.Close())
}

// stage writes and finishes the contents of a snapshot.
func stage(t *testing.T, log replica.Log, stream uint64, meta pb.SnapshotMetadata, length int) []byte {
	t.Helper()
	contents := make([]byte, length)
	for i := range contents {
		contents[i] = byte(i * 7 / 3)
	}
	w, err := log.StageSnapshot(stream, meta)
	require.NoError(t, err)
	_, err = w.Write(contents[w.Offset():])
	require.NoError(t, err)
	require.NoError(t, w.Finish())
	require.NoError(t, w.Close())
	return contents
}

// withRaw changes the database behind the store's back.
func withRaw(t *testing.T, fs vfs.FS, f func(*pebble.DB)) {
	t.Helper()
	options := testOptions(fs)
	db, err := pebble.Open("db", options.database(newGuard(options)))
	require.NoError(t, err)
	f(db)
	require.NoError(t, db.Close())
}

// pairs returns all keys of the damaged group, and their values.
func pairs(t *testing.T, fs vfs.FS) (keys, values [][]byte) {
	t.Helper()
	withRaw(t, fs, func(db *pebble.DB) {
		iter, err := db.NewIter(&pebble.IterOptions{LowerBound: groupStart(damaged), UpperBound: groupEnd(damaged)})
		require.NoError(t, err)
		for ok := iter.First(); ok; ok = iter.Next() {
			keys = append(keys, append([]byte(nil), iter.Key()...))
			values = append(values, append([]byte(nil), iter.Value()...))
		}
		require.NoError(t, iter.Close())
	})
	return keys, values
}

// readDamaged reads all that there is of the group, and goes on with what is staged. It describes what it has read.
func readDamaged(fs vfs.FS) (text string, offset uint64, err error) {
	s, err := Open("db", testOptions(fs))
	if err != nil {
		return "", 0, err
	}
	defer s.Close()
	log, err := s.Open(damaged)
	if err != nil {
		return "", 0, err
	}
	if text, err = describeLog(log); err != nil {
		return "", 0, err
	}
	for i := uint64(4); i <= 14; i++ {
		term, err := log.Term(i)
		if err != nil {
			return "", 0, err
		}
		text += fmt.Sprint(" ", term)
	}
	w, err := log.StageSnapshot(6, pb.SnapshotMetadata{Index: 9, Term: 3})
	if err != nil {
		return "", 0, err
	}
	return text, w.Offset(), w.Close()
}

// TestDamagedValuesAreReported changes bytes of every value of a group, one at a time, and removes and swaps the values:
// each time an error says so, except that a damaged piece of what is staged is staged again.
func TestDamagedValuesAreReported(t *testing.T) {
	pristine := vfs.NewCrashableMem()
	s := mustOpen(t, "db", testOptions(pristine))
	fill(t, s)
	require.NoError(t, s.Close())
	keys, values := pairs(t, pristine)
	require.Len(t, keys, 3+10+4+3)
	want, whole, err := readDamaged(copyOf(pristine))
	require.NoError(t, err)
	require.Equal(t, uint64(150), whole)

	for i, key := range keys {
		_, k, _, _, err := splitKey(key)
		require.NoError(t, err)
		changed := [][]byte{nil, values[(i+1)%len(keys)], values[i][:len(values[i])-1], {}}
		for at := i % 2; at < len(values[i]); at += 1 + at/24 { // all of what is before the data, and some of these
			value := append([]byte(nil), values[i]...)
			value[at] ^= 1 << (at % 8)
			changed = append(changed, value)
		}
		for n, value := range changed {
			fs := copyOf(pristine)
			withRaw(t, fs, func(db *pebble.DB) {
				if value == nil {
					require.NoError(t, db.Delete(key, pebble.Sync))
					return
				}
				require.NoError(t, db.Set(key, value, pebble.Sync))
			})
			got, offset, err := readDamaged(fs)
			name := fmt.Sprintf("key %x change %d", key, n)
			if err == nil {
				missing := value == nil && k == kindStaged
				stagedPiece := k == kindChunk && i >= len(keys)-3
				require.True(t, missing || stagedPiece, "%s: nobody noticed: %s", name, got)
				require.Equal(t, want, got, name)
				require.Less(t, offset, whole, name)
				continue
			}
			var damage *DamageError
			require.ErrorAs(t, err, &damage, name)
			require.Equal(t, uint64(damaged), damage.Group, name)
		}
	}
}

// TestDamagedFilesAreReported changes bytes of the database's files: what can be read afterwards is what was written, or
// there is an error.
func TestDamagedFilesAreReported(t *testing.T) {
	pristine := vfs.NewCrashableMem()
	s := mustOpen(t, "db", testOptions(pristine))
	fill(t, s)
	require.NoError(t, s.db.Flush())
	last := pb.HardState{Term: 9, Vote: 2, Commit: 5}
	for i := range uint64(6) {
		u := replica.Update{Group: damaged, HardState: pb.HardState{Term: 4 + i, Vote: 2, Commit: 5}, Sync: true}
		require.NoError(t, s.Write([]replica.Update{u}))
	}
	require.NoError(t, s.Close())
	want, _, err := readDamaged(copyOf(pristine))
	require.NoError(t, err)
	require.Contains(t, want, fmt.Sprint(last))

	names, err := pristine.List("db")
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(1, 1))
	noticed, harmless := map[string]int{}, map[string]int{}
	for _, name := range names {
		size := fileSize(t, pristine, name)
		kind := name[strings.LastIndexAny(name, ".")+1:]
		for range min(size, 80) {
			fs := copyOf(pristine)
			at := rng.Int64N(size)
			flip(t, fs, name, at, byte(1+rng.IntN(255)))
			got, _, err := readDamaged(fs)
			if err != nil {
				noticed[kind]++
				continue
			}
			harmless[kind]++
			require.Equal(t, want, got, "%s at %d of %d", name, at, size)
		}
	}
	t.Logf("noticed: %v, without effect: %v", noticed, harmless)
	require.NotZero(t, noticed["sst"])
	require.NotZero(t, noticed["log"])
}

// copyOf returns a copy of a file system of which nothing is lost.
func copyOf(fs *vfs.MemFS) *vfs.MemFS {
	return fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(0, 0))})
}

func fileSize(t *testing.T, fs vfs.FS, name string) int64 {
	t.Helper()
	info, err := fs.Stat(fs.PathJoin("db", name))
	require.NoError(t, err)
	if info.IsDir() {
		return 0
	}
	return info.Size()
}

func flip(t *testing.T, fs vfs.FS, name string, at int64, mask byte) {
	t.Helper()
	f, err := fs.OpenReadWrite(fs.PathJoin("db", name), vfs.WriteCategoryUnspecified)
	require.NoError(t, err)
	b := make([]byte, 1)
	_, err = f.ReadAt(b, at)
	require.NoError(t, err)
	b[0] ^= mask
	_, err = f.WriteAt(b, at)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}
