package model

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/seed695671cb/raft/rafttest/trace"
)

// Result is what a search found. States, Transitions, Pruned, Terminal, Depth and MaxFrontier depend on the bounds alone
// if the space is exhausted.
type Result struct {
	Bounds *Bounds
	// States are the distinct states, up to renaming of the members where the machine has symmetry. Transitions are
	// the moves made in them, Pruned those that lead out of MaxInFlight; Terminal are states without a move.
	States, Transitions, Pruned, Terminal int
	// Depth is the number of events to the farthest state, MaxFrontier the most states at one depth.
	Depth, MaxFrontier int
	Elapsed            time.Duration
	// Bytes is the memory of the set of visited states and of the ways to them, Frontier that of the states that
	// wait to be expanded, at its highest.
	Bytes, Frontier int
	// Locals, Messages and Steps are how many the machine knows.
	Locals, Messages, Steps int
	// CutOff is empty if all states within the bounds were seen, and else says what ended the search.
	CutOff string
	// Counterexample is a shortest way to a violation; nil if there is none.
	Counterexample *Counterexample
}

// result sums up.
func (s *search) result() *Result {
	r := &Result{Bounds: s.bounds, Elapsed: time.Since(s.began), Frontier: s.pool.bytes()}
	for _, w := range s.workers {
		r.States += w.states
		r.Transitions += w.transitions
		r.Pruned += w.pruned
		r.Terminal += w.terminal
	}
	for depth, l := range s.levels {
		n := 0
		for _, b := range l {
			n += len(b.parents)
		}
		if n > 0 {
			r.Depth = depth
		}
		r.MaxFrontier = max(r.MaxFrontier, n)
		r.Bytes += 6 * n
	}
	_, capacity := s.visited.usage()
	r.Bytes += 8 * capacity
	r.Locals, r.Messages, r.Steps = s.machine.Counts()
	if why := s.cut.Load(); why != nil {
		r.CutOff = *why
	}
	if s.found != nil {
		r.CutOff = "a violation"
		r.Counterexample = s.counterexample()
	}
	return r
}

// Exhausted reports whether all states within the bounds were seen, and all properties held.
func (r *Result) Exhausted() bool { return r.CutOff == "" }

// Violation returns the property that did not hold; nil if all did.
func (r *Result) Violation() *trace.Violation {
	if r.Counterexample == nil {
		return nil
	}
	return r.Counterexample.Violation
}

// Rate returns the distinct states a second.
func (r *Result) Rate() float64 { return float64(r.States) / max(r.Elapsed.Seconds(), 1e-9) }

// BytesPerState returns the memory that a state takes for good: its fingerprint and the way to it.
func (r *Result) BytesPerState() float64 { return float64(r.Bytes) / float64(max(r.States, 1)) }

// MissProbability bounds the probability that some state was taken for another one because their fingerprints of 64
// bits agree, and so was not expanded: the number of pairs of states, over 2^64.
func (r *Result) MissProbability() float64 {
	n := float64(r.States)
	return n * n / math.Exp2(65)
}

// String returns the result in a few lines.
func (r *Result) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s\n", r.Bounds)
	end := "exhausted"
	if !r.Exhausted() {
		end = "ended by " + r.CutOff
	}
	fmt.Fprintf(&s, "%s: %d states, %d transitions, depth %d, at most %d states at a depth, %d without a move, %d pruned\n",
		end, r.States, r.Transitions, r.Depth, r.MaxFrontier, r.Terminal, r.Pruned)
	fmt.Fprintf(&s, "%d local states, %d messages, %d steps of the real code\n", r.Locals, r.Messages, r.Steps)
	fmt.Fprintf(&s, "%.1f s, %.0f states/s, %.0f transitions/s, %.1f bytes a state, frontier at most %.1f MB\n",
		r.Elapsed.Seconds(), r.Rate(), r.Rate()*float64(r.Transitions)/float64(max(r.States, 1)), r.BytesPerState(),
		float64(r.Frontier)/1e6)
	fmt.Fprintf(&s, "a state was missed by a collision of fingerprints with a probability below %.1e", r.MissProbability())
	return s.String()
}
