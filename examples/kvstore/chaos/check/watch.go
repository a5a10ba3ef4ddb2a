package check

import (
	"fmt"
	"slices"

	"github.com/seed695671cb/raft/examples/kvstore/chaos/history"
)

// A stream is what one watcher was told, in the order in which it came, and the stretches that it was told are gone.
type stream struct {
	watcher int
	events  []*history.Event
	gaps    []history.Gap
}

// checkWatch requires of each watcher that it was told of changes in order, none twice, none left out: its stream is
// the merged stream of all watchers, and that holds every acknowledged write once.
func checkWatch(log *history.Log) []Violation {
	streams := streamsOf(log)
	if len(streams) == 0 {
		return nil
	}
	merged, violations := mergeStreams(streams)
	for _, s := range streams {
		violations = append(violations, s.checkOrder()...)
		violations = append(violations, s.checkWhole(merged)...)
	}
	violations = append(violations, checkChain(merged)...)
	return append(violations, checkTold(log, merged, streams)...)
}

func streamsOf(log *history.Log) []stream {
	var streams []stream
	for _, watcher := range log.Watchers() {
		s := stream{watcher: watcher}
		for _, e := range log.Events {
			if e.Watcher == watcher {
				s.events = append(s.events, e)
			}
		}
		for _, g := range log.Gaps {
			if g.Watcher == watcher {
				s.gaps = append(s.gaps, g)
			}
		}
		streams = append(streams, s)
	}
	return streams
}

// same reports whether two events tell of the same change in the same words.
func same(a, b *history.Event) bool {
	return a.ID == b.ID && a.Kind == b.Kind && a.Key == b.Key && a.Value == b.Value && a.Rev == b.Rev && a.PrevRev == b.PrevRev
}

func tell(e *history.Event) string {
	return fmt.Sprintf("%s %s %s=%s prev %d", e.ID, e.Kind, e.Key, e.Value, e.PrevRev)
}

// mergeStreams joins what all watchers were told, in order. Those who were told of the same change must agree on it.
func mergeStreams(streams []stream) ([]*history.Event, []Violation) {
	known := map[history.EventID]*history.Event{}
	var merged []*history.Event
	var violations []Violation
	for _, s := range streams {
		for _, e := range s.events {
			first := known[e.ID]
			if first == nil {
				known[e.ID] = e
				merged = append(merged, e)
				continue
			}
			if !same(first, e) {
				violations = append(violations, watchViolation("watchers %d and %d were told different things: %s, and %s", first.Watcher, e.Watcher, tell(first), tell(e)))
			}
		}
	}
	slices.SortFunc(merged, func(a, b *history.Event) int {
		if a.ID.Less(b.ID) {
			return -1
		}
		return 1
	})
	return merged, violations
}

// checkOrder requires that the numbers of events grow.
func (s stream) checkOrder() []Violation {
	var violations []Violation
	for i, e := range s.events {
		if e.Rev != e.ID.Rev {
			violations = append(violations, watchViolation("watcher %d: the event %s has revision %d", s.watcher, tell(e), e.Rev))
		}
		if i > 0 && !s.events[i-1].ID.Less(e.ID) {
			violations = append(violations, watchViolation("watcher %d was told of %s (by member %d) after %s (by member %d)",
				s.watcher, tell(e), e.Member, tell(s.events[i-1]), s.events[i-1].Member))
		}
	}
	return violations
}

// checkWhole requires that nothing in the merged stream is missing, up to the last change that the watcher was told of,
// apart from what it was told is gone. Whether watchers were told of the last write of all is up to whoever ends the run.
func (s stream) checkWhole(merged []*history.Event) []Violation {
	told := map[history.EventID]bool{}
	for _, e := range s.events {
		told[e.ID] = true
	}
	last := s.last()
	var violations []Violation
	for _, e := range merged {
		if !told[e.ID] && !s.gone(e.ID) && e.ID.Less(last) {
			violations = append(violations, watchViolation("watcher %d was never told of %s, of which watcher %d was", s.watcher, tell(e), e.Watcher))
		}
	}
	return violations
}

// last returns the last change that the watcher was told of.
func (s stream) last() history.EventID {
	var last history.EventID
	for _, e := range s.events {
		if last.Less(e.ID) {
			last = e.ID
		}
	}
	return last
}

func (s stream) gone(id history.EventID) bool {
	for _, g := range s.gaps {
		if g.After.Less(id) && id.Rev < g.Oldest {
			return true
		}
	}
	return false
}

// checkChain requires that each change of a key names the revision of the change before it.
func checkChain(merged []*history.Event) []Violation {
	last := map[string]*history.Event{}
	var violations []Violation
	for _, e := range merged {
		var prev uint64
		if before := last[e.Key]; before != nil && before.Kind == history.Put {
			prev = before.Rev
		}
		if e.PrevRev != prev {
			violations = append(violations, watchViolation("%s follows a change with revision %d", tell(e), prev))
		}
		last[e.Key] = e
	}
	return violations
}

// checkTold requires that every acknowledged write is in the merged stream, each of its changes once.
func checkTold(log *history.Log, merged []*history.Event, streams []stream) []Violation {
	byRev := map[uint64][]*history.Event{}
	for _, e := range merged {
		byRev[e.Rev] = append(byRev[e.Rev], e)
	}
	var end history.EventID
	if n := len(merged); n > 0 {
		end = merged[n-1].ID
	}
	whole := len(log.Finals) > 0 // the run came to its end, so that watchers have been told of everything
	var violations []Violation
	for _, op := range log.Ops {
		late := !whole && op.Rev > end.Rev
		if !op.Changed() || late || goneForAll(streams, op.Rev) {
			continue
		}
		if want := changesOf(op); !tellsOf(byRev[op.Rev], want) {
			violations = append(violations, violation("watch", []*history.Op{op},
				"no watcher was told rightly of an acknowledged write: wanted %d changes with revision %d, got %d", len(want), op.Rev, len(byRev[op.Rev])))
		}
	}
	return violations
}

func goneForAll(streams []stream, rev uint64) bool {
	for _, s := range streams {
		if !s.gone(history.EventID{Rev: rev}) {
			return false
		}
	}
	return true
}

// changesOf lists what an acknowledged write changed, in order.
func changesOf(op *history.Op) []history.Action {
	var changes []history.Action
	for i, action := range op.Done() {
		removed := action.Kind == history.Delete && i < len(op.Results) && op.Results[i].Exists
		if action.Kind == history.Put || removed {
			changes = append(changes, action)
		}
	}
	return changes
}

func tellsOf(events []*history.Event, want []history.Action) bool {
	if len(events) != len(want) {
		return false
	}
	for i, e := range events {
		if e.Kind != want[i].Kind || e.Key != want[i].Key || e.Value != want[i].Value {
			return false
		}
	}
	return true
}

func watchViolation(format string, args ...any) Violation {
	return Violation{Check: "watch", Text: fmt.Sprintf(format, args...)}
}
