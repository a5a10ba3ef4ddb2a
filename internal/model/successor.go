package model

import (
	"slices"

	"github.com/seed695671cb/raft/rafttest/trace"
)

// worker expands states, one at a time. Of a successor only what differs is worked out; it is written down in full only
// if it is new.
type worker struct {
	*search
	out writer
	counts

	// The state that is being expanded.
	group  []*localInfo
	bag    []*messageInfo
	extras []uint32
	moves  []move
	// sums are its fingerprint under each renaming, without the extras.
	sums []uint64
	// hidden are the extras' part of it: the group's, then for each renaming that of the members.
	hidden, scratch []uint64

	succ successor
	// after is the group after a move, and facts what the checks of steps see of it.
	after []*localInfo
	facts []*Facts
}

// successor is what a move makes of the state.
type successor struct {
	// changes are the members that change: one at most, unless time passes at all.
	changes []change
	// removed is the position in the bag of the message that leaves it; -1 if none does.
	removed int
	added   []*messageInfo
	// extras are the budgets and floors, changed says whether they are others than before.
	extras  [maxExtras]uint32
	changed bool
}

// change is what becomes of a member, who is given by its position.
type change struct {
	step     *stepInfo
	position int
}

// verdict is what came of a move.
type verdict uint8

const (
	moved  verdict = iota
	void           // it changes nothing
	pruned         // it leads out of the bounds
)

// open takes in a state.
func (w *worker) open(words []uint32) {
	y := w.layout
	w.group, w.bag = w.group[:0], w.bag[:0]
	for _, id := range y.locals(words) {
		w.group = append(w.group, w.local(LocalID(id)))
	}
	for _, id := range y.bag(words) {
		w.bag = append(w.bag, w.message(MessageID(id)))
	}
	w.extras = y.extrasOf(words)
	for k := range w.sums {
		sum := uint64(0)
		for _, l := range w.group {
			sum += l.terms[k]
		}
		for _, m := range w.bag {
			sum += m.terms[k]
		}
		w.sums[k] = sum
	}
	w.hide(w.extras, w.hidden)
}

// try works out what a move makes of the state.
func (w *worker) try(m move) verdict {
	s := &w.succ
	s.removed, s.changed = -1, false
	s.changes, s.added = s.changes[:0], s.added[:0]
	copy(s.extras[:], w.extras)
	if m.limit != noLimit {
		w.layout.use(s.extras[:], m.limit, w.budgetOf(m))
		s.changed = true
	}
	switch m.kind {
	case moveDrop:
		s.removed = int(m.message)
		return moved
	case moveDuplicate:
		s.added = append(s.added, w.bag[m.message])
		return moved
	case moveDeliver:
		s.removed = int(m.message)
		if !w.group[m.position].facts.Up {
			return moved // it is lost
		}
	}
	if m.kind == movePass {
		for i := range w.group {
			w.take(i, w.ticksOf(i, m.in))
		}
	} else {
		w.take(int(m.position), m.in)
	}
	if len(s.changes) == 0 && m.kind != moveDeliver {
		return void
	}
	if len(w.bag)-s.gone()+len(s.added) > w.maxInFlight && !s.broken() {
		return pruned
	}
	w.settleReads(m)
	return moved
}

// ticksOf returns what time that passes is to a member.
func (w *worker) ticksOf(position int, in Input) Input {
	if position+1 == w.bounds.Slow {
		in.Arg--
	}
	return in
}

// take has a member take in an input.
func (w *worker) take(position int, in Input) {
	s := &w.succ
	step := w.step(w.group[position], in)
	if step.void {
		return
	}
	s.changes = append(s.changes, change{step: step, position: position})
	s.added = append(s.added, step.sent...)
}

// broken reports whether a member broke a property of its own.
func (s *successor) broken() bool {
	return slices.ContainsFunc(s.changes, func(c change) bool { return c.step.broken != nil })
}

// gone returns the number of messages that leave the bag.
func (s *successor) gone() int {
	if s.removed >= 0 {
		return 1
	}
	return 0
}

// budgetOf returns the position of the member whose own budget the move uses; -1 if it is the network that acts.
func (w *worker) budgetOf(m move) int {
	if m.kind == moveInput {
		return int(m.position)
	}
	return -1
}

// settleReads sets the floor of a read that is asked for.
func (w *worker) settleReads(m move) {
	if m.kind == moveInput && m.in.Kind == InputRead {
		w.layout.setFloor(w.succ.extras[:], m.in.Arg, committedAnywhere(w.group))
		w.succ.changed = true
	}
}

// check makes the checks of the step, and forgets the floors of reads that were answered.
func (w *worker) check() *trace.Violation {
	for _, c := range w.succ.changes {
		if c.step.broken != nil {
			return c.step.broken
		}
		if c.step.suspect == 0 {
			continue
		}
		if v := w.checkStep(c); v != nil {
			return v
		}
	}
	return nil
}

// arrange puts together the group after the move.
func (w *worker) arrange() {
	w.after = append(w.after[:0], w.group...)
	for _, c := range w.succ.changes {
		w.after[c.position] = c.step.next
	}
}

func (w *worker) checkStep(c change) *trace.Violation {
	before, after := w.group[c.position].facts, c.step.next.facts
	w.arrange()
	w.facts = w.facts[:0]
	for _, l := range w.after {
		w.facts = append(w.facts, l.facts)
	}
	if c.step.suspect&suspectRead != 0 {
		if v := w.checkReads(before, after); v != nil {
			return v
		}
	}
	if c.step.suspect&suspectCommit != 0 {
		if v := checkCommitDurable(before, after, w.facts); v != nil {
			return v
		}
	}
	if c.step.suspect&suspectLoss != 0 {
		return checkDurableForEver(before, after, w.facts)
	}
	return nil
}

func (w *worker) checkReads(before, after *Facts) *trace.Violation {
	for _, read := range newReads(before, after) {
		if v := checkRead(read, w.layout.floor(w.succ.extras[:], read.Number), after, w.facts); v != nil {
			return v
		}
		w.layout.setFloor(w.succ.extras[:], read.Number, 0)
		w.succ.changed = true
	}
	return nil
}

// checkPairs compares each member that changed with each other. It is due once for each state.
func (w *worker) checkPairs() *trace.Violation {
	w.arrange()
	for _, c := range w.succ.changes {
		for i, other := range w.after {
			if i == c.position {
				continue
			}
			if v := w.classes.check(c.step.next, other); v != nil {
				return v
			}
		}
	}
	return nil
}

// append appends the words of the successor, as arranged.
func (w *worker) append(words []uint32) []uint32 {
	s := &w.succ
	words = append(words, uint32(len(w.bag)-s.gone()+len(s.added)))
	for _, l := range w.after {
		words = append(words, uint32(l.id))
	}
	words = append(words, s.extras[:w.layout.extras]...)
	start := len(words)
	for i, m := range w.bag {
		if i != s.removed {
			words = append(words, uint32(m.id))
		}
	}
	for _, m := range s.added {
		at, _ := slices.BinarySearch(words[start:], uint32(m.id))
		words = slices.Insert(words, start+at, uint32(m.id))
	}
	return words
}
