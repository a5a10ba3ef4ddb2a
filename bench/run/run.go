package run

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"time"

	"github.com/seed695671cb/raft/bench/measure"
	"github.com/seed695671cb/raft/bench/raw"
)

// Options say how much is run.
type Options struct {
	// Rounds is how often each workload runs on each library.
	Rounds int
	// Scale multiplies each workload's number of operations.
	Scale float64
	// Warmup is what part of the operations a round runs that comes first and is not counted; 0 for no such round.
	Warmup float64
	// Only is matched against the names of workloads.
	Only *regexp.Regexp
	// Units says what an operation of a workload is.
	Units map[string]string
	// Progress is where it is said how far the run is.
	Progress io.Writer
}

// session is a run of everything.
type session struct {
	workers  []Worker
	options  Options
	once     func(ctx context.Context, w Worker, workload string, scale float64) (measure.Result, error)
	progress *progress
	series   map[task]*raw.Series
	failed   map[task]bool
	failures []string
}

// All runs the workloads on all workers, round by round. What fails once is said, and not run again; it has no series.
// An error means that there was nothing to run, or that the context has ended.
func All(ctx context.Context, workers []Worker, o Options) (series []raw.Series, failures []string, err error) {
	s := &session{
		workers: workers, options: o, once: once,
		progress: newProgress(o.Progress, time.Now, o.Rounds),
		series:   map[task]*raw.Series{}, failed: map[task]bool{},
	}
	return s.all(ctx)
}

func (s *session) all(ctx context.Context) ([]raw.Series, []string, error) {
	tasks := order(s.workers, s.options.Only, 0)
	if len(tasks) == 0 {
		return nil, nil, fmt.Errorf("no library has a workload that matches %q", s.options.Only)
	}
	if s.options.Warmup > 0 {
		if err := s.round(ctx, 0); err != nil {
			return nil, nil, err
		}
	}
	for round := 1; round <= s.options.Rounds; round++ {
		if err := s.round(ctx, round); err != nil {
			return nil, nil, err
		}
	}
	s.progress.end()
	var all []raw.Series
	for _, t := range tasks {
		if series := s.series[t]; series != nil && !s.failed[t] {
			all = append(all, *series)
		}
	}
	return all, s.failures, nil
}

// round runs every task once. Round 0 warms up: it runs fewer operations, and does not count.
func (s *session) round(ctx context.Context, round int) error {
	scale := s.options.Scale
	if round == 0 {
		scale *= s.options.Warmup
	}
	tasks := slices.DeleteFunc(order(s.workers, s.options.Only, round), func(t task) bool { return s.failed[t] })
	s.progress.round(round, tasks)
	for _, t := range tasks {
		start := time.Now()
		result, err := s.once(ctx, s.workers[t.worker], t.workload, scale)
		if ctx.Err() != nil {
			return fmt.Errorf("measuring was stopped: %w", context.Cause(ctx))
		}
		if err != nil {
			s.fail(t, err)
		} else if round > 0 {
			s.add(t, result)
		}
		s.progress.done(t, time.Since(start))
	}
	return nil
}

// add appends a run to its series.
func (s *session) add(t task, result measure.Result) {
	series := s.series[t]
	if series == nil {
		unit := s.options.Units[t.workload]
		if unit == "" {
			unit = "operation"
		}
		series = &raw.Series{Workload: t.workload, Library: s.workers[t.worker].ID, Unit: unit}
		s.series[t] = series
	}
	series.Add(result)
}

// fail notes that a task has failed.
func (s *session) fail(t task, err error) {
	text := fmt.Sprintf("%s on %s: %v", t.workload, s.workers[t.worker].ID, err)
	s.failed[t] = true
	s.failures = append(s.failures, text)
	s.progress.failed(text)
}
