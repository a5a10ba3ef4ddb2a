package trace

import "slices"

// Tail returns the last n events of a trace as a trace of its own: it begins with how the members stood before them. What
// left earlier and arrives in them has no sender in it. A trace that is no longer than n is returned as it is.
func Tail(t *Trace, n int) *Trace {
	if len(t.Events) <= n {
		return t
	}
	cut := len(t.Events) - n
	stand := map[uint64]MemberState{}
	for _, s := range t.Start {
		stand[s.ID] = s
	}
	for i := range t.Events[:cut] {
		if after := t.Events[i].After; after != nil {
			stand[after.ID] = *after
		}
	}
	tail := *t
	tail.Start, tail.Events = nil, slices.Clone(t.Events[cut:])
	for _, id := range t.Members {
		if s, there := stand[id]; there {
			tail.Start = append(tail.Start, s)
		}
	}
	return &tail
}
