package model

import (
	"fmt"

	"github.com/seed695671cb/raft/rafttest/trace"
)

// checkLeaderCompleteness checks that a leader's log has every entry that another knew to be committed in an earlier
// term (Raft §5.4.3).
func checkLeaderCompleteness(leader, other *Facts) *trace.Violation {
	if !leader.Up || !leader.Leader || other.CommittedIn >= leader.Term {
		return nil
	}
	for i, e := range other.Committed {
		if index := uint64(i) + 1; !leader.Log.holds(index, e) {
			return violation("leader completeness", fmt.Sprintf(
				"member %d leads term %d without the entry at index %d of term %d, which member %d knew to be committed in term %d",
				leader.Member, leader.Term, index, e.Term, other.Member, other.CommittedIn), leader, other)
		}
	}
	return nil
}
