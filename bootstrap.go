package raft

import (
	"errors"
	"fmt"
	"slices"

	"github.com/seed695671cb/raft/confchange"
	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/tracker"
)

// errNotEmpty is why a member that has a log, or a term, cannot begin a new group.
var errNotEmpty = errors.New("bootstrap needs an empty storage")

// Peer is one of the first members of a new group.
type Peer struct {
	// ID is the member's ID.
	ID uint64
	// Context is handed to the application with the membership change that adds the member, such as an address.
	Context []byte
}

// Bootstrap begins the log of a new group: in term 1, with one entry for each peer that adds it as a voter, all
// committed. Every first member must be given the same peers in the same order, itself included. The entries are
// handed out to be written and applied like any others. It returns an error, and changes nothing, if there are no
// peers, if one is not valid or named twice, or if Storage is not empty.
func (rn *RawNode) Bootstrap(peers []Peer) error {
	rn.enter()
	defer rn.leave()
	r := &rn.raft
	switch {
	case len(peers) == 0:
		return errors.New("bootstrap needs at least one peer: a member that joins a group is not bootstrapped")
	case r.log.lastIndex() != 0 || r.term != 0:
		return fmt.Errorf("%w: it is at term %d and last index %d: restart instead", errNotEmpty, r.term, r.log.lastIndex())
	}
	ents, membership, err := firstEntries(peers)
	if err != nil {
		return err
	}
	r.becomeFollower(1, None)
	r.log.append(ents)
	r.log.commitTo(uint64(len(ents)))
	r.switchMembership(membership)
	return nil
}

// firstEntries returns the entries that add the peers, and the membership that results.
func firstEntries(peers []Peer) ([]pb.Entry, tracker.Membership, error) {
	var membership tracker.Membership
	ents := make([]pb.Entry, len(peers))
	for i, peer := range peers {
		if membership.Find(peer.ID) >= 0 {
			return nil, membership, fmt.Errorf("bootstrap peer %d is named twice", peer.ID)
		}
		cc := pb.ConfChange{Type: pb.ConfChangeAddNode, NodeID: peer.ID, Context: peer.Context}
		data, err := cc.Marshal()
		if err != nil {
			return nil, membership, fmt.Errorf("bootstrap peer %d: %w", peer.ID, err)
		}
		if peer.ID == None || IsLocalMsgTarget(peer.ID) {
			return nil, membership, fmt.Errorf("bootstrap peer %d: not a valid ID", peer.ID)
		}
		if membership, err = confchange.Simple(membership, pb.ConfChangeSingle{Type: cc.Type, NodeID: cc.NodeID}); err != nil {
			return nil, membership, fmt.Errorf("bootstrap peer %d: %w", peer.ID, err)
		}
		ents[i] = pb.Entry{Type: pb.EntryConfChange, Term: 1, Index: uint64(i + 1), Data: data}
	}
	return ents, membership, nil
}

// withSelf returns the peers unchanged if they name id. Otherwise it adds id and orders them by ID, so that members who
// each name only the others arrive at the same list.
func withSelf(peers []Peer, id uint64) []Peer {
	if slices.ContainsFunc(peers, func(p Peer) bool { return p.ID == id }) {
		return peers
	}
	all := append(slices.Clone(peers), Peer{ID: id})
	slices.SortFunc(all, func(a, b Peer) int {
		switch {
		case a.ID < b.ID:
			return -1
		case a.ID > b.ID:
			return 1
		}
		return 0
	})
	return all
}
