package check

import (
	"cmp"
	"slices"

	"github.com/seed695671cb/raft/examples/kvstore/chaos/history"
)

// A process is one life of a member, from a start to the end of the process.
type process struct {
	member uint64
	life   int
}

// A place is a key as one process holds it.
type place struct {
	process
	key string
}

// checkStale requires of stale reads what they promise: a process never goes back. A read that began after another one
// at the same process had returned shows at least what that one showed, of the key and of the applied index. Across
// restarts nothing is promised.
func checkStale(log *history.Log) []Violation {
	reads := map[process][]*history.Op{}
	for _, op := range log.Ops {
		if op.Outcome == history.OK && op.Consistency == history.Stale {
			p := process{member: op.Member, life: op.Life}
			reads[p] = append(reads[p], op)
		}
	}
	var processes []process
	for p := range reads {
		processes = append(processes, p)
	}
	slices.SortFunc(processes, func(a, b process) int {
		return cmp.Or(cmp.Compare(a.member, b.member), a.life-b.life)
	})
	var violations []Violation
	for _, p := range processes {
		violations = append(violations, checkProcess(p, reads[p])...)
	}
	return violations
}

// checkProcess sweeps over the calls of one process in order.
func checkProcess(p process, ops []*history.Op) []Violation {
	calls, returns := slices.Clone(ops), slices.Clone(ops)
	slices.SortStableFunc(calls, func(a, b *history.Op) int { return cmp.Compare(a.Call, b.Call) })
	slices.SortStableFunc(returns, func(a, b *history.Op) int { return cmp.Compare(a.Return, b.Return) })
	newest := map[place]*history.Op{}
	applied := &history.Op{}
	var violations []Violation
	for _, op := range calls {
		for len(returns) > 0 && returns[0].Return < op.Call {
			remember(newest, p, returns[0])
			if returns[0].Applied > applied.Applied {
				applied = returns[0]
			}
			returns = returns[1:]
		}
		if op.Applied != 0 && op.Applied < applied.Applied {
			violations = append(violations, violation("stale reads", []*history.Op{applied, op},
				"member %d went back from applied index %d to %d", p.member, applied.Applied, op.Applied))
		}
		violations = append(violations, goesBack(newest, p, op)...)
	}
	return violations
}

// remember keeps, for each key, the read that showed its newest revision.
func remember(newest map[place]*history.Op, p process, op *history.Op) {
	for i, r := range op.Results {
		at := place{process: p, key: op.Then[i].Key}
		if known := newest[at]; known == nil || r.Rev > shownRev(known, at.key) {
			newest[at] = op
		}
	}
}

func goesBack(newest map[place]*history.Op, p process, op *history.Op) []Violation {
	var violations []Violation
	for i, r := range op.Results {
		key := op.Then[i].Key
		known := newest[place{process: p, key: key}]
		if known == nil || !r.Exists || r.Rev >= shownRev(known, key) {
			continue
		}
		violations = append(violations, violation("stale reads", []*history.Op{known, op}, "member %d went back on %s", p.member, key))
	}
	return violations
}

// shownRev returns the revision that a read showed of a key; 0 if it was not there.
func shownRev(op *history.Op, key string) uint64 {
	for i, r := range op.Results {
		if op.Then[i].Key == key {
			return r.Rev
		}
	}
	return 0
}
