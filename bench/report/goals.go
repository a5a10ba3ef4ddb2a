package report

import (
	"fmt"

	"github.com/seed695671cb/raft/bench/contender"
	"github.com/seed695671cb/raft/bench/raw"
	"github.com/seed695671cb/raft/bench/stats"
)

// Goal is an upper bound on what a workload may cost on the library of this repository.
type Goal struct {
	// Workload and Metric say what is bounded.
	Workload string
	Metric   raw.Metric
	// Library and Against name the run that the cost is divided by, in the same metric. Without a library the cost itself is
	// bounded.
	Library, Against string
	// AtMost is the bound.
	AtMost float64
}

// Goals lists the goals, in the order of the tables.
func Goals() []Goal {
	return []Goal{
		ratio("W1/batch=1", 0.25), limit("W1/batch=1", raw.Objects, 0.2),
		ratio("W1/batch=16", 0.07),
		ratio("W1/batch=256", 0.06),
		ratio("W1/closed/batch=1", 0.40), limit("W1/closed/batch=1", raw.Objects, 0.2),
		ratio("W1/message/batch=16", 0.30),
		ratio("W2/batch=1", 0.35),
		ratio("W2/batch=16", 0.12),
		ratio("W2/batch=256", 0.12),
		ratio("W3/proposers=1", 0.20),
		ratio("W3/proposers=16", 0.13),
		ratio("W3/proposers=256", 0.13),
		ratio("W4/goroutines=1", 0.06),
		ratio("W4/goroutines=16", 0.06),
		ratio("W4/goroutines=64", 0.06),
		ratio("W5/safe/leader/1", 0.35),
		ratio("W5/safe/leader/64", 0.09),
		ratio("W5/safe/follower/1", 0.42),
		ratio("W5/safe/follower/64", 0.30),
		ratio("W5/lease/leader/1", 0.35),
		ratio("W5/lease/leader/64", 0.35),
		limit("W6/held/follower", raw.LiveBytes, 700), limit("W6/held/follower", raw.LiveObjects, 4),
		ratio("W6/tick/follower", 0.5),
		ratio("W6/heartbeat", 0.6),
		ratio("W6/second/beats=1", 0.5),
		ratio("W6/followers=100000", 0.5),
		ratio("W7/leader/batch=16/voters=7", 0.05),
		ratio("W7/leader/batch=16/voters=51", 0.01),
		ratio("W7/leader/batch=16/voters=201", 0.005),
		ratio("W8/marshal/entries=64", 0.9),
		ratio("W8/marshalto/entries=64", 0.6),
		ratio("W8/unmarshal/entries=64", 0.6), limit("W8/unmarshal/entries=64", raw.Objects, 2),
		{"W8/alias/entries=64", raw.CPU, contender.Baseline, "W8/unmarshal/entries=64", 0.3},
		ratio("W9/catchup", 0.4),
		ratio("W9/append/log=1000000", 0.1),
		ratio("W9/compact/log=1000000", 0.001), flat("W9/compact/log=1000000", "W9/compact/log=10000", 2),
		ratio("W10/apply", 0.4),
		ratio("W10/campaign", 0.5),
	}
}

// ratio is a goal for the processor time, as a ratio to the same workload on the baseline.
func ratio(workload string, atMost float64) Goal {
	return Goal{workload, raw.CPU, contender.Baseline, workload, atMost}
}

// limit is a goal for the cost of one operation itself.
func limit(workload string, metric raw.Metric, atMost float64) Goal {
	return Goal{Workload: workload, Metric: metric, AtMost: atMost}
}

// flat is a goal for the growth from a small workload to a large one, both on the library of this repository.
func flat(large, small string, atMost float64) Goal {
	return Goal{large, raw.CPU, contender.Ours, small, atMost}
}

// Outcome is a goal with what was measured.
type Outcome struct {
	Goal
	Value stats.Summary
}

// tolerance is how far above its bound a goal still counts as met: what a process allocates for itself, shared among the
// operations, shows as a few parts in ten thousand.
const tolerance = 1.001

// Met reports whether the median keeps to the bound.
func (o Outcome) Met() bool { return o.Value.Median <= o.AtMost*tolerance }

// Outcomes returns the goals of which everything was measured that they need.
func Outcomes(r *raw.Results) []Outcome {
	var all []Outcome
	for _, g := range Goals() {
		if values := g.values(r); len(values) > 0 {
			all = append(all, Outcome{g, stats.Of(values)})
		}
	}
	return all
}

// values is what the goal bounds, round by round.
func (g Goal) values(r *raw.Results) []float64 {
	ours := r.Find(g.Workload, contender.Ours)
	if ours == nil {
		return nil
	}
	if g.Library == "" {
		return ours.Values(g.Metric)
	}
	theirs := r.Find(g.Against, g.Library)
	if theirs == nil {
		return nil
	}
	return stats.Ratios(ours.Values(g.Metric), theirs.Values(g.Metric))
}

// String says what the goal bounds, and how, without the workload.
func (g Goal) String() string {
	bound := number(g.AtMost)
	switch {
	case g.Library == "":
		return fmt.Sprintf("%s at most %s", metricName(g.Metric), bound)
	case g.Library == contender.Ours:
		return fmt.Sprintf("at most %s of %s", bound, g.Against)
	case g.Against != g.Workload:
		return fmt.Sprintf("at most %s of %s on %s", bound, g.Against, contender.Title(g.Library))
	default:
		return fmt.Sprintf("at most %s of %s", bound, contender.Title(g.Library))
	}
}

func metricName(m raw.Metric) string {
	return [...]string{"CPU time", "wall time", "objects", "bytes", "bytes held", "objects held"}[m]
}
