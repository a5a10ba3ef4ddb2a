package model

import (
	"fmt"

	"github.com/seed695671cb/raft/rafttest/trace"
)

// checkStateMachineSafety checks that no two members ever knew different entries to be committed at the same index
// (Raft §5.4.3).
func checkStateMachineSafety(a, b *Facts) *trace.Violation {
	for i := range min(len(a.Committed), len(b.Committed)) {
		e, f := a.Committed[i], b.Committed[i]
		if e != f && !e.unknown() && !f.unknown() {
			return violation("state machine safety", fmt.Sprintf(
				"members %d and %d knew different entries to be committed at index %d, of terms %d and %d",
				a.Member, b.Member, i+1, e.Term, f.Term), a, b)
		}
	}
	return nil
}
