package choose

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// fixed returns a source that makes one choice of n, and fails the test that asks for another.
func fixed(t *testing.T, n, made int) Source {
	r := NewReplay([]Choice{{N: n, Made: made}})
	t.Cleanup(func() {
		require.Equal(t, 1, r.Asked())
		require.Zero(t, r.Strayed())
	})
	return r
}

func TestChance(t *testing.T) {
	require.False(t, Chance(fixed(t, 1000, 0), 999), "0 is the plain choice")
	require.True(t, Chance(fixed(t, 1000, 1), 999))
	require.False(t, Chance(fixed(t, 1000, 998), 1))
	require.True(t, Chance(fixed(t, 1000, 999), 1))
	for _, certain := range [...]int{-5, 0} {
		require.False(t, Chance(nil, certain))
	}
	for _, certain := range [...]int{1000, 2000} {
		require.True(t, Chance(nil, certain))
	}
	s, hits := NewSeeded(3), 0
	for range 100_000 {
		if Chance(s, 130) {
			hits++
		}
	}
	require.InDelta(t, 13_000, hits, 600)
}

func TestBetween(t *testing.T) {
	s, seen := NewSeeded(1), map[int]bool{}
	for range 1000 {
		seen[Between(s, -2, 3)] = true
	}
	require.Equal(t, map[int]bool{-2: true, -1: true, 0: true, 1: true, 2: true, 3: true}, seen)
	require.Equal(t, 7, Between(s, 7, 7))
	require.Equal(t, -2, Between(fixed(t, 6, 0), -2, 3))
	require.PanicsWithValue(t, noChoice, func() { Between(s, 3, 2) })
}

func TestPick(t *testing.T) {
	items := []string{"a", "b", "c"}
	require.Equal(t, items, visit(&Enumerator{}, func(s Source) string { return Pick(s, items) }))
	require.PanicsWithValue(t, noChoice, func() { Pick(NewSeeded(1), []int(nil)) })
}

func TestWeighted(t *testing.T) {
	weights := []int{0, 3, 0, 1, 2, 0}
	require.Equal(t, []int{1, 1, 1, 3, 4, 4},
		visit(&Enumerator{}, func(s Source) int { return Weighted(s, weights) }))
	require.PanicsWithValue(t, noChoice, func() { Weighted(NewSeeded(1), []int{0, 0}) })
	require.Panics(t, func() { Weighted(NewSeeded(1), []int{3, -1}) })
	require.Panics(t, func() { Weighted(NewSeeded(1), []int{math.MaxInt, 1}) })
}

func TestHeavyTailHasTheStatedTail(t *testing.T) {
	const draws, typical = 400_000, 20
	s := NewSeeded(5)
	var above [tailDoublings + 1]int
	sum := 0
	for range draws {
		x := HeavyTail(s, typical)
		require.GreaterOrEqual(t, x, 0)
		sum += x
		for k := range above {
			if x > typical<<k {
				above[k]++
			}
		}
	}
	for k := range tailDoublings {
		expected := draws / float64(int(2)<<k)
		require.InDelta(t, expected, above[k], 5*math.Sqrt(expected), "more than typical times %d", 1<<k)
	}
	require.Zero(t, above[tailDoublings])
	require.InDelta(t, 4.4*typical, float64(sum)/draws, 0.3*typical)
}

// Every value between the bounds comes up, each bound included: the ranges of the doublings meet without a gap.
func TestHeavyTailReachesEveryValue(t *testing.T) {
	seen := map[int]bool{}
	for _, x := range visit(&Enumerator{}, func(s Source) int { return HeavyTail(s, 2) }) {
		seen[x] = true
	}
	require.Len(t, seen, 2<<tailDoublings+1)
	require.True(t, seen[0] && seen[2<<tailDoublings])
}

func TestHeavyTailBounds(t *testing.T) {
	const largest = math.MaxInt >> tailDoublings
	require.Zero(t, HeavyTail(nil, 0))
	require.Zero(t, HeavyTail(NewBytes(nil), 20), "0 is the plain choice")
	require.Positive(t, HeavyTail(NewReplay([]Choice{{1 << 10, 1<<10 - 1}, {largest << 9, largest<<9 - 1}}), largest))
	require.Panics(t, func() { HeavyTail(NewSeeded(1), -1) })
	require.Panics(t, func() { HeavyTail(NewSeeded(1), largest+1) })
}

func TestHeavyTailGolden(t *testing.T) {
	s := NewSeeded(9)
	var got []int
	for range 16 {
		got = append(got, HeavyTail(s, 10))
	}
	require.Equal(t, []int{18, 8, 1, 20, 8, 13, 397, 38, 12, 17, 22, 4, 7, 101, 18, 0}, got)
}
