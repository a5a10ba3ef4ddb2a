// Command raftsim runs simulated groups, one for each seed, until a property does not hold: then it makes the run as short
// as it can, writes it as text and as a page, and says how to run it again.
//
//	go run ./rafttest/cmd/raftsim -seeds 500 -events 20000 -nodes 3,5,7
//
// An interrupt ends the campaign after the runs under way, a second one at once.
//
// The exit status is 1 if a property did not hold, 2 if raftsim was not used right or a trace could not be written, 130
// if the campaign was interrupted before that.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"

	"github.com/seed695671cb/raft/rafttest"
)

// config is what the flags say.
type config struct {
	first, seeds uint64
	events       int
	storm        int
	clients      int
	nodes        []int
	faults       func(rafttest.Faults) rafttest.Faults
	jobs         int
	minimise     bool
	json         bool
	quiet        bool
	out          string
	record       bool
	given        []givenFlag
}

// givenFlag is a flag of those that decide what happens in a run, as it was set.
type givenFlag struct{ name, value string }

func main() {
	c, err := parse(os.Args[1:])
	if err != nil {
		if err != flag.ErrHelp {
			fmt.Fprintln(os.Stderr, "raftsim:", err)
		}
		os.Exit(2)
	}
	ctx, release := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, release)
	run := newCampaign(c)
	run.explore(ctx)
	release() // an interrupt while a run is made shorter ends raftsim
	os.Exit(run.conclude())
}

// parse reads the flags.
func parse(args []string) (*config, error) {
	c := &config{}
	fs := flag.NewFlagSet("raftsim", flag.ContinueOnError)
	fs.Uint64Var(&c.first, "first", 1, "the first seed")
	fs.Uint64Var(&c.seeds, "seeds", 100, "how many seeds to run")
	fs.IntVar(&c.events, "events", 20000, "events in each run")
	fs.IntVar(&c.storm, "storm", 0, "events between two recoveries (default 10000)")
	fs.IntVar(&c.clients, "clients", 0, "clients, 1 to 8 (default 5)")
	nodes := fs.String("nodes", "0", "members that a group begins with, 1 to 7; 3,5,7 takes turns; 0: as the seed has it")
	faults := fs.String("faults", "", "changes what the seed has drawn, as in none,loss=100,crash=50; see rafttest.Faults")
	fs.IntVar(&c.jobs, "j", runtime.GOMAXPROCS(0), "runs at the same time")
	fs.BoolVar(&c.minimise, "minimise", true, "make a run that found something as short as possible")
	fs.BoolVar(&c.json, "json", false, "print the outcome as one line of JSON at the end")
	fs.BoolVar(&c.quiet, "quiet", false, "no progress line")
	fs.StringVar(&c.out, "out", ".", "the directory where traces are written; it is created")
	fs.BoolVar(&c.record, "trace", false, "write the trace of each run, whatever it finds; for few seeds and events")
	if err := fs.Parse(args); err != nil {
		return nil, flag.ErrHelp
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	for _, s := range strings.Split(*nodes, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 || n > 7 {
			return nil, fmt.Errorf("-nodes %q: want numbers from 1 to 7, or 0", *nodes)
		}
		c.nodes = append(c.nodes, n)
	}
	switch {
	case c.seeds < 1 || c.events < 1 || c.jobs < 1:
		return nil, fmt.Errorf("-seeds, -events and -j must be at least 1")
	case c.clients < 0 || c.clients > 8:
		return nil, fmt.Errorf("-clients is %d, want 1 to 8", c.clients)
	case c.storm < 0:
		return nil, fmt.Errorf("-storm is %d, want at least 1, or 0 for the default", c.storm)
	}
	var err error
	if c.faults, err = parseFaults(*faults); err != nil {
		return nil, err
	}
	c.given = givenFlags(fs)
	if err := os.MkdirAll(c.out, 0o777); err != nil {
		return nil, fmt.Errorf("-out %q: %w", c.out, err)
	}
	return c, nil
}

// givenFlags returns the flags that were set and that decide what happens in a run or what is kept of it, in the order
// of their names. Which seeds are run is not among them.
func givenFlags(fs *flag.FlagSet) (given []givenFlag) {
	fs.Visit(func(f *flag.Flag) {
		switch f.Name {
		case "clients", "events", "faults", "nodes", "storm", "trace":
			given = append(given, givenFlag{name: f.Name, value: f.Value.String()})
		}
	})
	return given
}

// again is the line that runs one seed of the campaign again.
func (c *config) again(seed uint64) string {
	var line strings.Builder
	fmt.Fprintf(&line, "go run ./rafttest/cmd/raftsim -first %d -seeds 1", seed)
	for _, f := range c.given {
		if f.name == "nodes" {
			f.value = strconv.Itoa(c.options(seed).Nodes) // a list takes turns by the seed, whatever the first one is
		}
		fmt.Fprintf(&line, " -%s=%s", f.name, f.value)
	}
	return line.String()
}

// options returns what a seed runs.
func (c *config) options(seed uint64) rafttest.Options {
	return rafttest.Options{
		Seed: seed, Events: c.events, StormEvents: c.storm, Clients: c.clients, Faults: c.faults, Record: c.record,
		Nodes: c.nodes[int(seed%uint64(len(c.nodes)))],
	}
}
