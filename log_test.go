package raft

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// The log as one whole, partly in storage and partly in memory, against a plain list of terms (Raft §5.3).

// logTwin is a raftLog, its storage, and the slow twin: the term of every index since the last snapshot.
type logTwin struct {
	t       *testing.T
	l       raftLog
	storage *MemoryStorage
	list    termList
	term    uint64
}

func newLogTwin(t *testing.T) *logTwin {
	storage := NewMemoryStorage()
	require.NoError(t, storage.ApplySnapshot(pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 3, Term: 1}}))
	l, err := newLog(storage)
	require.NoError(t, err)
	l.maxApplyingSize = 60
	return &logTwin{t: t, l: l, storage: storage, list: termList{first: 3, terms: []uint64{1}}, term: 1}
}

// appendAnew has a new leader's entries replace the log from a random index above the commit index on.
func (w *logTwin) appendAnew(rnd *rand.Rand) {
	first := w.l.committed + 1 + rnd.Uint64N(w.l.lastIndex()-w.l.committed+1)
	w.term++
	w.list.truncate(first)
	var ids []entryID
	for i := range 1 + rnd.Uint64N(4) {
		w.list.terms = append(w.list.terms, w.term)
		ids = append(ids, at(w.term, first+i))
	}
	w.l.append(entriesAt(ids...))
}

func (w *logTwin) extend(rnd *rand.Rand) {
	n := 1 + rnd.IntN(3)
	w.l.extend(w.term, make([]pb.Entry, n))
	for range n {
		w.list.terms = append(w.list.terms, w.term)
	}
}

// write does what a Ready asks for, and acknowledges it.
func (w *logTwin) write() {
	if snap := w.l.unstable.freshSnapshot(); snap != nil {
		require.NoError(w.t, w.storage.ApplySnapshot(*snap))
	}
	ents := w.l.unstable.freshEntries()
	require.NoError(w.t, w.storage.Append(ents))
	w.l.unstable.acceptSaving()
	w.l.snapshotStored(w.l.committed)
	if len(ents) > 0 {
		require.True(w.t, w.l.entriesStored(idOf(&ents[len(ents)-1])))
	}
}

func (w *logTwin) apply() {
	before := w.l.applied
	for {
		ents, err := w.l.acceptCommitted()
		require.NoError(w.t, err)
		if len(ents) == 0 {
			break
		}
		require.Equal(w.t, before+1, ents[0].Index)
		before = ents[len(ents)-1].Index
		require.LessOrEqual(w.t, before, w.l.committed)
		w.l.appliedTo(before, encodedSizeOf(ents))
	}
}

func (w *logTwin) compact(rnd *rand.Rand) {
	first, _ := w.storage.FirstIndex()
	last, _ := w.storage.LastIndex()
	to := first + rnd.Uint64N(4)
	if to <= min(w.l.applied, w.l.storedIndex()) && to <= last {
		require.NoError(w.t, w.storage.Compact(to))
	}
}

func (w *logTwin) restore() {
	w.term++
	id := at(w.term, w.l.lastIndex()+7)
	w.l.restore(pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: id.index, Term: id.term}})
	w.list = termList{first: id.index, terms: []uint64{id.term}}
	w.write()
}

func (w *logTwin) step(rnd *rand.Rand) {
	switch rnd.IntN(20) {
	case 0, 1, 2:
		w.appendAnew(rnd)
	case 3, 4, 5, 6, 7, 8:
		w.extend(rnd)
	case 9, 10:
		w.l.commitTo(w.l.committed + rnd.Uint64N(w.l.lastIndex()-w.l.committed+1))
	case 11, 12:
		w.apply()
	case 13, 14:
		w.compact(rnd)
	case 15:
		if rnd.IntN(4) == 0 {
			w.restore()
		}
	default:
		w.write()
	}
}

// base is the index before the first entry that can be read.
func (w *logTwin) base() uint64 { return w.l.firstIndex() - 1 }

func (w *logTwin) compare(rnd *rand.Rand) {
	t, l := w.t, &w.l
	require.NoError(t, l.check())
	require.Equal(t, w.list.last(), l.lastIndex())
	require.Equal(t, at(w.list.term(l.lastIndex()), l.lastIndex()), l.lastID())
	base := w.base()
	for i := w.list.first; i <= w.list.last(); i++ {
		term, err := l.term(i)
		if i < base && err != nil {
			require.ErrorIs(t, err, ErrCompacted)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, w.list.term(i), term, "index %d", i)
		require.True(t, holds(l, at(term, i)))
		require.False(t, holds(l, at(term+1, i)))
	}
	_, err := l.term(l.lastIndex() + 1)
	require.ErrorIs(t, err, ErrUnavailable)
	w.compareLastAtMost(rnd)
	w.compareEntries(rnd)
}

// compareLastAtMost looks for the last entry of at most some term, one by one.
func (w *logTwin) compareLastAtMost(rnd *rand.Rand) {
	term, bound := rnd.Uint64N(w.term+2), rnd.Uint64N(w.l.lastIndex()+3)
	want, found := w.list.lastAtMost(term, bound, 0)
	got := w.l.lastAtMost(term, bound)
	if found && want >= w.base() {
		require.Equal(w.t, at(w.list.term(want), want), got, "term at most %d up to %d", term, bound)
		return
	}
	if !found || got != at(w.list.term(want), want) {
		require.Equal(w.t, min(w.base(), bound), got.index, "compacted: term at most %d up to %d", term, bound)
	}
}

func (w *logTwin) compareEntries(rnd *rand.Rand) {
	l := &w.l
	lo := w.base() + 1 + rnd.Uint64N(l.lastIndex()-w.base()+1)
	hi := lo + rnd.Uint64N(l.lastIndex()+2-lo+1)
	limit := encodedSize(rnd.IntN(60))
	ents, size, err := l.entries(lo, hi, limit)
	require.NoError(w.t, err)
	require.Equal(w.t, encodedSizeOf(ents), size)
	require.Equal(w.t, len(ents) == 0, lo >= min(hi, l.lastIndex()+1))
	require.True(w.t, len(ents) <= 1 || encodedSizeOf(ents) <= limit)
	for i, e := range ents {
		require.Equal(w.t, at(w.list.term(lo+uint64(i)), lo+uint64(i)), idOf(&e))
	}
	if lo < hi {
		next := lo
		require.NoError(w.t, l.scan(lo, min(hi, l.lastIndex()+1), limit, func(page []pb.Entry) bool {
			require.Equal(w.t, next, page[0].Index)
			next += uint64(len(page))
			return true
		}))
		require.Equal(w.t, min(hi, l.lastIndex()+1), next)
	}
}

func TestLogAgainstAList(t *testing.T) {
	for seed := uint64(0); seed < 40; seed++ {
		rnd := rand.New(rand.NewPCG(seed, 5))
		w := newLogTwin(t)
		for range 120 {
			w.step(rnd)
			w.compare(rnd)
		}
	}
}

// The comparison of logs by which votes are given (Raft §5.4.1).
func TestLogUpToDate(t *testing.T) {
	w := newLogTwin(t)
	w.l.append(entriesAt(at(2, 4), at(4, 5)))
	for id, want := range map[entryID]bool{
		at(4, 5): true, at(4, 6): true, at(5, 1): true, at(4, 4): false, at(3, 9): false, at(0, 0): false,
	} {
		require.Equal(t, want, w.l.upToDate(id), "%s", id)
	}
}

// How much of an append the log already holds (Raft §5.3).
func TestLogDivergence(t *testing.T) {
	w := newLogTwin(t)
	w.l.append(entriesAt(at(2, 4), at(2, 5), at(3, 6)))
	for _, tc := range []struct {
		ids  []entryID
		want int
	}{
		{nil, 0},
		{[]entryID{at(2, 4), at(2, 5)}, 2},
		{[]entryID{at(2, 4), at(4, 5)}, 1},
		{[]entryID{at(4, 4)}, 0},
		{[]entryID{at(3, 6), at(3, 7)}, 1},
		{[]entryID{at(3, 7)}, 0},
	} {
		held, err := w.l.divergence(entriesAt(tc.ids...))
		require.NoError(t, err)
		require.Equal(t, tc.want, held, "%v", tc.ids)
	}
}

// What only our own mistakes can bring about stops the program, with the numbers that show which.
func TestLogAssertions(t *testing.T) {
	w := newLogTwin(t)
	w.l.append(entriesAt(at(2, 4), at(2, 5)))
	w.l.commitTo(4)
	require.PanicsWithValue(t, "raft: append at index 4, outside (committed 4, last 5 + 1]: the caller must have checked this",
		func() { w.l.append(entriesAt(at(3, 4))) })
	require.Panics(t, func() { w.l.append(entriesAt(at(3, 7))) })
	require.PanicsWithValue(t, "raft: commit index 6 is above the last index 5: the caller must have checked this",
		func() { w.l.commitTo(6) })
	w.l.commitTo(2)
	require.Equal(t, uint64(4), w.l.committed, "the commit index never goes back")
}

func TestLogCheckNamesWhatIsBroken(t *testing.T) {
	w := newLogTwin(t)
	w.l.applied = 5
	require.ErrorContains(t, w.l.check(), "applied 5 <= applying 3 <= committed 3 <= last 3 does not hold")
	w = newLogTwin(t)
	w.l.terms = termIndex{}
	require.ErrorContains(t, w.l.check(), "the term of the last index 3 is not known")
	w.l.unstable.fresh = 0
	require.ErrorContains(t, w.l.check(), "unstable")
}

// faultyStorage fails, or answers wrongly, where a field is set.
type faultyStorage struct {
	Storage
	stateErr, firstErr, lastErr, termErr, entriesErr, snapErr error
	hardState                                                 *pb.HardState
	confState                                                 *pb.ConfState
	first, last                                               *uint64
	entries                                                   func(lo, hi uint64) []pb.Entry
}

func (s *faultyStorage) InitialState() (pb.HardState, pb.ConfState, error) {
	hs, cs, err := s.Storage.InitialState()
	if s.hardState != nil {
		hs = *s.hardState
	}
	if s.confState != nil {
		cs = *s.confState
	}
	return hs, cs, errors.Join(err, s.stateErr)
}

func (s *faultyStorage) FirstIndex() (uint64, error) {
	if s.first != nil {
		return *s.first, nil
	}
	first, _ := s.Storage.FirstIndex()
	return first, s.firstErr
}

func (s *faultyStorage) LastIndex() (uint64, error) {
	if s.last != nil {
		return *s.last, nil
	}
	last, _ := s.Storage.LastIndex()
	return last, s.lastErr
}

func (s *faultyStorage) Term(i uint64) (uint64, error) {
	if s.termErr != nil {
		return 0, s.termErr
	}
	return s.Storage.Term(i)
}

func (s *faultyStorage) Entries(lo, hi, size uint64) ([]pb.Entry, error) {
	if s.entriesErr != nil {
		return nil, s.entriesErr
	}
	if s.entries != nil {
		return s.entries(lo, hi), nil
	}
	return s.Storage.Entries(lo, hi, size)
}

func (s *faultyStorage) Snapshot() (pb.Snapshot, error) {
	if s.snapErr != nil {
		return pb.Snapshot{}, s.snapErr
	}
	return s.Storage.Snapshot()
}

// Entries that storage returns from another index than was asked for, or none, are an error, and a failed read holds
// committed entries back until the next tick.
func TestLogReadsOfAFaultyStorage(t *testing.T) {
	w := newLogTwin(t)
	faulty := &faultyStorage{Storage: w.storage}
	w.l.storage = faulty
	w.l.append(entriesAt(at(2, 4), at(2, 5), at(2, 6)))
	w.write()
	w.l.commitTo(6)
	for _, answer := range [][]pb.Entry{nil, entriesAt(at(2, 5))} {
		faulty.entries = func(_, _ uint64) []pb.Entry { return answer }
		_, _, err := w.l.entries(4, 7, noEncodedLimit)
		require.ErrorContains(t, err, "do not begin at index 4, as asked")
	}
	faulty.entries, faulty.entriesErr = nil, errors.New("disk on fire")
	require.True(t, w.l.hasCommitted())
	_, err := w.l.acceptCommitted()
	require.ErrorIs(t, err, faulty.entriesErr)
	require.False(t, w.l.hasCommitted())
	require.ErrorIs(t, w.l.scan(4, 7, noEncodedLimit, nil), faulty.entriesErr)
	faulty.entriesErr = ErrCompacted
	require.ErrorIs(t, w.l.scan(4, 7, noEncodedLimit, nil), ErrCompacted, "storage says compacted, and that it is not")
	faulty.entriesErr = nil
	w.l.readFailed = false
	ents, err := w.l.acceptCommitted()
	require.NoError(t, err)
	require.Len(t, ents, 3)
	ents, err = w.l.acceptCommitted()
	require.NoError(t, err)
	require.Empty(t, ents)
}

// scan passes over what was compacted, stops when told to, and does not go beyond the end.
func TestLogScan(t *testing.T) {
	w := newLogTwin(t)
	w.l.append(entriesAt(at(2, 4), at(2, 5), at(2, 6)))
	w.write()
	require.NoError(t, w.storage.Compact(4))
	var seen []entryID
	require.NoError(t, w.l.scan(2, 7, 1, func(ents []pb.Entry) bool {
		seen = append(seen, idsOf(ents)...)
		return true
	}))
	require.Equal(t, []entryID{at(2, 5), at(2, 6)}, seen)
	require.NoError(t, w.l.scan(5, 7, 1, func(ents []pb.Entry) bool {
		require.Equal(t, uint64(5), ents[0].Index)
		return false
	}))
	require.ErrorIs(t, w.l.scan(5, 9, noEncodedLimit, func([]pb.Entry) bool { return true }), ErrUnavailable)
}

// While a snapshot waits to be written, nothing before it can be read.
func TestLogBehindASnapshot(t *testing.T) {
	w := newLogTwin(t)
	w.l.append(entriesAt(at(2, 4), at(2, 5)))
	w.write()
	w.l.restore(pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 9, Term: 3}})
	require.Equal(t, uint64(10), w.l.firstIndex())
	_, err := w.l.term(4)
	require.ErrorIs(t, err, ErrCompacted)
	_, _, err = w.l.entries(4, 6, noEncodedLimit)
	require.ErrorIs(t, err, ErrCompacted)
	require.False(t, w.l.hasCommitted())
	require.Equal(t, at(0, 4), w.l.lastAtMost(2, 4), "what the term was is not known any more")
}

// holds reports whether the log holds the entry.
func holds(l *raftLog, id entryID) bool {
	same, err := l.matches(id)
	return err == nil && same
}
