package replica

import (
	"context"
	"fmt"
	"slices"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// Membership changes (Raft §6, thesis §4). They are asked of the leader, and answered when they are applied there.

// A Change is a change of the membership. Several members are changed at once by way of a joint membership (Raft §6).
type Change struct {
	// Add adds members, as voters or learners. One that is a member already becomes what is said, and its address is
	// replaced.
	Add []Member
	// Remove removes members.
	Remove []uint64
}

// AddMember adds a member, or changes its address or whether it is a learner, and returns when that is applied here. An ID of a
// member that was removed is refused: it might come back without what it has promised. The new member's replica is started with
// Config.Join, and had better be added as a learner and promoted when it has caught up: a change after which this leader would not
// hear from a majority of the voters is refused.
//
// A leader that has just been elected makes its first change when it has applied what the leaders before it have left.
//
// Errors match ErrNotLeader if this member does not lead: see NotLeaderError. They match ErrRefused if the change is not
// possible now, for example because another is under way, in which case errors.As finds a *raft.ProposalDroppedError.
func (r *Replica) AddMember(ctx context.Context, m Member) error {
	return r.ChangeMembers(ctx, Change{Add: []Member{m}})
}

// PromoteMember makes a learner a voter. It is refused as long as the learner is further behind than Config.TrailingEntries:
// it would only slow the group down. Errors are those of AddMember.
func (r *Replica) PromoteMember(ctx context.Context, id uint64) error {
	status := r.Status()
	at := slices.IndexFunc(status.Members, func(m Member) bool { return m.ID == id })
	if at < 0 {
		return notApplied{fmt.Errorf("%w: %d is not a member: add it first", ErrRefused, id)}
	}
	for _, p := range status.Progress {
		if p.ID == id && status.Commit-min(status.Commit, p.Match) > r.config.TrailingEntries {
			return notApplied{fmt.Errorf("%w: member %d has entries up to %d of %d: promote it when it has caught up",
				ErrRefused, id, p.Match, status.Commit)}
		}
	}
	m := status.Members[at]
	m.Learner = false
	return r.ChangeMembers(ctx, Change{Add: []Member{m}})
}

// RemoveMember removes a member. A leader that removes itself steps down when that is applied. Errors are those of
// AddMember.
func (r *Replica) RemoveMember(ctx context.Context, id uint64) error {
	return r.ChangeMembers(ctx, Change{Remove: []uint64{id}})
}

// ChangeMembers makes all the changes in one step. Errors are those of AddMember.
func (r *Replica) ChangeMembers(ctx context.Context, change Change) error {
	if len(change.Add)+len(change.Remove) == 0 {
		return notApplied{fmt.Errorf("%w: the change is empty: name members to add or to remove", ErrRefused)}
	}
	var cc pb.ConfChangeV2
	var addresses []memberAddress
	for _, m := range change.Add {
		kind := pb.ConfChangeAddNode
		if m.Learner {
			kind = pb.ConfChangeAddLearnerNode
		}
		if m.ID == 0 {
			return notApplied{fmt.Errorf("%w: member 0 cannot be added: IDs are not 0", ErrRefused)}
		}
		cc.Changes = append(cc.Changes, pb.ConfChangeSingle{Type: kind, NodeID: m.ID})
		addresses = append(addresses, memberAddress{id: m.ID, address: m.Address})
	}
	members := r.Status().Members
	for _, id := range change.Remove {
		if !slices.ContainsFunc(members, func(m Member) bool { return m.ID == id }) {
			return notApplied{fmt.Errorf("%w: %d is not a member", ErrRefused, id)}
		}
		cc.Changes = append(cc.Changes, pb.ConfChangeSingle{Type: pb.ConfChangeRemoveNode, NodeID: id})
	}
	_, err := r.submit(ctx, r.newChange(cc, addresses))
	return err
}

// checkChange says why a change is not to be made: because it would leave the group without a majority that is there. It runs
// on the stepping goroutine of a leader.
func (r *Replica) checkChange(change *pb.ConfChangeV2) error {
	now := r.members.Load()
	voters := map[uint64]bool{}
	for _, m := range now.list {
		if !m.Learner {
			voters[m.ID] = true
		}
	}
	for _, c := range change.Changes {
		switch {
		case c.Type == pb.ConfChangeAddNode:
			voters[c.NodeID] = true
		default:
			delete(voters, c.NodeID)
		}
		if c.Type != pb.ConfChangeRemoveNode && now.table.wasRemoved(c.NodeID) {
			return fmt.Errorf("%w: %d is the ID of a member that was removed: give the new one an ID of its own", ErrRefused, c.NodeID)
		}
	}
	there := 0
	for id := range voters {
		if r.hears(id) {
			there++
		}
	}
	if there <= len(voters)/2 {
		return fmt.Errorf("%w: of the %d voters there would be then, this leader hears from %d, and a majority is needed: "+
			"bring the others back first, add new members as learners, or remove those that are gone", ErrRefused, len(voters), there)
	}
	return nil
}

// heard is when a member was heard of last.
type heard struct{ id, tick uint64 }

// noteHeard notes that a message of a member has come.
func (s *stepping) noteHeard(id uint64) {
	for i := range s.heard {
		if s.heard[i].id == id {
			s.heard[i].tick = s.ticked
			return
		}
	}
	if len(s.heard) >= maxHeard {
		s.heard = s.heard[:0]
	}
	s.heard = append(s.heard, heard{id: id, tick: s.ticked})
}

// maxHeard bounds of how many members it is known when they were heard of: more than a group has.
const maxHeard = 64

// hears reports whether a member is this one, or was heard of within an election timeout.
func (r *Replica) hears(id uint64) bool {
	if id == r.id {
		return true
	}
	s := &r.stepping
	for _, h := range s.heard {
		if h.id == id {
			return s.ticked-h.tick <= uint64(r.config.ElectionTicks)
		}
	}
	return false
}

// membership is the membership that is applied, for everybody to see.
type membership struct {
	list  []Member
	table memberTable
}

// memberList returns the members as they are applied. It belongs to the applying goroutine.
func (r *Replica) memberList() []Member { return r.applying.members.members(r.applying.confState) }

// membersChanged makes the members known to the transport, and to Status. It belongs to the applying goroutine.
func (r *Replica) membersChanged() {
	members := r.memberList()
	r.introduce(members)
	r.members.Store(&membership{list: members, table: r.applying.members})
}

// introduce has the transport know these members instead of those before. Until this member is among them, the peers that it was
// configured with are known besides: a member that joins and is sent the log from its beginning applies memberships of long ago
// first, and would forget those that it has to answer, and who could tell it of the others.
func (r *Replica) introduce(members []Member) {
	a := &r.applying
	is := func(id uint64) func(Member) bool { return func(m Member) bool { return m.ID == id } }
	a.joined = a.joined || slices.ContainsFunc(members, is(r.id))
	known := slices.Clone(members)
	for _, p := range r.config.Peers {
		if !a.joined && !slices.ContainsFunc(members, is(p.ID)) {
			known = append(known, p)
		}
	}
	now, _ := r.host.clock.read()
	r.host.peers.change(a.introduced, known, now)
	a.introduced = known
}

// holdLeader has the transport know who leads, whatever the memberships say that are applied here: it may have been added
// later than what this member has come to. It belongs to the stepping goroutine.
func (r *Replica) holdLeader(leader uint64) {
	s := &r.stepping
	if leader == s.held {
		return
	}
	now, _ := r.host.clock.read()
	r.host.peers.change(memberWith(s.held), memberWith(leader), now)
	s.held = leader
}

// memberWith returns a member of which only the ID is known, or none.
func memberWith(id uint64) []Member {
	if id == raft.None {
		return nil
	}
	return []Member{{ID: id}}
}

// forgetPeers ends what introduce and holdLeader have told the transport. Nobody steps or applies any more.
func (r *Replica) forgetPeers() {
	now, _ := r.host.clock.read()
	r.host.peers.change(r.applying.introduced, nil, now)
	r.applying.introduced = nil
	r.holdLeader(raft.None)
}
