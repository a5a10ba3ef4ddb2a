package check

import (
	"fmt"

	"github.com/seed695671cb/raft/examples/kvstore/chaos/history"
)

// checkFinal compares what the members hold at the end with one another, with the acknowledged writes and with the
// sum of all changes that watchers were told of.
func checkFinal(log *history.Log) []Violation {
	var violations []Violation
	for i, f := range log.Finals {
		if i > 0 {
			violations = append(violations, compareItems(name(log.Finals[0]), log.Finals[0].Items, name(f), f.Items)...)
		}
		violations = append(violations, checkKept(log, f)...)
	}
	if len(log.Finals) == 0 || len(log.Gaps) > 0 || !hasCompleteWatcher(log) {
		return violations
	}
	sum := sumOf(log, log.Finals[0])
	return append(violations, compareItems(name(log.Finals[0]), log.Finals[0].Items, "the sum of watched changes", sum)...)
}

func name(f history.Final) string {
	if f.Member == 0 {
		return "the linearizable list"
	}
	return fmt.Sprintf("member %d", f.Member)
}

// checkKept requires that no key is older than the newest acknowledged write to it.
func checkKept(log *history.Log, f history.Final) []Violation {
	revs := map[string]uint64{}
	for _, item := range f.Items {
		revs[item.Key] = item.Rev
	}
	var violations []Violation
	for _, op := range newestWrites(log) {
		for _, action := range changesOf(op) {
			if held := revs[action.Key]; held != 0 && held < op.Rev {
				violations = append(violations, violation("final state", []*history.Op{op},
					"%s has revision %d of %s: an acknowledged write is lost", name(f), revs[action.Key], action.Key))
			}
		}
	}
	return violations
}

// newestWrites returns, in the order of the history, the acknowledged writes that are the newest to some key.
func newestWrites(log *history.Log) []*history.Op {
	newest := map[string]*history.Op{}
	for _, op := range log.Ops {
		for _, action := range changesOf(op) {
			if known := newest[action.Key]; known == nil || known.Rev < op.Rev {
				newest[action.Key] = op
			}
		}
	}
	wanted := map[*history.Op]bool{}
	for _, op := range newest {
		wanted[op] = true
	}
	var ops []*history.Op
	for _, op := range log.Ops {
		if wanted[op] {
			ops = append(ops, op)
		}
	}
	return ops
}

// compareItems names the first key on which two lists differ.
func compareItems(nameA string, a []history.Item, nameB string, b []history.Item) []Violation {
	byKey := map[string]history.Item{}
	for _, item := range b {
		byKey[item.Key] = item
	}
	for _, item := range a {
		other, ok := byKey[item.Key]
		if !ok || other != item {
			return []Violation{finalViolation("%s has %+v, %s has %+v", nameA, item, nameB, other)}
		}
		delete(byKey, item.Key)
	}
	for _, item := range b {
		if _, left := byKey[item.Key]; left {
			return []Violation{finalViolation("%s has %+v, %s does not", nameB, item, nameA)}
		}
	}
	return nil
}

// sumOf applies every change that a watcher was told of, up to the revision of a list.
func sumOf(log *history.Log, f history.Final) []history.Item {
	merged, _ := mergeStreams(streamsOf(log))
	items := map[string]history.Item{}
	var keys []string
	for _, e := range merged {
		if e.Rev > f.Rev {
			break
		}
		item, exists := items[e.Key]
		if e.Kind == history.Delete {
			delete(items, e.Key)
			continue
		}
		if !exists {
			item = history.Item{Key: e.Key, Created: e.Rev}
			keys = append(keys, e.Key)
		}
		item.Value, item.Rev = e.Value, e.Rev
		item.Version++
		items[e.Key] = item
	}
	var sum []history.Item
	for _, key := range keys {
		if item, exists := items[key]; exists {
			sum = append(sum, item)
			delete(items, key)
		}
	}
	return sum
}

func finalViolation(format string, args ...any) Violation {
	return Violation{Check: "final state", Text: fmt.Sprintf(format, args...)}
}
