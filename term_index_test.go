package raft

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// The slow twin of termIndex: a plain list with the term of every index. Whatever is done to both, the index
// answers as the list does wherever it claims to know (Raft §5.3).

// termList holds the terms of the indexes from first on.
type termList struct {
	first uint64
	terms []uint64
}

func (l *termList) last() uint64 { return l.first + uint64(len(l.terms)) - 1 }

func (l *termList) term(index uint64) uint64 { return l.terms[index-l.first] }

// lastAtMost looks at every index from bound down to lowest.
func (l *termList) lastAtMost(term, bound, lowest uint64) (uint64, bool) {
	for n := min(bound, l.last()) + 1; n > lowest && n > l.first; n-- {
		if l.term(n-1) <= term {
			return n - 1, true
		}
	}
	return 0, false
}

func (l *termList) truncate(first uint64) { l.terms = l.terms[:first-l.first] }

// compareTerms requires that both answer alike.
func compareTerms(t *testing.T, x *termIndex, l *termList, rnd *rand.Rand) {
	t.Helper()
	for i := l.first; i <= l.last(); i++ {
		term, known := x.term(i)
		require.Equal(t, i >= x.lowest(), known, "index %d, lowest %d", i, x.lowest())
		if known {
			require.Equal(t, l.term(i), term, "index %d", i)
		}
	}
	if x.lowest() > l.last() {
		return
	}
	require.Equal(t, l.term(l.last()), x.last())
	for range 10 {
		term := rnd.Uint64N(l.term(l.last()) + 2)
		bound := rnd.Uint64N(l.last() + 3)
		want, wantOK := l.lastAtMost(term, bound, x.lowest())
		got, ok := x.lastAtMost(term, min(bound, l.last()))
		require.Equal(t, wantOK, ok, "term at most %d up to index %d", term, bound)
		require.Equal(t, want, got, "term at most %d up to index %d", term, bound)
	}
}

func TestTermIndexAgainstAList(t *testing.T) {
	for seed := uint64(0); seed < 60; seed++ {
		rnd := rand.New(rand.NewPCG(seed, 1))
		first := rnd.Uint64N(10)
		x := &termIndex{}
		l := &termList{first: first, terms: []uint64{rnd.Uint64N(3)}}
		x.reset(at(l.terms[0], first))
		for range 150 {
			stepTerms(x, l, rnd)
			compareTerms(t, x, l, rnd)
		}
	}
}

// stepTerms does the same thing to both: mostly it appends, sometimes it truncates, forgets or starts anew.
func stepTerms(x *termIndex, l *termList, rnd *rand.Rand) {
	switch rnd.IntN(12) {
	case 0:
		if n := l.last() - l.first; n > 0 {
			from := l.first + 1 + rnd.Uint64N(n)
			x.truncate(from)
			l.truncate(from)
		}
	case 1:
		x.forget(l.first + rnd.Uint64N(l.last()-l.first+1))
	case 2:
		if rnd.IntN(10) == 0 {
			id := at(l.term(l.last())+1, l.last()+5)
			x.reset(id)
			*l = termList{first: id.index, terms: []uint64{id.term}}
		}
	default:
		term := l.term(l.last()) + uint64(max(0, rnd.IntN(4)-1))
		l.terms = append(l.terms, term)
		x.append(at(term, l.last()))
	}
}

// However many elections a log sees, the memory is bounded, and what is known is still right.
func TestTermIndexIsBounded(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	x := &termIndex{}
	l := &termList{first: 1, terms: []uint64{1}}
	x.reset(at(1, 1))
	for term := uint64(2); term <= 5*maxTermRuns; term++ {
		for range 1 + rnd.IntN(2) {
			l.terms = append(l.terms, term)
			x.append(at(term, l.last()))
		}
		require.LessOrEqual(t, len(runsKnown(x)), 2*maxTermRuns)
	}
	require.Greater(t, x.lowest(), uint64(1))
	require.GreaterOrEqual(t, len(runsKnown(x)), maxTermRuns)
	compareTerms(t, x, l, rnd)
}

// runsKnown lists all runs, oldest first.
func runsKnown(x *termIndex) []termRun {
	if !x.known {
		return nil
	}
	return append(slices.Clone(x.older), x.newest)
}

func TestTermIndexKnowsNothing(t *testing.T) {
	x := &termIndex{}
	_, known := x.term(1)
	require.False(t, known)
	require.Zero(t, x.last())
	require.Equal(t, noLimit, x.lowest())
	_, ok := x.lastAtMost(9, 9)
	require.False(t, ok)
	x.reset(at(3, 5))
	x.truncate(4)
	require.Equal(t, noLimit, x.lowest())
	x.append(at(4, 4))
	term, known := x.term(7)
	require.True(t, known)
	require.Equal(t, uint64(4), term)
}

// Forgetting an index in the middle of a run keeps the run: it still answers for the rest.
func TestTermIndexForgetsWholeRuns(t *testing.T) {
	x := &termIndex{}
	x.reset(at(1, 1))
	x.append(at(2, 4))
	x.append(at(3, 6))
	x.forget(5)
	require.Equal(t, []termRun{{term: 2, first: 4}, {term: 3, first: 6}}, runsKnown(x))
	x.forget(6)
	require.Equal(t, []termRun{{term: 3, first: 6}}, runsKnown(x))
	x.forget(100)
	require.Equal(t, []termRun{{term: 3, first: 6}}, runsKnown(x))
}
