package raft

import (
	"errors"
	"fmt"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Proposals: what a leader appends, what a follower passes on, and what is dropped, and why (Raft §5.3).

// ErrProposalDropped is matched, through errors.Is but not by ==, by the error of every proposal that was not taken. It
// entered no log and was not passed on, so that proposing it again cannot have it committed twice; whether that can
// succeed, and when, depends on the reason. The error itself is a *ProposalDroppedError, which says why. The converse
// does not hold: a proposal that was passed on to the leader, without an error, may be lost or dropped there.
var ErrProposalDropped = errors.New("raft proposal dropped")

// DropReason is why a proposal was dropped.
type DropReason int

const (
	// DroppedNoLeader: no leader is known to this member, or the one it knows has sent it the proposal.
	DroppedNoLeader DropReason = iota + 1
	// DroppedForwardingDisabled: this member is a follower, and DisableProposalForwarding is set.
	DroppedForwardingDisabled
	// DroppedTransferring: the leader is handing over its leadership.
	DroppedTransferring
	// DroppedNotMember: the leader has been removed from the configuration.
	DroppedNotMember
	// DroppedTooLarge: too much is uncommitted, see Config.MaxUncommittedEntriesSize.
	DroppedTooLarge
	// DroppedChangePending: a membership change is not applied yet, and only one at a time may be.
	DroppedChangePending
	// DroppedChangeJoint: the configuration is joint and must be left first.
	DroppedChangeJoint
	// DroppedChangeNotJoint: the configuration is not joint, so there is nothing to leave.
	DroppedChangeNotJoint
	// DroppedChangeImpossible: the change cannot be made to the configuration; ProposalDroppedError.Err says why.
	DroppedChangeImpossible
)

// String says what the reason is, and what to do.
func (d DropReason) String() string {
	switch d {
	case DroppedNoLeader:
		return "no leader is known: try again when one is elected"
	case DroppedForwardingDisabled:
		return "this member is not the leader and forwarding is disabled: propose to the leader"
	case DroppedTransferring:
		return "leadership is being transferred: try again when that has ended"
	case DroppedNotMember:
		return "this leader has been removed from the group: propose to another member"
	case DroppedTooLarge:
		return "too much is appended and not yet committed and handed out to be applied: try again later"
	case DroppedChangePending:
		return "a membership change is pending: try again when it is applied"
	case DroppedChangeJoint:
		return "the configuration is joint: it must be left first"
	case DroppedChangeNotJoint:
		return "the configuration is not joint: there is nothing to leave"
	case DroppedChangeImpossible:
		return "the change cannot be made to the configuration"
	default:
		return fmt.Sprintf("DropReason(%d)", int(d))
	}
}

// ProposalDroppedError says why a proposal was not taken.
type ProposalDroppedError struct {
	// Reason is why.
	Reason DropReason
	// PendingIndex is the index up to which entries must be applied before a membership change can be proposed.
	// Only DroppedChangePending sets it.
	PendingIndex uint64
	// Err says what is wrong with a membership change. Only DroppedChangeImpossible sets it.
	Err error
}

// Error describes the reason.
func (e *ProposalDroppedError) Error() string {
	if e.PendingIndex != 0 {
		return fmt.Sprintf("%v: %v (pending index %d)", ErrProposalDropped, e.Reason, e.PendingIndex)
	}
	if e.Err != nil {
		return fmt.Sprintf("%v: %v: %v", ErrProposalDropped, e.Reason, e.Err)
	}
	return fmt.Sprintf("%v: %v", ErrProposalDropped, e.Reason)
}

// Unwrap returns Err.
func (e *ProposalDroppedError) Unwrap() error { return e.Err }

// Is matches ErrProposalDropped.
func (e *ProposalDroppedError) Is(target error) bool { return target == ErrProposalDropped }

func dropped(reason DropReason) error { return &ProposalDroppedError{Reason: reason} }

// propose appends the entries to the leader's log, all or none.
func (r *raft) propose(ents []pb.Entry) error {
	l := r.leading
	switch {
	case l.self() == nil:
		return dropped(DroppedNotMember)
	case l.transferee != None:
		return dropped(DroppedTransferring)
	}
	changeAt, err := r.checkChanges(ents)
	if err != nil {
		return err
	}
	size := payloadSizeOf(ents)
	if !l.uncommitted.admits(size, r.maxUncommittedSize) {
		return dropped(DroppedTooLarge)
	}
	if changeAt > 0 {
		l.pendingChange = changeAt
	}
	r.appendEntries(ents)
	return nil
}

// proposeOne takes a proposal of the application.
func (r *raft) proposeOne(e pb.Entry) error {
	if holdsChange(&e) {
		if _, err := decodeChange(&e); err != nil {
			return err
		}
	}
	switch r.state {
	case StateLeader:
		// A slice in the leader's keeping saves an allocation: propose copies the entry.
		r.leading.proposal[0] = e
		return r.propose(r.leading.proposal[:])
	case StateFollower:
		return r.forwardProposal(None, []pb.Entry{e})
	default:
		return dropped(DroppedNoLeader)
	}
}

// appendEntries gives copies of the entries the current term and the next indexes, and appends them. They count
// towards the commit index when they are durable, here as anywhere.
func (r *raft) appendEntries(ents []pb.Entry) {
	r.leading.uncommitted.add(payloadSizeOf(ents))
	r.log.extend(r.term, ents)
	r.leading.broadcast = true
}

// forwardProposal passes the entries to the leader. If they come from it, it leads no more: two members that each
// take the other for the leader would pass them to and fro.
func (r *raft) forwardProposal(from uint64, ents []pb.Entry) error {
	switch {
	case r.lead == None || r.lead == from:
		return dropped(DroppedNoLeader)
	case r.disableProposalForwarding:
		return dropped(DroppedForwardingDisabled)
	}
	r.send(pb.Message{Type: pb.MsgProp, To: r.lead, Entries: ents})
	return nil
}

// uncommittedQuota is the payload of the entries that this leader has appended in its term and not yet handed out to
// be applied. Only entries of its own term enter or leave the count, each exactly once and with the same size.
type uncommittedQuota struct{ size payloadSize }

// admits reports whether a proposal may be added: if it fits, if nothing else is waiting, or if it has no payload.
func (q *uncommittedQuota) admits(size, limit payloadSize) bool {
	return size == 0 || q.size == 0 || q.size+size <= limit
}

func (q *uncommittedQuota) add(size payloadSize) { q.size += size }

// release takes entries out of the count that are handed out to be applied.
func (q *uncommittedQuota) release(term uint64, ents []pb.Entry) {
	for i := range ents {
		if ents[i].Term == term {
			q.size -= min(q.size, payloadSize(len(ents[i].Data)))
		}
	}
}
