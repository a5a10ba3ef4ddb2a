// Command raftsim runs simulated groups, one for each seed, until a property does not hold: then it makes the run as short
// as it can, writes it as text and as a page, and says how to run it again.
//
//	go run ./rafttest/cmd/raftsim -seeds 500 -events 20000 -nodes 3,5,7
//
// The exit status is 1 if a property did not hold, 2 if raftsim was not used right.
package main

import (
	"flag"
	"fmt"
	"os"
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
}

func main() {
	c, err := parse(os.Args[1:])
	if err != nil {
		if err != flag.ErrHelp {
			fmt.Fprintln(os.Stderr, "raftsim:", err)
		}
		os.Exit(2)
	}
	os.Exit(newCampaign(c).run())
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
	fs.StringVar(&c.out, "out", ".", "where the trace of a violation is written")
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
	}
	var err error
	c.faults, err = parseFaults(*faults)
	return c, err
}

// options returns what a seed runs.
func (c *config) options(seed uint64) rafttest.Options {
	return rafttest.Options{
		Seed: seed, Events: c.events, StormEvents: c.storm, Clients: c.clients, Faults: c.faults, Record: c.record,
		Nodes: c.nodes[int(seed%uint64(len(c.nodes)))],
	}
}
