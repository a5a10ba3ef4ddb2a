// What a member's state says of its log, and how it differs from an earlier one, in words.

package trace

import (
	"fmt"
	"slices"
	"strings"
)

// TermAt returns the term of the entry at index i, or of the snapshot if the log begins after i; zero if there is
// neither.
func (m *MemberState) TermAt(i uint64) uint64 {
	if i == m.Snapshot.First {
		return m.Snapshot.Term
	}
	if i < m.Snapshot.First || i > m.Last {
		return 0
	}
	after := func(r TermRun) bool { return r.First > i }
	n := slices.IndexFunc(m.Log, after)
	if n < 0 {
		n = len(m.Log)
	}
	if n == 0 {
		return 0
	}
	return m.Log[n-1].Term
}

// roleText is the role, or that the member is down.
func (m *MemberState) roleText() string {
	if m.Down {
		return "down"
	}
	return m.Role
}

// logText lists the log: the snapshot in parentheses, then the entries, each as term/index, runs of a term from the
// first to the last: "(1/4) 2/5 3/6-9".
func (m *MemberState) logText() string {
	parts := []string{fmt.Sprintf("(%d/%d)", m.Snapshot.Term, m.Snapshot.First)}
	for i, run := range m.Log {
		last := m.Last
		if i+1 < len(m.Log) {
			last = m.Log[i+1].First - 1
		}
		part := fmt.Sprintf("%d/%d", run.Term, run.First)
		if last > run.First {
			part += fmt.Sprintf("-%d", last)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, " ")
}

// cutFrom returns the first index at which m does not have the entry that was there before; zero if it has them all.
func (m *MemberState) cutFrom(before *MemberState) uint64 {
	from := max(m.Snapshot.First, before.Snapshot.First) + 1
	for i := from; i <= before.Last; i++ {
		if i > m.Last || m.TermAt(i) != before.TermAt(i) {
			return i
		}
	}
	return 0
}

// statusText is all of the state in the words of the script command status, with the log.
func (m *MemberState) statusText() string {
	return strings.Join(append(m.changes(nil), "log="+strings.ReplaceAll(m.logText(), " ", ",")), " ")
}

// changes says in the words of the script command status what is not as before; everything if before is nil.
func (m *MemberState) changes(before *MemberState) []string {
	whole := before == nil
	if whole {
		before = &MemberState{}
	}
	var words []string
	if whole || m.roleText() != before.roleText() {
		words = append(words, m.roleText())
	}
	number := func(name string, now, then uint64) {
		if whole || now != then {
			words = append(words, fmt.Sprintf("%s=%d", name, now))
		}
	}
	number("term", m.Term, before.Term)
	number("vote", m.Vote, before.Vote)
	number("lead", m.Lead, before.Lead)
	number("commit", m.Commit, before.Commit)
	number("applied", m.Applied, before.Applied)
	if whole || m.Last != before.Last || m.TermAt(m.Last) != before.TermAt(before.Last) {
		words = append(words, fmt.Sprintf("last=%d/%d", m.TermAt(m.Last), m.Last))
	}
	number("durable", m.Durable, before.Durable)
	if !whole && m.Snapshot != before.Snapshot {
		words = append(words, fmt.Sprintf("snapshot=%d/%d", m.Snapshot.Term, m.Snapshot.First))
	}
	if cut := m.cutFrom(before); !whole && cut > 0 {
		words = append(words, fmt.Sprintf("(entries from %d on removed)", cut))
	}
	if m.Membership != before.Membership {
		words = append(words, fmt.Sprintf("members=%q", m.Membership))
	}
	return words
}
