package raft

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Identities of entries, and sizes (Raft §5.3, §5.4.1).

func TestEntryIDOrder(t *testing.T) {
	ascending := []entryID{at(0, 0), at(1, 1), at(1, 9), at(2, 1), at(2, 2), at(3, 1)}
	for i, a := range ascending {
		for k, b := range ascending {
			require.Equal(t, i < k, a.less(b), "%s before %s", a, b)
		}
	}
	require.Equal(t, "3/7", at(3, 7).String())
}

func TestEntryIdentities(t *testing.T) {
	e := pb.Entry{Term: 3, Index: 8}
	require.Equal(t, at(3, 8), idOf(&e))
	s := pb.Snapshot{Metadata: pb.SnapshotMetadata{Term: 2, Index: 5}}
	require.Equal(t, at(2, 5), snapshotID(&s))
}

// sizedEntries returns n entries with data of random length.
func sizedEntries(rnd *rand.Rand, n int) []pb.Entry {
	ents := make([]pb.Entry, n)
	for i := range ents {
		ents[i] = pb.Entry{Term: rnd.Uint64N(300), Index: uint64(i + 1), Data: make([]byte, rnd.IntN(300))}
	}
	return ents
}

func TestEntrySizes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 3))
	ents := sizedEntries(rnd, 50)
	var encoded encodedSize
	var payload payloadSize
	for _, e := range ents {
		bytes, err := e.Marshal()
		require.NoError(t, err)
		encoded += encodedSize(len(bytes))
		payload += payloadSize(len(e.Data))
	}
	require.Equal(t, encoded, encodedSizeOf(ents))
	require.Equal(t, payload, payloadSizeOf(ents))
	require.Zero(t, encodedSizeOf(nil))
	require.Zero(t, payloadSizeOf(nil))
}

// anyNumber returns numbers of every length in bits alike.
func anyNumber(rnd *rand.Rand) uint64 { return rnd.Uint64() >> uint(rnd.IntN(65)) }

// entrySize is computed where Size would be called, for its cost: at every length of every field, with data that is
// missing, empty, and of a length on either side of where its own length takes another byte.
func TestEntrySizeIsTheEncodedSize(t *testing.T) {
	requireSize := func(e pb.Entry) {
		t.Helper()
		require.Equal(t, e.Size(), int(entrySize(&e)), "type %d, term %d, index %d, %d bytes", e.Type, e.Term, e.Index, len(e.Data))
	}
	for bits := range 65 {
		edge := uint64(1)<<bits - 1 // all ones for 64
		for _, x := range []uint64{edge, edge + 1} {
			requireSize(pb.Entry{Term: x})
			requireSize(pb.Entry{Index: x})
			requireSize(pb.Entry{Type: pb.EntryType(int32(x))})
		}
	}
	requireSize(pb.Entry{Type: -1, Term: math.MaxUint64, Index: math.MaxUint64, Data: []byte{}})
	requireSize(pb.Entry{Type: math.MinInt32})
	for _, n := range []int{0, 1, 127, 128, 129, 1<<14 - 1, 1 << 14, 1<<21 - 1, 1 << 21} {
		requireSize(pb.Entry{Data: make([]byte, n)})
	}
	rnd := rand.New(rand.NewPCG(5, 5))
	for range 2000 {
		e := pb.Entry{Type: pb.EntryType(rnd.Uint32() >> uint(rnd.IntN(33))), Term: anyNumber(rnd), Index: anyNumber(rnd)}
		if rnd.IntN(4) > 0 {
			e.Data = make([]byte, rnd.IntN(400))
		}
		requireSize(e)
		encoded, err := e.Marshal()
		require.NoError(t, err)
		require.Len(t, encoded, int(entrySize(&e)))
	}
}

// A sizer is given one entry after the other, and remembers of the one before: along a log whose indexes come to need
// another byte, and over entries that have nothing in common, each size is that of the entry alone.
func TestSizerForgetsWhatNeighboursDoNotShare(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7))
	for bits := range 64 {
		var s sizer
		first := max(uint64(1)<<bits, 20) - 20
		for index := first; index < first+40; index++ {
			e := pb.Entry{Term: 5, Index: index, Data: make([]byte, 110+rnd.IntN(40))}
			require.Equal(t, e.Size(), int(s.size(&e)), "index %d after the one before", index)
		}
	}
	var s sizer
	var e pb.Entry
	for range 5000 {
		switch rnd.IntN(4) {
		case 0:
			e.Type = pb.EntryType(rnd.IntN(4) - 1)
		case 1:
			e.Term = anyNumber(rnd)
		case 2:
			e.Index = anyNumber(rnd)
		case 3:
			e.Index += rnd.Uint64N(3) - 1
		}
		require.Equal(t, e.Size(), int(s.size(&e)), "type %d, term %d, index %d", e.Type, e.Term, e.Index)
	}
}

func TestVarintSize(t *testing.T) {
	rnd := rand.New(rand.NewPCG(6, 6))
	require.Equal(t, encodedSize(1), varintSize(0))
	for bits := range 64 {
		x := uint64(1) << bits
		for _, x := range []uint64{x - 1, x, x + 1, x | rnd.Uint64N(x), ^x} {
			require.Equal(t, len(binary.AppendUvarint(nil, x)), int(varintSize(x)), "%d", x)
		}
	}
}

// limitSize against trying every length.
func TestLimitSizeAgainstTryingAll(t *testing.T) {
	rnd := rand.New(rand.NewPCG(4, 4))
	for range 300 {
		ents := sizedEntries(rnd, rnd.IntN(10))
		limit := encodedSize(rnd.IntN(1500))
		want := min(1, len(ents))
		for n := range ents {
			if encodedSizeOf(ents[:n+1]) <= limit {
				want = n + 1
			}
		}
		got, size := limitSize(ents, limit)
		require.Equal(t, encodedSizeOf(got), size)
		require.Len(t, got, want)
		require.Equal(t, len(got), cap(got), "appending to it would write into the log")
	}
	ents := sizedEntries(rnd, 5)
	all := encodedSizeOf(ents)
	for limit, want := range map[encodedSize]int{noEncodedLimit: 5, 0: 1, all: 5, all - 1: 4} {
		got, _ := limitSize(ents, limit)
		require.Len(t, got, want)
	}
	got, size := limitSize(nil, noEncodedLimit)
	require.Nil(t, got)
	require.Zero(t, size)
}

func TestCheckContiguous(t *testing.T) {
	prev := at(2, 5)
	for _, tc := range []struct {
		ids  []entryID
		want string
	}{
		{nil, ""},
		{[]entryID{at(2, 6), at(2, 7), at(4, 8)}, ""},
		{[]entryID{at(2, 7)}, "entry 0 has index 7, want 6"},
		{[]entryID{at(2, 5)}, "entry 0 has index 5, want 6"},
		{[]entryID{at(2, 6), at(2, 6)}, "entry 1 has index 6, want 7"},
		{[]entryID{at(1, 6)}, "entry 0 has term 1, below the 2"},
		{[]entryID{at(3, 6), at(2, 7)}, "entry 1 has term 2, below the 3"},
		{[]entryID{at(2, 6), at(5, 7)}, "term 5, above the message's term 4"},
	} {
		err := checkContiguous(prev, entriesAt(tc.ids...), 4)
		if tc.want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, tc.want)
	}
}

// entrySize returns the encoded size of one entry.
func entrySize(e *pb.Entry) encodedSize {
	var s sizer
	return s.size(e)
}
