package main

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed695671cb/raft/interop/cluster"
	"github.com/seed695671cb/raft/rafttest"
	"github.com/seed695671cb/raft/rafttest/trace"
)

// campaign is what is run of every mix.
type campaign struct {
	pool         *cluster.Pool
	first, seeds uint64
	events       int
	jobs         int
	trials       int
	out          string
}

// progress is how far the seeds of a mix have come.
type progress struct {
	next, events atomic.Uint64
	mu           sync.Mutex
	hash         uint64 // of all runs, whatever their order
	stats        rafttest.Stats
	traffic      cluster.Traffic
	failed       *rafttest.Result
}

// explore runs the seeds of a mix, and prints a line about them.
func (c *campaign) explore(mix cluster.Mix) error {
	var p progress
	started := time.Now()
	var jobs sync.WaitGroup
	for range c.jobs {
		jobs.Go(func() { c.work(mix, &p) })
	}
	jobs.Wait()
	if p.failed != nil {
		return c.explain(mix, p.failed)
	}
	s := &p.stats
	fmt.Printf("%-24s %d seeds, %d events, %.0f s: %d messages, %d elections, %d crashes, %d snapshots, %d changes, %d transfers, "+
		"%d writes, %d reads, %d recoveries; hash %016x\n", mix.Name, c.seeds, p.events.Load(), time.Since(started).Seconds(),
		s.Messages, s.Elections, s.Crashes, s.Snapshots, s.Changes, s.Transfers, s.Writes, s.Reads, s.Recoveries, p.hash)
	t := &p.traffic
	fmt.Printf("    to ours:   %s\n    to others: %s\n", listed(t.ToOurs), listed(t.ToOthers))
	fmt.Printf("    changes under leaders of ours: %s; of others: %s\n", listed(t.OursChanged), listed(t.OthersChanged))
	return nil
}

// listed lists counts, in the order of what they are of.
func listed[K cmp.Ordered](counts map[K]int) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", strings.TrimPrefix(fmt.Sprint(k), "Msg"), counts[k]))
	}
	return strings.Join(parts, ", ")
}

func (c *campaign) work(mix cluster.Mix, p *progress) {
	for {
		i := p.next.Add(1) - 1
		if i >= c.seeds {
			return
		}
		r, traffic := cluster.Run(c.pool, mix, rafttest.Options{Seed: c.first + i, Events: c.events})
		p.events.Add(r.Events)
		p.note(&r, traffic, c.seeds)
	}
}

// note takes down what became of a run. The first that found something ends the campaign; of several, that of the lowest
// seed counts.
func (p *progress) note(r *rafttest.Result, traffic cluster.Traffic, seeds uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hash += r.Hash
	p.stats.Add(&r.Stats)
	p.traffic.Add(traffic)
	if r.Violation == nil {
		return
	}
	p.next.Add(seeds)
	if p.failed == nil || r.Options.Seed < p.failed.Options.Seed {
		p.failed = r
	}
}

// explain shows what was found, and writes the trace.
func (c *campaign) explain(mix cluster.Mix, r *rafttest.Result) error {
	v := r.Violation
	fmt.Fprintf(os.Stderr, "%s: seed %d, event %d: %s does not hold: %s\n", mix.Name, r.Options.Seed, r.Events, v.Property, v.Detail)
	for _, line := range v.Evidence {
		fmt.Fprintf(os.Stderr, "  %s\n", line)
	}
	if c.trials > 0 {
		before := r.Events
		small := cluster.Minimise(c.pool, mix, *r, c.trials)
		r = &small
		fmt.Fprintf(os.Stderr, "%d of %d events are enough\n", r.Events, before)
	}
	again := fmt.Sprintf("go run . -mix %s -first %d -seeds 1 -events %d", mix.Name, r.Options.Seed, c.events)
	r.Trace.Title = again
	var b bytes.Buffer
	if err := trace.WriteText(&b, r.Trace); err != nil {
		return err
	}
	path := filepath.Join(c.out, fmt.Sprintf("%s-seed-%d.txt", mix.Name, r.Options.Seed))
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		return err
	}
	return fmt.Errorf("%s: seed %d: %s; the trace is in %s; run it again: %s", mix.Name, r.Options.Seed, v.Property, path, again)
}
