package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/seed695671cb/raft/bench/contender"
	"github.com/seed695671cb/raft/bench/raw"
	"github.com/seed695671cb/raft/bench/run"
	"github.com/seed695671cb/raft/bench/workload"
)

// measure builds the workers into a temporary directory, runs them, and returns what they report.
func (f flags) measure(ctx context.Context, stderr io.Writer) (*raw.Results, error) {
	chosen, err := contender.Choose(f.libs)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "raft-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	results := &raw.Results{
		Date: time.Now().Format(time.DateOnly), CPU: processor(), Cores: runtime.NumCPU(), Rounds: f.rounds, Scale: f.scale,
	}
	workers, err := prepare(ctx, results, chosen, dir, stderr)
	if err != nil {
		return nil, err
	}
	results.Series, results.Failures, err = run.All(ctx, workers, run.Options{
		Rounds: f.rounds, Scale: f.scale, Warmup: f.warmup, Only: f.only, Units: units(), Progress: stderr,
	})
	return results, err
}

// prepare builds the workers, asks each for its workloads, and notes what they were built from.
func prepare(ctx context.Context, results *raw.Results, chosen []contender.Contender, dir string, stderr io.Writer) ([]run.Worker, error) {
	var workers []run.Worker
	for _, c := range chosen {
		fmt.Fprintf(stderr, "building the worker of %s\n", c.Title)
		file, err := c.Build(".", dir)
		if err != nil {
			return nil, err
		}
		version, err := c.Version(file, ".")
		if err != nil {
			return nil, err
		}
		if err := noteGo(results, c, file); err != nil {
			return nil, err
		}
		worker, err := run.Ask(ctx, c.ID, file)
		if err != nil {
			return nil, err
		}
		results.Libraries = append(results.Libraries, raw.Library{ID: c.ID, Title: c.Title, Version: version})
		workers = append(workers, worker)
	}
	return workers, nil
}

// noteGo notes what Go the worker was built with, which has to be the same for all: a module file that asks for a newer
// one than is installed makes the go command fetch it, for this worker alone.
func noteGo(results *raw.Results, c contender.Contender, file string) error {
	version, err := contender.GoVersion(file)
	if err != nil {
		return err
	}
	if results.Go != "" && results.Go != version {
		return fmt.Errorf("%s is built with %s and the others with %s: install %s, or leave it out with -libs",
			c.ID, version, results.Go, version)
	}
	results.Go = version
	return nil
}

// units says what an operation of each workload is.
func units() map[string]string {
	all := map[string]string{}
	for _, w := range workload.All() {
		all[w.Name] = w.Unit
	}
	return all
}

// processor is the name of this machine's processor, as far as the system tells it.
func processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(info)) {
		name, value, found := strings.Cut(line, ":")
		if found && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
