// Command chaos runs a kvstore cluster as processes, breaks it in every way that the plan of a seed says, and checks that
// what clients saw is linearizable and that no acknowledged write is lost. See package chaos. It exits with 1 if
// anything is wrong, and with 2 if the run could not take place.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/seed695671cb/raft/examples/kvstore/chaos"
	"github.com/seed695671cb/raft/examples/kvstore/chaos/check"
	"github.com/seed695671cb/raft/examples/kvstore/chaos/history"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ok, err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(2)
	case !ok:
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	config   chaos.Config
	faults   string
	out      string
	program  string
	json     bool
	history  string
	check    string
	args     string
	keepData bool
}

func parse(args []string, stderr io.Writer) (*options, error) {
	o := &options{}
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.SetOutput(stderr)
	c := &o.config
	flags.DurationVar(&c.Duration, "duration", time.Minute, "how long faults go on")
	flags.Uint64Var(&c.Seed, "seed", uint64(time.Now().UnixNano())%1_000_000, "what the plan and the clients' choices follow from; another one each time")
	flags.IntVar(&c.Members, "members", 5, "members of the cluster, 3 at least")
	flags.IntVar(&c.Clients, "clients", 10, "clients that write")
	flags.IntVar(&c.Groups, "keys", 4, "groups of two keys that are in use at the same time")
	flags.DurationVar(&c.Think, "think", 10*time.Millisecond, "average pause of a client between operations")
	flags.IntVar(&c.SnapshotEntries, "snapshot-entries", 500, "after how many entries members compact their logs")
	flags.StringVar(&o.faults, "faults", strings.Join(chaos.AllFaults(), ","), "kinds of faults, separated by commas; none for work alone")
	flags.StringVar(&o.out, "out", "", "`directory` for data, logs and what is written about the run; a temporary one, removed if all is well, if absent")
	flags.StringVar(&o.program, "kvstore", "", "`executable` of kvstore; built from the source if absent")
	flags.StringVar(&o.args, "serve", "", "further `arguments` of kvstore serve, separated by spaces")
	flags.BoolVar(&o.json, "json", false, "print the figures as JSON")
	flags.StringVar(&o.history, "history", "", "`file` to write the history to, even if all is well")
	flags.StringVar(&o.check, "check", "", "check the history in this `file` instead of running anything")
	flags.BoolVar(&o.keepData, "keep-data", false, "keep the members' data with -out even if all is well")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	switch {
	case flags.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q: all options are flags", flags.Arg(0))
	case c.Members < 3 || c.Clients < 1 || c.Groups < 1 || c.Duration <= 0:
		return nil, errors.New("give 3 members or more, a client and a group of keys or more, and a duration")
	}
	c.Args = strings.Fields(o.args)
	c.Faults = []string{}
	if o.faults != "none" {
		c.Faults = strings.Split(o.faults, ",")
	}
	return o, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (ok bool, err error) {
	o, err := parse(args, stderr)
	if err != nil {
		return false, err
	}
	if o.check != "" {
		return checkFile(o, stdout)
	}
	dir, temporary, err := directory(o.out)
	if err != nil {
		return false, err
	}
	o.config.Dir, o.config.Out = dir, stderr
	if o.config.Program, err = program(ctx, o.program, dir); err != nil {
		return false, err
	}
	fmt.Fprintf(stderr, "seed %d, %d members, %s, everything is in %s\n", o.config.Seed, o.config.Members, o.config.Duration, dir)
	figures, log, err := chaos.Run(ctx, o.config)
	if err != nil {
		return false, err
	}
	if err := report(o, figures, log, stdout); err != nil {
		return false, err
	}
	if !figures.OK() {
		fmt.Fprintf(stderr, "the plan, the history, pictures of violations and the members' logs are in %s\nrun it again with:       go run ./chaos/cmd/chaos %s\ncheck the history with:  go run ./chaos/cmd/chaos -check %s\n",
			dir, strings.Join(args, " ")+again(args, o.config.Seed), o.history)
		return false, nil
	}
	return true, tidy(o, dir, temporary)
}

// again returns the flag that repeats a seed, unless it was given.
func again(args []string, seed uint64) string {
	for _, arg := range args {
		if strings.HasPrefix(strings.TrimLeft(arg, "-"), "seed") {
			return ""
		}
	}
	return fmt.Sprintf(" -seed %d", seed)
}

// directory makes the directory of the run.
func directory(out string) (dir string, temporary bool, err error) {
	if out == "" {
		dir, err = os.MkdirTemp("", "kvstore-chaos-")
		return dir, true, err
	}
	if dir, err = filepath.Abs(out); err != nil {
		return "", false, err
	}
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		return "", false, fmt.Errorf("the directory %s is not empty: name another one with -out", dir)
	}
	return dir, false, os.MkdirAll(dir, 0o755)
}

// program returns the executable, which it builds if none is named.
func program(ctx context.Context, named, dir string) (string, error) {
	if named != "" {
		return filepath.Abs(named)
	}
	path := filepath.Join(dir, "kvstore")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "github.com/seed695671cb/raft/examples/kvstore")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build kvstore: %w; run this in examples/kvstore, or name an executable with -kvstore\n%s", err, text)
	}
	return path, nil
}

// report prints the figures, and keeps the history.
func report(o *options, figures *chaos.Figures, log *history.Log, stdout io.Writer) error {
	if o.history == "" {
		o.history = filepath.Join(o.config.Dir, "history.jsonl")
	}
	file, err := os.Create(o.history)
	if err != nil {
		return fmt.Errorf("keep the history: %w", err)
	}
	if err := errors.Join(log.Write(file), file.Close()); err != nil {
		return err
	}
	if !o.json {
		return figures.Print(stdout)
	}
	enc := json.NewEncoder(stdout)
	enc.SetIndent("", " ")
	return enc.Encode(figures)
}

// tidy removes what nobody needs of a run in which all was well.
func tidy(o *options, dir string, temporary bool) error {
	switch {
	case temporary:
		return os.RemoveAll(dir)
	case o.keepData:
		return nil
	}
	data, err := filepath.Glob(filepath.Join(dir, "members", "*", "data"))
	if err != nil {
		return err
	}
	for _, path := range data {
		err = errors.Join(err, os.RemoveAll(path))
	}
	return err
}

// checkFile checks the history of an earlier run.
func checkFile(o *options, stdout io.Writer) (bool, error) {
	file, err := os.Open(o.check)
	if err != nil {
		return false, err
	}
	defer file.Close()
	log, err := history.Read(file)
	if err != nil {
		return false, err
	}
	report := check.Run(log, check.Config{Dir: filepath.Dir(o.check)})
	for _, v := range report.Violations {
		fmt.Fprintln(stdout, v)
	}
	fmt.Fprintf(stdout, "%d operations in %d groups of keys: %s\n", report.Checked, report.Partitions, report.Verdict())
	return report.OK(), nil
}
