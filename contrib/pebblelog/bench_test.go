package pebblelog

import (
	"fmt"
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/replica"
)

// onEachDisk runs a benchmark on the operating system's file system and in memory.
func onEachDisk(b *testing.B, run func(b *testing.B, s *Store)) {
	for _, disk := range []string{"disk", "memory"} {
		b.Run(disk, func(b *testing.B) {
			options := Options{Logger: quiet()}
			if disk == "memory" {
				options.FS = vfs.NewMem()
			}
			s := mustOpen(b, b.TempDir(), options)
			run(b, s)
			require.NoError(b, s.Close())
		})
	}
}

// BenchmarkWrite appends one entry of 256 bytes to each of some groups, in one Write with Sync.
func BenchmarkWrite(b *testing.B) {
	for _, groups := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("groups=%d", groups), func(b *testing.B) {
			onEachDisk(b, func(b *testing.B, s *Store) { benchmarkWrite(b, s, groups) })
		})
	}
}

func benchmarkWrite(b *testing.B, s *Store, groups int) {
	updates := make([]replica.Update, groups)
	data := make([]byte, 256)
	index := uint64(0)
	write := func() {
		index++
		for g := range updates {
			updates[g] = replica.Update{
				Group: uint64(g), HardState: pb.HardState{Term: 1, Vote: 1, Commit: index},
				Entries: []pb.Entry{{Index: index, Term: 1, Data: data}}, Sync: true,
			}
		}
		require.NoError(b, s.Write(updates))
	}
	write() // the groups are opened
	before := s.Metrics()
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		write()
	}
	b.StopTimer()
	m := s.Metrics()
	b.ReportMetric(float64(groups*b.N)/b.Elapsed().Seconds(), "entries/s")
	b.ReportMetric(float64(m.Syncs-before.Syncs)/float64(b.N), "syncs/op")
	b.ReportMetric(float64(m.WrittenBytes-before.WrittenBytes)/float64(b.N*groups), "B/entry")
	for g := range updates { // what was written is there
		last, err := mustLog(b, s, uint64(g)).LastIndex()
		require.NoError(b, err)
		require.Equal(b, index, last)
	}
}

// BenchmarkRead reads pages of 64 KiB of entries of 256 bytes, from the database and from memory.
func BenchmarkRead(b *testing.B) {
	onEachDisk(b, func(b *testing.B, s *Store) {
		for i := range uint64(100) {
			require.NoError(b, s.Write([]replica.Update{{Group: 1, Entries: someEntries(i*1000+1, 1000, 1, 256)}}))
		}
		log := mustLog(b, s, 1)
		for name, from := range map[string]uint64{"old": 1, "new": 99_000} {
			b.Run(name, func(b *testing.B) {
				b.ReportAllocs()
				n := 0
				for b.Loop() {
					lo := from + uint64(n%400)
					entries, err := log.Entries(lo, lo+250, 64<<10)
					require.NoError(b, err)
					n += len(entries)
				}
				b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "entries/s")
			})
		}
	})
}

// TestTenThousandGroups reports what many idle groups cost.
func TestTenThousandGroups(t *testing.T) {
	const groups = 10_000
	mem := vfs.NewMem()
	s := mustOpen(t, "db", Options{FS: mem, Logger: quiet()})
	var updates []replica.Update
	for g := range uint64(groups) {
		updates = append(updates, replica.Update{
			Group: g, HardState: pb.HardState{Term: 1, Vote: 1, Commit: 3}, Entries: someEntries(1, 3, 1, 100),
		})
	}
	updates[0].Sync = true
	require.NoError(t, s.Write(updates))
	require.NoError(t, s.Close())

	began := time.Now()
	s = mustOpen(t, "db", Options{FS: mem, Logger: quiet()})
	opened := time.Since(began)
	ids, err := s.Groups()
	require.NoError(t, err)
	require.Len(t, ids, groups)
	listed := time.Since(began) - opened

	before := heap()
	logs := make([]replica.Log, groups)
	for i, id := range ids {
		logs[i] = mustLog(t, s, id)
	}
	all := time.Since(began) - opened - listed
	each := (heap() - before) / groups
	t.Logf("opened in %v, groups listed in %v, all logs opened in %v, %d bytes a group", opened, listed, all, each)
	require.Less(t, each, int64(1024))
	for _, log := range logs[:10] {
		entries, err := log.Entries(1, 4, math.MaxUint64)
		require.NoError(t, err)
		require.Len(t, entries, 3)
	}
	require.NoError(t, s.Close())
	runtime.KeepAlive(logs)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkSnapshot writes the contents of snapshots of 64 MiB.
func BenchmarkSnapshot(b *testing.B) {
	const size = 64 << 20
	onEachDisk(b, func(b *testing.B, s *Store) {
		piece := make([]byte, 32<<10)
		for i := range piece {
			piece[i] = byte(i * i / 7)
		}
		log := mustLog(b, s, 1)
		b.SetBytes(size)
		for n := uint64(1); b.Loop(); n++ {
			meta := pb.SnapshotMetadata{Index: n, Term: 1}
			w, err := log.StageSnapshot(1, meta)
			require.NoError(b, err)
			for range size / len(piece) {
				_, err := w.Write(piece)
				require.NoError(b, err)
			}
			require.NoError(b, w.Finish())
			require.NoError(b, log.AdoptSnapshot(meta))
		}
	})
}
