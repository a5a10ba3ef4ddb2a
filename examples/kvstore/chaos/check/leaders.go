package check

import (
	"fmt"

	"github.com/seed695671cb/raft/examples/kvstore/chaos/history"
)

// checkLeaders requires that members name one leader at most for each term.
func checkLeaders(log *history.Log) []Violation {
	leaders := map[uint64]history.Claim{}
	var violations []Violation
	for _, c := range log.Claims {
		first, known := leaders[c.Term]
		if !known {
			leaders[c.Term] = c
			continue
		}
		if first.Leader != c.Leader {
			violations = append(violations, Violation{Check: "leaders", Text: fmt.Sprintf(
				"term %d has two leaders: %d, says member %d, and %d, says member %d", c.Term, first.Leader, first.By, c.Leader, c.By)})
		}
	}
	return violations
}

// checkReplays requires that a request which is repeated under its idempotency key gets the first answer.
func checkReplays(log *history.Log) []Violation {
	var violations []Violation
	for _, r := range log.Replays {
		op := log.Ops[r.Op-1]
		if op.Outcome == history.OK && (r.Rev != op.Rev || !r.Replayed) {
			violations = append(violations, violation("idempotency", []*history.Op{op},
				"repeated at member %d it was answered with revision %d, replayed=%t", r.Member, r.Rev, r.Replayed))
		}
	}
	return violations
}
