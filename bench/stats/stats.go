// Package stats reduces the runs of a workload to what a table shows: a median, and the quartiles for its spread.
package stats

import (
	"math"
	"slices"
)

// Summary is the median of some values, and the quartiles around it: half of the values lie between Low and High.
type Summary struct {
	Low, Median, High float64
}

// Of summarises the values, which it leaves as they are. Quartiles between two values are interpolated linearly. Without
// any values, or if one of them is not a number, all three are not a number.
func Of(values []float64) Summary {
	if len(values) == 0 || slices.ContainsFunc(values, math.IsNaN) {
		return Summary{math.NaN(), math.NaN(), math.NaN()}
	}
	sorted := slices.Sorted(slices.Values(values))
	return Summary{quantile(sorted, 0.25), quantile(sorted, 0.5), quantile(sorted, 0.75)}
}

// quantile is the value below which the share q of the sorted values lies.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	below := int(at)
	if below+1 == len(sorted) {
		return sorted[below]
	}
	part := at - float64(below)
	return sorted[below]*(1-part) + sorted[below+1]*part
}

// Ratios divides the values of two series that were measured in the same rounds, round by round. What disturbs a whole
// round disturbs both sides of its ratio, and mostly cancels. A round in which the lower side is zero has no ratio. Rounds
// that only one series has are left out.
func Ratios(over, under []float64) []float64 {
	var ratios []float64
	for i := range min(len(over), len(under)) {
		if under[i] != 0 {
			ratios = append(ratios, over[i]/under[i])
		}
	}
	return ratios
}
