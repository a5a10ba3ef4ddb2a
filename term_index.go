package raft

import "sort"

// termRun says that entries from index first on, up to the next run, have the given term.
type termRun struct {
	term  uint64
	first uint64
}

// termIndex answers the term of an index without asking storage. Terms change only at elections, so the terms of a
// log are few runs, and most questions are about the last. It knows a suffix of the log: indexes below its first run
// are left to storage.
//
// Invariant: runs ascend strictly in both term and first, and newest is beyond them in both.
// Invariant: once the log is initialised, the first run begins at the log's last index or before.
type termIndex struct {
	newest termRun
	// older are the runs before newest, oldest first.
	older []termRun
	// known is false until there is anything, and then newest is zero.
	known bool
}

// reset makes id the only index known.
func (t *termIndex) reset(id entryID) {
	*t = termIndex{newest: termRun{term: id.term, first: id.index}, known: true}
}

// append records that the entry after all known ones is id.
func (t *termIndex) append(id entryID) {
	if t.known && t.newest.term == id.term {
		return
	}
	if t.known {
		t.older = append(t.older, t.newest)
	}
	t.newest, t.known = termRun{term: id.term, first: id.index}, true
	if len(t.older) >= 2*maxTermRuns {
		t.forget(0)
	}
}

// truncate forgets indexes from first on.
func (t *termIndex) truncate(first uint64) {
	for t.known && t.newest.first >= first {
		n := len(t.older)
		if n == 0 {
			*t = termIndex{}
			return
		}
		t.newest, t.older = t.older[n-1], t.older[:n-1]
	}
}

// term returns the term at index, which must not be above the last index of the log. It does not know indexes below
// its first run.
func (t *termIndex) term(index uint64) (term uint64, known bool) {
	if index >= t.newest.first {
		return t.newest.term, t.known
	}
	for i := len(t.older) - 1; i >= 0; i-- {
		if t.older[i].first <= index {
			return t.older[i].term, true
		}
	}
	return 0, false
}

// last returns the newest term known, or zero.
func (t *termIndex) last() uint64 { return t.newest.term }

// lowest returns the lowest index known.
func (t *termIndex) lowest() uint64 {
	switch {
	case !t.known:
		return noLimit
	case len(t.older) > 0:
		return t.older[0].first
	}
	return t.newest.first
}

// lastAtMost returns the highest known index, not above bound, whose term is at most term. It reports false where
// every known index up to bound has a higher term.
func (t *termIndex) lastAtMost(term, bound uint64) (index uint64, ok bool) {
	if t.known && t.newest.term > term {
		bound = min(bound, t.newest.first-1)
		// i is the first run of a higher term.
		i := sort.Search(len(t.older), func(i int) bool { return t.older[i].term > term })
		if i == 0 {
			return 0, false
		}
		if i < len(t.older) {
			bound = min(bound, t.older[i].first-1)
		}
	}
	if bound < t.lowest() {
		return 0, false
	}
	return bound, true
}

// maxTermRuns bounds the memory of a termIndex in a log that is never compacted and sees many elections.
const maxTermRuns = 256

// forget drops what is known of indexes below first, and the oldest runs beyond maxTermRuns. Storage still knows
// them.
func (t *termIndex) forget(first uint64) {
	if t.known && t.newest.first <= first {
		t.older = nil
		return
	}
	drop := max(0, len(t.older)-maxTermRuns)
	for drop+1 < len(t.older) && t.older[drop+1].first <= first {
		drop++
	}
	if drop > 0 {
		t.older = append([]termRun(nil), t.older[drop:]...)
	}
}
