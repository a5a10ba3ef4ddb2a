package report

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/bench/stats"
)

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		value float64
		want  string
	}{
		{0, "0"}, {16, "16"}, {16.04, "16"}, {1.2345, "1.23"}, {0.07, "0.07"}, {0.0123456, "0.0123"}, {0.00000718, "0.00000718"},
		{999.4, "999"}, {999.5, "1,000"}, {1577, "1,577"}, {1234567, "1,234,567"}, {-1577, "-1,577"}, {-2.5, "-2.5"},
		{100, "100"}, {9.999, "10"}, {math.NaN(), "-"},
	} {
		require.Equal(t, c.want, number(c.value))
	}
}

func TestDuration(t *testing.T) {
	require.Equal(t, "4.6 us (0.9 to 5)", duration(stats.Summary{Low: 900, Median: 4600, High: 5000}))
	require.Equal(t, "49 ns (48 to 50)", duration(stats.Summary{Low: 48, Median: 49, High: 50}))
	require.Equal(t, "54 ms (53 to 1,200)", duration(stats.Summary{Low: 53e6, Median: 54e6, High: 1.2e9}))
	require.Equal(t, "2 s (2 to 2)", duration(stats.Summary{Low: 2e9, Median: 2e9, High: 2e9}))
	require.Equal(t, "-", duration(stats.Of(nil)))
}

func TestCount(t *testing.T) {
	require.Equal(t, "0", count(stats.Of([]float64{0.0002})))
	require.Equal(t, "0.002", count(stats.Of([]float64{0.002})))
	require.Equal(t, "-", count(stats.Of(nil)))
}
