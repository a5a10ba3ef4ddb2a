package model

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// Options say how to search. The zero value searches with one worker, without an end but that of the bounds.
type Options struct {
	// Workers is how many states are expanded at the same time; at least one. What is found does not depend on it, if
	// the space is exhausted; which of several shortest counterexamples is found does, with more than one.
	Workers int
	// MaxStates ends the search when it has seen about so many states; zero for no limit.
	MaxStates int
	// MaxTime ends the search after so long; zero for no limit.
	MaxTime time.Duration
	// Progress is told, each Every, how far the search is. Nil: no one is.
	Progress io.Writer
	Every    time.Duration
}

// search is what the workers share.
type search struct {
	machine     Machine
	bounds      *Bounds
	layout      *layout
	renamings   [][]uint64
	maxInFlight int
	options     Options
	began       time.Time

	locals   numbered[localInfo]
	messages numbered[messageInfo]
	classes  classes
	visited  *visited
	pool     pool
	workers  []*worker

	// levels are all levels; of the last one alone the states are still there.
	levels []level
	// now is what the progress line shows.
	now standing
	// cut is why the search ended before the space was exhausted.
	cut atomic.Pointer[string]

	mu    sync.Mutex
	found *finding
}

// counts are one worker's.
type counts struct {
	states, transitions, voids, pruned, terminal int
}

// Search explores all states within the bounds, breadth first, and ends at the first violation of a property, which
// is then one of the nearest. It returns an error only if the bounds are wrong.
func Search(ctx context.Context, m Machine, b *Bounds, o Options) (*Result, error) {
	if err := b.Validate(); err != nil {
		return nil, err
	}
	if m.Members() != b.Members() {
		return nil, fmt.Errorf("the machine has %d members, bounds %s have %d: build it from the same bounds",
			m.Members(), b.Name, b.Members())
	}
	s := newSearch(m, b, o)
	stop := s.watch(ctx)
	if err := s.first(); err != nil {
		stop()
		return nil, err
	}
	for s.found == nil && s.cut.Load() == nil && s.next() {
	}
	stop()
	return s.result(), nil
}

func newSearch(m Machine, b *Bounds, o Options) *search {
	o.Workers = max(o.Workers, 1)
	s := &search{
		machine: m, bounds: b, layout: newLayout(b), renamings: m.Renamings(), maxInFlight: b.MaxInFlight, options: o,
		began: time.Now(), visited: newVisited(),
	}
	s.classes.number = map[string]uint32{}
	for range o.Workers {
		s.workers = append(s.workers, s.newWorker())
	}
	return s
}

func (s *search) newWorker() *worker {
	w := &worker{search: s}
	w.out.pool = &s.pool
	n := len(s.renamings)
	w.sums, w.hidden, w.scratch = make([]uint64, n), make([]uint64, n), make([]uint64, n)
	return w
}

// initial returns the words of the state in which the members begin.
func (s *search) initial() []uint32 {
	words := []uint32{0}
	for id := 1; id <= s.layout.members; id++ {
		words = append(words, uint32(s.machine.Initial(uint64(id))))
	}
	return append(words, s.layout.start[:s.layout.extras]...)
}

// first makes the first level.
func (s *search) first() error {
	w := s.workers[0]
	words, v, err := w.prelude(func(move) {})
	if err != nil {
		return err
	}
	if v != nil {
		s.report(finding{violation: v, initial: true})
		return nil
	}
	w.open(words)
	for i, a := range w.group {
		for _, b := range w.group[:i] {
			if v := s.classes.check(a, b); v != nil {
				s.report(finding{violation: v, initial: true})
				return nil
			}
		}
	}
	sum := uint64(0)
	for k := range w.sums {
		sum += spread(w.sums[k] + w.hidden[k])
	}
	s.visited.add(sum)
	w.states++
	w.out.add(0, 0, append(w.out.room(len(words)), words...))
	s.levels = append(s.levels, w.out.take())
	s.levels[0].number()
	return nil
}

// next expands the last level into a new one, and reports whether that has any states.
func (s *search) next() bool {
	depth := len(s.levels) - 1
	last := s.levels[depth]
	if s.bounds.MaxDepth > 0 && depth >= s.bounds.MaxDepth {
		s.cutOff(fmt.Sprintf("depth %d", depth))
		return false
	}
	var taken atomic.Int64
	var all sync.WaitGroup
	for _, w := range s.workers {
		all.Add(1)
		go func() {
			defer all.Done()
			for !s.stopped() {
				i := int(taken.Add(1)) - 1
				if i >= len(last) {
					return
				}
				w.expandBlock(last[i])
			}
		}()
	}
	all.Wait()
	var made level
	for _, w := range s.workers {
		made = append(made, w.out.take()...)
	}
	n := made.number()
	s.levels = append(s.levels, made)
	s.now.entered(depth+1, n)
	return n > 0
}

// stopped reports whether there is no point in going on.
func (s *search) stopped() bool {
	if s.cut.Load() != nil {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.found != nil
}

// cutOff ends the search; the first reason counts.
func (s *search) cutOff(why string) { s.cut.CompareAndSwap(nil, &why) }

// expandBlock expands the states of a block.
func (w *worker) expandBlock(b *block) {
	before := w.counts
	words := b.words
	for i := range b.parents {
		size := w.layout.size(int(words[0]))
		if !w.expand(words[:size], b.first+uint32(i)) {
			break
		}
		words = words[size:]
	}
	w.pool.give(b.words)
	b.words = nil
	w.now.add(len(b.parents), w.states-before.states, w.transitions-before.transitions)
	if limit := w.options.MaxStates; limit > 0 && w.now.states.Load() >= int64(limit) {
		w.cutOff(fmt.Sprintf("%d states", limit))
	}
}

// expand makes all moves in a state; false if one of them violates a property.
func (w *worker) expand(words []uint32, number uint32) bool {
	w.open(words)
	w.list()
	before, torn := w.transitions, -1 // torn is the member of which no more can be written in a crash
	for i, m := range w.moves {
		crash := m.kind == moveInput && m.in.Kind == InputCrash && m.in.Arg > 0
		if crash && torn == int(m.position) {
			continue
		}
		switch w.try(m) {
		case void:
			w.voids++
			if crash {
				torn = int(m.position)
			}
			continue
		case pruned:
			// It is not gone on from, but looked at all the same: elections and commits send many messages.
			w.pruned++
			if !w.inspect(number, uint16(i)) {
				return false
			}
			continue
		}
		w.transitions++
		if !w.arrive(number, uint16(i)) {
			return false
		}
	}
	if w.transitions == before {
		w.terminal++
	}
	return true
}

// inspect checks a successor that is not kept; false if it violates a property.
func (w *worker) inspect(parent uint32, move uint16) bool {
	v := w.check()
	if v == nil {
		v = w.checkPairs()
	}
	if v != nil {
		w.report(finding{violation: v, parent: parent, move: move})
	}
	return v == nil
}

// arrive checks the successor and keeps it if it is new; false if it violates a property.
func (w *worker) arrive(parent uint32, move uint16) bool {
	v := w.check()
	if v == nil && !w.visited.add(w.fingerprint()) {
		return true
	}
	if v == nil {
		w.states++
		v = w.checkPairs()
	}
	if v != nil {
		w.report(finding{violation: v, parent: parent, move: move})
		return false
	}
	s := &w.succ
	room := w.out.room(w.layout.size(len(w.bag) - s.gone() + len(s.added)))
	w.out.add(parent, move, w.append(room))
	return true
}
