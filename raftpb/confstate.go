// Comparing memberships by what they mean: the members of a ConfState form sets (Raft §6), so the order in which they
// are listed carries no information.

package raftpb

import (
	"fmt"
	"slices"
	"strings"
)

// Equivalent returns nil if cs and cs2 describe the same membership: in each of the four lists the same IDs equally
// often, in any order, and the same AutoLeave. A nil list equals an empty one. Otherwise the error names the fields
// that differ and shows both sides with their lists sorted. Neither side is changed, so both may be shared with other
// readers.
func (cs ConfState) Equivalent(cs2 ConfState) error {
	a, b := cs.sorted(), cs2.sorted()
	var differ []string
	note := func(field string, same bool) {
		if !same {
			differ = append(differ, field)
		}
	}
	note("voters", slices.Equal(a.Voters, b.Voters))
	note("learners", slices.Equal(a.Learners, b.Learners))
	note("voters_outgoing", slices.Equal(a.VotersOutgoing, b.VotersOutgoing))
	note("learners_next", slices.Equal(a.LearnersNext, b.LearnersNext))
	note("auto_leave", a.AutoLeave == b.AutoLeave)
	if len(differ) == 0 {
		return nil
	}
	return fmt.Errorf("memberships differ in %s: %+v against %+v", strings.Join(differ, ", "), a, b)
}

// sorted returns a copy whose lists are ascending and share no memory with those of cs.
func (cs ConfState) sorted() ConfState {
	return ConfState{
		Voters:         slices.Sorted(slices.Values(cs.Voters)),
		Learners:       slices.Sorted(slices.Values(cs.Learners)),
		VotersOutgoing: slices.Sorted(slices.Values(cs.VotersOutgoing)),
		LearnersNext:   slices.Sorted(slices.Values(cs.LearnersNext)),
		AutoLeave:      cs.AutoLeave,
	}
}
