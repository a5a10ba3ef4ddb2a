package raft

import (
	"cmp"
	"slices"

	"github.com/seed695671cb/raft/quorum"
	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/tracker"
)

// leadership is what only a leader keeps, from its election to the end of its term (Raft Fig. 2, volatile state on
// leaders). A member that does not lead holds none of it.
//
// Invariant: progress[i] belongs to members[i], and members are those of raft.membership.
// Invariant: owed is the number of followers for which owedAppend is set.
// Invariant: broadcast ==> the log has fresh entries, or the commit index has moved since the last Ready.
type leadership struct {
	id       uint64
	members  []tracker.Member
	progress []tracker.Progress
	// owedAppend marks the followers that ShouldSend says are owed an append; what concerns all of them is only
	// noted in broadcast. Neither is exact without the other.
	owedAppend []bool
	owed       int
	broadcast  bool
	// beatDue is set when a heartbeat is to go to every follower.
	beatDue bool
	// scratch is room for one index of each member.
	scratch []uint64
	// matched counts the voters whose log is durable beyond the commit index, acked those that have acknowledged a
	// round after the last confirmed one.
	matched tally
	acked   tally

	// former are the members removed in this term, in order of ID.
	former []formerMember

	// pendingChange is the index up to which entries must be applied before a membership change can be proposed.
	pendingChange uint64
	uncommitted   uncommittedQuota
	// proposal is room for the proposal that is being taken.
	proposal [1]pb.Entry

	transferee       uint64
	transferDeadline uint64
	// sentTimeoutNow is set for good once a member was told to campaign: its candidacy, which overrides leases, may
	// come at any later time.
	sentTimeoutNow bool

	reads  readQueue
	rounds rounds
}

// formerMember remembers how long the log was when a member was removed: what it acknowledges beyond that, after
// being added again, is of its new life.
type formerMember struct {
	id   uint64
	last uint64
}

// newLeadership returns the state of a leader just elected. Nothing is known of the followers' logs: they are probed at
// the end of the leader's own (Raft §5.3).
func (r *raft) newLeadership() *leadership {
	l := &leadership{id: r.id, pendingChange: r.log.lastIndex()}
	r.fitLeadership(l, nil)
	return l
}

// fitLeadership makes room in l for the current membership, keeping the progress of members that stay.
func (r *raft) fitLeadership(l *leadership, keep []tracker.Member) {
	old := l.progress
	n := len(r.membership.Members)
	l.members = r.membership.Members
	l.progress = make([]tracker.Progress, n)
	l.owedAppend = make([]bool, n)
	l.scratch = make([]uint64, n)
	l.owed = 0
	l.matched.forget()
	l.acked.forget()
	inflights := make([]tracker.Inflights, n)
	next := r.log.lastIndex() + 1
	for i, member := range l.members {
		learner := member.Role&tracker.Learner != 0
		inflights[i] = tracker.MakeInflights(int(r.maxInflightMsgs), r.maxInflightBytes)
		switch k := (tracker.Membership{Members: keep}).Find(member.ID); {
		case k >= 0:
			l.progress[i] = old[k]
		case member.ID == r.id:
			l.progress[i] = tracker.NewSelfProgress(r.log.storedIndex(), next, &inflights[i])
		default:
			l.progress[i] = tracker.NewProgress(next, l.birthOf(member.ID), learner, &inflights[i])
		}
		l.progress[i].OnRoleChanged(learner)
		r.refresh(i)
	}
}

// noteOwed notes whether the follower at position i is owed an append.
func (l *leadership) noteOwed(i int, owed bool) {
	if owed == l.owedAppend[i] {
		return
	}
	l.owedAppend[i] = owed
	if owed {
		l.owed++
	} else {
		l.owed--
	}
}

// birthOf returns the lowest index that the member can acknowledge in its present life.
func (l *leadership) birthOf(id uint64) uint64 {
	if i, removed := l.findFormer(id); removed {
		return l.former[i].last + 1
	}
	return 0
}

// bury remembers a member that is being removed.
func (l *leadership) bury(id, last uint64) {
	i, again := l.findFormer(id)
	if !again {
		l.former = slices.Insert(l.former, i, formerMember{id: id})
	}
	l.former[i].last = last
}

// findFormer returns where the member is among the former ones, or would be.
func (l *leadership) findFormer(id uint64) (i int, found bool) {
	return slices.BinarySearchFunc(l.former, id, func(f formerMember, id uint64) int { return cmp.Compare(f.id, id) })
}

// find returns the position of the member, or -1.
func (l *leadership) find(id uint64) int { return tracker.Membership{Members: l.members}.Find(id) }

// self returns the leader's own progress, or nil if it is not a member any more.
func (l *leadership) self() *tracker.Progress {
	if i := l.find(l.id); i >= 0 {
		return &l.progress[i]
	}
	return nil
}

// quorumOf returns the highest value that a quorum has reached; while two configurations are joint, a quorum of each
// (Raft §6).
func (l *leadership) quorumOf(value func(*tracker.Progress) uint64) uint64 {
	return min(l.majorityOf(tracker.Voter, value), l.majorityOf(tracker.VoterOutgoing, value))
}

func (l *leadership) majorityOf(electorate tracker.Role, value func(*tracker.Progress) uint64) uint64 {
	reached := l.scratch[:0]
	for i, member := range l.members {
		if member.Role&electorate != 0 {
			reached = append(reached, value(&l.progress[i]))
		}
	}
	return quorum.CommittedOf(reached)
}

func matchOf(p *tracker.Progress) uint64 { return p.Match }

func roundOf(p *tracker.Progress) uint64 { return p.Round() }
