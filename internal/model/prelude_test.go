package model

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// preluded returns a worker that stands where the prelude leads.
func preluded(t *testing.T, b *Bounds) *worker {
	t.Helper()
	require.NoError(t, b.Validate())
	m, err := NewMachine(*b)
	require.NoError(t, err)
	w := newSearch(m, b, Options{}).workers[0]
	words, v, err := w.prelude(func(move) {})
	require.NoError(t, err)
	require.Nil(t, v)
	w.open(words)
	return w
}

// A prelude leads to the state that its lines say, with messages lost and held back, and numbers go on from it.
func TestPrelude(t *testing.T) {
	b := &Bounds{
		Name: "prelude", Voters: 3, MaxInFlight: 3, Budget: Budget{Proposals: 1},
		Prelude: []string{"timeout 1", "propose 1 without 3", "propose 1 without 2 holding 1-3", "crash 2 holding 1-3"},
	}
	w := preluded(t, b)
	require.True(t, w.group[0].facts.Leader)
	require.False(t, w.group[1].facts.Up)
	var last []uint64
	for _, l := range w.group {
		last = append(last, l.facts.Log.last())
	}
	require.Equal(t, []uint64{4, 3, 2}, last)
	require.NotEmpty(t, w.bag)
	for _, m := range w.bag {
		require.Equal(t, [2]uint64{1, 3}, [2]uint64{m.from, m.to})
	}
	require.Equal(t, uint32(2), w.layout.used(w.extras, Proposals))
	require.Equal(t, uint32(1), w.layout.left(w.extras, Proposals, 0))
}

// A storage thread may be held up, and messages of one type lost.
func TestPreludeStalls(t *testing.T) {
	b := &Bounds{
		Name: "prelude", Voters: 3, Async: true, MaxInFlight: 3,
		Prelude: []string{"timeout 1 losing MsgApp", "heartbeat 1 stalling 2 without 3"},
	}
	w := preluded(t, b)
	require.Equal(t, uint64(1), w.group[2].facts.Log.last())
	require.True(t, w.group[1].facts.AppendPending)
	require.Empty(t, w.bag)
}

// What a prelude cannot mean is refused before the search, or by it.
func TestPreludeRefused(t *testing.T) {
	for _, line := range []string{
		"timeout", "timeout 4", "timeout 0", "timeout x", "timeout 1 2", "transfer 1", "sleep 1", "pass 1 2", "transfer 1 2 3",
		"propose 1 without", "propose 1 holding 1", "propose 1 holding 1-x", "propose 1 stalling 1-2", "change 1",
		"pass 300",
	} {
		b := &Bounds{Name: "prelude", Voters: 3, MaxInFlight: 3, Prelude: []string{line}}
		require.ErrorContains(t, b.Validate(), "prelude", line)
	}
	b := &Bounds{Name: "prelude", Voters: 3, MaxInFlight: 3, Prelude: []string{"heartbeat 1"}}
	m, err := NewMachine(*b)
	require.NoError(t, err)
	_, err = Search(t.Context(), m, b, Options{})
	require.ErrorContains(t, err, "nothing comes of")
}

// A clock that is slow makes one tick less whenever ticks pass, and is not like the others.
func TestSlowClock(t *testing.T) {
	b := &Bounds{
		Name: "slow", Voters: 3, MaxInFlight: 9, Slow: 2, Ticks: []uint8{19}, Budget: Budget{Passes: 1},
		Prelude: []string{"pass 19 without 1 2 3"},
	}
	w := preluded(t, b)
	require.Equal(t, []uint64{2, 1, 2}, []uint64{w.group[0].facts.Term, w.group[1].facts.Term, w.group[2].facts.Term})
	require.Len(t, renamingsOf(b), 1)
}
