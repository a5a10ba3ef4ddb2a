package plots

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/bench/measure"
	"github.com/seed695671cb/raft/bench/raw"
	"github.com/seed695671cb/raft/bench/workload"
)

// results has two libraries at three batch sizes, in an odd order, and something that is in no plot.
func results() *raw.Results {
	r := &raw.Results{Libraries: []raw.Library{{ID: "ours", Title: "ours"}, {ID: "etcd36", Title: "etcd 3.6"}}}
	for _, library := range []string{"etcd36", "ours"} {
		for _, name := range []string{"W1/batch=1", "W1/batch=16", "W1/batch=256", "W1/closed/batch=1", "W4/goroutines=1"} {
			s := raw.Series{Workload: name, Library: library, Unit: "entry"}
			for _, ns := range []int64{1000, 3000, 2000} {
				s.Add(measure.Result{Operations: 10, CPUNs: ns})
			}
			r.Series = append(r.Series, s)
		}
	}
	return r
}

func TestFigures(t *testing.T) {
	figures := Figures(results())
	require.Len(t, figures, 1)
	require.Equal(t, "batch", figures[0].Name)
	want := []Point{{1, 150, 200, 250}, {16, 150, 200, 250}, {256, 150, 200, 250}}
	require.Equal(t, []Line{{"ours", "ours", want}, {"etcd36", "etcd 3.6", want}}, figures[0].Lines)
}

func TestAPointWithoutCostIsLeftOut(t *testing.T) {
	r := results()
	r.Find("W1/batch=16", "ours").CPUNs = []int64{0, 0, 0}
	points := Figures(r)[0].Lines[0].Points
	require.Len(t, points, 2)
	require.Equal(t, 256.0, points[1].X)
}

// TestEveryFigureHasWorkloads finds a figure whose prefix no longer names any.
func TestEveryFigureHasWorkloads(t *testing.T) {
	for _, s := range all() {
		r := &raw.Results{}
		for _, w := range workload.All() {
			r.Series = append(r.Series, raw.Series{Workload: w.Name, Library: "ours", Operations: []int{1}, CPUNs: []int64{1}})
		}
		require.GreaterOrEqual(t, len(s.points(r, "ours")), 3, "%s: workloads %sN", s.name, s.prefix)
	}
}

func TestSVG(t *testing.T) {
	f := Figures(results())[0]
	svg, err := f.SVG()
	require.NoError(t, err)
	for _, text := range []string{"W1: three RawNodes", "CPU time per entry", "entries proposed for each Ready", "etcd 3.6", ">256<",
		"sans-serif"} {
		require.Contains(t, string(svg), text)
	}
	again, err := f.SVG()
	require.NoError(t, err)
	require.Equal(t, svg, again, "the same numbers give the same file")
	wellFormed(t, string(svg))
}

func TestSVGOfOnePoint(t *testing.T) {
	f := Figure{Name: "one", Lines: []Line{{Library: "another", Label: "another", Points: []Point{{1, 10, 10, 10}}}}}
	svg, err := f.SVG()
	require.NoError(t, err)
	require.NotContains(t, string(svg), "NaN")
	wellFormed(t, string(svg))
}

func wellFormed(t *testing.T, text string) {
	decoder := xml.NewDecoder(strings.NewReader(text))
	for {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
	}
}

func TestDecades(t *testing.T) {
	labels := map[float64]string{}
	for _, tick := range decades(10, 1e10) {
		if tick.Label != "" {
			labels[math.Round(tick.Value)] = tick.Label
		}
	}
	require.Equal(t, map[float64]string{1e1: "10 ns", 1e2: "100 ns", 1e3: "1 us", 1e4: "10 us", 1e5: "100 us", 1e6: "1 ms",
		1e7: "10 ms", 1e8: "100 ms", 1e9: "1 s", 1e10: "10 s"}, labels)
}
