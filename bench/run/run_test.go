package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/bench/measure"
	"github.com/seed695671cb/raft/bench/raw"
)

func workers() []Worker {
	return []Worker{
		{ID: "a", Workloads: []string{"W1/x", "W3/x"}},
		{ID: "b", Workloads: []string{"W1/x", "W3/x"}},
		{ID: "c", Workloads: []string{"W3/x", "W9/only"}},
	}
}

// told lists tasks as the IDs of their workers and their workloads.
func told(tasks []task) (all []string) {
	for _, t := range tasks {
		all = append(all, workers()[t.worker].ID+" "+t.workload)
	}
	return all
}

func TestOrderRotates(t *testing.T) {
	every := regexp.MustCompile("")
	require.Equal(t, []string{"a W1/x", "b W1/x", "a W3/x", "b W3/x", "c W3/x", "c W9/only"}, told(order(workers(), every, 0)))
	require.Equal(t, []string{"b W1/x", "a W1/x", "b W3/x", "c W3/x", "a W3/x", "c W9/only"}, told(order(workers(), every, 1)))
	require.Equal(t, []string{"c W3/x", "a W3/x", "b W3/x"}, told(order(workers(), regexp.MustCompile("^W3"), 2)))
}

// fake is a session whose workers take no time: run i of a worker reports i nanoseconds.
func fake(o Options) (*session, *[]string) {
	var log []string
	runs := map[string]int64{}
	s := &session{workers: workers(), options: o, series: map[task]*raw.Series{}, failed: map[task]bool{}}
	s.progress = newProgress(o.Progress, func() time.Time { return time.Time{} }, o.Rounds)
	s.once = func(_ context.Context, w Worker, workload string, scale float64) (measure.Result, error) {
		log = append(log, fmt.Sprintf("%s %s %g", w.ID, workload, scale))
		if w.ID == "b" && workload == "W3/x" && len(log) > 6 {
			return measure.Result{}, errors.New("exit status 1")
		}
		if scale == o.Scale {
			runs[w.ID+workload]++
		}
		return measure.Result{Workload: workload, Operations: 1, CPUNs: runs[w.ID+workload]}, nil
	}
	return s, &log
}

func TestAll(t *testing.T) {
	var out bytes.Buffer
	s, log := fake(Options{Rounds: 3, Scale: 0.5, Warmup: 0.1, Only: regexp.MustCompile("W3|W9"), Progress: &out,
		Units: map[string]string{"W3/x": "entry"}})
	series, failures, err := s.all(context.Background())
	require.NoError(t, err)
	require.Equal(t, []string{
		"a W3/x 0.05", "b W3/x 0.05", "c W3/x 0.05", "c W9/only 0.05",
		"b W3/x 0.5", "c W3/x 0.5", "a W3/x 0.5", "c W9/only 0.5",
		"c W3/x 0.5", "a W3/x 0.5", "b W3/x 0.5", "c W9/only 0.5",
		"a W3/x 0.5", "c W3/x 0.5", "c W9/only 0.5",
	}, *log, "b is not run again once it has failed")
	require.Equal(t, []string{"W3/x on b: exit status 1"}, failures)
	require.Len(t, series, 3)
	require.Equal(t, []string{"W3/x", "a", "entry"}, []string{series[0].Workload, series[0].Library, series[0].Unit})
	require.Equal(t, []int64{1, 2, 3}, series[0].CPUNs, "the round for warming up does not count")
	require.Equal(t, []string{"W9/only", "c", "operation"}, []string{series[2].Workload, series[2].Library, series[2].Unit})
	require.Contains(t, out.String(), "failed: W3/x on b: exit status 1\n")
	require.Contains(t, out.String(), "round 3 of 3: 3 runs; about")
}

func TestNothingToRun(t *testing.T) {
	s, _ := fake(Options{Rounds: 1, Scale: 1, Only: regexp.MustCompile("W7"), Progress: &bytes.Buffer{}})
	_, _, err := s.all(context.Background())
	require.EqualError(t, err, `no library has a workload that matches "W7"`)
}

func TestStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s, log := fake(Options{Rounds: 1, Scale: 1, Only: regexp.MustCompile(""), Progress: &bytes.Buffer{}})
	_, _, err := s.all(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, *log, 1)
}

// TestEstimate has tasks that take ten times as long as they took to warm up.
func TestEstimate(t *testing.T) {
	tasks := []task{{"x", 0}, {"x", 1}, {"y", 0}}
	p := newProgress(&bytes.Buffer{}, func() time.Time { return time.Time{} }, 3)
	p.round(0, tasks)
	for i, took := range []time.Duration{1, 2, 3} {
		p.done(tasks[i], took*time.Second)
	}
	p.round(1, tasks)
	require.Empty(t, p.left(), "nothing has run yet")
	p.done(tasks[0], 10*time.Second)
	require.Equal(t, "; about 2m50s left", p.left(), "20 and 30 seconds, and twice a minute")
	p.done(tasks[1], 30*time.Second)
	p.done(tasks[2], 40*time.Second)
	p.round(2, tasks)
	require.Equal(t, "; about 2m40s left", p.left(), "what each took last, for two rounds")
}

func TestEnvironment(t *testing.T) {
	require.Equal(t, []string{"HOME=/root", "GOGCC=1"}, environment([]string{"HOME=/root", "GOGC=off", "GOGCC=1", "GODEBUG=x=1",
		"GOMEMLIMIT=1GiB", "GOMAXPROCS=1"}))
}

func TestExecute(t *testing.T) {
	ctx := context.Background()
	w, err := Ask(ctx, "a", "echo")
	require.NoError(t, err)
	require.Equal(t, []string{"-list"}, w.Workloads, "what the program prints")
	_, err = once(ctx, w, "W1/x", 1)
	require.ErrorContains(t, err, "decoding what the worker reports")
	_, err = execute(ctx, "sh", "-c", "echo it is wrong >&2; exit 3")
	require.ErrorContains(t, err, "exit status 3\nit is wrong")
}
