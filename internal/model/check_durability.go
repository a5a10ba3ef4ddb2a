package model

import (
	"fmt"
	"slices"

	"github.com/seed695671cb/raft/rafttest/trace"
)

// Committed entries are durable on a quorum for ever (Raft §5.3, §5.4). That is shown in two steps: when a leader
// commits an entry, which nobody else can be the first to know, a quorum of the voters of its configuration, and of the outgoing ones if it is joint, has it on
// disk; and no disk ever loses an entry that anyone knows to be committed.

// checkCommitDurable checks the first. The configuration may change within the step, as what was committed is applied:
// a quorum of either will do.
func checkCommitDurable(before, after *Facts, group []*Facts) *trace.Violation {
	for i := len(before.Committed); i < len(after.Committed); i++ {
		index, e := uint64(i)+1, after.Committed[i]
		if knownElsewhere(after.Member, i, e, group) {
			continue
		}
		if !before.Leader && !after.Leader {
			return violation("commit durable on a quorum", fmt.Sprintf(
				"member %d, which does not lead, is the first to take index %d of term %d for committed", after.Member, index, e.Term),
				group...)
		}
		has := func(id uint64) bool {
			return slices.ContainsFunc(group, func(f *Facts) bool { return f.Member == id && f.Durable.holds(index, e) })
		}
		if !isQuorum(before, has) && !isQuorum(after, has) {
			return violation("commit durable on a quorum", fmt.Sprintf(
				"leader %d committed index %d of term %d, which no quorum of the voters %v%v has on disk",
				after.Member, index, e.Term, before.Voters, before.Outgoing), group...)
		}
	}
	return nil
}

// knownElsewhere reports whether another member knows the entry to be committed. A leader may have learnt it from that
// one's answer to a request for a vote, and what counts is the quorum of the configuration in which it was committed: it
// was looked at then.
func knownElsewhere(member uint64, at int, e EntryFact, group []*Facts) bool {
	return slices.ContainsFunc(group, func(f *Facts) bool {
		return f.Member != member && at < len(f.Committed) && f.Committed[at] == e
	})
}

// isQuorum reports whether those who have it are a majority of the voters, and of the outgoing voters if there are any.
func isQuorum(f *Facts, has func(uint64) bool) bool {
	return len(f.Voters) > 0 && isMajority(f.Voters, has) && (len(f.Outgoing) == 0 || isMajority(f.Outgoing, has))
}

func isMajority(voters []uint64, has func(uint64) bool) bool {
	n := 0
	for _, id := range voters {
		if has(id) {
			n++
		}
	}
	return n > len(voters)/2
}

// losesDurable reports whether the disk lacks afterwards what it held before.
func losesDurable(before, after *Facts) bool {
	for i, e := range before.Durable.Entries {
		if !after.Durable.holds(before.Durable.First+uint64(i), e) {
			return true
		}
	}
	return before.Durable.First > after.Durable.First
}

// checkDurableForEver checks the second: what goes from the disk of the one member must not be known as committed, to
// it or to any other.
func checkDurableForEver(before, after *Facts, group []*Facts) *trace.Violation {
	for _, f := range append(slices.Clone(group), before) {
		for i, e := range f.Committed {
			index := uint64(i) + 1
			if !e.unknown() && before.Durable.holds(index, e) && !after.Durable.holds(index, e) {
				return violation("committed entries stay durable", fmt.Sprintf(
					"the disk of member %d lost index %d of term %d, which member %d knows to be committed",
					after.Member, index, e.Term, f.Member), group...)
			}
		}
	}
	return nil
}
