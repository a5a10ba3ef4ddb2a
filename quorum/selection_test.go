package quorum

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// The selection behind CommittedOf against its slow twin, sorting, at every position and not only the one that a
// majority asks for, on the inputs that a selection can go wrong on.

// spreads returns ways to draw n values, by name.
func spreads() map[string]func(rng *rand.Rand, i, n int) uint64 {
	return map[string]func(rng *rand.Rand, i, n int) uint64{
		"equal":       func(*rand.Rand, int, int) uint64 { return 1 << 40 },
		"one behind":  func(_ *rand.Rand, i, _ int) uint64 { return uint64(1<<40 - i%2) },
		"one astray":  func(_ *rand.Rand, i, n int) uint64 { return uint64(min(i, n-2)) / uint64(max(n-2, 1)) },
		"ascending":   func(_ *rand.Rand, i, _ int) uint64 { return uint64(i) },
		"descending":  func(_ *rand.Rand, i, n int) uint64 { return uint64(n - i) },
		"organ pipes": func(_ *rand.Rand, i, n int) uint64 { return uint64(min(i, n-i)) },
		"few":         func(rng *rand.Rand, _, _ int) uint64 { return rng.Uint64N(4) },
		"near":        func(rng *rand.Rand, _, _ int) uint64 { return 1<<20 + rng.Uint64N(300) },
		"any":         func(rng *rand.Rand, _, _ int) uint64 { return rng.Uint64() },
		"powers":      func(_ *rand.Rand, i, _ int) uint64 { return 1 << uint(i%64) },
		"extremes":    func(rng *rand.Rand, _, _ int) uint64 { return []uint64{0, 1, math.MaxUint64}[rng.IntN(3)] },
	}
}

func TestSelectionAgreesWithSortingAtEveryPosition(t *testing.T) {
	for name, draw := range spreads() {
		rng := rand.New(rand.NewPCG(9, 10))
		for _, n := range []int{1, 2, 3, 16, 17, 51, 64, 201} {
			orig := make([]uint64, n)
			for i := range orig {
				orig[i] = draw(rng, i, n)
			}
			sorted := slices.Sorted(slices.Values(orig))
			for k := range n {
				s := slices.Clone(orig)
				placeAt(s, k)
				require.Equal(t, sorted[k], s[k], "%s: position %d of %d", name, k, n)
				require.LessOrEqual(t, slices.Max(s[:k+1]), s[k], "%s: something larger stands before %d", name, k)
				require.GreaterOrEqual(t, slices.Min(s[k:]), s[k], "%s: something smaller stands after %d", name, k)
			}
		}
	}
}

// What CommittedOf gives large groups is the value that its definition names, in whatever way they are spread.
func TestCommittedOfLargeGroupsAgreesWithItsDefinition(t *testing.T) {
	for name, draw := range spreads() {
		rng := rand.New(rand.NewPCG(11, 12))
		for n := insertionSortMax; n <= insertionSortMax+150; n += 7 {
			acked := make([]uint64, n)
			for i := range acked {
				acked[i] = draw(rng, i, n)
			}
			want := slowCommitted(acked)
			require.Equal(t, want, CommittedOf(acked), "%s: %d voters", name, n)
		}
	}
}

// Parting by a bit neither loses nor doubles an element.
func TestPartByBit(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	for range 500 {
		s := make([]uint64, rng.IntN(20))
		for i := range s {
			s[i] = rng.Uint64N(16)
		}
		before, bit := slices.Sorted(slices.Values(s)), rng.IntN(4)
		without := partByBit(s, bit)
		for i, v := range s {
			require.Equal(t, i >= without, v>>uint(bit)&1 == 1, "bit %d at %d of %v, %d without", bit, i, s, without)
		}
		require.Equal(t, before, slices.Sorted(slices.Values(s)))
	}
}

// BenchmarkSelection computes the commit index of groups on either side of the size up to which they are sorted, with
// everybody up to date, with a minority one entry behind, and with members anywhere within a thousand entries.
func BenchmarkSelection(b *testing.B) {
	for _, n := range []int{16, 17, 51, 201, 1001} {
		for _, spread := range []struct {
			name string
			at   func(rng *rand.Rand) uint64
		}{
			{"equal", func(*rand.Rand) uint64 { return 5000 }},
			{"behind", func(rng *rand.Rand) uint64 { return 5000 - rng.Uint64N(3)/2 }},
			{"spread", func(rng *rand.Rand) uint64 { return 5000 + rng.Uint64N(1000) }},
		} {
			b.Run(fmt.Sprintf("voters=%d/%s", n, spread.name), func(b *testing.B) {
				rng := rand.New(rand.NewPCG(15, 16))
				orig := make([]uint64, n)
				for i := range orig {
					orig[i] = spread.at(rng)
				}
				want := slowCommitted(orig)
				acked := make([]uint64, n)
				got := uint64(0)
				b.ReportAllocs()
				for b.Loop() {
					copy(acked, orig)
					got = CommittedOf(acked)
				}
				require.Equal(b, want, got)
			})
		}
	}
}
