package raw

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/bench/measure"
)

func results() *Results {
	entries := Series{Workload: "W1/batch=1", Library: "ours", Unit: "entry"}
	entries.Add(measure.Result{Operations: 10, WallNs: 200, CPUNs: 300, Objects: 5, Bytes: 1000})
	entries.Add(measure.Result{Operations: 10, WallNs: 400, CPUNs: 500, Objects: 10, Bytes: 2000})
	held := Series{Workload: "W6/held/group", Library: "ours", Unit: "replica"}
	held.Add(measure.Result{Operations: 4, CPUNs: 100, LiveBytes: 4000, LiveObjects: 16})
	return &Results{
		Date: "2026-01-02", CPU: "a processor", Cores: 2, Go: "go1.26", Rounds: 2, Scale: 0.5,
		Libraries: []Library{{ID: "ours", Title: "ours", Version: "abc"}},
		Failures:  []string{"W2/batch=1 on ours: it was wrong"},
		Series:    []Series{entries, held},
	}
}

func TestFileHoldsEverything(t *testing.T) {
	name := filepath.Join(t.TempDir(), "results.json")
	require.NoError(t, results().Write(name))
	read, err := Read(name)
	require.NoError(t, err)
	require.Equal(t, results(), read)
}

func TestFileHasALineForEachSeries(t *testing.T) {
	data, err := results().Encode()
	require.NoError(t, err)
	lines := 0
	for line := range strings.Lines(string(data)) {
		if strings.Contains(line, `"Workload"`) {
			lines++
		}
	}
	require.Equal(t, 2, lines)
}

func TestDecodeRefusesColumnsOfDifferentLengths(t *testing.T) {
	r := results()
	r.Series[0].CPUNs = r.Series[0].CPUNs[:1]
	data, err := r.Encode()
	require.NoError(t, err)
	_, err = Decode(data)
	require.ErrorContains(t, err, "W1/batch=1 on ours has columns of different lengths")
	_, err = Decode([]byte("{"))
	require.ErrorContains(t, err, "decoding results")
}

func TestValuesAreForOneOperation(t *testing.T) {
	s := results().Find("W1/batch=1", "ours")
	require.Equal(t, []float64{30, 50}, s.Values(CPU))
	require.Equal(t, []float64{20, 40}, s.Values(Wall))
	require.Equal(t, []float64{0.5, 1}, s.Values(Objects))
	require.Equal(t, []float64{100, 200}, s.Values(Bytes))
	require.Empty(t, s.Values(LiveBytes))
	require.Equal(t, CPU, s.Main())

	held := results().Find("W6/held/group", "ours")
	require.Equal(t, []float64{1000}, held.Values(LiveBytes))
	require.Equal(t, []float64{4}, held.Values(LiveObjects))
	require.Equal(t, LiveBytes, held.Main())
}

func TestFind(t *testing.T) {
	require.Nil(t, results().Find("W1/batch=1", "etcd36"))
	require.Nil(t, results().Find("W1", "ours"))
}
