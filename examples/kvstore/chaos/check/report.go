// Package check judges the history of a chaos run. Run applies every checker; each looks at one promise of the store:
//
//   - linearizable.go: each group of keys behaves as if its operations happened one at a time, in an order that agrees
//     with real time (porcupine; the specification is in model.go);
//   - sightings.go: every value that anybody saw was written, once, by a write that was not refused;
//   - revisions.go: revisions of writes grow in real time, over all keys;
//   - stale.go: a member's stale reads never go back;
//   - watch.go: watchers were told of everything once, in order, and all of the same;
//   - final.go: at the end, all members hold what the history says, and nothing acknowledged is missing;
//   - leaders.go: a term has one leader at most.
package check

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/seed695671cb/raft/examples/kvstore/chaos/history"
)

// Config says how to check.
type Config struct {
	Timeout  time.Duration // for one group of keys; a minute if 0
	Parallel int           // groups checked at once; as many as there are processors if 0
	Dir      string        // where pictures of violations go; none are made if empty
}

// A Violation is a promise that was not kept.
type Violation struct {
	Check string `json:"check"`           // which checker found it
	Text  string `json:"text"`            // what is wrong
	Ops   []int  `json:"ops,omitempty"`   // numbers of operations that show it
	File  string `json:"file,omitempty"`  // a picture of it
	Group int    `json:"group,omitempty"` // of keys, if it concerns one
}

func (v Violation) String() string {
	text := v.Check + ": " + v.Text
	if v.File != "" {
		text += ", see " + v.File
	}
	return text
}

// A Report is the outcome of all checks.
type Report struct {
	Violations []Violation   `json:"violations"`
	Undecided  []int         `json:"undecided"`  // groups whose check ran out of time
	Partitions int           `json:"partitions"` // groups that were checked for linearizability
	Largest    int           `json:"largest"`    // operations of the largest group
	Longest    time.Duration `json:"longest_ns"` // check of a group
	Total      time.Duration `json:"total_ns"`   // of all checks
	Checked    int           `json:"checked"`    // operations that were checked for linearizability
	Idle       int           `json:"idle"`       // writes without an answer that nobody saw, left out
	Events     int           `json:"events"`     // told to all watchers together
}

// OK reports whether everything was checked and nothing was found.
func (r Report) OK() bool { return len(r.Violations) == 0 && len(r.Undecided) == 0 }

// Verdict says in a line what was found.
func (r Report) Verdict() string {
	if r.OK() {
		return "linearizable, no acknowledged write lost"
	}
	var parts []string
	if n := len(r.Violations); n > 0 {
		parts = append(parts, fmt.Sprintf("%d violations", n))
	}
	if n := len(r.Undecided); n > 0 {
		parts = append(parts, fmt.Sprintf("%d groups of keys could not be decided in time", n))
	}
	return strings.Join(parts, ", ")
}

// Run checks a history. It keeps at most maxViolations of each checker.
func Run(log *history.Log, cfg Config) Report {
	if cfg.Timeout == 0 {
		cfg.Timeout = time.Minute
	}
	if cfg.Parallel == 0 {
		cfg.Parallel = runtime.GOMAXPROCS(0)
	}
	start := time.Now()
	report := Report{Events: len(log.Events)}
	seen, violations := collectSightings(log)
	report.add(violations)
	report.add(checkRevisions(log))
	report.add(checkStale(log))
	report.add(checkWatch(log))
	report.add(checkFinal(log))
	report.add(checkReplays(log))
	report.add(checkLeaders(log))
	checkLinearizable(log, seen, cfg, &report)
	report.Total = time.Since(start)
	return report
}

// maxViolations bounds how many violations of one checker are reported: the first ones say it all.
const maxViolations = 10

func (r *Report) add(violations []Violation) {
	if n := len(violations); n > maxViolations {
		more := Violation{Check: violations[0].Check, Text: fmt.Sprintf("and %d more", n-maxViolations)}
		violations = append(slices.Clip(violations[:maxViolations]), more)
	}
	r.Violations = append(r.Violations, violations...)
}

func violation(name string, ops []*history.Op, format string, args ...any) Violation {
	v := Violation{Check: name, Text: fmt.Sprintf(format, args...)}
	for _, op := range ops {
		v.Ops = append(v.Ops, op.ID)
		v.Text += "\n    " + describe(op)
	}
	return v
}
