package quorum

// Slow twins of the arithmetic: each result is compared with one that follows the definition word by word.

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// slowCommitted tries every index that might be the answer, and counts who has reached it.
func slowCommitted(acked []uint64) uint64 {
	if len(acked) == 0 {
		return math.MaxUint64
	}
	best := uint64(0)
	for _, candidate := range acked {
		reached := 0
		for _, a := range acked {
			if a >= candidate {
				reached++
			}
		}
		if 2*reached > len(acked) && candidate > best {
			best = candidate
		}
	}
	return best
}

// slowResult lets the voters that have not answered do so in every way, and looks whether that makes a difference.
func slowResult(yes, no, voters int) VoteResult {
	if voters == 0 {
		return VoteWon
	}
	won, lost := false, false
	for more := 0; more <= voters-yes-no; more++ {
		if 2*(yes+more) > voters {
			won = true
		} else {
			lost = true
		}
	}
	switch {
	case won && lost:
		return VotePending
	case won:
		return VoteWon
	default:
		return VoteLost
	}
}

func TestMajorityIsTheSmallestCountThatExcludesAnother(t *testing.T) {
	for n := 1; n <= 100; n++ {
		m := Majority(n)
		require.Greater(t, 2*m, n, "two majorities of %d voters must share one", n)
		require.LessOrEqual(t, 2*(m-1), n, "%d of %d voters would do", m-1, n)
	}
	require.Equal(t, 0, Majority(0))
	require.Equal(t, 0, Majority(-1))
}

func TestCommittedOfAgreesWithItsDefinitionOnEverySmallCase(t *testing.T) {
	for n := 0; n <= 6; n++ {
		acked := make([]uint64, n)
		for more := true; more; more = increment(acked, 4) {
			want := slowCommitted(acked)
			require.Equal(t, want, CommittedOf(slices.Clone(acked)), "acked %v", acked)
		}
	}
}

// increment counts up in the given base, lowest digit first, and reports whether it did not wrap around.
func increment(digits []uint64, base uint64) bool {
	for i := range digits {
		digits[i]++
		if digits[i] < base {
			return true
		}
		digits[i] = 0
	}
	return false
}

func TestCommittedOfAgreesWithItsDefinitionOnRandomCases(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 20000 {
		acked := make([]uint64, round%(2*insertionSortMax+2))
		for i := range acked {
			acked[i] = randomIndex(rng)
		}
		want := slowCommitted(acked)
		require.Equal(t, want, CommittedOf(slices.Clone(acked)), "acked %v", acked)
	}
}

// randomIndex returns small indexes, which often coincide, and now and then any at all.
func randomIndex(rng *rand.Rand) uint64 {
	if rng.IntN(8) == 0 {
		return rng.Uint64()
	}
	return rng.Uint64N(6)
}

func TestCommittedOfOnlyReordersItsScratchSpace(t *testing.T) {
	for _, n := range []int{0, 1, 2, 5, insertionSortMax, insertionSortMax + 1, 40} {
		rng := rand.New(rand.NewPCG(3, uint64(n)))
		acked := make([]uint64, n)
		for i := range acked {
			acked[i] = rng.Uint64N(100)
		}
		before := slices.Sorted(slices.Values(acked))
		CommittedOf(acked)
		require.Equal(t, before, slices.Sorted(slices.Values(acked)))
	}
}

func TestCommittedOfDoesNotDependOnOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{2, 3, 4, 5, 9, 17, 30} {
		acked := make([]uint64, n)
		for i := range acked {
			acked[i] = randomIndex(rng)
		}
		want := CommittedOf(slices.Clone(acked))
		for range 50 {
			rng.Shuffle(n, func(i, j int) { acked[i], acked[j] = acked[j], acked[i] })
			require.Equal(t, want, CommittedOf(slices.Clone(acked)), "acked %v", acked)
		}
	}
}

func TestResultOfAgreesWithItsDefinition(t *testing.T) {
	for voters := 0; voters <= 12; voters++ {
		for yes := 0; yes <= voters; yes++ {
			for no := 0; yes+no <= voters; no++ {
				require.Equal(t, slowResult(yes, no, voters), ResultOf(yes, no, voters),
					"%d yes and %d no of %d", yes, no, voters)
			}
		}
	}
}

func TestTheArithmeticAllocatesNothing(t *testing.T) {
	for _, n := range []int{1, 3, 7, insertionSortMax, 100} {
		acked := make([]uint64, n)
		got := testing.AllocsPerRun(20, func() {
			for i := range acked {
				acked[i] = uint64(n - i)
			}
			CommittedOf(acked)
		})
		require.Zero(t, got, "%d voters", n)
	}
}

func BenchmarkCommittedOf(b *testing.B) {
	for _, n := range []int{1, 3, 5, 7, 15, 31} {
		b.Run(fmt.Sprintf("voters=%d", n), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(7, 8))
			orig := make([]uint64, n)
			for i := range orig {
				orig[i] = 1000 + rng.Uint64N(100)
			}
			acked := make([]uint64, n)
			for b.Loop() {
				copy(acked, orig)
				CommittedOf(acked)
			}
		})
	}
}
