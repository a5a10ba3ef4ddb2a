package raft

import (
	"github.com/seed695671cb/raft/quorum"
	"github.com/seed695671cb/raft/tracker"
)

// tally counts the voters that have gone beyond a mark, one count for each electorate, so that a leader computes what
// a quorum has reached only when that can be beyond the mark (Raft §5.3, §6). It is a cache: without it the same comes
// out, at a cost for each acknowledgement that grows with the group.
//
// Invariant: valid ==> beyond[e] is the number of voters of electorate e whose value is above mark.
type tally struct {
	valid  bool
	mark   uint64
	beyond [electorates]int
	voters [electorates]int
}

// electorates is the number of majorities that a decision takes while two configurations are joint.
const electorates = 2

// electorateOf returns the role of the voters of electorate e.
func electorateOf(e int) tracker.Role {
	if e == 0 {
		return tracker.Voter
	}
	return tracker.VoterOutgoing
}

// moved records that the value of member i has risen from before, and reports whether a quorum of each electorate may
// now be beyond the mark.
func (t *tally) moved(l *leadership, value func(*tracker.Progress) uint64, i int, before, mark uint64) bool {
	if !t.valid || t.mark != mark {
		t.count(l, value, mark)
		return t.reached()
	}
	if before <= mark && value(&l.progress[i]) > mark {
		t.add(l.members[i].Role)
	}
	return t.reached()
}

// count counts anew.
func (t *tally) count(l *leadership, value func(*tracker.Progress) uint64, mark uint64) {
	*t = tally{valid: true, mark: mark}
	for i := range l.members {
		for e := range electorates {
			if l.members[i].Role&electorateOf(e) == 0 {
				continue
			}
			t.voters[e]++
			if value(&l.progress[i]) > mark {
				t.beyond[e]++
			}
		}
	}
}

// add counts one more voter of the role's electorates.
func (t *tally) add(role tracker.Role) {
	for e := range electorates {
		if role&electorateOf(e) != 0 {
			t.beyond[e]++
		}
	}
}

// reached reports whether a quorum of each electorate is beyond the mark.
func (t *tally) reached() bool {
	for e := range electorates {
		if t.beyond[e] < quorum.Majority(t.voters[e]) {
			return false
		}
	}
	return true
}

// forget has the next call count anew: members, or what they are, have changed.
func (t *tally) forget() { t.valid = false }
