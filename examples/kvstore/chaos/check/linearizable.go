package check

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/seed695671cb/raft/examples/kvstore/chaos/history"
)

// A partition is all operations of one group of keys that count: reads without an answer say nothing, refused writes
// did nothing, and stale reads promise nothing here.
type partition struct {
	group int
	ops   []*history.Op
}

// A verdict is what came out of one partition.
type verdict struct {
	result    porcupine.CheckResult
	took      time.Duration
	checked   int
	idle      int
	violation Violation
}

// checkLinearizable checks every group, several at once, and adds what it finds to the report in the order of groups.
func checkLinearizable(log *history.Log, seen *sightings, cfg Config, report *Report) {
	partitions := partitionsOf(log)
	verdicts := make([]verdict, len(partitions))
	slots := make(chan struct{}, cfg.Parallel)
	var wg sync.WaitGroup
	for i, p := range partitions {
		wg.Add(1)
		slots <- struct{}{}
		go func() {
			defer wg.Done()
			verdicts[i] = p.check(seen, cfg)
			<-slots
		}()
	}
	wg.Wait()
	var violations []Violation
	for i, v := range verdicts {
		report.Partitions++
		report.Checked += v.checked
		report.Idle += v.idle
		report.Largest = max(report.Largest, v.checked)
		report.Longest = max(report.Longest, v.took)
		switch v.result {
		case porcupine.Unknown:
			report.Undecided = append(report.Undecided, partitions[i].group)
		case porcupine.Illegal:
			violations = append(violations, v.violation)
		}
	}
	report.add(violations)
}

// partitionsOf sorts operations by group, ascending.
func partitionsOf(log *history.Log) []partition {
	byGroup := map[int][]*history.Op{}
	for _, op := range log.Ops {
		counts := op.Outcome == history.OK && op.Consistency != history.Stale || op.Outcome == history.Unknown && !op.Reads()
		if counts {
			byGroup[op.Group] = append(byGroup[op.Group], op)
		}
	}
	var partitions []partition
	for group, ops := range byGroup {
		partitions = append(partitions, partition{group: group, ops: ops})
	}
	slices.SortFunc(partitions, func(a, b partition) int { return a.group - b.group })
	return partitions
}

// check decides one group. First without the writes that watchers say were never applied, which keeps the search
// small; if that fails, the rest of the questions find out what kind of violation it is.
func (p partition) check(seen *sightings, cfg Config) verdict {
	start := time.Now()
	v := verdict{}
	wanted := func(op *history.Op) bool { return !seen.idle(op) }
	ops := p.operations(seen, wanted)
	v.checked, v.idle = len(ops), len(p.ops)-len(ops)
	result, info := porcupine.CheckOperationsVerbose(model(), ops, cfg.Timeout)
	v.result, v.took = result, time.Since(start)
	if result != porcupine.Illegal {
		return v
	}
	v.violation = Violation{Check: "linearizability", Group: p.group, Text: p.explain(seen, wanted, cfg)}
	if cfg.Dir == "" {
		return v
	}
	path := filepath.Join(cfg.Dir, fmt.Sprintf("group-%06d.html", p.group))
	if err := porcupine.VisualizePath(model(), info, path); err != nil {
		path = err.Error()
	}
	v.violation.File = path
	return v
}

// explain asks which part of the history the violation is in.
func (p partition) explain(seen *sightings, wanted func(*history.Op) bool, cfg Config) string {
	text := fmt.Sprintf("the operations on the keys of group %d are not linearizable", p.group)
	without := func(consistency string) bool {
		ops := p.operations(seen, func(op *history.Op) bool { return wanted(op) && op.Consistency != consistency })
		return porcupine.CheckOperationsTimeout(model(), ops, cfg.Timeout) == porcupine.Ok
	}
	switch {
	case p.agrees(seen, cfg):
		return text + "; with writes in it that no watcher saw they are: watchers were not told of everything"
	case without(history.Lease):
		return text + "; without lease reads they are: lease reads are stale"
	case without(history.Linearizable):
		return text + "; without linearizable reads they are: linearizable reads are stale"
	default:
		return text + ", with or without reads"
	}
}

// agrees decides the group with all writes that may have been applied.
func (p partition) agrees(seen *sightings, cfg Config) bool {
	all := p.operations(seen, func(*history.Op) bool { return true })
	return porcupine.CheckOperationsTimeout(model(), all, cfg.Timeout) == porcupine.Ok
}

// operations makes porcupine's form of the operations that are wanted.
func (p partition) operations(seen *sightings, wanted func(*history.Op) bool) []porcupine.Operation {
	var ops []porcupine.Operation
	for _, op := range p.ops {
		if !wanted(op) {
			continue
		}
		in, until := seen.resolve(op)
		ops = append(ops, porcupine.Operation{ClientId: op.Client, Input: in, Call: op.Call, Return: until})
	}
	return capReturns(ops)
}

// capReturns replaces "never" by an instant just after everything else, so that pictures have a scale.
func capReturns(ops []porcupine.Operation) []porcupine.Operation {
	var last int64
	for _, op := range ops {
		last = max(last, op.Call)
		if op.Return != math.MaxInt64 {
			last = max(last, op.Return)
		}
	}
	for i := range ops {
		ops[i].Return = min(ops[i].Return, last+1)
	}
	return ops
}
