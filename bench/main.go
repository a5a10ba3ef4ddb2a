// Command bench measures this library and its peers side by side and writes what it found as a table. It is run in its own
// directory:
//
//	go run .                      measure everything, print the tables
//	go run . -write               and put them into docs/PERFORMANCE.md, with the plots
//	go run . -run W1 -libs ours,etcd36 -scale 0.1
//	go run . -from FILE -write    write again what was measured before
//
// README.md says what is measured and how to read it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"syscall"

	"github.com/seed695671cb/raft/bench/raw"
	"github.com/seed695671cb/raft/bench/report"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := bench(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

// flags are the command line.
type flags struct {
	rounds        int
	scale, warmup float64
	only          *regexp.Regexp
	libs          string
	json, from    string
	write, quiet  bool
}

func parse(args []string) (flags, error) {
	f := flags{only: regexp.MustCompile("")}
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	set.IntVar(&f.rounds, "rounds", 7, "how often each workload runs on each library")
	set.Float64Var(&f.scale, "scale", 1, "multiplies each workload's number of operations")
	set.Float64Var(&f.warmup, "warmup", 0.1, "run a round first that does not count, with this part of the operations; 0 for none")
	set.Func("run", "run only the workloads whose names match this `regexp`", func(text string) (err error) {
		f.only, err = regexp.Compile(text)
		return err
	})
	set.StringVar(&f.libs, "libs", "", "measure only the libraries in this `list`, with commas: ours,etcd36,etcd37,hashicorp,dragonboat")
	set.StringVar(&f.json, "json", "", "write every run to this `file`")
	set.StringVar(&f.from, "from", "", "measure nothing: take the runs from this `file`, written by -json or -write")
	set.BoolVar(&f.write, "write", false, "put the tables into docs/PERFORMANCE.md, the plots and every run into docs/plots")
	set.BoolVar(&f.quiet, "quiet", false, "do not print the tables")
	if err := set.Parse(args); err != nil {
		return f, err
	}
	if set.NArg() > 0 {
		return f, fmt.Errorf("unexpected argument %q: everything is a flag", set.Arg(0))
	}
	if f.rounds < 1 || f.scale <= 0 || f.warmup < 0 {
		return f, fmt.Errorf("%d rounds, scale %v, warm-up %v: rounds and scale have to be above zero", f.rounds, f.scale, f.warmup)
	}
	return f, nil
}

// bench does what the command line asks for. Results are written even if a workload has failed; the error says so then.
func bench(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f, err := parse(args)
	if err != nil {
		return err
	}
	results, err := f.results(ctx, stderr)
	if err != nil {
		return err
	}
	if f.json != "" {
		if err := results.Write(f.json); err != nil {
			return err
		}
	}
	if !f.quiet {
		fmt.Fprint(stdout, report.Markdown(results))
	}
	if f.write {
		if err := publish(results, ".."); err != nil {
			return err
		}
	}
	if len(results.Failures) > 0 {
		return fmt.Errorf("%d workloads failed, the first: %s", len(results.Failures), results.Failures[0])
	}
	return nil
}

// results measures, or reads what was measured before.
func (f flags) results(ctx context.Context, stderr io.Writer) (*raw.Results, error) {
	if f.from != "" {
		return raw.Read(f.from)
	}
	return f.measure(ctx, stderr)
}
