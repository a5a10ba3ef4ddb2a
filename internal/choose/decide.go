package choose

import (
	"fmt"
	"math"
	"math/bits"
)

// Decisions of common kinds, each made of one or two choices. With the choice 0 each takes its plainest outcome: no,
// the lowest, the first.

// Chance returns true in perMille of 1000 cases. At 0 and below, and at 1000 and above, no choice is made.
func Chance(s Source, perMille int) bool {
	if perMille <= 0 {
		return false
	}
	return perMille >= 1000 || s.Choose(1000) >= 1000-perMille
}

// Between returns a number in [low, high], both inclusive. It panics if high is less than low.
func Between(s Source, low, high int) int { return low + s.Choose(high-low+1) }

// Pick returns one of the items. It panics if there are none.
func Pick[T any](s Source, items []T) T { return items[s.Choose(len(items))] }

// Weighted returns an index of weights, each in proportion to its weight; one of weight 0 is never returned. It panics
// if a weight is negative, or if all are 0.
func Weighted(s Source, weights []int) int {
	total := 0
	for i, w := range weights {
		if w < 0 || total > math.MaxInt-w {
			panic(fmt.Sprintf("choose: weight %d at %d is negative or makes the sum of the weights overflow", w, i))
		}
		total += w
	}
	rest := s.Choose(total)
	for i, w := range weights {
		if rest < w {
			return i
		}
		rest -= w
	}
	panic("choose: a choice was not below the sum of the weights")
}

// tailDoublings is how often HeavyTail doubles at most.
const tailDoublings = 10

// HeavyTail returns a duration, or another quantity, that is mostly small and now and then very large: up to typical in
// half of all cases, and twice as much half as often, again and again. So more than 2^k times typical comes with
// probability 2^-(k+1), for k from 0 to 9, and more than 1024 times never; the mean is about 4 times typical. It panics
// if typical is negative or above the largest int divided by 1024. If typical is 0 so is the result, without a choice.
func HeavyTail(s Source, typical int) int {
	if typical < 0 || typical > math.MaxInt>>tailDoublings {
		panic(fmt.Sprintf("choose: typical value %d must be in [0, %d]", typical, math.MaxInt>>tailDoublings))
	}
	if typical == 0 {
		return 0
	}
	// Each further leading zero in a ten-bit number is half as likely. Subtracting makes the choice 0 all ones.
	const choices = 1 << tailDoublings
	doublings := tailDoublings - bits.Len(uint(choices-1-s.Choose(choices)))
	if doublings == 0 {
		return s.Choose(typical + 1)
	}
	half := typical << (doublings - 1)
	return half + 1 + s.Choose(half)
}
