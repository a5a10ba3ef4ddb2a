// The model: what one group of keys may answer, one operation after another. It is the sequential specification that
// porcupine compares the history of the group with.
package check

import (
	"fmt"
	"hash/fnv"
	"strings"

	"github.com/anishathalye/porcupine"

	"github.com/seed695671cb/raft/examples/kvstore/chaos/history"
)

// A register is one key. A revision of 0 in a key that exists is not known: it was written by an operation whose
// outcome nobody learned, and is learned from the next answer that shows it.
type register struct {
	exists                bool
	value                 string
	rev, created, version uint64
}

// A state is a group of keys, and the largest revision that the group has been seen with.
type state struct {
	keys [history.GroupSize]register
	last uint64
}

// An input is an operation as the model sees it. Rev is the revision of what it wrote, known from its answer or, if it
// had none, from others who saw the value; 0 if nobody saw it. Applied says that it certainly was applied.
type input struct {
	op      *history.Op
	rev     uint64
	applied bool
}

// model returns the specification of one group.
func model() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return state{} },
		Step: func(s, in, _ any) (bool, any) {
			next := s.(state)
			ok := next.step(in.(input))
			return ok, next
		},
		Equal:             func(a, b any) bool { return a.(state) == b.(state) },
		Hash:              func(s any) uint64 { return s.(state).hash() },
		DescribeOperation: func(in, _ any) string { return describe(in.(input).op) },
		DescribeState:     func(s any) string { return s.(state).String() },
	}
}

// step performs an operation, and reports whether it may have gone the way that its answer says.
func (s *state) step(in input) bool {
	op := in.op
	holds := s.holds(op.Compare)
	if op.Outcome == history.Unknown {
		return s.stepUnknown(in, holds)
	}
	if holds != op.Succeeded {
		return false
	}
	return s.perform(op.Done(), op.Results, in.rev) && s.advance(op, in.rev)
}

// stepUnknown performs an operation without an answer. If somebody saw what it wrote, it must have been applied now.
func (s *state) stepUnknown(in input, holds bool) bool {
	actions := in.op.Else
	if holds {
		actions = in.op.Then
	}
	if in.applied && (!holds || in.rev <= s.last) {
		return false
	}
	s.perform(actions, nil, in.rev)
	s.last = max(s.last, in.rev)
	return true
}

// advance requires that revisions grow: each write has a larger one than all before it, and the store as a list shows
// it has one at least as large.
func (s *state) advance(op *history.Op, rev uint64) bool {
	switch {
	case op.Kind == history.List:
		if rev < s.last {
			return false
		}
	case op.Changed():
		if rev <= s.last {
			return false
		}
	default:
		return true
	}
	s.last = rev
	return true
}

func (s *state) holds(compares []history.Compare) bool {
	for _, c := range compares {
		r := s.at(c.Key)
		ok := false
		switch c.Target {
		case history.TargetRev:
			ok = r.rev == c.Rev && r.exists == (c.Rev != 0)
		case history.TargetExists:
			ok = r.exists == c.Exists
		case history.TargetValue:
			ok = r.value == c.Value
		}
		if !ok {
			return false
		}
	}
	return true
}

// perform does the actions in order, and reports whether the results, if there are any, are what they give.
func (s *state) perform(actions []history.Action, results []history.Result, rev uint64) bool {
	for i, action := range actions {
		r := s.at(action.Key)
		var told *history.Result
		if i < len(results) {
			told = &results[i]
		}
		if told != nil && !r.agrees(action, *told) {
			return false
		}
		switch action.Kind {
		case history.Put:
			r.put(action.Value, rev)
		case history.Delete:
			*r = register{}
		}
	}
	return true
}

func (s *state) at(key string) *register {
	_, slot, _ := history.ParseKey(key)
	return &s.keys[slot]
}

func (r *register) put(value string, rev uint64) {
	if !r.exists {
		r.created, r.version = rev, 0
	}
	r.exists, r.value, r.rev = true, value, rev
	r.version++
}

// agrees compares what was told of an action with the key before it, and learns revisions that were not known. A value
// that was not told agrees with any; existence counts all the same, and so do the numbers that were told.
func (r *register) agrees(action history.Action, told history.Result) bool {
	switch action.Kind {
	case history.Delete:
		return told.Exists == r.exists
	case history.Put:
		return true
	}
	if told.Exists != r.exists {
		return false
	}
	if told.Value != "" && told.Value != r.value || told.Version != 0 && told.Version != r.version {
		return false
	}
	return learn(&r.rev, told.Rev) && learn(&r.created, told.Created)
}

// learn reports whether a revision may be the one told, which is 0 if none was.
func learn(known *uint64, told uint64) bool {
	if told == 0 {
		return true
	}
	if *known == 0 {
		*known = told
	}
	return *known == told
}

func (s state) hash() uint64 {
	h := fnv.New64a()
	for _, r := range s.keys {
		fmt.Fprintf(h, "%s/%d/%d;", r.value, r.rev, r.version)
	}
	return h.Sum64() ^ s.last
}

func (s state) String() string {
	var parts []string
	for i, r := range s.keys {
		name := string(rune('a' + i))
		if !r.exists {
			parts = append(parts, name+": -")
			continue
		}
		parts = append(parts, fmt.Sprintf("%s: %s @%d v%d", name, r.value, r.rev, r.version))
	}
	return strings.Join(parts, "  ")
}
