package raft

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// twinStorage is the slow twin of MemoryStorage: one slice, copied by every operation.
type twinStorage struct {
	base entryID
	ents []pb.Entry
	snap pb.Snapshot
}

// errTwin stands for any error that is not one of the sentinels.
var errTwin = errors.New("an error of no special kind")

func (s *twinStorage) last() uint64 { return s.base.index + uint64(len(s.ents)) }

func (s *twinStorage) term(i uint64) (uint64, error) {
	switch {
	case i < s.base.index:
		return 0, ErrCompacted
	case i > s.last():
		return 0, ErrUnavailable
	case i == s.base.index:
		return s.base.term, nil
	default:
		return s.ents[i-s.base.index-1].Term, nil
	}
}

func (s *twinStorage) entries(lo, hi, maxSize uint64) ([]pb.Entry, error) {
	if lo <= s.base.index {
		return nil, ErrCompacted
	}
	if lo > hi {
		return nil, errTwin
	}
	if len(s.ents) == 0 || hi > s.last()+1 {
		return nil, ErrUnavailable
	}
	var out []pb.Entry
	size := uint64(0)
	for i := lo; i < hi; i++ {
		e := s.ents[i-s.base.index-1]
		size += uint64(e.Size())
		if size > maxSize && len(out) > 0 {
			break
		}
		out = append(out, e)
	}
	return out, nil
}

func (s *twinStorage) append(ents []pb.Entry) error {
	for i := 1; i < len(ents); i++ {
		if ents[i].Index != ents[0].Index+uint64(i) {
			return errTwin
		}
	}
	for len(ents) > 0 && ents[0].Index <= s.base.index {
		ents = ents[1:]
	}
	if len(ents) == 0 {
		return nil
	}
	if ents[0].Index > s.last()+1 {
		return errTwin
	}
	s.ents = slices.Concat(s.ents[:ents[0].Index-s.base.index-1], ents)
	return nil
}

func (s *twinStorage) compact(i uint64) error {
	if i <= s.base.index {
		return ErrCompacted
	}
	if i > s.last() {
		return ErrUnavailable
	}
	dropped := i - s.base.index
	s.base = idOf(&s.ents[dropped-1])
	s.ents = slices.Clone(s.ents[dropped:])
	return nil
}

func (s *twinStorage) createSnapshot(i uint64, cs *pb.ConfState, data []byte) (pb.Snapshot, error) {
	if i <= s.snap.Metadata.Index {
		return pb.Snapshot{}, ErrSnapOutOfDate
	}
	term, err := s.term(i)
	if err != nil {
		return pb.Snapshot{}, err
	}
	if cs != nil {
		s.snap.Metadata.ConfState = *cs
	}
	s.snap.Data, s.snap.Metadata.Index, s.snap.Metadata.Term = data, i, term
	return s.snap, nil
}

func (s *twinStorage) applySnapshot(snap pb.Snapshot) error {
	if snap.Metadata.Index <= s.snap.Metadata.Index {
		return ErrSnapOutOfDate
	}
	*s = twinStorage{base: snapshotID(&snap), snap: snap}
	return nil
}

// storageModel drives a MemoryStorage and its twin by the same random operations.
type storageModel struct {
	t    *testing.T
	rng  *rand.Rand
	ms   *MemoryStorage
	twin twinStorage
	term uint64
	kept []keptSlice
}

// keptSlice is what Entries returned, and a copy of how it looked then.
type keptSlice struct {
	got, want []pb.Entry
}

func (m *storageModel) sameError(want, got error) {
	if want == errTwin {
		require.Error(m.t, got)
		for _, err := range storageErrors() {
			require.NotErrorIs(m.t, got, err)
		}
		return
	}
	require.ErrorIs(m.t, got, want)
}

// index returns an index near the log: often inside, sometimes a little outside.
func (m *storageModel) index() uint64 {
	low := m.twin.base.index - min(m.twin.base.index, 3)
	return low + m.rng.Uint64N(m.twin.last()+4-low)
}

func (m *storageModel) step() {
	switch op := m.rng.IntN(100); {
	case op < 45:
		m.appendAt(m.twin.last() + 1)
	case op < 60:
		m.appendAt(m.index())
	case op < 75:
		i := m.index()
		if m.rng.IntN(2) == 0 {
			i = min(i, m.twin.base.index+1+m.rng.Uint64N(20))
		}
		m.sameError(m.twin.compact(i), m.ms.Compact(i))
	case op < 80:
		m.createSnapshot()
	case op < 82:
		m.applySnapshot()
	default:
		m.read()
	}
}

func (m *storageModel) appendAt(first uint64) {
	m.term += m.rng.Uint64N(2)
	n := m.rng.IntN(6)
	if m.rng.IntN(20) == 0 {
		n = m.rng.IntN(2500)
	}
	ents := make([]pb.Entry, n)
	for i := range ents {
		ents[i] = pb.Entry{Term: m.term, Index: first + uint64(i), Data: make([]byte, m.rng.IntN(5))}
	}
	if n > 1 && m.rng.IntN(20) == 0 {
		ents[n-1].Index += m.rng.Uint64N(3)
	}
	m.sameError(m.twin.append(ents), m.ms.Append(ents))
}

func (m *storageModel) createSnapshot() {
	var cs *pb.ConfState
	if m.rng.IntN(2) == 0 {
		cs = &pb.ConfState{Voters: []uint64{m.rng.Uint64N(9)}}
	}
	i, data := m.index(), []byte{byte(m.rng.Uint32())}
	want, wantErr := m.twin.createSnapshot(i, cs, data)
	got, err := m.ms.CreateSnapshot(i, cs, data)
	m.sameError(wantErr, err)
	require.Equal(m.t, want, got)
}

func (m *storageModel) applySnapshot() {
	snap := pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: m.index(), Term: m.term}}
	m.sameError(m.twin.applySnapshot(snap), m.ms.ApplySnapshot(snap))
}

func (m *storageModel) read() {
	lo, hi := m.index(), m.index()
	if lo > hi && m.rng.IntN(10) > 0 {
		lo, hi = hi, lo
	}
	maxSize := uint64(m.rng.IntN(200))
	if m.rng.IntN(2) == 0 {
		maxSize = noLimit
	}
	want, wantErr := m.twin.entries(lo, hi, maxSize)
	got, err := m.ms.Entries(lo, hi, maxSize)
	m.sameError(wantErr, err)
	requireSameEntries(m.t, want, got)
	require.Equal(m.t, len(got), cap(got))
	m.kept = append(m.kept, keptSlice{got: got, want: slices.Clone(got)})
	_ = append(got, pb.Entry{Term: 666})
}

// check compares all that can be read, and whether what was read before has stayed as it was.
func (m *storageModel) check() {
	checkSegments(m.t, &m.ms.log)
	first, last := bounds(m.t, m.ms)
	require.Equal(m.t, m.twin.base.index+1, first)
	require.Equal(m.t, m.twin.last(), last)
	for i := first - min(first, 2); i <= last+1; i++ {
		want, wantErr := m.twin.term(i)
		got, err := m.ms.Term(i)
		if wantErr != err || want != got {
			require.Failf(m.t, "terms differ", "index %d: %d (%v), want %d (%v)", i, got, err, want, wantErr)
		}
	}
	if first <= last {
		requireSameEntries(m.t, m.twin.ents, allEntries(m.t, m.ms))
	}
	snap, err := m.ms.Snapshot()
	require.NoError(m.t, err)
	require.Equal(m.t, m.twin.snap, snap)
	for _, k := range m.kept {
		requireSameEntries(m.t, k.want, k.got)
	}
	if len(m.kept) > 50 {
		m.kept = m.kept[25:]
	}
}

// requireSameEntries is require.Equal for many entries, but fast.
func requireSameEntries(t *testing.T, want, got []pb.Entry) {
	same := slices.EqualFunc(want, got, func(a, b pb.Entry) bool {
		return a.Type == b.Type && a.Term == b.Term && a.Index == b.Index && bytes.Equal(a.Data, b.Data)
	})
	if !same {
		require.Equal(t, want, got)
	}
}

func TestMemoryStorageMatchesItsSlowTwin(t *testing.T) {
	for seed := uint64(1); seed <= 12; seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			m := &storageModel{t: t, rng: rand.New(rand.NewPCG(seed, 0)), ms: NewMemoryStorage(), term: 1}
			for range 80 {
				for range 10 {
					m.step()
				}
				m.check()
			}
		})
	}
}

// checkSegments checks the invariants of segmentedLog.
func checkSegments(t *testing.T, l *segmentedLog) {
	next := l.base.index + 1
	for i, seg := range l.segments {
		require.NotEmpty(t, seg, "segment %d", i)
		require.LessOrEqual(t, cap(seg), maxSegment, "segment %d", i)
		for k := range seg {
			require.Equal(t, next, seg[k].Index, "segment %d, offset %d", i, k)
			next++
		}
	}
	if len(l.segments) == 0 {
		require.Zero(t, l.shadow)
	}
}
