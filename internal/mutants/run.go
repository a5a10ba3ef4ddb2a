package mutants

// This file takes mutants through the catchers, several at a time.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// Catchers says which catchers to run.
type Catchers struct{ Scripts, Simulator, Model bool }

// ParseCatchers reads names with commas.
func ParseCatchers(names string) (Catchers, error) {
	var c Catchers
	for _, name := range strings.Split(names, ",") {
		switch name {
		case "scripts":
			c.Scripts = true
		case "simulator":
			c.Simulator = true
		case "model":
			c.Model = true
		default:
			return c, fmt.Errorf("there is no catcher %q: name scripts, simulator or model", name)
		}
	}
	return c, nil
}

// Options are how mutants are run.
type Options struct {
	Root     string // of the module, absolute
	Workers  int
	Limit    time.Duration // of each program
	Catchers Catchers
	Effort   Effort
	Progress io.Writer
	// Have are results of earlier runs: what they say of the same edits is not run again.
	Have Results
}

// Check applies and compiles every mutant.
func Check(ctx context.Context, o Options, all []Mutant) error {
	return o.each(ctx, all, func(m *Mutant) (string, error) {
		b, err := newBench(o.Root, m, o.Limit)
		if err != nil {
			return "", err
		}
		defer b.close()
		if err := b.compiles(ctx); err != nil {
			return "", fmt.Errorf("mutant %s (%s) does not compile: %w", m.Name, m.Source, err)
		}
		return "compiles", nil
	})
}

// Run takes every mutant through the catchers, and gives each result to keep, which is not called twice at a time.
func Run(ctx context.Context, o Options, all []Mutant, keep func(Result) error) error {
	var one sync.Mutex
	return o.each(ctx, all, func(m *Mutant) (string, error) {
		r, err := o.catch(ctx, m)
		if err != nil {
			return "", fmt.Errorf("mutant %s (%s): %w", m.Name, m.Source, err)
		}
		one.Lock()
		defer one.Unlock()
		return r.summary(), keep(r)
	})
}

func (o Options) catch(ctx context.Context, m *Mutant) (Result, error) {
	r := Result{Mutant: m.Name, Edits: m.Fingerprint()}
	have := o.Have[m.Name]
	if have.Edits != r.Edits {
		have = Result{}
	}
	b, err := newBench(o.Root, m, o.Limit)
	if err != nil {
		return r, err
	}
	defer b.close()
	take := func(wanted bool, had *Outcome, into **Outcome, run func() (Outcome, error)) {
		if !wanted || had != nil || err != nil {
			return
		}
		var out Outcome
		out, err = run()
		*into = &out
	}
	c := o.Catchers
	take(c.Scripts, have.Scripts, &r.Scripts, func() (Outcome, error) { return runScripts(ctx, b) })
	take(c.Simulator, have.Simulator, &r.Simulator, func() (Outcome, error) { return runSimulator(ctx, b, o.Effort) })
	take(c.Model, have.Model, &r.Model, func() (Outcome, error) { return runModel(ctx, b, o.Effort) })
	return r, err
}

// summary is the result in a few words.
func (r *Result) summary() string {
	var parts []string
	for _, c := range r.columns() {
		if c.outcome != nil {
			parts = append(parts, c.catcher+": "+c.outcome.String())
		}
	}
	if len(parts) == 0 {
		return "nothing to be run"
	}
	return strings.Join(parts, "; ")
}

// String says what the outcome is.
func (o *Outcome) String() string {
	if !o.Caught {
		return "not caught after " + o.Work
	}
	return fmt.Sprintf("caught after %s (%s)", o.Work, o.By)
}

// each calls work for every mutant, o.Workers at a time, prints what it says, and returns all errors.
func (o Options) each(ctx context.Context, all []Mutant, work func(*Mutant) (string, error)) error {
	began := time.Now()
	next := make(chan *Mutant)
	var (
		workers sync.WaitGroup
		one     sync.Mutex
		done    int
		errs    []error
	)
	for range max(o.Workers, 1) {
		workers.Go(func() {
			for m := range next {
				said, err := work(m)
				one.Lock()
				done++
				if err != nil {
					errs = append(errs, err)
					said = "failed, see below"
				}
				fmt.Fprintf(o.Progress, "%d/%d %4.0fs %s: %s\n", done, len(all), time.Since(began).Seconds(), m.Name, said)
				one.Unlock()
			}
		})
	}
	for i := range all {
		if ctx.Err() != nil {
			break
		}
		next <- &all[i]
	}
	close(next)
	workers.Wait()
	fmt.Fprintf(o.Progress, "%d mutants in %.0f s\n", done, time.Since(began).Seconds())
	return errors.Join(append(errs, ctx.Err())...)
}
