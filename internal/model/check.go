package model

import (
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/seed695671cb/raft/rafttest/trace"
)

// The properties of the whole group, one a file. Most of them are about each two members. As an event changes one
// member, that member is compared with each other, and as few of the many local states differ in what is compared, most
// comparisons have been made before: local states fall into classes, and pairs of classes that agree are remembered.
// The rest are about the step from one local state to the next, and are made only where the step alone shows that
// they could fail.

// checkPair checks what must hold between any two members.
func checkPair(a, b *Facts) *trace.Violation {
	if v := checkElectionSafety(a, b); v != nil {
		return v
	}
	if v := checkLogMatching(a, b); v != nil {
		return v
	}
	if v := checkStateMachineSafety(a, b); v != nil {
		return v
	}
	if v := checkLeaderCompleteness(a, b); v != nil {
		return v
	}
	if v := checkLeaderCompleteness(b, a); v != nil {
		return v
	}
	return checkMembershipAgreement(a, b)
}

// suspicion says which checks of a step are due.
type suspicion uint8

const (
	// suspectCommit: entries were committed, or learnt to be.
	suspectCommit suspicion = 1 << iota
	// suspectLoss: entries went from the disk.
	suspectLoss
	// suspectRead: reads were answered.
	suspectRead
)

func suspect(before, after *Facts) suspicion {
	var s suspicion
	if len(after.Committed) > len(before.Committed) {
		s |= suspectCommit
	}
	if losesDurable(before, after) {
		s |= suspectLoss
	}
	if len(newReads(before, after)) > 0 {
		s |= suspectRead
	}
	return s
}

// unknown reports whether the entry is known only by its index.
func (e EntryFact) unknown() bool { return e == EntryFact{} }

// holds reports whether the log has the entry, or a snapshot in its place.
func (l *LogFact) holds(index uint64, e EntryFact) bool {
	if index < l.First {
		return true
	}
	at := index - l.First
	return at < uint64(len(l.Entries)) && (l.Entries[at] == e || e.unknown())
}

// last returns the last index of the log.
func (l *LogFact) last() uint64 { return l.First + uint64(len(l.Entries)) - 1 }

// at returns an entry between First and last.
func (l *LogFact) at(index uint64) EntryFact { return l.Entries[index-l.First] }

// text returns the log as term/digest pairs.
func (l *LogFact) text() string {
	s := fmt.Sprintf("from index %d:", l.First)
	for _, e := range l.Entries {
		s += fmt.Sprintf(" %d/%04x", e.Term, uint16(e.Digest))
	}
	return s
}

// evidence says what the checks know of a member.
func evidence(f *Facts) string {
	role := "follower"
	if f.Leader {
		role = "leader"
	}
	if !f.Up {
		role = "down"
	}
	return fmt.Sprintf("%d: %s, term %d, voters %v%v, committed up to %d (in term %d), log %s, durable %s",
		f.Member, role, f.Term, f.Voters, f.Outgoing, len(f.Committed), f.CommittedIn, f.Log.text(), f.Durable.text())
}

// violation returns a violation with the evidence of the members concerned.
func violation(property, detail string, members ...*Facts) *trace.Violation {
	v := &trace.Violation{Property: property, Detail: detail}
	for _, f := range members {
		v.Members = append(v.Members, f.Member)
		v.Evidence = append(v.Evidence, evidence(f))
	}
	return v
}

// classes numbers what checkPair sees of local states.
type classes struct {
	mu     sync.Mutex
	number map[string]uint32
	// agree remembers pairs of classes that agree, the higher number first; a later pair may take a place over.
	agree [1 << 18]atomic.Uint64
}

// of returns the class of a local state, from 1 on.
func (c *classes) of(f *Facts) uint32 {
	key := classKey(f)
	c.mu.Lock()
	defer c.mu.Unlock()
	id, ok := c.number[string(key)]
	if !ok {
		id = uint32(len(c.number)) + 1
		c.number[string(key)] = id
	}
	return id
}

func classKey(f *Facts) []byte {
	var key []byte
	add := func(n uint64) { key = binary.AppendUvarint(key, n) }
	entries := func(es []EntryFact) {
		add(uint64(len(es)))
		for _, e := range es {
			add(e.Term)
			add(e.Digest)
		}
	}
	leads := uint64(0)
	if f.Up && f.Leader {
		leads = 1
	}
	add(leads)
	add(f.Term)
	add(f.Log.First)
	entries(f.Log.Entries)
	add(f.Durable.First)
	entries(f.Durable.Entries)
	entries(f.Committed)
	add(f.CommittedIn)
	add(f.Led)
	for _, digest := range f.Configs {
		add(digest)
	}
	return key
}

// check checks two members.
func (c *classes) check(a, b *localInfo) *trace.Violation {
	pair := uint64(max(a.class, b.class))<<32 | uint64(min(a.class, b.class))
	place := &c.agree[spread(pair)%uint64(len(c.agree))]
	if place.Load() == pair {
		return nil
	}
	v := checkPair(a.facts, b.facts)
	if v == nil {
		place.Store(pair)
	}
	return v
}
