package tracker

// This file decides which configurations exist: the invariants of one that has been built, and the reading of one
// that comes from storage or a peer, which must not be trusted to keep them (Raft §6).

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/seed695671cb/raft/raftpb"
)

// Check returns an error that names the first invariant of Membership that m violates, nil if it violates none.
func (m Membership) Check() error {
	var last uint64
	for _, mb := range m.Members {
		if err := CheckID(mb.ID); err != nil {
			return err
		}
		if mb.ID <= last {
			return fmt.Errorf("member %d follows member %d; members must be ascending and distinct", mb.ID, last)
		}
		if !mb.Role.legal() {
			return fmt.Errorf("member %d has the role %s; these parts exclude or require one another", mb.ID, mb.Role)
		}
		last = mb.ID
	}
	return m.checkWhole()
}

// checkWhole checks what concerns the members together.
func (m Membership) checkWhole() error {
	if len(m.Members) > 0 && m.Voters() == 0 {
		return errors.New("there are members, none of which is an incoming voter; name at least one voter")
	}
	if m.AutoLeave && !m.Joint() {
		return errors.New("auto_leave is set without outgoing voters; clear it unless the configuration is joint")
	}
	return nil
}

// CheckID returns an error that says why no member can have the given ID, nil if one can.
func CheckID(id uint64) error {
	if id == 0 {
		return errors.New("id 0 stands for no member; use ids from 1")
	}
	if id > MaxID {
		return fmt.Errorf("id %d names a local storage thread; use ids up to %d", id, MaxID)
	}
	return nil
}

// fieldOf returns the name of the ConfState field that holds the members with a role bit.
func fieldOf(bit Role) string {
	switch bit {
	case Voter:
		return "voters"
	case VoterOutgoing:
		return "voters_outgoing"
	case Learner:
		return "learners"
	default:
		return "learners_next"
	}
}

// NewMembership returns the configuration that a ConfState describes; its lists may be in any order. The empty
// ConfState is the configuration without members. An error names the field and the ID that are wrong.
func NewMembership(cs raftpb.ConfState) (Membership, error) {
	m := Membership{
		Members:   make([]Member, 0, len(cs.Voters)+len(cs.Learners)+len(cs.VotersOutgoing)),
		AutoLeave: cs.AutoLeave,
	}
	for _, f := range [...]struct {
		bit Role
		ids []uint64
	}{
		{Voter, cs.Voters},
		{VoterOutgoing, cs.VotersOutgoing},
		{LearnerNext, cs.LearnersNext},
		{Learner, cs.Learners},
	} {
		members, err := withList(m.Members, f.bit, f.ids)
		if err != nil {
			return Membership{}, fmt.Errorf("conf state: %s: %w", fieldOf(f.bit), err)
		}
		m.Members = members
	}
	if err := m.checkWhole(); err != nil {
		return Membership{}, fmt.Errorf("conf state: %w", err)
	}
	if len(m.Members) == 0 {
		return Membership{}, nil
	}
	return m, nil
}

// withList gives the bit to every listed member, and returns the members in ascending order again. The members that
// it is given are ascending, and are overwritten. It depends on the order in which NewMembership takes the lists: who
// may have a bit is decided by the bits of the earlier lists.
func withList(members []Member, bit Role, ids []uint64) ([]Member, error) {
	known := len(members)
	for _, id := range ids {
		if err := CheckID(id); err != nil {
			return nil, err
		}
		i, found := slices.BinarySearchFunc(members[:known], id, compareID)
		role := bit
		if found {
			role |= members[i].Role
		}
		if !role.legal() {
			return nil, roleError(id, bit, role)
		}
		if found && members[i].Role&bit == 0 {
			members[i].Role = role
			continue
		}
		// A member that has the bit already was listed twice: it is appended like a new one, and found below.
		members = append(members, Member{ID: id, Role: role})
	}
	slices.SortFunc(members, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	for i := 1; i < len(members); i++ {
		if members[i].ID == members[i-1].ID {
			return nil, fmt.Errorf("%d is listed twice; list it once", members[i].ID)
		}
	}
	return members, nil
}

func compareID(mb Member, id uint64) int { return cmp.Compare(mb.ID, id) }

// roleError explains why the member cannot have the bit that makes its role the illegal one given.
func roleError(id uint64, bit, role Role) error {
	if bit == LearnerNext && role&VoterOutgoing == 0 {
		return fmt.Errorf("%d is not in voters_outgoing; only an outgoing voter becomes a learner later", id)
	}
	others := role &^ bit
	lowest := others & -others
	return fmt.Errorf("%d is also in %s; keep it in one of them", id, fieldOf(lowest))
}
