package chaos

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// outageAfter is how long no write may have succeeded before that counts as unavailability.
const outageAfter = 500 * time.Millisecond

// A span is a stretch of time since the run began.
type span struct {
	From time.Duration `json:"from"`
	To   time.Duration `json:"to"`
}

func (s span) length() time.Duration { return max(0, s.To-s.From) }

// An Outage is a stretch in which no write succeeded although a majority was there.
type Outage struct {
	span
	During string `json:"during"` // the step in which it began
}

// A clock of availability notes when writes were acknowledged, when a majority was gone, and which step of the plan was
// under way. Its methods may be called from any goroutine.
type availability struct {
	mu     sync.Mutex
	acks   []time.Duration
	absent []span // no majority
	steps  []mark
}

type mark struct {
	at   time.Duration
	name string
}

// ack notes an acknowledged write.
func (a *availability) ack(at time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.acks = append(a.acks, at)
}

// gone notes that there was no majority for a while.
func (a *availability) gone(s span) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.absent = append(a.absent, s)
}

// begin notes that a step of the plan begins.
func (a *availability) begin(at time.Duration, name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.steps = append(a.steps, mark{at: at, name: name})
}

// outages returns all of them between two instants, by time.
func (a *availability) outages(from, to time.Duration) []Outage {
	a.mu.Lock()
	defer a.mu.Unlock()
	acks := append(slices.Clone(a.acks), to)
	slices.Sort(acks)
	var found []Outage
	last := from
	for _, ack := range acks {
		if ack <= last || ack > to {
			continue
		}
		for _, s := range a.present(span{From: last, To: ack}) {
			if s.length() >= outageAfter {
				found = append(found, Outage{span: s, During: a.during(s.From)})
			}
		}
		last = ack
	}
	return found
}

// present cuts out of a stretch what lies in times without a majority.
func (a *availability) present(s span) []span {
	absent := slices.Clone(a.absent)
	slices.SortFunc(absent, func(x, y span) int { return cmp.Compare(x.From, y.From) })
	var parts []span
	for _, gone := range absent {
		if gone.To <= s.From || gone.From >= s.To {
			continue
		}
		parts = append(parts, span{From: s.From, To: gone.From})
		s.From = gone.To
	}
	return append(parts, s)
}

func (a *availability) during(at time.Duration) string {
	name := "start"
	for _, m := range a.steps {
		if m.at <= at {
			name = m.name
		}
	}
	return name
}
