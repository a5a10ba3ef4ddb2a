package raft

import (
	"fmt"

	pb "github.com/seed695671cb/raft/raftpb"
)

// unstable is the suffix of the log that storage has not yet acknowledged, and a snapshot that is to replace the log
// (Raft §5.3, §7). Each of its entries is in one of two states, in this order:
//
//	saving   handed out to be written, not yet acknowledged    [offset, fresh)
//	fresh    not yet handed out                                [fresh, next)
//
// Once acknowledged an entry leaves: storage has it. A snapshot is handed out before the entries that follow it.
//
// Invariant: the entries are those at [offset, next).
// Invariant: offset <= fresh <= next.
// Invariant: snapshot != nil ==> offset == snapshot.Metadata.Index+1.
// Invariant: snapshotSaving ==> snapshot != nil.
// Invariant: snapshot != nil && !snapshotSaving ==> fresh == offset.
type unstable struct {
	entries entryRuns
	offset  uint64
	fresh   uint64

	snapshot       *pb.Snapshot
	snapshotSaving bool
}

// next returns the index after the last entry.
func (u *unstable) next() uint64 { return u.offset + uint64(u.entries.count) }

// slice returns the entries in [lo, hi), which must lie within the suffix. It is never written again.
func (u *unstable) slice(lo, hi uint64) []pb.Entry {
	if lo >= hi {
		return nil
	}
	return u.entries.slice(lo, hi)
}

// limited returns the longest prefix of the entries in [lo, hi), which must lie within the suffix, of at most limit
// encoded bytes, at least one entry if there is any, and its size. It is never written again.
func (u *unstable) limited(lo, hi uint64, limit encodedSize) ([]pb.Entry, encodedSize) {
	if lo >= hi {
		return nil, 0
	}
	hi, size := u.entries.fit(lo, hi, limit)
	return u.entries.slice(lo, hi), size
}

// term returns the term of the entry at index, which must be in the suffix.
func (u *unstable) term(index uint64) uint64 { return u.entries.at(index).Term }

// replaceFrom makes ents, the first of which may be at any index up to next, the end of the suffix. What stood at
// their indexes and after is forgotten. It copies the entries, not their data: programs that decode into the same
// message again and again are used to that.
func (u *unstable) replaceFrom(ents []pb.Entry) {
	first := ents[0].Index
	switch {
	case first < u.offset:
		u.entries.truncate(0)
		u.offset = first
		u.fresh = first
	case first < u.next():
		u.entries.truncate(int(first - u.offset))
		u.fresh = min(u.fresh, first)
	}
	copy(u.entries.add(len(ents)), ents)
}

// extend adds copies of ents, with the given term and the next indexes.
func (u *unstable) extend(term uint64, ents []pb.Entry) {
	index := u.next()
	added := u.entries.add(len(ents))
	for i := range ents {
		added[i] = ents[i]
		added[i].Term = term
		added[i].Index = index + uint64(i)
	}
}

// freshCount returns how many entries have not been handed out to be written.
func (u *unstable) freshCount() int { return int(u.next() - u.fresh) }

// freshEntries returns the entries that have not been handed out to be written.
func (u *unstable) freshEntries() []pb.Entry {
	if u.fresh == u.next() {
		return nil
	}
	return u.slice(u.fresh, u.next())
}

// freshSnapshot returns the snapshot if it has not been handed out to be written.
func (u *unstable) freshSnapshot() *pb.Snapshot {
	if u.snapshotSaving {
		return nil
	}
	return u.snapshot
}

// acceptSaving records that all entries and the snapshot have been handed out.
func (u *unstable) acceptSaving() {
	u.fresh = u.next()
	u.snapshotSaving = u.snapshot != nil
}

// entriesStored records that storage holds the log up to id, and reports whether that released anything. It
// releases nothing if the log has since come to hold another entry at that index: then what storage holds there is
// about to be overwritten.
func (u *unstable) entriesStored(id entryID) bool {
	if id.index < u.offset || id.index >= u.fresh || u.snapshot != nil {
		return false
	}
	if u.term(id.index) != id.term {
		return false
	}
	u.entries.release(int(id.index - u.offset + 1))
	u.offset = id.index + 1
	return true
}

// snapshotStored records that storage has replaced its log by the snapshot up to index, and reports whether that is
// the one awaited.
func (u *unstable) snapshotStored(index uint64) bool {
	if !u.snapshotSaving || u.snapshot.Metadata.Index != index {
		return false
	}
	u.snapshot = nil
	u.snapshotSaving = false
	return true
}

// restore makes the suffix empty, starting after the snapshot.
func (u *unstable) restore(s pb.Snapshot) {
	*u = unstable{offset: s.Metadata.Index + 1, fresh: s.Metadata.Index + 1, snapshot: &s}
}

// check returns an error that names the invariant which does not hold.
func (u *unstable) check() error {
	if err := u.entries.check(u.offset); err != nil {
		return fmt.Errorf("unstable: %w", err)
	}
	switch {
	case u.fresh < u.offset || u.fresh > u.next():
		return fmt.Errorf("unstable: fresh %d is outside [%d, %d]", u.fresh, u.offset, u.next())
	case u.snapshot != nil && u.offset != u.snapshot.Metadata.Index+1:
		return fmt.Errorf("unstable: offset %d does not follow snapshot %d", u.offset, u.snapshot.Metadata.Index)
	case u.snapshotSaving && u.snapshot == nil:
		return fmt.Errorf("unstable: saving a snapshot that is not there")
	case u.snapshot != nil && !u.snapshotSaving && u.fresh != u.offset:
		return fmt.Errorf("unstable: entries after snapshot %d were handed out before it", u.snapshot.Metadata.Index)
	}
	return nil
}
