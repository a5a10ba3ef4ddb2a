package raft

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// storageErrors lists the sentinels of the Storage contract.
func storageErrors() []error {
	return []error{ErrCompacted, ErrSnapOutOfDate, ErrUnavailable, ErrSnapshotTemporarilyUnavailable}
}

func TestStorageErrorsAreDistinctAndPlain(t *testing.T) {
	for i, err := range storageErrors() {
		require.Nil(t, errors.Unwrap(err))
		require.Equal(t, strings.ToLower(err.Error()), err.Error())
		for _, other := range storageErrors()[i+1:] {
			require.NotErrorIs(t, err, other)
			require.NotEqual(t, err.Error(), other.Error())
		}
	}
}

// testEntry returns the entry that all storage tests have at a term and index, so that contents can be checked.
func testEntry(term, index uint64) pb.Entry {
	return pb.Entry{Term: term, Index: index, Data: []byte(entryID{term: term, index: index}.String())}
}

// testEntries returns the entries of one term with indexes from lo up to hi, both included.
func testEntries(term, lo, hi uint64) []pb.Entry {
	var ents []pb.Entry
	for i := lo; i <= hi; i++ {
		ents = append(ents, testEntry(term, i))
	}
	return ents
}

// storageInState returns a Storage with entries 4 to 6 of terms 2, 2 and 3, compacted and with a snapshot at 1/3.
func storageInState(t *testing.T) *MemoryStorage {
	ms := NewMemoryStorage()
	require.NoError(t, ms.Append(testEntries(1, 1, 3)))
	require.NoError(t, ms.Append(testEntries(2, 4, 5)))
	require.NoError(t, ms.Append(testEntries(3, 6, 6)))
	_, err := ms.CreateSnapshot(3, &pb.ConfState{Voters: []uint64{1, 2}}, []byte("three"))
	require.NoError(t, err)
	require.NoError(t, ms.Compact(3))
	return ms
}

func TestStorageTermBounds(t *testing.T) {
	var s Storage = storageInState(t)
	for _, tc := range []struct {
		index, term uint64
		err         error
	}{
		{index: 0, err: ErrCompacted},
		{index: 2, err: ErrCompacted},
		{index: 3, term: 1},
		{index: 4, term: 2},
		{index: 5, term: 2},
		{index: 6, term: 3},
		{index: 7, err: ErrUnavailable},
		{index: noLimit, err: ErrUnavailable},
	} {
		term, err := s.Term(tc.index)
		require.True(t, err == tc.err, "index %d: the sentinel must be bare, got %v", tc.index, err)
		require.Equal(t, tc.term, term, "index %d", tc.index)
	}
}

func TestStorageEntriesBounds(t *testing.T) {
	var s Storage = storageInState(t)
	e4, e5, e6 := testEntry(2, 4), testEntry(2, 5), testEntry(3, 6)
	size := uint64(e4.Size())
	require.Equal(t, size, uint64(e5.Size()))
	require.Equal(t, size, uint64(e6.Size()))

	for _, tc := range []struct {
		name         string
		lo, hi, size uint64
		want         []pb.Entry
		err          error
	}{
		{name: "below the log", lo: 0, hi: 5, size: noLimit, err: ErrCompacted},
		{name: "empty and below the log", lo: 3, hi: 3, size: noLimit, err: ErrCompacted},
		{name: "last compacted", lo: 3, hi: 5, size: noLimit, err: ErrCompacted},
		{name: "first", lo: 4, hi: 5, size: noLimit, want: []pb.Entry{e4}},
		{name: "last", lo: 6, hi: 7, size: noLimit, want: []pb.Entry{e6}},
		{name: "all", lo: 4, hi: 7, size: noLimit, want: []pb.Entry{e4, e5, e6}},
		{name: "none", lo: 5, hi: 5, size: noLimit},
		{name: "none at the end", lo: 7, hi: 7, size: noLimit},
		{name: "beyond the end", lo: 4, hi: 8, size: noLimit, err: ErrUnavailable},
		{name: "wholly beyond the end", lo: 9, hi: 10, size: noLimit, err: ErrUnavailable},
		{name: "up to the largest index", lo: 4, hi: noLimit, size: noLimit, err: ErrUnavailable},
		{name: "one whatever its size", lo: 4, hi: 7, size: 0, want: []pb.Entry{e4}},
		{name: "size of one", lo: 4, hi: 7, size: size, want: []pb.Entry{e4}},
		{name: "a byte short of two", lo: 4, hi: 7, size: 2*size - 1, want: []pb.Entry{e4}},
		{name: "size of two", lo: 4, hi: 7, size: 2 * size, want: []pb.Entry{e4, e5}},
		{name: "a byte short of three", lo: 4, hi: 7, size: 3*size - 1, want: []pb.Entry{e4, e5}},
		{name: "size of three", lo: 4, hi: 7, size: 3 * size, want: []pb.Entry{e4, e5, e6}},
		{name: "hi ends it before the size", lo: 4, hi: 6, size: 3 * size, want: []pb.Entry{e4, e5}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := s.Entries(tc.lo, tc.hi, tc.size)
			require.True(t, err == tc.err, "the sentinel must be bare, got %v", err)
			require.Equal(t, tc.want, got)
			require.Equal(t, len(got), cap(got))
		})
	}
}

func TestStorageEntriesRefusesReversedBounds(t *testing.T) {
	_, err := storageInState(t).Entries(6, 5, noLimit)
	require.ErrorContains(t, err, "from index 6 up to 5")
}
