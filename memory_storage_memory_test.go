package raft

import (
	"bytes"
	"runtime"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// TestMemoryStorageReturnsSegmentsWithoutCopying checks that a range within a segment is the segment's own memory, and
// one that spans segments is not.
func TestMemoryStorageReturnsSegmentsWithoutCopying(t *testing.T) {
	ms := NewMemoryStorage()
	require.NoError(t, ms.Append(testEntries(1, 1, 2*maxSegment)))
	require.Len(t, ms.log.segments, 2)
	whole, err := ms.Entries(1, maxSegment+1, noLimit)
	require.NoError(t, err)
	require.True(t, &whole[0] == &ms.log.segments[0][0])
	spanning, err := ms.Entries(maxSegment, maxSegment+2, noLimit)
	require.NoError(t, err)
	require.Equal(t, testEntries(1, maxSegment, maxSegment+1), spanning)
	require.False(t, &spanning[0] == &ms.log.segments[0][maxSegment-1])

	cut, err := ms.Entries(maxSegment, maxSegment+2, 1)
	require.NoError(t, err)
	require.True(t, &cut[0] == &ms.log.segments[0][maxSegment-1], "the size limit leaves it within the segment")
}

// TestMemoryStorageReplacementLeavesReadersAlone is the case that a log in one array gets wrong: entries are handed
// out, replaced, and appended to.
func TestMemoryStorageReplacementLeavesReadersAlone(t *testing.T) {
	ms := NewMemoryStorage()
	require.NoError(t, ms.Append(testEntries(1, 1, 5)))
	before := allEntries(t, ms)
	require.NoError(t, ms.Append(testEntries(2, 3, 3)))
	require.NoError(t, ms.Append(testEntries(2, 4, 6)))
	require.Equal(t, testEntries(1, 1, 5), before)
	require.Equal(t, append(testEntries(1, 1, 2), testEntries(2, 3, 6)...), allEntries(t, ms))

	after := allEntries(t, ms)
	_ = append(after[:2], testEntry(9, 9))
	part, err := ms.Entries(1, 3, noLimit)
	require.NoError(t, err)
	_ = append(part, testEntry(9, 9))
	require.Equal(t, append(testEntries(1, 1, 2), testEntries(2, 3, 6)...), allEntries(t, ms))
}

func TestMemoryStorageSegmentsGrowWithUse(t *testing.T) {
	ms := NewMemoryStorage()
	require.NoError(t, ms.Append(testEntries(1, 1, 1)))
	require.Equal(t, minSegment, cap(ms.log.segments[0]), "an idle replica stays small")
	for i := uint64(2); i <= 5000; i++ {
		require.NoError(t, ms.Append(testEntries(1, i, i)))
	}
	before := 0
	for _, seg := range ms.log.segments {
		require.GreaterOrEqual(t, cap(seg), before)
		require.LessOrEqual(t, cap(seg), maxSegment)
		before = cap(seg)
	}
	require.Equal(t, maxSegment, before)
	require.Len(t, ms.log.segments, 12, "8, 8, 16, ... 512, and four of 1024")
}

func TestMemoryStorageReleasesCompactedEntries(t *testing.T) {
	const last = 4*maxSegment + 100
	ms := NewMemoryStorage()
	var watched []weak.Pointer[byte]
	for i := uint64(1); i <= last; i++ {
		data := bytes.Repeat([]byte{1}, 64)
		watched = append(watched, weak.Make(&data[0]))
		require.NoError(t, ms.Append([]pb.Entry{{Term: 1, Index: i, Data: data}}))
	}
	held := func() (n int) {
		runtime.GC()
		for _, w := range watched {
			if w.Value() != nil {
				n++
			}
		}
		return n
	}
	require.Equal(t, last, held())
	for _, remain := range []uint64{3 * maxSegment, 1500, 100, 60, 3, 1} {
		for {
			first, _ := bounds(t, ms)
			if last-first+1 <= remain {
				break
			}
			require.NoError(t, ms.Compact(min(first+6, last-remain)))
		}
		require.GreaterOrEqual(t, held(), int(remain))
		require.LessOrEqual(t, held(), int(remain+min(remain, maxSegment)), "with %d entries left", remain)
	}
	require.NoError(t, ms.Compact(last))
	require.Zero(t, held())
	runtime.KeepAlive(ms)
}

func TestMemoryStorageReleasesReplacedSegments(t *testing.T) {
	ms := NewMemoryStorage()
	require.NoError(t, ms.Append(testEntries(1, 1, 3*maxSegment)))
	first := weak.Make(&ms.log.segments[0][0])
	third := weak.Make(&ms.log.segments[2][0])
	require.NoError(t, ms.Append(testEntries(2, 10, 10)))
	runtime.GC()
	require.NotNil(t, first.Value())
	require.Nil(t, third.Value())
	runtime.KeepAlive(ms)
}

// allocated returns the number of bytes that do allocates.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

const entryBytes = 48 // of a pb.Entry struct on a 64-bit machine

func TestMemoryStorageAppendNeverCopiesOldEntries(t *testing.T) {
	const count = 100_000
	ents := make([]pb.Entry, count)
	for i := range ents {
		ents[i] = pb.Entry{Term: 1, Index: uint64(i + 1)}
	}
	for _, batch := range []int{1, 7, 1000, count} {
		ms := NewMemoryStorage()
		got := allocated(func() {
			for rest := ents; len(rest) > 0; {
				n := min(batch, len(rest))
				_ = ms.Append(rest[:n])
				rest = rest[n:]
			}
		})
		require.Equal(t, ents, allEntries(t, ms))
		// Copying on growth by a factor of two would cost twice the entries' size, and more.
		require.Less(t, got, uint64(count*entryBytes*13/10), "in batches of %d", batch)
	}
}

func TestMemoryStorageReplacementIsCheap(t *testing.T) {
	const replacements = 500
	ms := NewMemoryStorage()
	require.NoError(t, ms.Append(testEntries(1, 1, 4*maxSegment)))
	last := testEntries(2, 4*maxSegment, 4*maxSegment)
	got := allocated(func() {
		for range replacements {
			_ = ms.Append(last)
		}
	})
	require.Less(t, got, uint64(replacements*2*minSegment*entryBytes+32*1024), "the log's length has no influence")
}

func TestMemoryStorageCompactDoesNotCopyWhatRemains(t *testing.T) {
	const count, compactions = 100_000, 3000
	ms := NewMemoryStorage()
	require.NoError(t, ms.Append(testEntries(1, 1, count)))
	got := allocated(func() {
		for i := uint64(1); i <= compactions; i++ {
			_ = ms.Compact(i)
		}
	})
	first, _ := bounds(t, ms)
	require.Equal(t, uint64(compactions+1), first)
	// A move for each compacted entry at most, and some slack for the test itself.
	require.Less(t, got, uint64(compactions*entryBytes+32*1024))
}

func TestMemoryStorageAllocations(t *testing.T) {
	ms := NewMemoryStorage()
	require.NoError(t, ms.Append(testEntries(1, 1, 3*maxSegment)))
	for _, maxSize := range []uint64{noLimit, 200, 0} {
		require.Zero(t, testing.AllocsPerRun(100, func() {
			if _, err := ms.Entries(10, 900, maxSize); err != nil {
				panic(err)
			}
		}), "within a segment, up to %d bytes", maxSize)
	}
	require.Equal(t, 1.0, testing.AllocsPerRun(100, func() {
		if _, err := ms.Entries(10, 3*maxSegment, noLimit); err != nil {
			panic(err)
		}
	}), "across segments")
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if _, err := ms.Term(2000); err != nil {
			panic(err)
		}
	}))

	next := pb.Entry{Term: 1, Index: 3 * maxSegment}
	require.LessOrEqual(t, testing.AllocsPerRun(20, func() {
		for range maxSegment {
			next.Index++
			if err := ms.Append([]pb.Entry{next}); err != nil {
				panic(err)
			}
		}
	}), 2.0, "a segment, and now and then the list of segments, for 1024 appends")
}

func TestMemoryStorageForgetsShadowWithItsSegment(t *testing.T) {
	ms := NewMemoryStorage()
	require.NoError(t, ms.Append(testEntries(1, 1, 8)))
	require.NoError(t, ms.Compact(3))
	require.Equal(t, 3, ms.log.shadow, "not worth a move yet")
	require.NoError(t, ms.Append(testEntries(2, 4, 5)))
	require.Zero(t, ms.log.shadow, "the segment that held them is gone")
}
