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
// Entries are handed out as sub-slices of an array that only ever grows at its end. Nothing that has been handed
// out is written again: what replaces it goes to a new array.
//
// Invariant: entries[i].Index == offset+i.
// Invariant: offset <= fresh <= next.
// Invariant: snapshot != nil ==> offset == snapshot.Metadata.Index+1.
// Invariant: snapshotSaving ==> snapshot != nil.
// Invariant: snapshot != nil && !snapshotSaving ==> fresh == offset.
type unstable struct {
	entries []pb.Entry
	offset  uint64
	fresh   uint64

	snapshot       *pb.Snapshot
	snapshotSaving bool

	// chunk is the capacity of the next array. It doubles with use, so that a busy log allocates rarely and an idle
	// one holds little.
	chunk int
}

const (
	minUnstableChunk = 4
	maxUnstableChunk = 1024
)

// next returns the index after the last entry.
func (u *unstable) next() uint64 { return u.offset + uint64(len(u.entries)) }

// slice returns the entries in [lo, hi), which must lie within the suffix.
func (u *unstable) slice(lo, hi uint64) []pb.Entry {
	l, h := lo-u.offset, hi-u.offset
	return u.entries[l:h:h]
}

// replaceFrom makes ents, the first of which may be at any index up to next, the end of the suffix. What stood at
// their indexes and after is forgotten. Into an empty suffix without room for them they are taken over as they are:
// whoever brings entries leaves them alone. Otherwise they are copied, but not their data.
func (u *unstable) replaceFrom(ents []pb.Entry) {
	first := ents[0].Index
	switch {
	case first < u.offset:
		u.entries = nil
		u.offset = first
		u.fresh = first
	case first < u.next():
		kept := first - u.offset
		u.entries = u.entries[:kept:kept]
		u.fresh = min(u.fresh, first)
	}
	if len(u.entries) == 0 && cap(u.entries) < len(ents) {
		u.entries = ents[:len(ents):len(ents)]
		return
	}
	u.reserve(len(ents))
	u.entries = append(u.entries, ents...)
}

// extend adds copies of ents, with the given term and the next indexes.
func (u *unstable) extend(term uint64, ents []pb.Entry) {
	u.reserve(len(ents))
	for i := range ents {
		e := ents[i]
		e.Term = term
		e.Index = u.next()
		u.entries = append(u.entries, e)
	}
}

// reserve makes room for n more entries without touching what has been handed out.
func (u *unstable) reserve(n int) {
	if cap(u.entries)-len(u.entries) >= n {
		return
	}
	u.chunk = min(max(2*u.chunk, minUnstableChunk), maxUnstableChunk)
	need := len(u.entries) + n
	grown := make([]pb.Entry, len(u.entries), max(need+len(u.entries), u.chunk))
	copy(grown, u.entries)
	u.entries = grown
}

// trim lets go of the room for more entries, and has the next array be smaller. Called as often as something is due, it
// leaves an idle log with nothing, and a busy one with what it needs in between.
func (u *unstable) trim() {
	u.chunk /= 2
	if len(u.entries) == 0 && cap(u.entries) > u.chunk {
		u.entries = nil
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
	n := id.index - u.offset + 1
	if u.entries[n-1].Term != id.term {
		return false
	}
	u.entries = u.entries[n:]
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
	for i := range u.entries {
		if u.entries[i].Index != u.offset+uint64(i) {
			return fmt.Errorf("unstable entry %d has index %d, offset is %d", i, u.entries[i].Index, u.offset)
		}
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
