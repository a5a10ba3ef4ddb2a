// Command interop runs clusters that mix this library with etcd's, seed after seed, until a property of the protocol does
// not hold. README.md says what the mixes are, and what the driver does to them.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/seed695671cb/raft/interop/cluster"
)

func main() {
	var c campaign
	flag.Uint64Var(&c.first, "first", 1, "the first seed")
	flag.Uint64Var(&c.seeds, "seeds", 20, "how many seeds of each mix")
	flag.IntVar(&c.events, "events", 50000, "events of each seed")
	flag.IntVar(&c.jobs, "j", runtime.NumCPU(), "how many seeds run at the same time")
	flag.IntVar(&c.trials, "minimise", 0, "make a run that found something shorter, by at most so many trials")
	flag.StringVar(&c.out, "out", ".", "where the trace of a run that found something is written")
	names := flag.String("mix", "", "the mixes to run, by name, with commas between them; all with this library if empty")
	list := flag.Bool("list", false, "list the mixes, and exit")
	flag.Parse()
	if err := run(&c, *names, *list); err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		os.Exit(1)
	}
}

func run(c *campaign, names string, list bool) error {
	mixes, err := choose(names)
	if err != nil {
		return err
	}
	if list {
		for _, m := range append(cluster.Mixes(), cluster.Peers()...) {
			fmt.Println(m.Name)
		}
		return nil
	}
	if c.jobs < 1 || c.events < 1 {
		return fmt.Errorf("-j %d, -events %d: both have to be 1 or more", c.jobs, c.events)
	}
	dir, err := os.MkdirTemp("", "interop")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	workers, err := cluster.Build(".", dir)
	if err != nil {
		return err
	}
	c.pool = cluster.NewPool(workers)
	for _, m := range mixes {
		if err := c.explore(m); err != nil {
			return errors.Join(err, c.pool.Close())
		}
	}
	return c.pool.Close()
}

// choose returns the mixes with the names.
func choose(names string) (mixes []cluster.Mix, err error) {
	if names == "" {
		return cluster.Mixes(), nil
	}
	for name := range strings.SplitSeq(names, ",") {
		m, err := cluster.MixOf(strings.TrimSpace(name))
		if err != nil {
			return nil, err
		}
		mixes = append(mixes, m)
	}
	return mixes, nil
}
