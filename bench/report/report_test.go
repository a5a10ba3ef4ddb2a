package report

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/bench/contender"
	"github.com/seed695671cb/raft/bench/measure"
	"github.com/seed695671cb/raft/bench/raw"
	"github.com/seed695671cb/raft/bench/stats"
	"github.com/seed695671cb/raft/bench/workload"
)

// series has a run of ten operations for each CPU time of one operation, which takes twice that by the wall, an object
// of 64 bytes for every second operation.
func series(workload, library string, cpu ...int64) raw.Series {
	s := raw.Series{Workload: workload, Library: library, Unit: "entry"}
	for _, ns := range cpu {
		s.Add(measure.Result{Operations: 10, CPUNs: 10 * ns, WallNs: 20 * ns, Objects: 5, Bytes: 320})
	}
	return s
}

func held(library string, bytes, objects float64) raw.Series {
	s := raw.Series{Workload: "W6/held/follower", Library: library, Unit: "replica"}
	s.Add(measure.Result{Operations: 10, LiveBytes: 10 * bytes, LiveObjects: 10 * objects})
	return s
}

func results() *raw.Results {
	return &raw.Results{
		Date: "2026-01-02", CPU: "a processor", Cores: 2, Go: "go1.26", Rounds: 3, Scale: 1,
		Libraries: []raw.Library{{ID: "ours", Title: "ours", Version: "abc"}, {ID: "etcd36", Title: "etcd 3.6", Version: "v3.6.0"}},
		Series: []raw.Series{
			series("W1/batch=1", "ours", 100, 300, 200), series("W1/batch=1", "etcd36", 1000, 1000, 2000),
			series("W2/batch=1", "ours", 4_000, 4_000, 4_000), series("W2/batch=1", "etcd36", 8_000, 8_000, 8_000),
			held("ours", 1000, 4), held("etcd36", 2000, 18),
		},
	}
}

func TestTable(t *testing.T) {
	r := results()
	all := sections(r)
	require.Len(t, all, 3)
	var b strings.Builder
	all[0].write(&b, r)
	require.Equal(t, `### W1: three RawNodes in one goroutine

| workload | library | CPU time | wall time | objects | bytes | ours to it | goals |
| --- | --- | --: | --: | --: | --: | --: | --- |
| W1/batch=1 | ours | 200 ns (150 to 250) / entry | 400 ns (300 to 500) | 0.5 | 32 |  | at most 0.25 of etcd 3.6: met; objects at most 0.2: **not met** |
|  | etcd 3.6 | 1 us (1 to 1.5) / entry | 2 us (2 to 3) | 0.5 | 32 | 0.1 (0.1 to 0.2) |  |

`, b.String())
}

func TestTableOfMemory(t *testing.T) {
	r := results()
	var b strings.Builder
	sections(r)[2].write(&b, r)
	require.Equal(t, `### W6: memory held

| workload | library | bytes held | objects held | ours to it | goals |
| --- | --- | --: | --: | --: | --- |
| W6/held/follower | ours | 1,000 (1,000 to 1,000) | 4 |  | bytes held at most 700: **not met**; objects held at most 4: met |
|  | etcd 3.6 | 2,000 (2,000 to 2,000) | 18 | 0.5 (0.5 to 0.5) |  |

`, b.String())
}

func TestReportSaysWhatItIsOf(t *testing.T) {
	text := Markdown(results())
	require.Contains(t, text, "Measured on 2026-01-02 with go1.26: a processor, 2 cores.\nVersions: ours abc, etcd 3.6 v3.6.0.\n")
	require.Contains(t, text, "the median of 3 rounds")
	require.Contains(t, text, "Goals met: 2 of 5. Not met:\n")
	require.Contains(t, text, "- W2/batch=1: at most 0.35 of etcd 3.6; measured 0.5 (0.5 to 0.5)\n")
	require.NotContains(t, text, "times the operations")
	require.NotContains(t, text, "Failed")
}

func TestReportSaysWhatIsNotAsUsual(t *testing.T) {
	r := results()
	r.Scale, r.Failures = 0.1, []string{"W3/proposers=1 on etcd36: exit status 1\nit hung"}
	text := Markdown(r)
	require.Contains(t, text, "Every run has 0.1 times the operations")
	require.Contains(t, text, "Failed: W3/proposers=1 on etcd36: exit status 1 it hung\n")
}

func TestAWorkloadThatOursHasNotIsNotCompared(t *testing.T) {
	r := results()
	r.Series = r.Series[1:2]
	text := Markdown(r)
	require.Contains(t, text, "| W1/batch=1 | etcd 3.6 | 1 us (1 to 1.5) / entry | 2 us (2 to 3) | 0.5 | 32 | - |  |")
	require.NotContains(t, text, "Goals met")
}

func TestGoalsNameWorkloads(t *testing.T) {
	for _, g := range Goals() {
		_, err := workload.Find(g.Workload)
		require.NoError(t, err)
		require.Greater(t, g.AtMost, 0.0, g.Workload)
		if g.Library == "" {
			continue
		}
		_, err = workload.Find(g.Against)
		require.NoError(t, err)
		_, err = contender.Choose(g.Library)
		require.NoError(t, err)
	}
}

func TestGoalsInWords(t *testing.T) {
	for _, c := range []struct {
		goal Goal
		want string
	}{
		{ratio("W1/batch=1", 0.25), "at most 0.25 of etcd 3.6"},
		{limit("W1/batch=1", raw.Objects, 0.2), "objects at most 0.2"},
		{flat("W9/large", "W9/small", 2), "at most 2 of W9/small"},
		{Goal{"W8/alias", raw.CPU, "etcd36", "W8/unmarshal", 0.3}, "at most 0.3 of W8/unmarshal on etcd 3.6"},
	} {
		require.Equal(t, c.want, c.goal.String())
	}
}

func TestGoalsAgainstAnotherWorkload(t *testing.T) {
	r := results()
	require.Equal(t, []float64{0.025, 0.075, 0.05}, flat("W1/batch=1", "W2/batch=1", 2).values(r))
	require.Equal(t, []float64{4, 4, 2}, Goal{"W2/batch=1", raw.CPU, "etcd36", "W1/batch=1", 1}.values(r))
	require.Empty(t, ratio("W3/proposers=1", 1).values(r))
	require.Empty(t, flat("W1/batch=1", "W3/proposers=1", 1).values(r))
}

func TestGoalIsMetAtItsBound(t *testing.T) {
	at := func(v float64) Outcome {
		return Outcome{limit("W6/held/follower", raw.LiveObjects, 4), stats.Summary{Low: v, Median: v, High: v}}
	}
	require.True(t, at(4).Met())
	require.True(t, at(4.0003).Met(), "what the process allocates for itself")
	require.False(t, at(4.01).Met())
	require.False(t, at(math.NaN()).Met())
}

func TestEveryKindHasAHeading(t *testing.T) {
	for _, w := range workload.All() {
		kind, _, _ := strings.Cut(w.Name, "/")
		require.Contains(t, heading(kind, false), kind+": ")
	}
}
