package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
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

	mu     sync.Mutex
	hash   uint64 // of all runs, whatever their order
	stats  rafttest.Stats
	failed *rafttest.Result
}

func newCampaign(c *config) *campaign { return &campaign{config: c, started: time.Now()} }

// run returns the exit status.
func (c *campaign) run() int {
	var workers sync.WaitGroup
	for range c.jobs {
		workers.Go(c.work)
	}
	finished := make(chan struct{})
	go func() {
		workers.Wait()
		close(finished)
	}()
	c.watch(finished)
	c.report()
	if c.failed != nil {
		return 1
	}
	return 0
}

// work runs seeds.
func (c *campaign) work() {
	for !c.stop.Load() {
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

// note takes down what became of a run. Of several that found something it keeps that of the lowest seed.
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
	if c.record && r.Violation == nil {
		c.write(r.Trace, fmt.Sprintf("seed-%d", r.Options.Seed))
	}
}

// watch prints how far the campaign has come, every now and then, until it has finished.
func (c *campaign) watch(finished <-chan struct{}) {
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-finished:
			return
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
	s := &c.stats
	fmt.Printf("%s in %.1f s, %.0f events/s, hash %s\n", o.Work, o.Seconds, float64(c.events.Load())/o.Seconds, o.Hash)
	fmt.Printf("messages %d, elections %d, crashes %d, snapshots %d, changes asked for %d, writes %d of %d, reads %d, reads lost %d, "+
		"recoveries %d\n", s.Messages, s.Elections, s.Crashes, s.Snapshots, s.Changes, s.Writes, s.Proposals, s.Reads, s.LostReads,
		s.Recoveries)
}

// explain shows a violation, makes its run shorter, and writes it down.
func (c *campaign) explain() {
	r := *c.failed
	v := r.Violation
	fmt.Fprintf(os.Stderr, "\n%s does not hold: %s\n", v.Property, v.Detail)
	for _, line := range v.Evidence {
		fmt.Fprintf(os.Stderr, "  %s\n", line)
	}
	fmt.Fprintf(os.Stderr, "run it again: %s\n", r.Trace.Title)
	name := fmt.Sprintf("seed-%d", r.Options.Seed)
	if c.minimise {
		before := r.Events
		r = rafttest.Minimise(r, minimiseTrials)
		fmt.Fprintf(os.Stderr, "%d of %d events are enough\n", r.Events, before)
	}
	c.write(r.Trace, name)
}

// minimiseTrials bounds the work of making a run shorter.
const minimiseTrials = 20000

// write writes a trace as text and as a page.
func (c *campaign) write(t *trace.Trace, name string) {
	for suffix, write := range map[string]func(f *os.File) error{
		".txt":  func(f *os.File) error { return trace.WriteText(f, t) },
		".html": func(f *os.File) error { return trace.WriteHTML(f, t) },
	} {
		path := filepath.Join(c.out, name+suffix)
		f, err := os.Create(path)
		if err == nil {
			err = write(f)
		}
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "raftsim: the trace is not written:", err)
			continue
		}
		fmt.Fprintln(os.Stderr, "written:", path)
	}
}
