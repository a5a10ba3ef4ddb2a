package raft

import (
	"fmt"

	"github.com/seed695671cb/raft/confchange"
	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/tracker"
)

// Membership changes (Raft §6, thesis §4): which may be proposed, and what applying one does. A change takes effect
// when it is applied, not when it is appended; that this is safe needs that only one is unapplied at a time, and that
// nobody campaigns with one that is committed and unapplied (docs/INVARIANTS.md).

// decodeChange returns the membership change that the entry holds, or nil if it holds none.
func decodeChange(e *pb.Entry) (*pb.ConfChangeV2, error) {
	switch e.Type {
	case pb.EntryNormal:
		return nil, nil
	case pb.EntryConfChange:
		var cc pb.ConfChange
		if err := cc.Unmarshal(e.Data); err != nil {
			return nil, fmt.Errorf("its data is not a ConfChange: %w", err)
		}
		v2 := cc.AsV2()
		return &v2, nil
	case pb.EntryConfChangeV2:
		var cc pb.ConfChangeV2
		if err := cc.Unmarshal(e.Data); err != nil {
			return nil, fmt.Errorf("its data is not a ConfChangeV2: %w", err)
		}
		return &cc, nil
	default:
		return nil, fmt.Errorf("unknown entry type %d", e.Type)
	}
}

// holdsChange reports whether the entry is a membership change.
func holdsChange(e *pb.Entry) bool {
	return e.Type == pb.EntryConfChange || e.Type == pb.EntryConfChangeV2
}

// checkChanges returns the index that the last membership change among the proposed entries will have, zero if there
// is none, or an error if one may not be proposed now.
func (r *raft) checkChanges(ents []pb.Entry) (changeAt uint64, err error) {
	pending := r.leading.pendingChange
	for i := range ents {
		if !holdsChange(&ents[i]) {
			continue
		}
		change, err := decodeChange(&ents[i])
		if err != nil {
			return 0, err
		}
		if !r.disableChangeValidation {
			if err := r.checkChange(*change, pending); err != nil {
				return 0, err
			}
		}
		changeAt = r.log.lastIndex() + 1 + uint64(i)
		pending = changeAt
	}
	return changeAt, nil
}

// checkChange returns an error if a change is pending, or if this one cannot be made to the configuration: it would
// only be refused when it is applied.
func (r *raft) checkChange(cc pb.ConfChangeV2, pending uint64) error {
	joint := r.membership.Joint()
	switch {
	case pending > r.log.applied:
		return &ProposalDroppedError{Reason: DroppedChangePending, PendingIndex: pending}
	case joint && !cc.LeaveJoint():
		return dropped(DroppedChangeJoint)
	case !joint && cc.LeaveJoint():
		return dropped(DroppedChangeNotJoint)
	}
	if _, err := confchange.Apply(r.membership, cc); err != nil {
		return &ProposalDroppedError{Reason: DroppedChangeImpossible, Err: err}
	}
	return nil
}

// applyChange makes a committed change take effect. One that cannot be made to the configuration changes nothing, on
// every member alike. Nor does one that belongs to a batch of entries that a snapshot has since superseded: the
// snapshot's membership already holds it.
func (r *raft) applyChange(cc pb.ConfChangeV2) {
	if r.log.supersededTo != 0 {
		r.logger.Infof("raft %x: passes over a membership change up to index %d: a snapshot holds it", r.id, r.log.supersededTo)
		return
	}
	next, err := confchange.Apply(r.membership, cc)
	if err != nil {
		r.logger.Errorf("raft %x: membership change %v to %s not made: %v", r.id, cc, r.membership, err)
		return
	}
	r.switchMembership(next)
}

// switchMembership puts a membership in force.
func (r *raft) switchMembership(next tracker.Membership) {
	prev := r.membership.Members
	r.membership = next
	r.logger.Infof("raft %x: members %s at term %d", r.id, next, r.term)
	r.fitBallots(prev)
	if r.leading != nil {
		r.leadMembership(prev)
	}
	r.reschedule()
}

// fitBallots carries the votes received over to the membership now in force.
func (r *raft) fitBallots(prev []tracker.Member) {
	if r.ballots == nil {
		return
	}
	fitted := make([]ballot, len(r.membership.Members))
	for i, member := range prev {
		if k := r.membership.Find(member.ID); k >= 0 {
			fitted[k] = r.ballots[i]
		}
	}
	r.ballots = fitted
}

// leadMembership has the leader go on with the membership now in force.
func (r *raft) leadMembership(prev []tracker.Member) {
	l := r.leading
	for _, member := range prev {
		if r.membership.Find(member.ID) < 0 {
			l.bury(member.ID, r.log.lastIndex())
		}
	}
	r.fitLeadership(l, prev)
	if r.stepDownOnRemoval && !r.membership.IsVoter(r.id) {
		r.becomeFollower(r.term, None)
		return
	}
	r.ensureBirths()
	if i := l.find(l.transferee); i < 0 || !l.members[i].Role.IsVoter() {
		r.abortTransfer("it is not a voter any more")
	}
	r.maybeCommit()
	r.maybeConfirmRound()
	// The entry may count as applied already: an application need not wait for its changes before it calls Advance.
	r.maybeLeaveJoint()
}

// ensureBirths makes sure that the log holds an entry that every member added again in this term can acknowledge in
// its new life.
func (r *raft) ensureBirths() {
	for _, member := range r.leading.members {
		if r.leading.birthOf(member.ID) > r.log.lastIndex() {
			r.appendEntries([]pb.Entry{{}})
			return
		}
	}
}

// maybeLeaveJoint proposes to leave a joint configuration that is to be left automatically, once the change that
// entered it is applied and nothing else is pending. A new leader does so too.
func (r *raft) maybeLeaveJoint() {
	l := r.leading
	if l == nil || !r.membership.AutoLeave || l.transferee != None || l.pendingChange > r.log.applied {
		return
	}
	r.appendEntries([]pb.Entry{{Type: pb.EntryConfChangeV2}})
	l.pendingChange = r.log.lastIndex()
	r.logger.Infof("raft %x: proposes to leave the joint configuration %s", r.id, r.membership)
}

// recoverCommit raises the commit index, which need not be durable, to what the log itself proves: a membership change
// is only appended when the one before it is applied, so of several changes in a log all but the last are committed.
// Without it a restarted member could campaign with a change unapplied that others have long left behind. Where changes
// are not validated the log proves nothing.
func (r *raft) recoverCommit() error {
	if r.disableChangeValidation {
		return nil
	}
	var last, before uint64
	err := r.log.scan(r.log.committed+1, r.log.lastIndex()+1, scanPageSize, func(ents []pb.Entry) bool {
		for i := range ents {
			if holdsChange(&ents[i]) {
				before, last = last, ents[i].Index
			}
		}
		return true
	})
	if err != nil {
		return fmt.Errorf("storage failed to return the entries after commit index %d: %w", r.log.committed, err)
	}
	r.log.commitTo(before)
	return nil
}

// changeScan remembers which part of the log was searched for membership changes.
type changeScan struct {
	to   uint64
	last uint64
}

// scanPageSize bounds what one read of Storage returns when committed entries are searched.
const scanPageSize = 1 << 20

// hasUnappliedChange reports whether a membership change is committed and not applied.
func (r *raft) hasUnappliedChange() bool {
	s := &r.scanned
	lo := max(r.log.applied, s.to) + 1
	err := r.log.scan(lo, r.log.committed+1, scanPageSize, func(ents []pb.Entry) bool {
		for i := range ents {
			if holdsChange(&ents[i]) {
				s.last = ents[i].Index
			}
		}
		s.to = ents[len(ents)-1].Index
		return true
	})
	if err != nil {
		r.logger.Errorf("raft %x: reading committed entries from index %d: %v", r.id, lo, err)
		return true
	}
	return s.last > r.log.applied
}
