package model

import (
	"slices"

	"github.com/seed695671cb/raft/rafttest/trace"
)

// Counterexample is a way from the first state to a violation, with the fewest events.
type Counterexample struct {
	Violation *trace.Violation
	// Events is how many there are after the prelude. Steps are these and those of the prelude, but that time which passes at all members is a step for each.
	Events int
	Steps  []Step
	// Trace is the same as a record that can be shown, and replayed as a script.
	Trace *trace.Trace
}

// StepKind says what a step of a counterexample does.
type StepKind uint8

// The kinds of steps.
const (
	StepInput     StepKind = iota // a member takes in Input
	StepDeliver                   // it takes in a message
	StepLost                      // a message reaches a member that is down
	StepDrop                      // a message is lost
	StepDuplicate                 // a message is sent a second time by the network
)

// Step is one event of a counterexample.
type Step struct {
	Kind StepKind
	// Member is who takes in Input, or the receiver of Message.
	Member  uint64
	Input   Input
	Message MessageID
	// Before and After are the member's local state; Sent is what left, in order.
	Before, After LocalID
	Sent          []MessageID
}

// finding is where a violation was found.
type finding struct {
	violation *trace.Violation
	// initial: in the first state already, or on the way there. Else by a move in a state of the level depth.
	initial bool
	depth   int
	parent  uint32
	move    uint16
}

// report keeps the first finding, in the order of the states. All that are found are equally near.
func (s *search) report(f finding) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.depth = len(s.levels) - 1
	if s.found == nil || f.parent < s.found.parent || f.parent == s.found.parent && f.move < s.found.move {
		s.found = &f
	}
}

// path returns the moves that lead to the finding.
func (s *search) path() []uint16 {
	if s.found.initial {
		return nil
	}
	moves := []uint16{s.found.move}
	state := s.found.parent
	for depth := s.found.depth; depth > 0; depth-- {
		parent, move := s.levels[depth].find(state)
		moves = append(moves, move)
		state = parent
	}
	slices.Reverse(moves)
	return moves
}

// counterexample goes the way to the finding once more.
func (s *search) counterexample() *Counterexample {
	c := &Counterexample{Violation: s.found.violation}
	w := s.newWorker()
	step := func(m move) { c.Steps = append(c.Steps, w.stepsOf(m)...) }
	words, _, _ := w.prelude(step) // it went well, or to the finding, the first time
	for _, number := range s.path() {
		w.open(words)
		w.list()
		m := w.moves[number]
		w.try(m)
		w.check() // for what it does to the floors of reads
		step(m)
		c.Events++
		w.arrange()
		words = w.append(nil)
	}
	n := narration{machine: s.machine, bounds: s.bounds}
	c.Trace = n.tell(c)
	return c
}

// stepsOf says what a move was.
func (w *worker) stepsOf(m move) []Step {
	if m.kind == movePass {
		var steps []Step
		for i, l := range w.group {
			if l.facts.Up {
				steps = append(steps, w.stepOf(i, w.ticksOf(i, m.in)))
			}
		}
		return steps
	}
	step := w.stepOf(int(m.position), m.in)
	switch m.kind {
	case moveInput:
		return []Step{step}
	case moveDrop:
		step.Kind = StepDrop
	case moveDuplicate:
		step.Kind = StepDuplicate
	case moveDeliver:
		step.Kind = StepDeliver
		if !w.group[m.position].facts.Up {
			step.Kind = StepLost
		}
	}
	step.Message = w.bag[m.message].id
	return []Step{step}
}

// stepOf says what became of a member.
func (w *worker) stepOf(position int, in Input) Step {
	before := w.group[position]
	step := Step{Member: uint64(position) + 1, Input: in, Before: before.id, After: before.id}
	for _, c := range w.succ.changes {
		if c.position == position {
			step.After = c.step.next.id
			// The machine's own list: messages to strangers are in the network too, though no one takes them in.
			step.Sent = w.machine.Step(before.id, in).Sent
		}
	}
	return step
}
