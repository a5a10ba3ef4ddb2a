package model

import (
	"fmt"

	"github.com/seed695671cb/raft/rafttest/trace"
)

// checkMembershipAgreement checks that two members had the same configuration in force after they applied the same
// index (thesis §4.1).
func checkMembershipAgreement(a, b *Facts) *trace.Violation {
	for i := range min(len(a.Configs), len(b.Configs)) {
		if x, y := a.Configs[i], b.Configs[i]; x != y && x != 0 && y != 0 {
			return violation("membership agreement", fmt.Sprintf(
				"members %d and %d had different configurations in force after they applied index %d",
				a.Member, b.Member, i+1), a, b)
		}
	}
	return nil
}
