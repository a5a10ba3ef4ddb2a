package choose

import (
	"math"
	"math/bits"
	"testing"

	"github.com/stretchr/testify/require"
)

func take(s Source, n, count int) []int {
	made := make([]int, count)
	for i := range made {
		made[i] = s.Choose(n)
	}
	return made
}

// The generator is the published one: with n = 2^62 a choice is the upper 62 bits of an output, and the first three
// outputs for seed 0 are well known.
func TestSeededIsSplitMix64(t *testing.T) {
	s := NewSeeded(0)
	for _, output := range [...]uint64{0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f} {
		require.EqualValues(t, output>>2, s.Choose(1<<62))
	}
}

// Recorded seeds must stay valid: none of these numbers may ever change.
func TestSeededGolden(t *testing.T) {
	require.Equal(t, []int{8, 4, 0, 9, 1, 3, 1, 7, 2, 9, 3, 7}, take(NewSeeded(0), 10, 12))
	require.Equal(t, []int{566, 745, 971, 444, 444, 762, 877, 523, 285, 793, 404, 605}, take(NewSeeded(1), 1000, 12))
	require.Equal(t, []int{5, 5, 1, 2, 4, 4, 5, 1, 4, 0, 0, 4, 0, 5, 1, 4}, take(NewSeeded(math.MaxUint64), 6, 16))
}

func TestSeededZeroValueAndCopies(t *testing.T) {
	var zero Seeded
	require.Equal(t, take(NewSeeded(0), 100, 20), take(&zero, 100, 20))
	copied := zero
	require.Equal(t, take(&zero, 100, 20), take(&copied, 100, 20))
}

func TestSeededStreamsOfSmallSeedsDoNotMeet(t *testing.T) {
	// The stream of seed a is where that of seed b was k choices ago if a - b = k * stride, modulo 2^64. Newton's
	// iteration gives the inverse of the stride, each step doubling the number of right bits.
	inverse := uint64(stride)
	for range 6 {
		inverse *= 2 - stride*inverse
	}
	require.EqualValues(t, 1, inverse*stride)
	for difference := uint64(1); difference < 1<<20; difference++ {
		k := difference * inverse
		if min(k, -k) <= 1<<40 {
			t.Fatalf("seeds that differ by %d meet after %d choices", difference, min(k, -k))
		}
	}
}

// chiSquare is the sum of (observed-expected)^2/expected over n equally likely outcomes.
func chiSquare(counts []int, draws int) float64 {
	expected := float64(draws) / float64(len(counts))
	sum := 0.0
	for _, c := range counts {
		sum += (float64(c) - expected) * (float64(c) - expected) / expected
	}
	return sum
}

func TestSeededIsEven(t *testing.T) {
	const draws = 200_000
	for _, n := range [...]int{2, 3, 7, 10, 64, 100, 1000} {
		for seed := range uint64(4) {
			s, counts := NewSeeded(seed), make([]int, n)
			for range draws {
				counts[s.Choose(n)]++
			}
			// The mean is n-1 and the variance 2(n-1). Six deviations leave room for luck, none for a bias of a percent.
			freedom := float64(n - 1)
			require.InDelta(t, freedom, chiSquare(counts, draws), 6*math.Sqrt(2*freedom), "n = %d, seed %d", n, seed)
		}
	}
}

// The first choices of seeds that follow each other must be as good as those of one stream: simulations number their
// seeds.
func TestSeededNeighbouringSeedsDiffer(t *testing.T) {
	const seeds = 100_000
	pairs := make([]int, 64)
	var flipped int
	for seed := range uint64(seeds) {
		s, next := NewSeeded(seed), NewSeeded(seed+1)
		pairs[s.Choose(8)*8+next.Choose(8)]++
		flipped += bits.OnesCount64(uint64(s.Choose(1<<62) ^ next.Choose(1<<62)))
	}
	require.InDelta(t, 63, chiSquare(pairs, seeds), 6*math.Sqrt(2*63))
	require.InDelta(t, 31, float64(flipped)/seeds, 0.1)
}

func TestChoicesOfNothingPanic(t *testing.T) {
	e := &Enumerator{}
	require.True(t, e.Next())
	sources := map[string]Source{
		"seeded": NewSeeded(1), "enumerator": e, "bytes": NewBytes([]byte{1, 2, 3}),
		"recorder": NewRecorder(NewSeeded(1)), "replay": NewReplay([]Choice{{N: 2, Made: 1}}),
	}
	for name, s := range sources {
		t.Run(name, func(t *testing.T) {
			require.PanicsWithValue(t, noChoice, func() { s.Choose(0) })
			require.PanicsWithValue(t, noChoice, func() { s.Choose(-3) })
			require.Equal(t, 0, s.Choose(1))
		})
	}
}

func BenchmarkSeeded(b *testing.B) {
	s, sum := NewSeeded(1), 0
	b.ReportAllocs()
	for b.Loop() {
		sum += s.Choose(100)
	}
	require.Positive(b, sum)
}

// hidden returns s with its type out of the compiler's sight, so that a call of Choose is one through the interface.
//
//go:noinline
func hidden(s Source) Source { return s }

func BenchmarkSeededThroughInterface(b *testing.B) {
	s, sum := hidden(NewSeeded(1)), 0
	b.ReportAllocs()
	for b.Loop() {
		sum += s.Choose(100)
	}
	require.Positive(b, sum)
}

func BenchmarkChance(b *testing.B) {
	s, hits := hidden(NewSeeded(1)), 0
	b.ReportAllocs()
	for b.Loop() {
		if Chance(s, 500) {
			hits++
		}
	}
	b.ReportMetric(float64(hits)/float64(b.N), "hits/op")
}
