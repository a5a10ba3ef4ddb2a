// Package confchange computes the configuration that follows from a membership change: one voter at a time (thesis
// §4.1), or any number of them through a joint configuration (Raft §6, thesis §4.3).
//
// Its functions are pure. They take configurations for which Check returns nil, never modify them, and return others
// for which Check returns nil. They may be called from any goroutine.
package confchange

import (
	"fmt"

	"github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/tracker"
)

// Apply returns the configuration after a change in the general form: it leaves the joint configuration if the change
// says so, enters one if the change says so, and otherwise makes the changes at once, as Simple does.
//
// Besides the errors of those three, it returns ErrInvalid for a transition that this version does not know.
func Apply(m tracker.Membership, cc raftpb.ConfChangeV2) (tracker.Membership, error) {
	if _, known := raftpb.ConfChangeTransition_name[int32(cc.Transition)]; !known {
		return tracker.Membership{}, fmt.Errorf("%w: unknown transition %d", ErrInvalid, cc.Transition)
	}
	if cc.LeaveJoint() {
		return LeaveJoint(m)
	}
	if autoLeave, ok := cc.EnterJoint(); ok {
		return EnterJoint(m, autoLeave, cc.Changes...)
	}
	return Simple(m, cc.Changes...)
}

// Simple returns the configuration after changes that may be made at once: taken together they add or remove one
// incoming voter at most, so that any majority before and any majority after share a voter (thesis §4.1). Learners
// may come and go in any number.
//
// A change with NodeID zero is skipped; one that finds its work done (adding a voter that is one, removing a stranger,
// updating anybody) does nothing.
//
// It returns ErrJoint if m is joint, ErrTooManyVoters, ErrNoVoters if nobody would vote, and ErrInvalid if a change
// has an unknown type or adds an ID that no member can have.
func Simple(m tracker.Membership, ccs ...raftpb.ConfChangeSingle) (tracker.Membership, error) {
	if m.Joint() {
		return tracker.Membership{}, fmt.Errorf("%w: %s", ErrJoint, m)
	}
	next, err := change(m, ccs)
	if err != nil {
		return tracker.Membership{}, err
	}
	if n := votersChanged(m, next); n > 1 {
		return tracker.Membership{}, fmt.Errorf("%w: %d voters differ between %s and %s", ErrTooManyVoters, n, m, next)
	}
	return next, nil
}

// votersChanged returns the number of members that are an incoming voter in one configuration and not in the other.
func votersChanged(a, b tracker.Membership) int {
	return votersMissing(a, b) + votersMissing(b, a)
}

// votersMissing returns the number of incoming voters of a that are none in b.
func votersMissing(a, b tracker.Membership) int {
	n := 0
	for _, mb := range a.Members {
		if mb.Role&tracker.Voter != 0 && b.Role(mb.ID)&tracker.Voter == 0 {
			n++
		}
	}
	return n
}

// EnterJoint returns the joint configuration in which the voters of m and those after the changes must agree, each
// by a majority of their own (Raft §6). autoLeave says whether the leader leaves it without being asked.
//
// The changes are made to the incoming voters. An outgoing voter goes on voting until LeaveJoint: if it is removed, it
// leaves then; if it is demoted, it becomes a learner then. Learners that do not vote come and go at once. Without
// changes, both majorities are the same.
//
// It returns ErrJoint if m is joint, ErrNoVoters if nobody votes in m or nobody would vote among the incoming, and
// ErrInvalid as Simple does.
func EnterJoint(
	m tracker.Membership, autoLeave bool, ccs ...raftpb.ConfChangeSingle,
) (tracker.Membership, error) {
	if m.Joint() {
		return tracker.Membership{}, fmt.Errorf("%w: %s", ErrJoint, m)
	}
	if !m.HasVoters() {
		return tracker.Membership{}, fmt.Errorf("%w: there are none to leave behind; add the first one "+
			"as a change of its own", ErrNoVoters)
	}
	return change(withOutgoing(m, autoLeave), ccs)
}

// withOutgoing returns a copy of m in which every voter is also an outgoing one.
func withOutgoing(m tracker.Membership, autoLeave bool) tracker.Membership {
	members := make([]tracker.Member, len(m.Members))
	for i, mb := range m.Members {
		if mb.Role&tracker.Voter != 0 {
			mb.Role |= tracker.VoterOutgoing
		}
		members[i] = mb
	}
	return tracker.Membership{Members: members, AutoLeave: autoLeave}
}

// LeaveJoint returns the configuration in which the incoming voters of a joint one decide alone. Who was only an
// outgoing voter is no member any more, or is a learner if it was to become one.
//
// It returns ErrNotJoint if m is not joint.
func LeaveJoint(m tracker.Membership) (tracker.Membership, error) {
	if !m.Joint() {
		return tracker.Membership{}, fmt.Errorf("%w: %s", ErrNotJoint, m)
	}
	members := make([]tracker.Member, 0, len(m.Members))
	for _, mb := range m.Members {
		mb.Role = roleAfterJoint(mb.Role)
		if mb.Role != 0 {
			members = append(members, mb)
		}
	}
	return tracker.Membership{Members: members}, nil
}

// roleAfterJoint returns the role of a member once the joint configuration is left, zero if it is no member then.
func roleAfterJoint(r tracker.Role) tracker.Role {
	if r&tracker.LearnerNext != 0 {
		return tracker.Learner
	}
	return r &^ tracker.VoterOutgoing
}
