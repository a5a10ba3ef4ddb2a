package linear

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/internal/choose"
)

// The slow twin of Check: it tries every order of the operations, on all keys at once, by the definition of
// linearizability alone. It bears at most twinOperations operations on twinKeys keys.

const (
	twinOperations = 8
	twinKeys       = 2
)

// twin remembers which states it has been in: the set of operations that took effect, and the value of each key.
type twin struct {
	history []Operation
	visited map[twinState]bool
}

type twinState struct {
	done   uint
	values [twinKeys]uint64
}

func isLinearizable(history []Operation) bool {
	t := twin{history: history, visited: map[twinState]bool{}}
	return t.search(twinState{})
}

// search reports whether the operations that have not taken effect yet can do so, in some order, from a state.
func (t *twin) search(s twinState) bool {
	if t.isComplete(s.done) {
		return true
	}
	if t.visited[s] {
		return false
	}
	t.visited[s] = true
	for i, o := range t.history {
		if s.done>>i&1 == 1 || !t.mayBeNext(s.done, o) {
			continue
		}
		next := s
		next.done |= 1 << i
		if o.Write {
			next.values[o.Key] = o.Value
		} else if o.Return != Pending && o.Value != s.values[o.Key] {
			continue
		}
		if t.search(next) {
			return true
		}
	}
	return false
}

// isComplete reports whether only pending operations are left out.
func (t *twin) isComplete(done uint) bool {
	for i, o := range t.history {
		if done>>i&1 == 0 && o.Return != Pending {
			return false
		}
	}
	return true
}

// mayBeNext reports whether no operation that has still to take effect precedes o.
func (t *twin) mayBeNext(done uint, o Operation) bool {
	for i, other := range t.history {
		if done>>i&1 == 0 && other.Return < o.Call {
			return false
		}
	}
	return true
}

// tally counts verdicts, so that a test can tell that it has seen enough of each.
type tally struct {
	linearizable int
	kinds        map[Kind]int
}

// compare fails the test unless Check and its twin agree on the history, and on the evidence if there is any.
func (c *tally) compare(t *testing.T, history []Operation) {
	want, v := isLinearizable(history), Check(history)
	if want != (v == nil) {
		t.Fatalf("the twin says linearizable: %v; Check says %v; history:\n%s", want, v, listed(history))
	}
	if v == nil {
		c.linearizable++
		return
	}
	c.kinds[v.Kind]++
	if again := Check(v.Operations); again == nil || again.Kind != v.Kind || isLinearizable(v.Operations) {
		t.Fatalf("the evidence is no proof by itself; %v; history:\n%s", v, listed(history))
	}
}

func listed(history []Operation) string {
	text := ""
	for _, o := range history {
		text += fmt.Sprintln(o)
	}
	return text
}

// arbitrary returns a history of sequential clients whose reads return anything, plausible or not.
func arbitrary(s choose.Source) []Operation {
	var history []Operation
	clients, keys, longest := choose.Between(s, 2, 3), choose.Between(s, 1, twinKeys), choose.Between(s, 2, 5)
	clock := make([]uint64, clients)
	for i := range choose.Between(s, 3, 7) {
		client := s.Choose(clients)
		if clock[client] == Pending {
			continue
		}
		call := clock[client] + uint64(s.Choose(3))
		o := Operation{Client: client, Key: s.Choose(keys), Write: s.Choose(2) == 1, Call: call}
		o.Return = call + uint64(s.Choose(longest))
		if choose.Chance(s, 100) {
			o.Return = Pending
		}
		clock[client] = o.Return
		o.Value = uint64(s.Choose(4))
		if o.Write {
			o.Value = uint64(i) + 1
		}
		history = append(history, o)
	}
	return history
}

// plausible returns a history in which every operation takes effect at once at some time between its call and its
// return, so that it is linearizable, up to a few changes.
func plausible(s choose.Source, changes int) []Operation {
	history := make([]Operation, choose.Between(s, 3, 7))
	keys := choose.Between(s, 1, twinKeys)
	var values [twinKeys]uint64
	for i := range history {
		at := uint64(4 + 2*i) // when it takes effect
		o := Operation{Client: i % 3, Key: s.Choose(keys), Write: s.Choose(2) == 1}
		o.Call, o.Return = at-uint64(s.Choose(5)), at+uint64(s.Choose(8))
		if choose.Chance(s, 120) {
			o.Return = Pending
		}
		if o.Write {
			values[o.Key] = uint64(i) + 1
		}
		o.Value = values[o.Key]
		history[i] = o
	}
	for range changes {
		o := &history[s.Choose(len(history))]
		switch s.Choose(3) {
		case 0:
			o.Call -= min(o.Call, uint64(s.Choose(4)))
		case 1:
			o.Return = max(o.Call, o.Return-uint64(s.Choose(6)))
		default:
			o.Call = min(o.Return, o.Call+uint64(s.Choose(6)))
		}
	}
	return history
}

func TestCheckAgreesWithTwinOnArbitraryHistories(t *testing.T) {
	s, seen := choose.NewSeeded(1), tally{kinds: map[Kind]int{}}
	for range rounds(t, 200_000) {
		seen.compare(t, arbitrary(s))
	}
	seen.requireVariety(t)
}

func TestCheckAgreesWithTwinOnPlausibleHistories(t *testing.T) {
	s, seen := choose.NewSeeded(2), tally{kinds: map[Kind]int{}}
	for range rounds(t, 200_000) {
		seen.compare(t, plausible(s, 1+s.Choose(4)))
	}
	require.Positive(t, seen.linearizable)
	require.Positive(t, seen.kinds[Cycle])
	require.Positive(t, seen.kinds[BeforeWrite])
}

func TestCheckAcceptsWhatTookEffectAtOnce(t *testing.T) {
	s := choose.NewSeeded(3)
	for range rounds(t, 50_000) {
		history := plausible(s, 0)
		require.True(t, isLinearizable(history), "the generator is at fault")
		if v := Check(history); v != nil {
			t.Fatalf("%v; history:\n%s", v, listed(history))
		}
	}
}

// Every history of three operations on one key with few times: all intervals, touching, nested, equal and pending.
func TestCheckAgreesWithTwinOnEveryShortHistory(t *testing.T) {
	latest := 3
	if testing.Short() {
		latest = 2
	}
	e, seen := &choose.Enumerator{}, tally{kinds: map[Kind]int{}}
	for e.Next() {
		history := make([]Operation, 3)
		for i := range history {
			o := Operation{Client: i, Value: uint64(e.Choose(5))}
			if o.Value == 4 {
				o.Write, o.Value = true, uint64(i)+1
			}
			o.Call = uint64(e.Choose(latest + 1))
			o.Return = o.Call + uint64(e.Choose(latest+2-int(o.Call)))
			if o.Return > uint64(latest) {
				o.Return = Pending
			}
			history[i] = o
		}
		seen.compare(t, history)
	}
	t.Logf("%d histories, %d of them linearizable", e.Paths(), seen.linearizable)
	seen.requireVariety(t)
}

func (c *tally) requireVariety(t *testing.T) {
	require.Greater(t, c.linearizable, 1000)
	for _, kind := range [...]Kind{NeverWritten, BeforeWrite, Cycle} {
		require.Greater(t, c.kinds[kind], 1000, kind)
	}
}

func rounds(t *testing.T, full int) int {
	if testing.Short() {
		return full / 10
	}
	t.Helper()
	return full
}
