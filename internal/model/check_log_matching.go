package model

import (
	"fmt"

	"github.com/seed695671cb/raft/rafttest/trace"
)

// checkLogMatching checks that two logs which have an entry of the same index and term have the same entry there, and
// agree in all that comes before (Raft §5.3). Durable logs are logs too: a crash brings them back.
func checkLogMatching(a, b *Facts) *trace.Violation {
	if v := matchLogs(a, b, "log", &a.Log, &b.Log); v != nil {
		return v
	}
	return matchLogs(a, b, "durable log", &a.Durable, &b.Durable)
}

func matchLogs(a, b *Facts, what string, x, y *LogFact) *trace.Violation {
	if len(x.Entries) == 0 || len(y.Entries) == 0 {
		return nil
	}
	low, high := max(x.First, y.First), min(x.last(), y.last())
	matched := uint64(0) // the highest index at which the terms agree
	for i := high; i >= low && i > 0; i-- {
		e, f := x.at(i), y.at(i)
		if matched == 0 && e.Term == f.Term {
			matched = i
		}
		if matched > 0 && e != f {
			return violation("log matching", fmt.Sprintf(
				"the %ss of members %d and %d have the same term at index %d, but not the same entry at index %d",
				what, a.Member, b.Member, matched, i), a, b)
		}
	}
	return nil
}
