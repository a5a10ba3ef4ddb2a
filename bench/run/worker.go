// Package run runs the workers, in turn and one process for each run, and collects what they report.
package run

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/seed695671cb/raft/bench/measure"
)

// patience is how long a worker may take.
const patience = 5 * time.Minute

// Worker is a program that was built for a library, and the workloads that it has.
type Worker struct {
	ID, File  string
	Workloads []string
}

// Ask returns the worker in the file, with the workloads that it lists.
func Ask(ctx context.Context, id, file string) (Worker, error) {
	out, err := execute(ctx, file, "-list")
	if err != nil {
		return Worker{}, fmt.Errorf("asking the worker of %s for its workloads: %w", id, err)
	}
	return Worker{ID: id, File: file, Workloads: strings.Fields(string(out))}, nil
}

// once runs a workload of the worker in a process of its own.
func once(ctx context.Context, w Worker, workload string, scale float64) (measure.Result, error) {
	out, err := execute(ctx, w.File, "-run", workload, "-scale", strconv.FormatFloat(scale, 'g', -1, 64))
	if err != nil {
		return measure.Result{}, err
	}
	var r measure.Result
	if err := json.Unmarshal(out, &r); err != nil {
		return measure.Result{}, fmt.Errorf("decoding what the worker reports: %w", err)
	}
	if r.Workload != workload || r.Operations <= 0 {
		return measure.Result{}, fmt.Errorf("the worker reports %d operations of %q", r.Operations, r.Workload)
	}
	return r, nil
}

// execute runs a program to its end and returns what it prints. The error holds the last of what it says on the
// standard error.
func execute(ctx context.Context, file string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("it took longer than %v", patience))
	defer cancel()
	cmd := exec.CommandContext(ctx, file, args...)
	cmd.Env = environment(os.Environ())
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		said := bytes.TrimSpace(stderr.Bytes())
		return nil, errors.Join(err, errors.New(string(said[max(0, len(said)-500):])))
	}
	return stdout.Bytes(), nil
}

// environment is the environment without the settings of the Go runtime: a limit on memory or another pace of garbage
// collection would measure something else.
func environment(all []string) []string {
	var kept []string
	for _, setting := range all {
		switch name, _, _ := strings.Cut(setting, "="); name {
		case "GOGC", "GOMEMLIMIT", "GOMAXPROCS", "GODEBUG":
		default:
			kept = append(kept, setting)
		}
	}
	return kept
}
