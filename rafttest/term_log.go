package rafttest

import pb "github.com/seed695671cb/raft/raftpb"

// entryID identifies an entry: two entries of a group with the same term and index are the same (Raft Fig. 3, Log
// Matching).
type entryID struct {
	term  uint64
	index uint64
}

// termLog is a log of which only the terms are kept.
type termLog struct {
	// first is the index before the first entry, firstTerm its term.
	first, firstTerm uint64
	terms            []uint64
}

func (l *termLog) last() uint64 { return l.first + uint64(len(l.terms)) }

func (l *termLog) lastID() entryID {
	id, _ := l.at(l.last())
	return id
}

// at returns the entry at index; ok is false if the log does not reach there, or not back to it.
func (l *termLog) at(index uint64) (id entryID, ok bool) {
	switch {
	case index == l.first:
		return entryID{term: l.firstTerm, index: index}, true
	case index < l.first || index > l.last():
		return entryID{}, false
	}
	return entryID{term: l.terms[index-l.first-1], index: index}, true
}

// holds reports whether the log has the entry, or has compacted its index.
func (l *termLog) holds(id entryID) bool {
	if id.index < l.first {
		return true
	}
	at, ok := l.at(id.index)
	return ok && at == id
}

// append puts entries where they belong, in place of what is there and after it.
func (l *termLog) append(ents []pb.Entry) {
	if len(ents) == 0 {
		return
	}
	l.terms = l.terms[:ents[0].Index-l.first-1]
	for i := range ents {
		l.terms = append(l.terms, ents[i].Term)
	}
}

// reset makes the log end in, and begin after, id.
func (l *termLog) reset(id entryID) {
	l.first, l.firstTerm, l.terms = id.index, id.term, l.terms[:0]
}

// compact removes the entries up to and including first.
func (l *termLog) compact(first uint64) {
	if first <= l.first {
		return
	}
	id, _ := l.at(first)
	l.terms = append(l.terms[:0], l.terms[first-l.first:]...)
	l.first, l.firstTerm = first, id.term
}

// copyFrom makes l the same as o.
func (l *termLog) copyFrom(o *termLog) {
	l.first, l.firstTerm = o.first, o.firstTerm
	l.terms = append(l.terms[:0], o.terms...)
}

// runs returns the log as runs of entries of the same term: the first index and the term of each.
func (l *termLog) runs() (runs []entryID) {
	for i, term := range l.terms {
		if n := len(runs); n == 0 || runs[n-1].term != term {
			runs = append(runs, entryID{term: term, index: l.first + 1 + uint64(i)})
		}
	}
	return runs
}
