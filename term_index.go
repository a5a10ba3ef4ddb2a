package raft

import "sort"

// termRun says that entries from index first on, up to the next run, have the given term.
type termRun struct {
	term  uint64
	first uint64
}

// termIndex answers the term of an index without asking storage. Terms change only at elections, so the terms of a
// log are few runs. It knows a suffix of the log: indexes below its first run are left to storage.
//
// Invariant: runs ascend strictly in both term and first.
// Invariant: len(runs) > 0 once the log is initialised; runs[0].first <= the log's last index.
type termIndex struct {
	runs []termRun
}

// reset makes id the only index known.
func (t *termIndex) reset(id entryID) {
	t.runs = append(t.runs[:0], termRun{term: id.term, first: id.index})
}

// append records that the entry after all known ones is id.
func (t *termIndex) append(id entryID) {
	if n := len(t.runs); n > 0 && t.runs[n-1].term == id.term {
		return
	}
	t.runs = append(t.runs, termRun{term: id.term, first: id.index})
	if len(t.runs) >= 2*maxTermRuns {
		t.forget(0)
	}
}

// truncate forgets indexes from first on.
func (t *termIndex) truncate(first uint64) {
	n := len(t.runs)
	for n > 0 && t.runs[n-1].first >= first {
		n--
	}
	t.runs = t.runs[:n]
}

// term returns the term at index, which must not be above the last index of the log. It does not know indexes below
// its first run.
func (t *termIndex) term(index uint64) (term uint64, known bool) {
	for i := len(t.runs) - 1; i >= 0; i-- {
		if t.runs[i].first <= index {
			return t.runs[i].term, true
		}
	}
	return 0, false
}

// last returns the newest term known.
func (t *termIndex) last() uint64 {
	if len(t.runs) == 0 {
		return 0
	}
	return t.runs[len(t.runs)-1].term
}

// lowest returns the lowest index known.
func (t *termIndex) lowest() uint64 {
	if len(t.runs) == 0 {
		return noLimit
	}
	return t.runs[0].first
}

// lastAtMost returns the highest known index, not above bound, whose term is at most term. It reports false where
// every known index up to bound has a higher term.
func (t *termIndex) lastAtMost(term, bound uint64) (index uint64, ok bool) {
	// i is the first run of a higher term.
	i := sort.Search(len(t.runs), func(i int) bool { return t.runs[i].term > term })
	if i == 0 {
		return 0, false
	}
	if i < len(t.runs) {
		bound = min(bound, t.runs[i].first-1)
	}
	if bound < t.runs[0].first {
		return 0, false
	}
	return bound, true
}

// maxTermRuns bounds the memory of a termIndex in a log that is never compacted and sees many elections.
const maxTermRuns = 256

// forget drops what is known of indexes below first, and the oldest runs beyond maxTermRuns. Storage still knows
// them.
func (t *termIndex) forget(first uint64) {
	drop := max(0, len(t.runs)-maxTermRuns)
	for drop+1 < len(t.runs) && t.runs[drop+1].first <= first {
		drop++
	}
	if drop > 0 {
		t.runs = append([]termRun(nil), t.runs[drop:]...)
	}
}
