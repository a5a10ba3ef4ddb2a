package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed695671cb/raft/rafttest"
	"github.com/seed695671cb/raft/rafttest/trace"
)

// campaign runs seeds, several at a time, until all are done or one found something.
type campaign struct {
	*config
	started time.Time
	next    atomic.Uint64
	done    atomic.Uint64
	events  atomic.Uint64
	stop    atomic.Bool

	mu          sync.Mutex
	hash        uint64 // of all runs, whatever their order
	stats       rafttest.Stats
	failed      *rafttest.Result
	unwritten   error // why a trace could not be written
	interrupted bool  // before all seeds were run
}

func newCampaign(c *config) *campaign { return &campaign{config: c, started: time.Now()} }

// explore runs the seeds. When ctx is done it begins no other, and returns after those under way.
func (c *campaign) explore(ctx context.Context) {
	var workers sync.WaitGroup
	for range c.jobs {
		workers.Go(func() { c.work(ctx) })
	}
	finished := make(chan struct{})
	go func() {
		workers.Wait()
		close(finished)
	}()
	c.watch(ctx, finished)
	c.interrupted = ctx.Err() != nil && c.done.Load() < c.seeds
}

// conclude reports what was found, and returns the exit status.
func (c *campaign) conclude() int {
	c.report()
	switch {
	case c.unwritten != nil:
		fmt.Fprintln(os.Stderr, "raftsim: a trace is not written:", c.unwritten)
		return 2
	case c.failed != nil:
		return 1
	case c.interrupted:
		return 130
	}
	return 0
}

// work runs seeds.
func (c *campaign) work(ctx context.Context) {
	for !c.stop.Load() && ctx.Err() == nil {
		i := c.next.Add(1) - 1
		if i >= c.seeds {
			return
		}
		r := rafttest.Run(c.options(c.first + i))
		c.events.Add(r.Events)
		c.done.Add(1)
		c.note(&r)
	}
}

// note takes down what became of a run. Of several that found something it keeps that of the lowest seed. A trace that
// cannot be written ends the campaign: those of other seeds would hardly fare better.
func (c *campaign) note(r *rafttest.Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hash += r.Hash
	c.stats.Add(&r.Stats)
	if r.Violation != nil {
		c.stop.Store(true)
		if c.failed == nil || r.Options.Seed < c.failed.Options.Seed {
			c.failed = r
		}
	}
	if !c.record || r.Violation != nil || c.unwritten != nil {
		return
	}
	r.Trace.Title = c.again(r.Options.Seed)
	if c.unwritten = c.write(r.Trace, r.Options.Seed); c.unwritten != nil {
		c.stop.Store(true)
	}
}

// watch prints how far the campaign has come, every now and then, until it has finished.
func (c *campaign) watch(ctx context.Context, finished <-chan struct{}) {
	interrupted := ctx.Done()
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-finished:
			return
		case <-interrupted:
			interrupted = nil
			fmt.Fprintln(os.Stderr, "interrupted: waiting for the runs under way; interrupt again to end at once")
		case <-tick.C:
			if !c.quiet {
				fmt.Fprintln(os.Stderr, c.progress())
			}
		}
	}
}

func (c *campaign) progress() string {
	elapsed := time.Since(c.started)
	done, events := c.done.Load(), c.events.Load()
	left := "unknown"
	if done > 0 {
		left = (time.Duration(float64(elapsed) * float64(c.seeds-done) / float64(done))).Round(time.Second).String()
	}
	return fmt.Sprintf("%d of %d seeds, %.1f million events, %.0f events/s, %s left", done, c.seeds, float64(events)/1e6,
		float64(events)/elapsed.Seconds(), left)
}

// outcome is what -json prints.
type outcome struct {
	Violation *trace.Violation `json:"violation"`
	Work      string           `json:"work"`
	Seconds   float64          `json:"seconds"`
	Hash      string           `json:"hash"`
	Stats     rafttest.Stats   `json:"stats"`
}

// report says what was found.
func (c *campaign) report() {
	elapsed := time.Since(c.started)
	o := outcome{
		Work:    fmt.Sprintf("%d seeds, %d events", c.done.Load(), c.events.Load()),
		Seconds: elapsed.Seconds(), Hash: fmt.Sprintf("%016x", c.hash), Stats: c.stats,
	}
	if c.interrupted {
		o.Work = fmt.Sprintf("interrupted after %d of %d seeds, %d events", c.done.Load(), c.seeds, c.events.Load())
	}
	if c.failed != nil {
		o.Violation = c.failed.Violation
		o.Work = fmt.Sprintf("%d seeds, event %d of seed %d", c.failed.Options.Seed-c.first+1, c.failed.Events, c.failed.Options.Seed)
		c.explain()
	}
	if c.json {
		line, err := json.Marshal(o)
		if err != nil {
			fmt.Fprintln(os.Stderr, "raftsim:", err)
		}
		fmt.Println(string(line))
		return
	}
	fmt.Printf("%s in %.1f s, %.0f events/s, hash %s\n", o.Work, o.Seconds, float64(c.events.Load())/o.Seconds, o.Hash)
	fmt.Println(readable(c.stats))
}

// readable returns all counts in one line, whichever there are.
func readable(s rafttest.Stats) string {
	return strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%+v", s), "{"), "}")
}

// explain shows a violation, makes its run shorter, and writes it down.
func (c *campaign) explain() {
	r := *c.failed
	v := r.Violation
	fmt.Fprintf(os.Stderr, "\n%s does not hold: %s\n", v.Property, v.Detail)
	for _, line := range v.Evidence {
		fmt.Fprintf(os.Stderr, "  %s\n", line)
	}
	r.Trace.Title = c.again(r.Options.Seed)
	fmt.Fprintf(os.Stderr, "run it again: %s\n", r.Trace.Title)
	if c.minimise {
		before := r.Events
		r = rafttest.Minimise(r, minimiseTrials)
		fmt.Fprintf(os.Stderr, "%d of %d events are enough\n", r.Events, before)
	}
	tail := trace.Tail(r.Trace, longestTrace)
	if tail != r.Trace {
		fmt.Fprintf(os.Stderr, "the last %d events are written\n", longestTrace)
	}
	if err := c.write(tail, r.Options.Seed); err != nil {
		c.unwritten = err
	}
}

// longestTrace is how many events of a run are written: a page of more is slow to open, and seldom read.
const longestTrace = 10000

// minimiseTrials bounds the work of making a run shorter.
const minimiseTrials = 20000

// write writes the trace of a seed as text and as a page.
func (c *campaign) write(t *trace.Trace, seed uint64) error {
	for _, form := range []struct {
		suffix string
		write  func(io.Writer, *trace.Trace) error
	}{{".txt", trace.WriteText}, {".html", trace.WriteHTML}} {
		var b bytes.Buffer
		if err := form.write(&b, t); err != nil {
			return err
		}
		path := filepath.Join(c.out, fmt.Sprintf("seed-%d%s", seed, form.suffix))
		if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
			return err
		}
		fmt.Fprintln(os.Stderr, "written:", path)
	}
	return nil
}
