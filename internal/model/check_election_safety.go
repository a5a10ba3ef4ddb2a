package model

import (
	"fmt"
	"math/bits"

	"github.com/seed695671cb/raft/rafttest/trace"
)

// checkElectionSafety checks that no term has two leaders (Raft §5.2).
func checkElectionSafety(a, b *Facts) *trace.Violation {
	both := a.Led & b.Led
	if both == 0 {
		return nil
	}
	term := bits.TrailingZeros64(both)
	return violation("election safety", fmt.Sprintf("members %d and %d both led term %d", a.Member, b.Member, term), a, b)
}
