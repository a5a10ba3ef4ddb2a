package check

import (
	"fmt"
	"math"

	"github.com/seed695671cb/raft/examples/kvstore/chaos/history"
)

// A sighting is a value that somebody saw: with which revision, and from which instant on it was surely there.
type sighting struct {
	rev   uint64
	first int64
}

// sightings is what is known of values. Values are unique, so each belongs to one write.
type sightings struct {
	writes     map[string]*history.Op // by value
	keys       map[string]string      // the key that the write put the value under
	seen       map[string]sighting
	acked      map[uint64]bool // revisions of all writes that are known to have been applied
	complete   bool            // a watcher saw everything, so that what it did not see was never applied
	removals   map[string]int  // by key: deletions that watchers saw and that no known write explains
	violations []Violation
}

// collectSightings gathers who saw which value, and finds values that nobody can have written: those that were never
// sent, that were refused, or that were seen before they were sent. A value that has two revisions was applied twice.
func collectSightings(log *history.Log) (*sightings, []Violation) {
	s := &sightings{
		writes:   map[string]*history.Op{},
		keys:     map[string]string{},
		seen:     map[string]sighting{},
		acked:    map[uint64]bool{},
		removals: map[string]int{},
	}
	for _, op := range log.Ops {
		s.addWrites(op)
	}
	for _, op := range log.Ops {
		s.addResults(op)
	}
	for _, e := range log.Events {
		if e.Kind == history.Put {
			s.add(e.Key, e.Value, e.Rev, e.At, fmt.Sprintf("watcher %d", e.Watcher))
		}
	}
	for _, f := range log.Finals {
		for _, item := range f.Items {
			s.add(item.Key, item.Value, item.Rev, math.MaxInt64, fmt.Sprintf("the final state of member %d", f.Member))
		}
	}
	s.complete = hasCompleteWatcher(log)
	s.countRemovals(log)
	return s, s.violations
}

// addWrites remembers who writes which value. Only Then puts: no client puts in Else.
func (s *sightings) addWrites(op *history.Op) {
	for _, action := range op.Then {
		if action.Kind == history.Put {
			s.writes[action.Value] = op
			s.keys[action.Value] = action.Key
		}
	}
}

func (s *sightings) addResults(op *history.Op) {
	if op.Outcome != history.OK {
		return
	}
	if op.Changed() {
		s.acked[op.Rev] = true
	}
	for i, action := range op.Done() {
		switch {
		case action.Kind == history.Put:
			s.add(action.Key, action.Value, op.Rev, op.Return, fmt.Sprintf("the answer to operation %d", op.ID))
		case i < len(op.Results) && op.Results[i].Value != "":
			r := op.Results[i]
			s.add(action.Key, r.Value, r.Rev, op.Return, fmt.Sprintf("operation %d", op.ID))
		}
	}
}

// add notes that somebody saw a value.
func (s *sightings) add(key, value string, rev uint64, at int64, who string) {
	write := s.writes[value]
	if write == nil {
		s.violate(nil, "%s saw %s=%s@%d, which nobody wrote", who, key, value, rev)
		return
	}
	if s.keys[value] != key {
		s.violate([]*history.Op{write}, "%s saw the value %s under %s", who, value, key)
	}
	if write.Outcome == history.Refused {
		s.violate([]*history.Op{write}, "%s saw %s=%s@%d, whose write had been refused as not applied", who, key, value, rev)
	}
	if at < write.Call {
		s.violate([]*history.Op{write}, "%s saw %s=%s@%d before it was written", who, key, value, rev)
	}
	if rev == 0 {
		return
	}
	known, again := s.seen[value]
	if again && known.rev != rev {
		s.violate([]*history.Op{write}, "%s saw %s=%s@%d, which others saw with revision %d: it was applied twice", who, key, value, rev, known.rev)
		return
	}
	if !again || at < known.first {
		s.seen[value] = sighting{rev: rev, first: at}
	}
	s.acked[rev] = true
}

func (s *sightings) violate(ops []*history.Op, format string, args ...any) {
	s.violations = append(s.violations, violation("values", ops, format, args...))
}

// countRemovals counts the deletions that no known write explains: writes without an answer made them.
func (s *sightings) countRemovals(log *history.Log) {
	counted := map[history.EventID]bool{}
	for _, e := range log.Events {
		if e.Kind == history.Delete && !counted[e.ID] && !s.acked[e.Rev] {
			counted[e.ID] = true
			s.removals[e.Key]++
		}
	}
}

// resolve makes the model's input of an operation, and says until when it can have taken effect. An operation without
// an answer was applied if somebody saw what it wrote, and then at the latest when it was first seen.
func (s *sightings) resolve(op *history.Op) (in input, until int64) {
	in = input{op: op, rev: op.Rev}
	if op.Outcome == history.OK {
		return in, op.Return
	}
	until = math.MaxInt64
	for _, action := range op.Then {
		if known, ok := s.seen[action.Value]; ok && action.Kind == history.Put {
			in.rev, in.applied = known.rev, true
			until = min(until, known.first)
		}
	}
	return in, max(until, op.Call)
}

// idle reports whether an operation without an answer was never applied, going by watchers that saw everything.
func (s *sightings) idle(op *history.Op) bool {
	if op.Outcome != history.Unknown || !s.complete {
		return false
	}
	for _, action := range op.Then {
		switch action.Kind {
		case history.Put:
			if _, seen := s.seen[action.Value]; seen {
				return false
			}
		case history.Delete:
			if s.removals[action.Key] > 0 {
				return false
			}
		}
	}
	return true
}

// hasCompleteWatcher reports whether one watcher was told of everything up to the last acknowledged write.
func hasCompleteWatcher(log *history.Log) bool {
	var newest uint64
	for _, op := range log.Ops {
		if op.Changed() {
			newest = max(newest, op.Rev)
		}
	}
	gaps := map[int]bool{}
	for _, g := range log.Gaps {
		gaps[g.Watcher] = true
	}
	for _, e := range log.Events {
		if e.Rev >= newest && !gaps[e.Watcher] {
			return true
		}
	}
	return false
}
