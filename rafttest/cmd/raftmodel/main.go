// Command raftmodel explores every behaviour of small groups within bounds: the real code, each message delivered, lost
// or doubled in every order, a crash between any two events. It ends at the first property that does not hold, with a
// shortest way there as a script, as text and as a page.
//
//	go run ./rafttest/cmd/raftmodel -bounds short
//
// An interrupt ends the search, and what is done so far is printed; a second one ends raftmodel at once.
//
// The exit status is 1 if a property did not hold, 2 if raftmodel was not used right or a counterexample could not be
// written, 130 if the search was interrupted before that.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"time"

	"github.com/seed695671cb/raft/internal/model"
	"github.com/seed695671cb/raft/rafttest/trace"
)

// config is what the flags say.
type config struct {
	bounds  []model.Bounds
	options model.Options
	list    bool
	json    bool
	out     string
}

func main() {
	c, err := parse(os.Args[1:])
	if err == nil && c.list {
		listBounds(os.Stdout, c.bounds)
		return
	}
	ctx, release := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, release)
	var found bool
	if err == nil {
		found, err = c.search(ctx)
	}
	switch {
	case err == flag.ErrHelp:
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "raftmodel:", err)
		os.Exit(2)
	case found:
		os.Exit(1)
	case ctx.Err() != nil:
		os.Exit(130)
	}
}

// parse reads the flags.
func parse(args []string) (*config, error) {
	c := &config{options: model.Options{Every: 5 * time.Second, Progress: os.Stderr}}
	fs := flag.NewFlagSet("raftmodel", flag.ContinueOnError)
	bounds := fs.String("bounds", "short", "what to explore: quick, short, long, or the name of one part; see -list")
	fs.IntVar(&c.options.Workers, "j", runtime.GOMAXPROCS(0), "states expanded at the same time")
	fs.IntVar(&c.options.MaxStates, "max-states", 0, "end each search after about so many states; 0: no limit")
	fs.DurationVar(&c.options.MaxTime, "max-time", 0, "end each search after so long; 0: no limit")
	quiet := fs.Bool("quiet", false, "no progress line")
	fs.BoolVar(&c.list, "list", false, "list the bounds, and explore nothing")
	fs.BoolVar(&c.json, "json", false, "print the outcome as one line of JSON at the end")
	fs.StringVar(&c.out, "out", ".", "the directory where a counterexample is written; it is created")
	if err := fs.Parse(args); err != nil {
		return nil, flag.ErrHelp
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	switch {
	case c.options.Workers < 1:
		return nil, fmt.Errorf("-j is %d, want at least 1", c.options.Workers)
	case c.options.MaxStates < 0 || c.options.MaxTime < 0:
		return nil, fmt.Errorf("-max-states and -max-time must be at least 0")
	}
	if *quiet {
		c.options.Progress = io.Discard
	}
	var err error
	if c.bounds, err = model.BoundsNamed(*bounds); err != nil {
		return nil, err
	}
	if c.list {
		return c, nil
	}
	if err := os.MkdirAll(c.out, 0o777); err != nil {
		return nil, fmt.Errorf("-out %q: %w", c.out, err)
	}
	return c, nil
}

func listBounds(w io.Writer, all []model.Bounds) {
	for i := range all {
		fmt.Fprintf(w, "%s\n  %s\n", all[i].About, all[i].String())
	}
}

// outcome is what -json prints.
type outcome struct {
	Violation *trace.Violation `json:"violation"`
	Work      string           `json:"work"`
	Seconds   float64          `json:"seconds"`
	States    int              `json:"states"`
}

// search explores all bounds, until a property does not hold or ctx is done.
func (c *config) search(ctx context.Context) (found bool, err error) {
	var o outcome
	var unwritten error
	begun := time.Now()
	for i := range c.bounds {
		b := &c.bounds[i]
		r, err := c.searchOne(ctx, b)
		if err != nil {
			return false, err
		}
		o.States += r.States
		o.Work = fmt.Sprintf("%d states", o.States)
		if !c.json {
			fmt.Printf("%s\n\n", r)
		}
		if o.Violation = r.Violation(); o.Violation != nil {
			o.Work = fmt.Sprintf("%d states, %d of bounds %s; %d events", o.States, r.States, b.Name, r.Counterexample.Events)
			unwritten = c.explain(r)
			break
		}
		if ctx.Err() != nil {
			o.Work = fmt.Sprintf("interrupted after %d states, in bounds %s", o.States, b.Name)
			break
		}
	}
	o.Seconds = time.Since(begun).Seconds()
	if !c.json {
		fmt.Printf("%s in %.1f s\n", o.Work, o.Seconds)
		return o.Violation != nil, unwritten
	}
	line, err := json.Marshal(o)
	if err != nil {
		return o.Violation != nil, err
	}
	fmt.Println(string(line))
	return o.Violation != nil, unwritten
}

func (c *config) searchOne(ctx context.Context, b *model.Bounds) (*model.Result, error) {
	m, err := model.NewMachine(*b)
	if err != nil {
		return nil, err
	}
	return model.Search(ctx, m, b, c.options)
}

// explain shows a counterexample, and writes it down.
func (c *config) explain(r *model.Result) error {
	v := r.Violation()
	fmt.Fprintf(os.Stderr, "\n%s does not hold: %s\n", v.Property, v.Detail)
	for _, line := range v.Evidence {
		fmt.Fprintf(os.Stderr, "  %s\n", line)
	}
	t := r.Counterexample.Trace
	name := "counterexample-" + r.Bounds.Name
	for _, form := range []struct {
		suffix string
		write  func(io.Writer, *trace.Trace) error
	}{{".txt", trace.WriteText}, {".script.txt", trace.WriteScript}, {".html", trace.WriteHTML}} {
		path := filepath.Join(c.out, name+form.suffix)
		var b bytes.Buffer
		if err := form.write(&b, t); err != nil {
			fmt.Fprintf(os.Stderr, "not written: %s: %v\n", path, err) // not every event has a command of the scripts
			continue
		}
		if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
			return err
		}
		fmt.Fprintln(os.Stderr, "written:", path)
	}
	return nil
}
