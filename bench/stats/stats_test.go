package stats

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSummary(t *testing.T) {
	for _, c := range []struct {
		name   string
		values []float64
		want   Summary
	}{
		{"one", []float64{7}, Summary{7, 7, 7}},
		{"two", []float64{2, 1}, Summary{1.25, 1.5, 1.75}},
		{"odd, out of order, with an outlier", []float64{1000, 3, 1, 2, 4}, Summary{2, 3, 4}},
		{"seven", []float64{1, 2, 3, 4, 5, 6, 7}, Summary{2.5, 4, 5.5}},
		{"even", []float64{4, 1, 3, 2}, Summary{1.75, 2.5, 3.25}},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, Of(c.values)) })
	}
}

func TestSummaryOfNothing(t *testing.T) {
	require.True(t, math.IsNaN(Of(nil).Median))
	require.True(t, math.IsNaN(Of([]float64{1, math.NaN(), 2}).Median))
}

func TestSummaryLeavesItsInput(t *testing.T) {
	values := []float64{3, 1, 2}
	Of(values)
	require.Equal(t, []float64{3, 1, 2}, values)
}

// The ratio of the medians below would be 0.1: round by round it is another.
func TestRatiosAreTakenRoundByRound(t *testing.T) {
	ours, theirs := []float64{1, 2, 30}, []float64{10, 20, 60}
	require.Equal(t, []float64{0.1, 0.1, 0.5}, Ratios(ours, theirs))
	require.Equal(t, 0.1, Of(Ratios(ours, theirs)).Median)
	require.Equal(t, []float64{1, 4, 2}, Ratios([]float64{10, 20, 60}, []float64{10, 5, 30}))
}

func TestRatiosOfUnequalRounds(t *testing.T) {
	require.Equal(t, []float64{0.5}, Ratios([]float64{1, 2}, []float64{2}))
	require.Equal(t, []float64{2}, Ratios([]float64{1, 4}, []float64{0, 2}), "nothing is divided by zero")
	require.Empty(t, Ratios(nil, []float64{1}))
}
