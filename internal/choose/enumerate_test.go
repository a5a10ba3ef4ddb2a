package choose

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// visit runs the code once for each path and returns what it returned, in order.
func visit[T any](e *Enumerator, run func(Source) T) []T {
	var results []T
	for e.Next() {
		results = append(results, run(e))
	}
	return results
}

func TestEnumeratorMatchesNestedLoops(t *testing.T) {
	var want [][3]int
	for a := range 3 {
		for b := range 1 {
			for c := range 4 {
				want = append(want, [3]int{a, b, c})
			}
		}
	}
	e := &Enumerator{}
	got := visit(e, func(s Source) [3]int { return [3]int{s.Choose(3), s.Choose(1), s.Choose(4)} })
	require.Equal(t, want, got)
	require.EqualValues(t, 12, e.Paths())
	require.Zero(t, e.Truncated())
	require.False(t, e.Next(), "it must stay at the end")
}

// A tree whose shape depends on the choices: how many there are, and among how many.
func TestEnumeratorMatchesNestedLoopsOnAnUnevenTree(t *testing.T) {
	var want [][]int
	for a := range 4 {
		if a == 2 {
			want = append(want, []int{a})
			continue
		}
		for b := range a + 1 {
			for c := range b + 2 {
				want = append(want, []int{a, b, c})
			}
		}
	}
	got := visit(&Enumerator{}, func(s Source) []int {
		a := s.Choose(4)
		if a == 2 {
			return []int{a}
		}
		b := s.Choose(a + 1)
		return []int{a, b, s.Choose(b + 2)}
	})
	require.Equal(t, want, got)
}

func TestEnumeratorVisitsEveryPermutationOnce(t *testing.T) {
	e := &Enumerator{}
	seen := map[[5]int]bool{}
	for e.Next() {
		rest, order := []int{0, 1, 2, 3, 4}, [5]int{}
		for i := range order {
			k := e.Choose(len(rest))
			order[i] = rest[k]
			rest = append(rest[:k], rest[k+1:]...)
		}
		require.False(t, seen[order])
		seen[order] = true
	}
	require.Len(t, seen, 120)
	require.EqualValues(t, 120, e.Paths())
}

func TestEnumeratorWithoutChoicesHasOnePath(t *testing.T) {
	e := &Enumerator{}
	require.Len(t, visit(e, func(Source) int { return 0 }), 1)
	require.EqualValues(t, 1, e.Paths())
}

func TestEnumeratorStopsBranchingAtMaxDepth(t *testing.T) {
	e := &Enumerator{MaxDepth: 2}
	got := visit(e, func(s Source) []int {
		made := []int{s.Choose(3)}
		if made[0] != 1 {
			return append(made, s.Choose(2), s.Choose(1)) // within the bound: only one choice lies beyond
		}
		return append(made, s.Choose(2), s.Choose(9), s.Choose(9))
	})
	require.Equal(t, [][]int{{0, 0, 0}, {0, 1, 0}, {1, 0, 0, 0}, {1, 1, 0, 0}, {2, 0, 0}, {2, 1, 0}}, got)
	require.EqualValues(t, 6, e.Paths())
	require.EqualValues(t, 2, e.Truncated())
}

func TestEnumeratorTellsWhatIsNew(t *testing.T) {
	e := &Enumerator{}
	type prefix [2]int // how many choices were made, and their digits in base 2 after a leading 1
	visited := map[prefix]int{}
	for e.Next() {
		at := prefix{0, 1}
		for {
			if !e.Replaying() {
				visited[at]++
			}
			if at[0] == 3 {
				break
			}
			at = prefix{at[0] + 1, at[1]*2 + e.Choose(2)}
		}
	}
	require.Len(t, visited, 15)
	for at, times := range visited {
		require.Equal(t, 1, times, "%v", at)
	}
}

func TestEnumeratorPathCanBeReplayed(t *testing.T) {
	run := func(s Source) int { return s.Choose(3)*100 + s.Choose(1)*10 + s.Choose(5) }
	e := &Enumerator{}
	for e.Next() {
		result := run(e)
		path := e.Path()
		require.Len(t, path, 3)
		require.Equal(t, result, run(NewReplay(path)))
	}
}

func TestEnumeratorRefusesCodeThatIsNotDeterministic(t *testing.T) {
	runs := 0
	other := func(s Source) int {
		runs++
		return s.Choose(2) + s.Choose(1+runs)
	}
	require.PanicsWithValue(t, "choose: the code under test is not deterministic: choice 1 (counted from 0) is one of 3, "+
		"and was one of 2 when the same path was run before; path: [{2 0}]",
		func() { visit(&Enumerator{}, other) })

	runs = 0
	fewer := func(s Source) int {
		runs++
		if runs == 2 {
			return s.Choose(2)
		}
		return s.Choose(2) + s.Choose(2)
	}
	require.PanicsWithValue(t, "choose: the code under test is not deterministic: it ended after 1 choices on a path where "+
		"it went on before; path: [{2 0} {2 1}]",
		func() { visit(&Enumerator{}, fewer) })
}

func TestEnumeratorRefusesChoicesOutsideOfAPath(t *testing.T) {
	const want = "choose: Choose of an Enumerator without a path; call it only after Next has returned true"
	e := &Enumerator{}
	require.PanicsWithValue(t, want, func() { e.Choose(2) })
	visit(e, func(s Source) int { return s.Choose(2) })
	require.PanicsWithValue(t, want, func() { e.Choose(2) })
}

func TestEnumeratorDoesNotAllocatePerPath(t *testing.T) {
	e := &Enumerator{}
	run := func() {
		require.True(t, e.Next())
		for range 20 {
			e.Choose(2)
		}
	}
	run()
	require.Zero(t, testing.AllocsPerRun(1000, run))
}
