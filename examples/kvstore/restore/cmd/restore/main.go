// Restore shows that a large data set is restored to a new member of kvstore while writes go on, in bounded memory; see
// package restore. Run it in the directory examples/kvstore, or name the executable with -program.
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
	"syscall"
	"time"

	"github.com/seed695671cb/raft/examples/kvstore/restore"
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// settings are the flags that are not of the run itself.
type settings struct {
	size, bound string
	timeout     time.Duration
	json, keep  bool
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	config := restore.Config{Log: stderr}
	set, err := parse(args, &config, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	if err != nil {
		fmt.Fprintf(stderr, "restore: %v\n", err)
		return exitUsage
	}
	ctx, cancel := context.WithTimeout(ctx, set.timeout)
	defer cancel()
	ok, err := perform(ctx, config, set, stdout)
	if err != nil {
		fmt.Fprintf(stderr, "restore: %v\n", err)
	}
	if err != nil || !ok {
		return exitFailed
	}
	return exitOK
}

func parse(args []string, config *restore.Config, stderr io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("restore", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&s.size, "size", "2GB", "`bytes` of the data set")
	flags.StringVar(&s.bound, "memory", "768MiB", "`bytes` that a member may have in memory during the restore")
	flags.DurationVar(&s.timeout, "timeout", 15*time.Minute, "how long the run may take")
	flags.BoolVar(&s.json, "json", false, "write the report as JSON")
	flags.BoolVar(&s.keep, "keep", false, "keep the members' data and logs")
	flags.StringVar(&config.Program, "program", "", "the `executable` of kvstore (default: built from the current directory)")
	flags.StringVar(&config.Dir, "dir", "", "`directory` for the data, on a real disk (default: a temporary one)")
	flags.BoolVar(&config.Resume, "resume", false, "kill the new member in the middle, and start it again")
	flags.IntVar(&config.Fillers, "fillers", 8, "`number` of clients that fill the data set")
	flags.IntVar(&config.Writers, "writers", 4, "`number` of clients that write during the restore")
	flags.Float64Var(&config.Rate, "rate", 20, "`writes` in a second during the restore, all clients together")
	flags.Uint64Var(&config.Seed, "seed", 1, "`number` from which keys, sizes and values are drawn")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("%q is not a flag: restore takes nothing else", flags.Arg(0))
	}
	var wrongSize, wrongBound error
	config.Size, wrongSize = restore.ParseSize(s.size)
	config.MemoryBound, wrongBound = restore.ParseSize(s.bound)
	return s, errors.Join(wrongSize, wrongBound)
}

// perform makes what the run needs, runs it, and shows the report.
func perform(ctx context.Context, config restore.Config, set settings, stdout io.Writer) (ok bool, err error) {
	dir, err := os.MkdirTemp(config.Dir, "kvstore-restore-")
	if err != nil {
		return false, err
	}
	config.Dir = dir
	if set.keep {
		fmt.Fprintf(config.Log, "the data is kept in %s\n", dir)
	} else {
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	if config.Program == "" {
		config.Program = filepath.Join(dir, "kvstore")
		build := exec.CommandContext(ctx, "go", "build", "-o", config.Program, ".")
		if output, err := build.CombinedOutput(); err != nil {
			return false, fmt.Errorf("build kvstore in the current directory, or name it with -program: %w\n%s", err, output)
		}
	}
	report, err := restore.Run(ctx, config)
	if err != nil {
		return false, err
	}
	if !set.json {
		return report.OK(), report.Text(stdout)
	}
	encoder := json.NewEncoder(stdout)
	encoder.SetIndent("", "  ")
	return report.OK(), encoder.Encode(report)
}
