package raft

import (
	"fmt"

	"github.com/seed695671cb/raft/tracker"
)

// What must hold of every state, and of every step from one state to the next (Raft Fig. 3; docs/INVARIANTS.md).
// With the build tag raftinvariants, and in this package's own tests, every call of a RawNode is followed by these
// checks, and a violation panics.

// invariant is a named predicate on a state.
type invariant struct {
	name  string
	holds func(r *raft) error
}

// stateInvariants returns the predicates on a state.
func stateInvariants() []invariant {
	return []invariant{
		{"log", func(r *raft) error { return r.log.check() }},
		{"membership", func(r *raft) error { return r.membership.Check() }},
		{"role", (*raft).checkRole},
		{"vote", (*raft).checkVote},
		{"leadership", (*raft).checkLeadership},
		{"reads", (*raft).checkReads},
		{"clock", (*raft).checkClock},
	}
}

// checkState returns the first predicate on a state that does not hold.
func (r *raft) checkState() error {
	for _, inv := range stateInvariants() {
		if err := inv.holds(r); err != nil {
			return fmt.Errorf("%s: %w", inv.name, err)
		}
	}
	return nil
}

func (r *raft) checkRole() error {
	leads := r.state == StateLeader
	campaigns := r.state == StateCandidate || r.state == StatePreCandidate
	switch {
	case leads != (r.leading != nil) || leads != (r.lead == r.id):
		return fmt.Errorf("%s with leadership %t and leader %x", r.state, r.leading != nil, r.lead)
	case campaigns != (r.ballots != nil):
		return fmt.Errorf("%s with %d ballots", r.state, len(r.ballots))
	case campaigns && r.lead != None:
		return fmt.Errorf("%s knows leader %x", r.state, r.lead)
	case campaigns && len(r.ballots) != len(r.membership.Members):
		return fmt.Errorf("%d ballots for %d members", len(r.ballots), len(r.membership.Members))
	}
	return nil
}

func (r *raft) checkVote() error {
	switch {
	case (r.state == StateLeader || r.state == StateCandidate) && r.vote != r.id:
		return fmt.Errorf("%s of term %d voted for %x", r.state, r.term, r.vote)
	case r.persisted.term > r.term:
		return fmt.Errorf("term %d is below the durable %d", r.term, r.persisted.term)
	case r.state == StateLeader && !r.termIsDurable():
		return fmt.Errorf("leader of term %d before term and vote are durable", r.term)
	}
	return nil
}

func (r *raft) checkLeadership() error {
	l := r.leading
	if l == nil {
		return nil
	}
	if len(l.progress) != len(r.membership.Members) {
		return fmt.Errorf("progress of %d members, configuration has %d", len(l.progress), len(r.membership.Members))
	}
	owed := 0
	for i := range l.progress {
		p := &l.progress[i]
		if err := p.Check(); err != nil {
			return fmt.Errorf("member %x: %w", l.members[i].ID, err)
		}
		if p.Match > r.log.lastIndex() {
			return fmt.Errorf("member %x: match %d is above the last index %d", l.members[i].ID, p.Match, r.log.lastIndex())
		}
		if l.owedAppend[i] {
			owed++
		}
		if r.owesAppend(i) && !l.owedAppend[i] && !l.broadcast {
			return fmt.Errorf("member %x is owed an append that is not noted", l.members[i].ID)
		}
	}
	if err := r.checkTallies(); err != nil {
		return err
	}
	if owed != l.owed {
		return fmt.Errorf("%d members owed an append, counted %d", owed, l.owed)
	}
	if p := l.self(); p != nil && p.Match > r.log.storedIndex() {
		return fmt.Errorf("own match %d is above what is durable, %d", p.Match, r.log.storedIndex())
	}
	return nil
}

// checkTallies compares the tallies with counts made anew, and both with what a quorum has reached.
func (r *raft) checkTallies() error {
	l := r.leading
	for _, t := range []struct {
		kept  tally
		value func(*tracker.Progress) uint64
		mark  uint64
	}{{l.matched, matchOf, r.log.committed}, {l.acked, roundOf, l.rounds.confirmed}} {
		var fresh tally
		fresh.count(l, t.value, t.mark)
		if fresh.reached() != (l.quorumOf(t.value) > t.mark) {
			return fmt.Errorf("a quorum is at %d, a count of those beyond %d says otherwise", l.quorumOf(t.value), t.mark)
		}
		if t.kept.valid && t.kept.mark == t.mark && t.kept != fresh {
			return fmt.Errorf("%v voters counted beyond %d, there are %v", t.kept.beyond, t.mark, fresh.beyond)
		}
	}
	return nil
}

func (r *raft) checkReads() error {
	if r.reads != nil && len(r.reads.forwarded.pending) > int(r.maxPendingReads) {
		return fmt.Errorf("%d forwarded reads, bound is %d", len(r.reads.forwarded.pending), r.maxPendingReads)
	}
	if r.leading == nil {
		return nil
	}
	q := &r.leading.reads
	switch {
	case q.assigned > len(q.pending) || len(q.pending) > int(r.maxPendingReads):
		return fmt.Errorf("%d reads assigned of %d pending, bound is %d", q.assigned, len(q.pending), r.maxPendingReads)
	case r.leading.rounds.confirmed > r.leading.rounds.current:
		return fmt.Errorf("round %d confirmed, %d begun", r.leading.rounds.confirmed, r.leading.rounds.current)
	}
	return nil
}

func (r *raft) checkClock() error {
	c := &r.clock
	if c.electionStart > c.now || c.heartbeatStart > c.now {
		return fmt.Errorf("timers started at %d and %d, it is %d", c.electionStart, c.heartbeatStart, c.now)
	}
	if c.electionTimeout < c.electionTick || c.electionTimeout >= 2*c.electionTick {
		return fmt.Errorf("election timeout %d is outside [%d, %d)", c.electionTimeout, c.electionTick, 2*c.electionTick)
	}
	return nil
}

// digest is what checkStep needs to know of a state after it has changed.
type digest struct {
	paper     ballotPaper
	state     StateType
	last      entryID
	committed entryID
	applied   uint64
	confirmed uint64
}

func (r *raft) digest() digest {
	d := digest{
		paper:     ballotPaper{term: r.term, vote: r.vote},
		state:     r.state,
		last:      r.log.lastID(),
		committed: r.log.identify(r.log.committed),
		applied:   r.log.applied,
	}
	if r.leading != nil {
		d.confirmed = r.leading.rounds.confirmed
	}
	return d
}

// checkStep returns an error if a step from the state that before describes to the present one is not legal.
func (r *raft) checkStep(before digest) error {
	after := r.digest()
	sameTerm := after.paper.term == before.paper.term
	switch {
	case after.paper.term < before.paper.term:
		return fmt.Errorf("term went back from %d to %d", before.paper.term, after.paper.term)
	case sameTerm && before.paper.vote != None && after.paper.vote != before.paper.vote:
		return fmt.Errorf("vote of term %d changed from %x to %x", before.paper.term, before.paper.vote, after.paper.vote)
	case after.committed.index < before.committed.index:
		return fmt.Errorf("commit index went back from %d to %d", before.committed.index, after.committed.index)
	case after.applied < before.applied:
		return fmt.Errorf("applied index went back from %d to %d", before.applied, after.applied)
	case sameTerm && before.state == StateFollower && after.state == StateLeader && r.hasPeers():
		return fmt.Errorf("leader of term %d without a campaign", after.paper.term)
	}
	return r.checkKept(before, after)
}

// checkKept returns an error if the log has lost what it may not lose: committed entries (Raft §5.4, State Machine
// Safety), and on a leader any entry (Raft §5.3, Leader Append-Only).
func (r *raft) checkKept(before, after digest) error {
	if !r.stillHolds(before.committed) {
		return fmt.Errorf("committed entry %s was lost", before.committed)
	}
	leads := before.state == StateLeader && after.state == StateLeader && before.paper.term == after.paper.term
	if leads && (after.last.index < before.last.index || !r.stillHolds(before.last)) {
		return fmt.Errorf("leader's entry %s was lost", before.last)
	}
	if leads && after.confirmed < before.confirmed {
		return fmt.Errorf("confirmed round went back from %d to %d", before.confirmed, after.confirmed)
	}
	return nil
}

// stillHolds reports whether the log holds the entry, or has compacted it.
func (r *raft) stillHolds(id entryID) bool {
	term, err := r.log.term(id.index)
	if err != nil {
		return id.index <= r.log.committed
	}
	return id.term == 0 || term == id.term
}
