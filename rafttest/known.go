package rafttest

import (
	"runtime/debug"
	"slices"
	"strings"
)

// known is what an observer of the whole group knows: what no single member does.
type known struct {
	// leaderOf is who led each term.
	leaderOf map[uint64]uint64
	// entries are all entries that were ever in a log, by index.
	entries byIndex[[]knownEntry]
	// committed are the entries known to be committed, from index base on.
	committed byIndex[committedEntry]
	last      entryID
	// states and memberships are those of applications after each index.
	states, memberships byIndex[uint64]

	// present are the members of the newest membership applied anywhere, as of membersAt; removedAt is when others were
	// removed.
	present   uint32
	membersAt uint64
	removedAt [maxMembers + 1]uint64
	// voters and outgoing are those of that membership.
	voters, outgoing []uint64
	// lastChange is the highest index at which anybody has ever held a membership change.
	lastChange uint64
}

// knownEntry is an entry as it was seen first.
type knownEntry struct {
	term uint64
	// prev is the term of the entry before it.
	prev   uint64
	digest uint64
	member uint64 // who held it first
}

// committedEntry is the term of a committed entry, and the term of the leader that found that it is.
type committedEntry struct {
	term uint64
	in   uint64
}

func (k *known) begin(id entryID) {
	k.leaderOf = map[uint64]uint64{}
	k.last = id
	k.committed.base, k.entries.base, k.states.base, k.memberships.base = id.index, id.index, id.index, id.index
	*k.committed.at(id.index) = committedEntry{term: id.term, in: id.term}
}

// noteMembers keeps the newest membership that any application has applied.
func (k *known) noteMembers(m *member) {
	if m.app.applied < k.membersAt || m.outdated {
		return
	}
	k.membersAt = m.app.applied
	before := k.present
	k.present = 0
	cs := &m.app.membership
	k.voters, k.outgoing = cs.Voters, cs.VotersOutgoing
	for _, ids := range [][]uint64{cs.Voters, cs.VotersOutgoing, cs.Learners} {
		for _, id := range ids {
			k.present |= 1 << id
		}
	}
	for id := range k.removedAt {
		if before&^k.present&(1<<id) != 0 {
			k.removedAt[id] = m.app.applied
		}
	}
}

// isMember reports whether the newest membership has the member.
func (k *known) isMember(id uint64) bool { return k.present&(1<<id) != 0 }

// stackOfPanic returns the lines of the stack that say where in the code a panic began.
func stackOfPanic() []string {
	lines := strings.Split(string(debug.Stack()), "\n")
	if i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "panic(") }); i >= 0 {
		lines = lines[i:]
	}
	var where []string
	for _, l := range lines {
		if name, _, found := strings.Cut(l, "("); found && strings.Contains(name, "raft") && !strings.HasPrefix(l, "\t") {
			where = append(where, name[strings.LastIndex(name, "/")+1:])
		}
		if len(where) == 12 {
			break
		}
	}
	return where
}
