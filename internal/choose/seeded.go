package choose

import "math/bits"

// Seeded makes choices at random, determined by its seed alone: the same seed gives the same choices on every machine,
// for ever. Recorded seeds stay valid because of that, so neither the generator nor the reduction to [0, n) may change.
//
// The generator is SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014): a counter
// that advances by an odd constant, and a mixing function that is a bijection. Its period is 2^64. Streams of different
// seeds are parts of one cycle; those of the seeds below 2^20 do not meet within 2^40 choices. The reduction takes the
// upper word of the product of n and the 64 random bits (Lemire, "Fast random integer generation in an interval", 2019),
// without the rejection step: the probability of each number is within 2^-64 of 1/n, which no run can tell from even.
//
// The zero value is the source with seed 0. Copying a Seeded copies its position: both then make the same choices.
type Seeded struct {
	counter uint64
}

const (
	stride    = 0x9e3779b97f4a7c15
	firstMix  = 0xbf58476d1ce4e5b9
	secondMix = 0x94d049bb133111eb
)

// NewSeeded returns a source whose choices follow from the seed.
func NewSeeded(seed uint64) *Seeded { return &Seeded{counter: seed} }

// Choose returns a number in [0, n), all of them equally likely. A choice of one number counts as a choice.
func (s *Seeded) Choose(n int) int {
	if n < 1 {
		panic(noChoice)
	}
	s.counter += stride
	x := s.counter
	x = (x ^ x>>30) * firstMix
	x = (x ^ x>>27) * secondMix
	upper, _ := bits.Mul64(x^x>>31, uint64(n))
	return int(upper)
}
