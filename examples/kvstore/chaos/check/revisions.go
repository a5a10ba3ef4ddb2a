package check

import (
	"cmp"
	"slices"

	"github.com/seed695671cb/raft/examples/kvstore/chaos/history"
)

// checkRevisions requires that revisions grow in real time over all keys: a write that began after another operation
// had returned has a larger revision than that operation told, and a list shows one at least as large. No two writes
// have the same revision.
func checkRevisions(log *history.Log) []Violation {
	ops := revisionOps(log)
	var violations []Violation
	byRev := map[uint64]*history.Op{}
	for _, op := range ops {
		if !op.Changed() {
			continue
		}
		if op.Rev == 0 {
			violations = append(violations, violation("revisions", []*history.Op{op}, "an acknowledged write has no revision"))
		}
		if other := byRev[op.Rev]; other != nil {
			violations = append(violations, violation("revisions", []*history.Op{other, op}, "two writes have revision %d", op.Rev))
		}
		byRev[op.Rev] = op
	}
	return append(violations, checkRealTime(ops)...)
}

// revisionOps returns the operations whose answers told of the store's revision. Lease reads count too: they promise the
// same as linearizable ones.
func revisionOps(log *history.Log) []*history.Op {
	var ops []*history.Op
	for _, op := range log.Ops {
		list := op.Kind == history.List && op.Outcome == history.OK && op.Consistency != history.Stale
		if op.Changed() || list {
			ops = append(ops, op)
		}
	}
	return ops
}

// checkRealTime sweeps over the calls in order, and keeps the operation with the largest revision that had returned.
func checkRealTime(ops []*history.Op) []Violation {
	calls, returns := slices.Clone(ops), slices.Clone(ops)
	slices.SortStableFunc(calls, func(a, b *history.Op) int { return cmp.Compare(a.Call, b.Call) })
	slices.SortStableFunc(returns, func(a, b *history.Op) int { return cmp.Compare(a.Return, b.Return) })
	var violations []Violation
	var newest *history.Op
	for _, op := range calls {
		for len(returns) > 0 && returns[0].Return < op.Call {
			if newest == nil || returns[0].Rev > newest.Rev {
				newest = returns[0]
			}
			returns = returns[1:]
		}
		if newest == nil || op.Rev > newest.Rev || op.Rev == newest.Rev && !op.Changed() {
			continue
		}
		violations = append(violations, violation("revisions", []*history.Op{newest, op},
			"revision %d had been told before an operation began that then got %d", newest.Rev, op.Rev))
	}
	return violations
}
