package mutants

// This file has the other two catchers, the simulator and the model checker. Both are programs that explore schedules
// and say at the end, in one line of JSON, what they found.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Effort is how much the simulator and the model checker are to explore.
type Effort struct {
	Seeds  int    // of the simulator
	Events int    // of each seed
	Nodes  string // sizes of the groups, with commas
	Bounds string // of the model checker
}

// DefaultEffort is what verify uses, and run unless it is told otherwise.
func DefaultEffort() Effort {
	return Effort{Seeds: 500, Events: 20000, Nodes: "3,5,7", Bounds: "quick"}
}

func runSimulator(ctx context.Context, b *bench, e Effort) (Outcome, error) {
	program, err := b.build(ctx, "rafttest/cmd/raftsim", "")
	if err != nil {
		return Outcome{}, err
	}
	return explore(ctx, b, program, "-seeds", strconv.Itoa(e.Seeds), "-events", strconv.Itoa(e.Events), "-first", "1",
		"-nodes", e.Nodes, "-j", "1", "-json", "-minimise=false", "-out", b.dir)
}

func runModel(ctx context.Context, b *bench, e Effort) (Outcome, error) {
	program, err := b.build(ctx, "rafttest/cmd/raftmodel", "raftinvariants")
	if err != nil {
		return Outcome{}, err
	}
	return explore(ctx, b, program, "-bounds", e.Bounds, "-j", "1", "-json", "-out", b.dir)
}

// explore runs the program and reads what it found. One that does not come to an end has caught nothing.
func explore(ctx context.Context, b *bench, program string, args ...string) (Outcome, error) {
	end, err := runLimited(ctx, b.root, b.limit, program, args...)
	switch {
	case err != nil:
		return Outcome{}, err
	case end.timedOut:
		return Outcome{Work: "stopped after " + b.limit.String()}, nil
	case end.code > 1:
		return Outcome{}, end.failure(program)
	}
	o, err := parseReport(end.stdout)
	if err == nil && o.Caught != (end.code == 1) {
		err = errors.New("the report and the exit code do not agree")
	}
	if err != nil {
		return Outcome{}, fmt.Errorf("%w: %w", err, end.failure(program))
	}
	return o, nil
}

// report is the last line that the programs print.
type report struct {
	Violation *struct {
		Property string `json:"property"`
	} `json:"violation"`
	Work string `json:"work"`
}

func parseReport(stdout string) (Outcome, error) {
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	var r report
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &r); err != nil {
		return Outcome{}, fmt.Errorf("the last line printed is no report: %w", err)
	}
	if r.Work == "" {
		return Outcome{}, errors.New("the report names no work")
	}
	o := Outcome{Work: r.Work}
	if r.Violation != nil {
		o.Caught, o.By = true, r.Violation.Property
	}
	return o, nil
}
