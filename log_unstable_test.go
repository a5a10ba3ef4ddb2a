package raft

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// The unstable suffix against a model that copies everything (Raft §5.3, §7), and the promise that what was handed out
// is never written again.

// handedSlice is a slice that was handed out, and a copy of what it held then.
type handedSlice struct {
	slice []pb.Entry
	copy  []pb.Entry
}

// unstableModel is the slow twin: the suffix as a fresh list after every change, and all slices that were handed out.
type unstableModel struct {
	t       *testing.T
	u       unstable
	entries []pb.Entry
	offset  uint64
	fresh   uint64
	// durable is what storage will have acknowledged at most: entries handed out, in the order of hand-out.
	acks   []entryID
	handed []handedSlice
	term   uint64
	serial int
}

func (m *unstableModel) next() uint64 { return m.offset + uint64(len(m.entries)) }

// fill returns n entries from an index on, no two ever with the same data.
func (m *unstableModel) fill(from uint64, n int) []pb.Entry {
	ents := make([]pb.Entry, n)
	for i := range ents {
		m.serial++
		ents[i] = pb.Entry{Term: m.term, Index: from + uint64(i), Data: []byte(fmt.Sprint(m.serial))}
	}
	return ents
}

func (m *unstableModel) hand(ents []pb.Entry) {
	m.handed = append(m.handed, handedSlice{slice: ents, copy: slices.Clone(ents)})
}

func (m *unstableModel) replace(rnd *rand.Rand) {
	first := m.offset + rnd.Uint64N(uint64(len(m.entries))+1)
	if rnd.IntN(4) == 0 {
		first = max(1, first-min(first, rnd.Uint64N(4)))
	}
	m.term++
	ents := m.fill(first, 1+rnd.IntN(5)*rnd.IntN(5))
	m.u.replaceFrom(ents)
	m.hand(ents)
	if first < m.offset {
		m.entries, m.offset, m.fresh = slices.Clone(ents), first, first
		return
	}
	m.entries = append(slices.Clone(m.entries[:first-m.offset]), ents...)
	m.fresh = min(m.fresh, first)
}

func (m *unstableModel) extend(rnd *rand.Rand) {
	ents := m.fill(m.next(), 1+rnd.IntN(5))
	m.u.extend(m.term, ents)
	m.entries = append(slices.Clone(m.entries), ents...)
}

// save hands out what is fresh, as a Ready does.
func (m *unstableModel) save() {
	ents := m.u.freshEntries()
	require.Equal(m.t, int(m.next()-m.fresh), m.u.freshCount())
	require.Equal(m.t, idsOf(m.entries[m.fresh-m.offset:]), idsOf(ents))
	m.hand(ents)
	m.u.acceptSaving()
	m.fresh = m.next()
	if len(ents) > 0 {
		m.acks = append(m.acks, idOf(&ents[len(ents)-1]))
	}
}

// acknowledge delivers the oldest acknowledgement. It counts if the log still holds the entry it names.
func (m *unstableModel) acknowledge() {
	if len(m.acks) == 0 {
		return
	}
	id := m.acks[0]
	m.acks = m.acks[1:]
	k := slices.Index(idsOf(m.entries), id)
	counts := k >= 0 && id.index < m.fresh
	require.Equal(m.t, counts, m.u.entriesStored(id), "acknowledgement of %s", id)
	if counts {
		m.entries = slices.Clone(m.entries[k+1:])
		m.offset = id.index + 1
	}
}

func (m *unstableModel) compare() {
	require.NoError(m.t, m.u.check())
	require.Equal(m.t, m.offset, m.u.offset)
	require.Equal(m.t, m.fresh, m.u.fresh)
	require.Equal(m.t, m.next(), m.u.next())
	got := m.u.slice(m.u.offset, m.u.next())
	require.Equal(m.t, len(got), cap(got))
	require.True(m.t, slices.EqualFunc(m.entries, got, sameEntry), "want %v, got %v", m.entries, got)
	m.hand(got)
}

func sameEntry(a, b pb.Entry) bool {
	return a.Term == b.Term && a.Index == b.Index && a.Type == b.Type && string(a.Data) == string(b.Data)
}

func TestUnstableAgainstAModel(t *testing.T) {
	for seed := uint64(0); seed < 10; seed++ {
		rnd := rand.New(rand.NewPCG(seed, 9))
		m := &unstableModel{t: t, u: unstable{offset: 5, fresh: 5}, offset: 5, fresh: 5, term: 1}
		for range 400 {
			switch rnd.IntN(6) {
			case 0:
				m.replace(rnd)
			case 1, 2:
				m.extend(rnd)
			case 3:
				m.save()
			default:
				m.acknowledge()
			}
			m.compare()
		}
		for _, h := range m.handed {
			require.True(t, slices.EqualFunc(h.copy, h.slice, sameEntry), "what was handed out was written again")
		}
	}
}

// A slice that was handed out does not let its holder write into the log by appending to it.
func TestUnstableSlicesHaveNoSpareRoom(t *testing.T) {
	u := unstable{offset: 1, fresh: 1}
	u.extend(1, make([]pb.Entry, 3))
	for _, s := range [][]pb.Entry{u.slice(1, 2), u.slice(1, 3), u.freshEntries()} {
		require.Equal(t, len(s), cap(s))
	}
}

func TestUnstableSnapshot(t *testing.T) {
	u := unstable{offset: 5, fresh: 5}
	u.extend(1, make([]pb.Entry, 3))
	u.acceptSaving()
	u.restore(pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 9, Term: 2}})
	require.NoError(t, u.check())
	require.Equal(t, uint64(10), u.next())
	require.NotNil(t, u.freshSnapshot())
	require.False(t, u.snapshotStored(9), "not handed out yet")
	require.False(t, u.entriesStored(at(1, 7)), "of before the snapshot")

	u.replaceFrom(entriesAt(at(2, 10), at(2, 11)))
	u.acceptSaving()
	require.Nil(t, u.freshSnapshot())
	require.Nil(t, u.freshEntries())
	require.False(t, u.entriesStored(at(2, 11)), "the snapshot comes first")
	require.False(t, u.snapshotStored(8), "of another snapshot")
	require.True(t, u.snapshotStored(9))
	require.False(t, u.snapshotStored(9), "the second time")
	require.True(t, u.entriesStored(at(2, 11)))
	require.Equal(t, uint64(12), u.offset)
}

func TestUnstableEntriesStored(t *testing.T) {
	fresh := func() *unstable {
		u := &unstable{offset: 5, fresh: 5}
		u.replaceFrom(entriesAt(at(2, 5), at(2, 6), at(3, 7)))
		u.acceptSaving()
		u.extend(3, make([]pb.Entry, 1))
		return u
	}
	for _, tc := range []struct {
		id     entryID
		offset uint64
	}{
		{at(2, 4), 5}, {at(2, 5), 6}, {at(2, 6), 7}, {at(3, 7), 8},
		{at(3, 6), 5}, {at(1, 5), 5}, {at(3, 8), 5}, {at(3, 9), 5},
	} {
		u := fresh()
		require.Equal(t, tc.offset > 5, u.entriesStored(tc.id), "%s", tc.id)
		require.Equal(t, tc.offset, u.offset, "%s", tc.id)
		require.NoError(t, u.check())
	}
}

func runsOf(ents []pb.Entry) (l entryRuns) {
	copy(l.add(len(ents)), ents)
	return l
}

// Each rule of the type is one that check knows.
func TestUnstableCheckNamesWhatIsBroken(t *testing.T) {
	snap := &pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 4, Term: 1}}
	for want, u := range map[string]unstable{
		"unstable: entry 1 has index 9": {offset: 5, fresh: 5, entries: runsOf(entriesAt(at(1, 5), at(1, 9)))},
		"fresh 4 is outside [5, 5]":     {offset: 5, fresh: 4},
		"fresh 6 is outside [5, 5]":     {offset: 5, fresh: 6},
		"does not follow snapshot 4":    {offset: 6, fresh: 6, snapshot: snap},
		"saving a snapshot that is not": {offset: 5, fresh: 5, snapshotSaving: true},
		"were handed out before it":     {offset: 5, fresh: 6, entries: runsOf(entriesAt(at(1, 5))), snapshot: snap},
	} {
		require.ErrorContains(t, u.check(), want)
	}
}
