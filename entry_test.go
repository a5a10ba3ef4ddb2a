package raft

import (
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
