package rafttest

import (
	"errors"

	"github.com/seed695671cb/raft"
	"github.com/seed695671cb/raft/confchange"
	"github.com/seed695671cb/raft/internal/choose"
	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/tracker"
)

// A membership change is packed into a number, so that an action can hold it: the lowest two bits are the transition, the
// next the form (1 for a single change in its old form), then for each change two bits of type and four of the ID, from
// bit 8 on. No changes at all ask to leave a joint configuration.

const (
	changeOldForm = 1 << 2
	changeFirst   = 8
	changeBits    = 6
)

// packChange packs changes.
func packChange(transition pb.ConfChangeTransition, oldForm bool, changes []pb.ConfChangeSingle) uint64 {
	packed := uint64(transition)
	if oldForm {
		packed |= changeOldForm
	}
	for i, c := range changes {
		packed |= (uint64(c.Type)&3 | c.NodeID<<2) << (changeFirst + changeBits*i)
	}
	return packed
}

// unpackChange returns the change that packChange packed.
func unpackChange(packed uint64) pb.ConfChangeI {
	var changes []pb.ConfChangeSingle
	for rest := packed >> changeFirst; rest != 0; rest >>= changeBits {
		changes = append(changes, pb.ConfChangeSingle{Type: pb.ConfChangeType(rest & 3), NodeID: rest >> 2 & 15})
	}
	if packed&changeOldForm != 0 && len(changes) == 1 {
		return pb.ConfChange{Type: changes[0].Type, NodeID: changes[0].NodeID}
	}
	return pb.ConfChangeV2{Transition: pb.ConfChangeTransition(packed & 3), Changes: changes}
}

// changeTypes are the types of changes, those that are to be more frequent more than once.
func changeTypes() []pb.ConfChangeType {
	return []pb.ConfChangeType{
		pb.ConfChangeAddNode, pb.ConfChangeAddNode, pb.ConfChangeRemoveNode, pb.ConfChangeAddLearnerNode,
	}
}

// chooseChange draws a change of up to three members with IDs up to highest.
func chooseChange(src choose.Source, highest int) uint64 {
	types := changeTypes()
	var changes []pb.ConfChangeSingle
	for n := src.Choose(4); n > 0; n-- {
		id := uint64(choose.Between(src, 1, highest))
		changes = append(changes, pb.ConfChangeSingle{Type: choose.Pick(src, types), NodeID: id})
	}
	return packChange(pb.ConfChangeTransition(src.Choose(3)), choose.Chance(src, 500), changes)
}

// mayPropose reports whether the change is one that an application of the lineage may propose. Elsewhere a change that
// does not fit the configuration is found out when it is applied, and panics; and a leader that is not the only voter
// answers reads by itself.
func (m *member) mayPropose(change pb.ConfChangeI) bool {
	if m.outdated || m.seen.status.RaftState != raft.StateLeader {
		return false
	}
	now, err := tracker.NewMembership(m.app.membership)
	if err != nil {
		return false
	}
	next, err := confchange.Apply(now, change.AsV2())
	return err == nil && len(next.ConfState().Voters) > 1
}

// chooseFittingChange draws a change that m may propose, as far as a few attempts find one. Half of them are of a single
// member and made at once.
func (m *member) chooseFittingChange(src choose.Source) (packed uint64) {
	highest := m.g.highestID()
	for range 8 {
		packed = chooseChange(src, highest)
		if choose.Chance(src, 500) {
			packed = packChange(pb.ConfChangeTransitionAuto, choose.Chance(src, 500), []pb.ConfChangeSingle{{
				Type: choose.Pick(src, changeTypes()), NodeID: uint64(choose.Between(src, 1, highest)),
			}})
		}
		if m.mayPropose(unpackChange(packed)) {
			break
		}
	}
	return packed
}

// proposeChange proposes a membership change through m.
func (g *group) proposeChange(m *member, packed uint64) {
	change := unpackChange(packed)
	if g.opt.mixed() && !m.mayPropose(change) {
		return
	}
	g.stats.Changes++
	if _, data, err := pb.MarshalConfChange(change); err == nil {
		g.biggest = max(g.biggest, uint64(len(data)))
	}
	err := m.node.ProposeConfChange(change)
	if err != nil && !errors.Is(err, raft.ErrProposalDropped) {
		g.fail("no panic, no refusal", []uint64{m.id}, "member %d refuses a membership change: %v", m.id, err)
	}
}
