package raft

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// bounds returns what FirstIndex and LastIndex say.
func bounds(t *testing.T, ms *MemoryStorage) (first, last uint64) {
	first, err := ms.FirstIndex()
	require.NoError(t, err)
	last, err = ms.LastIndex()
	require.NoError(t, err)
	return first, last
}

// allEntries returns all entries of ms, and nil if there are none.
func allEntries(t *testing.T, ms *MemoryStorage) []pb.Entry {
	first, last := bounds(t, ms)
	if first > last {
		return nil
	}
	ents, err := ms.Entries(first, last+1, noLimit)
	require.NoError(t, err)
	return ents
}

func TestMemoryStorageStartsEmpty(t *testing.T) {
	for name, ms := range map[string]*MemoryStorage{"new": NewMemoryStorage(), "zero value": {}} {
		t.Run(name, func(t *testing.T) {
			first, last := bounds(t, ms)
			require.Equal(t, uint64(1), first)
			require.Equal(t, uint64(0), last)

			term, err := ms.Term(0)
			require.NoError(t, err)
			require.Zero(t, term)
			_, err = ms.Term(1)
			require.True(t, err == ErrUnavailable)
			_, err = ms.Entries(0, 1, noLimit)
			require.True(t, err == ErrCompacted)
			_, err = ms.Entries(1, 1, noLimit)
			require.True(t, err == ErrUnavailable, "a log without entries has none to return")
			_, err = ms.Entries(1, 2, noLimit)
			require.True(t, err == ErrUnavailable)

			hs, cs, err := ms.InitialState()
			require.NoError(t, err)
			require.Equal(t, pb.HardState{}, hs)
			require.Equal(t, pb.ConfState{}, cs)
			snap, err := ms.Snapshot()
			require.NoError(t, err)
			require.Equal(t, pb.Snapshot{}, snap)
		})
	}
}

func TestMemoryStorageKeepsHardState(t *testing.T) {
	ms := NewMemoryStorage()
	for _, want := range []pb.HardState{{Term: 2, Vote: 1, Commit: 1}, {Term: 3}, {}} {
		require.NoError(t, ms.SetHardState(want))
		hs, _, err := ms.InitialState()
		require.NoError(t, err)
		require.Equal(t, want, hs)
	}
}

func TestMemoryStorageAppend(t *testing.T) {
	// The log before: compacted up to 1/3, entries 4 and 5 of term 2, entry 6 of term 3.
	stored := slices.Concat(testEntries(2, 4, 5), testEntries(3, 6, 6))
	for _, tc := range []struct {
		name    string
		entries []pb.Entry
		want    []pb.Entry
		err     string
	}{
		{name: "nil", want: stored},
		{name: "none", entries: []pb.Entry{}, want: stored},
		{name: "compacted ones only", entries: testEntries(1, 1, 3), want: stored},
		{name: "the dummy position only", entries: testEntries(0, 0, 0), want: stored},
		{name: "next", entries: testEntries(3, 7, 8), want: append(slices.Clone(stored), testEntries(3, 7, 8)...)},
		{name: "replaces the last", entries: testEntries(4, 6, 6),
			want: append(testEntries(2, 4, 5), testEntry(4, 6))},
		{name: "replaces the last and goes on", entries: testEntries(4, 6, 8),
			want: append(testEntries(2, 4, 5), testEntries(4, 6, 8)...)},
		{name: "replaces in the middle and drops what follows", entries: testEntries(4, 5, 5),
			want: append(testEntries(2, 4, 4), testEntry(4, 5))},
		{name: "replaces all", entries: testEntries(4, 4, 4), want: testEntries(4, 4, 4)},
		{name: "begins with compacted ones", entries: testEntries(4, 1, 5), want: testEntries(4, 4, 5)},
		{name: "begins with all compacted ones", entries: testEntries(4, 0, 9), want: testEntries(4, 4, 9)},
		{name: "gap", entries: testEntries(3, 8, 9), want: stored,
			err: "append begins at index 8 but the log ends at 6"},
		{name: "hole", entries: append(testEntries(3, 7, 7), testEntry(3, 9)), want: stored,
			err: "index 9 follows index 7"},
		{name: "hole among compacted ones", entries: append(testEntries(1, 1, 1), testEntry(1, 3)), want: stored,
			err: "index 3 follows index 1"},
		{name: "twice the same", entries: append(testEntries(3, 7, 7), testEntry(3, 7)), want: stored,
			err: "index 7 follows index 7"},
		{name: "backwards", entries: append(testEntries(3, 7, 7), testEntry(3, 6)), want: stored,
			err: "index 6 follows index 7"},
		{name: "overflow", entries: []pb.Entry{testEntry(3, noLimit), testEntry(3, 0)}, want: stored,
			err: "index 0 follows index 18446744073709551615"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ms := storageInState(t)
			err := ms.Append(tc.entries)
			if tc.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tc.err)
			}
			require.Equal(t, tc.want, allEntries(t, ms))
			first, last := bounds(t, ms)
			require.Equal(t, uint64(4), first)
			require.Equal(t, tc.want[len(tc.want)-1].Index, last)
			checkSegments(t, &ms.log)
		})
	}
}

func TestMemoryStorageAppendCopiesStructsAndSharesData(t *testing.T) {
	ms := NewMemoryStorage()
	given := testEntries(1, 1, 2)
	require.NoError(t, ms.Append(given))
	given[0].Term = 9
	got := allEntries(t, ms)
	require.Equal(t, uint64(1), got[0].Term)
	require.True(t, &given[0].Data[0] == &got[0].Data[0])
}

func TestMemoryStorageCompact(t *testing.T) {
	for _, tc := range []struct {
		index uint64
		bare  error
		text  string
	}{
		{index: 0, bare: ErrCompacted},
		{index: 2, bare: ErrCompacted},
		{index: 3, bare: ErrCompacted},
		{index: 4},
		{index: 5},
		{index: 6},
		{index: 7, text: "compaction up to index 7 but the log ends at 6"},
	} {
		t.Run(fmt.Sprint(tc.index), func(t *testing.T) {
			ms := storageInState(t)
			term, termErr := ms.Term(tc.index)
			before := allEntries(t, ms)
			err := ms.Compact(tc.index)
			checkSegments(t, &ms.log)
			switch {
			case tc.bare != nil:
				require.True(t, err == tc.bare)
				require.Equal(t, before, allEntries(t, ms))
			case tc.text != "":
				require.ErrorContains(t, err, tc.text)
				require.ErrorIs(t, err, ErrUnavailable)
				require.Equal(t, before, allEntries(t, ms))
			default:
				require.NoError(t, err)
				require.NoError(t, termErr)
				first, last := bounds(t, ms)
				require.Equal(t, tc.index+1, first)
				require.Equal(t, uint64(6), last)
				kept, err := ms.Term(tc.index)
				require.NoError(t, err)
				require.Equal(t, term, kept)
				_, err = ms.Term(tc.index - 1)
				require.True(t, err == ErrCompacted)
			}
		})
	}
}

func TestMemoryStorageGoesOnAfterCompactingAll(t *testing.T) {
	ms := storageInState(t)
	require.NoError(t, ms.Compact(6))
	require.Nil(t, allEntries(t, ms))
	_, err := ms.Entries(7, 7, noLimit)
	require.True(t, err == ErrUnavailable)
	require.NoError(t, ms.Append(testEntries(3, 5, 9)))
	require.Equal(t, testEntries(3, 7, 9), allEntries(t, ms))
}

func TestMemoryStorageCreateSnapshot(t *testing.T) {
	members := pb.ConfState{Voters: []uint64{1, 2, 3}, Learners: []uint64{4}}
	for _, tc := range []struct {
		name  string
		index uint64
		cs    *pb.ConfState
		want  pb.SnapshotMetadata
		bare  error
		text  string
	}{
		{name: "older", index: 2, bare: ErrSnapOutOfDate},
		{name: "same", index: 3, bare: ErrSnapOutOfDate},
		{name: "new members", index: 4, cs: &members,
			want: pb.SnapshotMetadata{Index: 4, Term: 2, ConfState: members}},
		{name: "former members", index: 6,
			want: pb.SnapshotMetadata{Index: 6, Term: 3, ConfState: pb.ConfState{Voters: []uint64{1, 2}}}},
		{name: "beyond the log", index: 7, cs: &members, text: "snapshot at index 7 but the log ends at 6"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ms := storageInState(t)
			before, err := ms.Snapshot()
			require.NoError(t, err)
			log := allEntries(t, ms)

			snap, err := ms.CreateSnapshot(tc.index, tc.cs, []byte("data"))
			stored, storedErr := ms.Snapshot()
			require.NoError(t, storedErr)
			require.Equal(t, log, allEntries(t, ms), "a snapshot does not compact")
			if tc.bare == nil && tc.text == "" {
				require.NoError(t, err)
				require.Equal(t, pb.Snapshot{Data: []byte("data"), Metadata: tc.want}, snap)
				require.Equal(t, snap, stored)
				_, cs, err := ms.InitialState()
				require.NoError(t, err)
				require.Equal(t, tc.want.ConfState, cs)
				return
			}
			require.Equal(t, pb.Snapshot{}, snap)
			require.Equal(t, before, stored)
			if tc.bare != nil {
				require.True(t, err == tc.bare)
				return
			}
			require.ErrorContains(t, err, tc.text)
			require.ErrorIs(t, err, ErrUnavailable)
		})
	}
}

func TestMemoryStorageCreateSnapshotBelowCompaction(t *testing.T) {
	ms := storageInState(t)
	require.NoError(t, ms.Compact(5))
	_, err := ms.CreateSnapshot(4, nil, nil)
	require.True(t, err == ErrCompacted)
	snap, err := ms.CreateSnapshot(5, nil, nil)
	require.NoError(t, err, "the term of the last compacted index is known")
	require.Equal(t, entryID{term: 2, index: 5}, snapshotID(&snap))
}

func TestMemoryStorageCreateSnapshotCopiesMembers(t *testing.T) {
	ms := storageInState(t)
	cs := pb.ConfState{
		Voters: []uint64{1}, Learners: []uint64{2}, VotersOutgoing: []uint64{3}, LearnersNext: []uint64{3}, AutoLeave: true,
	}
	want := copyConfState(cs)
	_, err := ms.CreateSnapshot(5, &cs, nil)
	require.NoError(t, err)
	cs.Voters[0], cs.Learners[0], cs.VotersOutgoing[0], cs.LearnersNext[0] = 9, 9, 9, 9
	snap, err := ms.Snapshot()
	require.NoError(t, err)
	require.Equal(t, want, snap.Metadata.ConfState)
}

func TestMemoryStorageApplySnapshot(t *testing.T) {
	for _, tc := range []struct {
		name string
		id   entryID
		bare error
	}{
		{name: "empty", bare: ErrSnapOutOfDate},
		{name: "older", id: entryID{term: 1, index: 2}, bare: ErrSnapOutOfDate},
		{name: "same", id: entryID{term: 1, index: 3}, bare: ErrSnapOutOfDate},
		{name: "within the log", id: entryID{term: 2, index: 5}},
		{name: "beyond the log", id: entryID{term: 4, index: 20}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ms := storageInState(t)
			require.NoError(t, ms.SetHardState(pb.HardState{Term: 4, Commit: 5}))
			before := allEntries(t, ms)
			snap := pb.Snapshot{Data: []byte("other"), Metadata: pb.SnapshotMetadata{
				Index: tc.id.index, Term: tc.id.term, ConfState: pb.ConfState{Voters: []uint64{7}},
			}}
			err := ms.ApplySnapshot(snap)
			stored, storedErr := ms.Snapshot()
			require.NoError(t, storedErr)
			if tc.bare != nil {
				require.True(t, err == tc.bare)
				require.Equal(t, before, allEntries(t, ms))
				require.Equal(t, []byte("three"), stored.Data)
				return
			}
			require.NoError(t, err)
			require.Equal(t, snap, stored)
			require.Nil(t, allEntries(t, ms))
			first, last := bounds(t, ms)
			require.Equal(t, tc.id.index+1, first)
			require.Equal(t, tc.id.index, last)
			term, err := ms.Term(tc.id.index)
			require.NoError(t, err)
			require.Equal(t, tc.id.term, term)
			hs, cs, err := ms.InitialState()
			require.NoError(t, err)
			require.Equal(t, pb.HardState{Term: 4, Commit: 5}, hs)
			require.Equal(t, []uint64{7}, cs.Voters)
			require.NoError(t, ms.Append(testEntries(5, tc.id.index+1, tc.id.index+2)))
			require.Equal(t, testEntries(5, tc.id.index+1, tc.id.index+2), allEntries(t, ms))
		})
	}
}
