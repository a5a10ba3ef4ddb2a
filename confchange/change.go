package confchange

// This file makes single changes to a configuration, whether it is joint or not: what becomes of the role of the one
// member that each of them names (Raft §6, thesis §4.2.1 and §4.3).

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/tracker"
)

// change returns m after the changes, made one after another. It is an error if no incoming voter is left, unless
// there was no member before and there is none afterwards.
func change(m tracker.Membership, ccs []raftpb.ConfChangeSingle) (tracker.Membership, error) {
	e := editor{members: slices.Clone(m.Members)}
	for _, cc := range ccs {
		if err := e.apply(cc); err != nil {
			return tracker.Membership{}, err
		}
	}
	next := tracker.Membership{Members: e.members, AutoLeave: m.AutoLeave}
	if next.Voters() == 0 && len(m.Members)+len(next.Members) > 0 {
		return tracker.Membership{}, fmt.Errorf("%w: the changes would make it %s", ErrNoVoters, next)
	}
	return next, nil
}

// editor holds the members of a configuration that is being built. Invariant: they are strictly ascending by ID.
type editor struct {
	members []tracker.Member
}

func (e *editor) apply(cc raftpb.ConfChangeSingle) error {
	if _, known := raftpb.ConfChangeType_name[int32(cc.Type)]; !known {
		return fmt.Errorf("%w: unknown type %d for member %d", ErrInvalid, cc.Type, cc.NodeID)
	}
	if cc.NodeID == 0 {
		return nil // cancelled by the application
	}
	old := e.role(cc.NodeID)
	role := roleAfter(old, cc.Type)
	if old == 0 && role != 0 {
		if err := tracker.CheckID(cc.NodeID); err != nil {
			return fmt.Errorf("%w: %w", ErrInvalid, err)
		}
	}
	e.setRole(cc.NodeID, role)
	return nil
}

// roleAfter returns the role of a member after a change that names it, zero if it is no member then. That it is an
// outgoing voter never changes here.
func roleAfter(old tracker.Role, typ raftpb.ConfChangeType) tracker.Role {
	outgoing := old & tracker.VoterOutgoing
	switch typ {
	case raftpb.ConfChangeAddNode:
		return outgoing | tracker.Voter
	case raftpb.ConfChangeAddLearnerNode:
		if outgoing != 0 {
			// It votes until the joint configuration is left, and a learner does not vote (thesis §4.2.1).
			return outgoing | tracker.LearnerNext
		}
		return tracker.Learner
	case raftpb.ConfChangeRemoveNode:
		return outgoing
	default: // ConfChangeUpdateNode tells the application something
		return old
	}
}

func (e *editor) find(id uint64) (int, bool) {
	return slices.BinarySearchFunc(e.members, id, func(mb tracker.Member, id uint64) int {
		return cmp.Compare(mb.ID, id)
	})
}

// role returns the role of a member, zero if it is none.
func (e *editor) role(id uint64) tracker.Role {
	if i, found := e.find(id); found {
		return e.members[i].Role
	}
	return 0
}

// setRole gives a role to a member, which joins if it was none; role zero makes it leave.
func (e *editor) setRole(id uint64, role tracker.Role) {
	i, found := e.find(id)
	switch {
	case found && role == 0:
		e.members = slices.Delete(e.members, i, i+1)
	case found:
		e.members[i].Role = role
	case role != 0:
		e.members = slices.Insert(e.members, i, tracker.Member{ID: id, Role: role})
	}
}
