// Command mutants applies the catalogue of internal/mutants and shows by what each mutant is caught.
//
//	mutants list
//	mutants check  [-only name,...] [-j 2]
//	mutants run    [-only name,...] [-by scripts,simulator,model] [-resume] [-j 2] [-seeds n] [-bounds name] [-results file]
//	mutants table  [-results file]
//	mutants verify [-quick] [-j 2] [-results file]
//
// It is run from within the module. The tree is never changed, but for the file of results by run, and docs/MUTANTS.md
// by table.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/seed695671cb/raft/internal/mutants"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := command(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// request is what the command line asks for.
type request struct {
	options mutants.Options
	results string
	only    string
	by      string
	quick   bool
	resume  bool
}

func command(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("no verb: want list, check, run, table or verify")
	}
	req, err := parse(args[0], args[1:])
	if err != nil {
		return err
	}
	topics, err := mutants.Load(req.options.Root)
	if err != nil {
		return err
	}
	switch args[0] {
	case "list":
		list(topics)
		return nil
	case "check":
		return req.check(ctx, topics)
	case "run":
		return req.run(ctx, topics)
	case "table":
		return req.table(topics)
	case "verify":
		return req.verify(ctx, topics)
	default:
		return fmt.Errorf("no verb %q: want list, check, run, table or verify", args[0])
	}
}

func parse(verb string, args []string) (*request, error) {
	root, err := moduleRoot()
	if err != nil {
		return nil, err
	}
	req := &request{options: mutants.Options{Root: root, Effort: mutants.DefaultEffort(), Progress: os.Stdout}}
	o := &req.options
	flags := flag.NewFlagSet("mutants "+verb, flag.ContinueOnError)
	flags.StringVar(&req.only, "only", "", "names of mutants, with commas; all unless given")
	flags.StringVar(&req.by, "by", "scripts,simulator,model", "catchers to run, with commas")
	flags.StringVar(&req.results, "results", filepath.Join(root, filepath.FromSlash(mutants.ResultsFile)), "file of results")
	flags.BoolVar(&req.quick, "quick", false, "run each mutant again by the cheapest catcher that has caught it")
	flags.BoolVar(&req.resume, "resume", false, "leave out what the file of results has for the present edits")
	flags.IntVar(&o.Workers, "j", 2, "mutants at a time")
	flags.DurationVar(&o.Limit, "limit", 5*time.Minute, "time that each program may take")
	flags.IntVar(&o.Effort.Seeds, "seeds", o.Effort.Seeds, "seeds of the simulator")
	flags.IntVar(&o.Effort.Events, "events", o.Effort.Events, "events of each seed")
	flags.StringVar(&o.Effort.Nodes, "nodes", o.Effort.Nodes, "sizes of simulated groups, with commas")
	flags.StringVar(&o.Effort.Bounds, "bounds", o.Effort.Bounds, "bounds of the model checker")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("%s takes no argument %q: give flags only", verb, flags.Arg(0))
	}
	return req, nil
}

// moduleRoot returns the nearest directory upwards that has a go.mod.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod here or above: run from within the module")
		}
		dir = parent
	}
}

func list(topics []mutants.Topic) {
	for _, t := range topics {
		fmt.Println(t.Title)
		for _, m := range t.Mutants {
			fmt.Printf("  %-42s %s\n", m.Name, m.Endangers)
		}
	}
	fmt.Println(len(mutants.All(topics)), "mutants")
}

// chosen returns the mutants that -only names.
func (req *request) chosen(topics []mutants.Topic) ([]mutants.Mutant, error) {
	all := mutants.All(topics)
	if req.only == "" {
		return all, nil
	}
	var chosen []mutants.Mutant
	for _, name := range strings.Split(req.only, ",") {
		i := slices.IndexFunc(all, func(m mutants.Mutant) bool { return m.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no mutant %q: see the verb list", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

func (req *request) check(ctx context.Context, topics []mutants.Topic) error {
	all, err := req.chosen(topics)
	if err != nil {
		return err
	}
	return mutants.Check(ctx, req.options, all)
}

// run writes the results after every mutant, so that nothing is lost when it is stopped.
func (req *request) run(ctx context.Context, topics []mutants.Topic) error {
	all, err := req.chosen(topics)
	if err != nil {
		return err
	}
	if req.options.Catchers, err = mutants.ParseCatchers(req.by); err != nil {
		return err
	}
	results, err := mutants.ReadResults(req.results)
	if err != nil {
		return err
	}
	if req.resume {
		req.options.Have = maps.Clone(results)
	}
	err = mutants.Run(ctx, req.options, all, func(r mutants.Result) error {
		results.Merge(r)
		return results.Write(req.results)
	})
	for _, m := range all {
		if r := results[m.Name]; !r.Caught() && m.Equivalent == "" {
			fmt.Println("not caught:", m.Name)
		}
	}
	return err
}

func (req *request) table(topics []mutants.Topic) error {
	results, err := mutants.ReadResults(req.results)
	if err != nil {
		return err
	}
	path := filepath.Join(req.options.Root, filepath.FromSlash(mutants.TableFile))
	return os.WriteFile(path, []byte(mutants.Table(topics, results)), 0o644)
}

func (req *request) verify(ctx context.Context, topics []mutants.Topic) error {
	results, err := mutants.ReadResults(req.results)
	if err != nil {
		return err
	}
	if err := mutants.Verify(req.options.Root, topics, results); err != nil {
		return err
	}
	if !req.quick {
		return nil
	}
	return mutants.Recheck(ctx, req.options, mutants.All(topics), results)
}
