package raft

import (
	"errors"
	"fmt"
	"sort"

	pb "github.com/seed695671cb/raft/raftpb"
)

// raftLog is the whole log (Raft §5.3): what Storage holds, and the unstable suffix that it does not hold yet. Indexes
// below unstable.offset are read from Storage, the others from memory; terms come from memory wherever the
// termIndex knows them.
//
//	first ... applied ... applying ... committed ... last
//
// Invariant: first-1 <= applied <= applying <= committed <= last.
type raftLog struct {
	storage  Storage
	unstable unstable
	terms    termIndex

	// committed is the highest index known to be on a quorum.
	committed uint64
	// applying is the highest index handed out to be applied; applied the highest that the application has
	// acknowledged, or that a snapshot stands for.
	applying uint64
	applied  uint64

	// applyingSize is the size of the entries in (applied, applying]. No more are handed out once it reaches
	// maxApplyingSize.
	applyingSize    encodedSize
	maxApplyingSize encodedSize
	// supersededTo is the end of a batch that was being applied when a snapshot replaced the log, until that batch is
	// acknowledged; otherwise zero. Nothing more is handed out meanwhile.
	supersededTo uint64
	// firstSeen is the highest first index that Storage has reported.
	firstSeen uint64

	// applyOnlyStored keeps entries back until they are durable here (asynchronous storage writes).
	applyOnlyStored bool
	// readFailed holds committed entries back, after Storage failed to return them, until the next tick.
	readFailed bool
}

// newLog returns the log held by storage, nothing of it known to be committed beyond what was compacted.
func newLog(storage Storage) (raftLog, error) {
	first, err := storage.FirstIndex()
	if err != nil {
		return raftLog{}, fmt.Errorf("storage failed to return its first index: %w", err)
	}
	last, err := storage.LastIndex()
	if err != nil {
		return raftLog{}, fmt.Errorf("storage failed to return its last index: %w", err)
	}
	if first == 0 || last+1 < first {
		return raftLog{}, fmt.Errorf("storage reports first index %d and last index %d: want 1 <= first <= last+1", first, last)
	}
	if last >= maxIndex {
		return raftLog{}, fmt.Errorf("storage reports last index %d: want below %d", last, uint64(maxIndex))
	}
	term, err := storage.Term(last)
	if err != nil {
		return raftLog{}, fmt.Errorf("storage failed to return the term of its last index %d: %w", last, err)
	}
	if last > 0 && term == 0 {
		return raftLog{}, fmt.Errorf("storage reports term 0 for its last index %d: every entry and snapshot has a term", last)
	}
	l := raftLog{
		storage:   storage,
		unstable:  unstable{offset: last + 1, fresh: last + 1},
		committed: first - 1,
		applying:  first - 1,
		applied:   first - 1,
		firstSeen: first,
	}
	l.terms.reset(entryID{term: term, index: last})
	return l, nil
}

// lastIndex returns the index of the last entry, or of the snapshot if the log holds no entry after it.
func (l *raftLog) lastIndex() uint64 { return l.unstable.next() - 1 }

// lastID returns the identity of the last entry.
func (l *raftLog) lastID() entryID {
	return entryID{term: l.terms.last(), index: l.lastIndex()}
}

// storedIndex returns the highest index that storage has acknowledged.
func (l *raftLog) storedIndex() uint64 { return l.unstable.offset - 1 }

// firstIndex returns the index of the first entry that can still be read. It asks Storage: use it off the hot path.
func (l *raftLog) firstIndex() uint64 {
	if l.unstable.snapshot != nil {
		return l.unstable.offset
	}
	if first, err := l.storage.FirstIndex(); err == nil {
		l.firstSeen = max(l.firstSeen, first)
		l.terms.forget(l.firstSeen)
	}
	return l.firstSeen
}

// term returns the term of the entry at index: ErrCompacted below the first index less one, ErrUnavailable above the
// last.
func (l *raftLog) term(index uint64) (uint64, error) {
	if index > l.lastIndex() {
		return 0, ErrUnavailable
	}
	if term, ok := l.terms.term(index); ok {
		return term, nil
	}
	if index >= l.unstable.offset {
		return l.unstable.term(index), nil
	}
	if l.unstable.snapshot != nil {
		return 0, ErrCompacted
	}
	return l.storage.Term(index)
}

// matches reports whether the log holds the entry id, and so the whole prefix that it ends. An entry that storage fails
// to read is an error, and no mismatch: what follows a mismatch is removed.
func (l *raftLog) matches(id entryID) (bool, error) {
	term, err := l.term(id.index)
	switch {
	case errors.Is(err, ErrCompacted), errors.Is(err, ErrUnavailable):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("reading the term of index %d: %w", id.index, err)
	}
	return term == id.term, nil
}

// upToDate reports whether a log that ends in id is at least as up to date as this one (Raft §5.4.1).
func (l *raftLog) upToDate(id entryID) bool { return !id.less(l.lastID()) }

// lastAtMost returns the last entry, at index bound or before, whose term is at most term. If it was compacted, it
// returns the position before the first entry, with term zero where that is unknown. Terms never decrease along a
// log, so what is not in memory is found by bisection (Raft §5.3, the accelerated search for the point of divergence).
func (l *raftLog) lastAtMost(term, bound uint64) entryID {
	bound = min(bound, l.lastIndex())
	if index, ok := l.terms.lastAtMost(term, bound); ok {
		return l.identify(index)
	}
	lo := l.firstIndex() - 1
	hi := min(bound+1, max(l.terms.lowest(), lo))
	if hi <= lo {
		return l.identify(min(lo, bound))
	}
	// The first index in (lo, hi) whose term is higher.
	n := sort.Search(int(hi-lo-1), func(i int) bool {
		t, err := l.term(lo + 1 + uint64(i))
		return err == nil && t > term
	})
	return l.identify(lo + uint64(n))
}

// committedID returns the last committed entry, or the zero entryID if its term is not to be had.
func (l *raftLog) committedID() entryID {
	if id := l.identify(l.committed); id.term != 0 {
		return id
	}
	return entryID{}
}

func (l *raftLog) identify(index uint64) entryID {
	term, err := l.term(index)
	if err != nil {
		term = 0
	}
	return entryID{term: term, index: index}
}

// entries returns entries of [lo, hi) from lo on, and their size: at most limit encoded bytes, at least one entry, and
// possibly fewer than fit where the range runs from Storage into memory, or from one page of a MemoryStorage into the
// next. It returns ErrCompacted if lo is no longer in the log.
func (l *raftLog) entries(lo, hi uint64, limit encodedSize) ([]pb.Entry, encodedSize, error) {
	hi = min(hi, l.unstable.next())
	if lo >= l.unstable.offset {
		ents, size := l.unstable.limited(lo, hi, limit)
		return ents, size, nil
	}
	ents, err := l.read(lo, min(hi, l.unstable.offset), limit)
	if err != nil {
		return nil, 0, err
	}
	ents, size := limitSize(ents, limit)
	return ents, size, nil
}

// read returns entries of [lo, hi), which must be below the unstable suffix, from lo on, at least one. Where Storage
// has to copy them they are at most limit encoded bytes.
func (l *raftLog) read(lo, hi uint64, limit encodedSize) ([]pb.Entry, error) {
	if lo >= hi {
		return nil, nil
	}
	if l.unstable.snapshot != nil {
		return nil, ErrCompacted
	}
	if ms, ok := l.storage.(*MemoryStorage); ok { // but not something that wraps one
		return ms.page(lo, hi, limit)
	}
	ents, err := l.storage.Entries(lo, hi, uint64(limit))
	if err != nil {
		return nil, err
	}
	if len(ents) == 0 || ents[0].Index != lo {
		return nil, fmt.Errorf("storage returned %d entries that do not begin at index %d, as asked", len(ents), lo)
	}
	return ents[:min(uint64(len(ents)), hi-lo)], nil
}

// append puts ents at the end of the log, in place of whatever stood at the index of the first and after. That must
// not be committed.
func (l *raftLog) append(ents []pb.Entry) {
	if len(ents) == 0 {
		return
	}
	first := ents[0].Index
	if first <= l.committed || first > l.lastIndex()+1 {
		panic(fmt.Sprintf("raft: append at index %d, outside (committed %d, last %d + 1]: the caller must have checked this",
			first, l.committed, l.lastIndex()))
	}
	if first <= l.lastIndex() {
		l.terms.truncate(first)
	}
	l.unstable.replaceFrom(ents)
	for i := range ents {
		l.terms.append(idOf(&ents[i]))
	}
}

// extend puts copies of ents at the end of the log, with the given term and the next indexes.
func (l *raftLog) extend(term uint64, ents []pb.Entry) {
	l.terms.append(entryID{term: term, index: l.lastIndex() + 1})
	l.unstable.extend(term, ents)
}

// divergence returns how many of ents, which follow an entry that matches, the log already holds.
func (l *raftLog) divergence(ents []pb.Entry) (int, error) {
	last := l.lastIndex()
	for i := range ents {
		if ents[i].Index > last {
			return i, nil
		}
		if same, err := l.matches(idOf(&ents[i])); !same || err != nil {
			return i, err
		}
	}
	return len(ents), nil
}

// commitTo raises the commit index. It never lowers it.
func (l *raftLog) commitTo(index uint64) {
	if index <= l.committed {
		return
	}
	if index > l.lastIndex() {
		panic(fmt.Sprintf("raft: commit index %d is above the last index %d: the caller must have checked this",
			index, l.lastIndex()))
	}
	l.committed = index
}

// restore replaces the log by the snapshot. Entries still being applied are superseded by it.
func (l *raftLog) restore(s pb.Snapshot) {
	id := snapshotID(&s)
	// While an earlier snapshot is unstable, applying is where that ends: nothing was handed out since.
	if l.unstable.snapshot == nil && l.applying > l.applied {
		l.supersededTo = l.applying
	}
	l.unstable.restore(s)
	l.terms.reset(id)
	l.committed = id.index
	l.applying = id.index
	l.applyingSize = 0
}

// entriesStored records that storage holds the log up to id.
func (l *raftLog) entriesStored(id entryID) bool { return l.unstable.entriesStored(id) }

// snapshotStored records that storage, and the application, have taken over the snapshot up to index.
func (l *raftLog) snapshotStored(index uint64) bool {
	if !l.unstable.snapshotStored(index) {
		return false
	}
	l.applied = max(l.applied, index)
	l.firstSeen = max(l.firstSeen, index+1)
	return true
}

// appliable returns the highest index that may be handed out to be applied.
func (l *raftLog) appliable() uint64 {
	if l.applyOnlyStored {
		return min(l.committed, l.storedIndex())
	}
	return l.committed
}

// hasCommitted reports whether there are committed entries to hand out.
func (l *raftLog) hasCommitted() bool {
	return l.applying < l.appliable() &&
		l.applyingSize < l.maxApplyingSize &&
		l.unstable.snapshot == nil &&
		l.supersededTo == 0 &&
		!l.readFailed
}

// acceptCommitted hands out the next committed entries to be applied.
func (l *raftLog) acceptCommitted() ([]pb.Entry, error) {
	if !l.hasCommitted() {
		return nil, nil
	}
	ents, size, err := l.entries(l.applying+1, l.appliable()+1, l.maxApplyingSize-l.applyingSize)
	if err != nil {
		l.readFailed = true
		return nil, fmt.Errorf("reading committed entries from index %d: %w", l.applying+1, err)
	}
	l.applying = ents[len(ents)-1].Index
	l.applyingSize += size
	return ents, nil
}

// appliedTo records that the application has applied the log up to index, in entries of the given size. A late
// acknowledgement never takes the applied index back.
func (l *raftLog) appliedTo(index uint64, size encodedSize) {
	if l.supersededTo != 0 {
		if index >= l.supersededTo {
			l.supersededTo = 0
		}
		return
	}
	l.applied = max(l.applied, min(index, l.applying))
	if l.applied == l.applying {
		l.applyingSize = 0
		return
	}
	l.applyingSize -= min(size, l.applyingSize)
}

// scan calls visit with the entries of [lo, hi) in pages, of at most pageSize where they have to be copied, until visit returns false. Entries that
// were compacted are passed over.
func (l *raftLog) scan(lo, hi uint64, pageSize encodedSize, visit func([]pb.Entry) bool) error {
	for lo < hi {
		ents, err := l.page(lo, hi, pageSize)
		if errors.Is(err, ErrCompacted) {
			first := l.firstIndex()
			if first <= lo {
				return err
			}
			lo = first
			continue
		}
		if err != nil {
			return err
		}
		if len(ents) == 0 {
			return fmt.Errorf("no entry at index %d, last index is %d: %w", lo, l.lastIndex(), ErrUnavailable)
		}
		if !visit(ents) {
			return nil
		}
		lo += uint64(len(ents))
	}
	return nil
}

// page returns entries of [lo, hi) from lo on, to be looked at: at most pageSize encoded bytes where they are copied.
func (l *raftLog) page(lo, hi uint64, pageSize encodedSize) ([]pb.Entry, error) {
	if lo < l.unstable.offset {
		return l.read(lo, min(hi, l.unstable.offset), pageSize)
	}
	ents, _ := l.unstable.limited(lo, min(hi, l.unstable.next()), pageSize)
	return ents, nil
}

// check returns an error that names the invariant which does not hold.
func (l *raftLog) check() error {
	if err := l.unstable.check(); err != nil {
		return err
	}
	if l.applied > l.applying || l.applying > l.committed || l.committed > l.lastIndex() {
		return fmt.Errorf("log: applied %d <= applying %d <= committed %d <= last %d does not hold",
			l.applied, l.applying, l.committed, l.lastIndex())
	}
	if l.terms.lowest() > l.lastIndex() {
		return fmt.Errorf("log: the term of the last index %d is not known", l.lastIndex())
	}
	return nil
}
