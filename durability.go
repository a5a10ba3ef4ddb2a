package raft

import (
	pb "github.com/seed695671cb/raft/raftpb"
)

// What rests on a write, and what happens when it is durable (Raft Fig. 2, persistent state; thesis §10.2.1). There
// is one protocol: what is to be written is handed out, and later acknowledged by its identity. With synchronous
// writes Advance is the acknowledgement, with asynchronous writes a message.

// stored is an acknowledgement of storage: everything handed out up to some Ready is durable.
type stored struct {
	// paper is the term and vote handed out.
	paper ballotPaper
	// last is the last entry handed out and not acknowledged, in this write or an earlier one; zero if there is none.
	last entryID
	// snapshot is the index of the snapshot handed out, zero if there was none.
	snapshot uint64
}

// storedOf returns the acknowledgement that a MsgStorageAppendResp stands for.
func storedOf(m *pb.Message) stored {
	s := stored{
		paper: ballotPaper{term: m.Term, vote: m.Vote},
		last:  entryID{term: m.LogTerm, index: m.Index},
	}
	if m.Snapshot != nil {
		s.snapshot = m.Snapshot.Metadata.Index
	}
	return s
}

// handleStored takes an acknowledgement. What has been replaced since it was handed out is not released by it: each
// part counts only if it is still what this member holds. The entries of a write of an earlier term do not: they
// may have been replaced, and have come back, with both writes still under way. In one term a log that loses an
// entry to the leader's never gets it back.
func (r *raft) handleStored(s *stored) {
	if s.snapshot != 0 && r.log.snapshotStored(s.snapshot) {
		r.reschedule()
	}
	if s.last.index != 0 && s.paper.term == r.term && r.log.entriesStored(s.last) {
		r.ownLogStored()
	}
	if s.paper == (ballotPaper{term: r.term, vote: r.vote}) {
		r.persisted = s.paper
	}
	if r.state == StateCandidate && r.termIsDurable() {
		r.recordVote(r.id, true)
	}
}

// ownLogStored counts the leader's own log like any follower's: what is not durable here does not count.
func (r *raft) ownLogStored() {
	if r.leading == nil {
		return
	}
	i := r.leading.find(r.id)
	if i < 0 {
		return
	}
	before := r.leading.progress[i].Match
	if r.leading.progress[i].OnStored(r.log.storedIndex(), r.log.lastIndex()) {
		r.matchMoved(i, before)
	}
}

// handleApplied takes the application's word that it has applied the entries.
func (r *raft) handleApplied(ents []pb.Entry) {
	if len(ents) > 0 {
		r.appliedTo(ents[len(ents)-1].Index, encodedSizeOf(ents))
	}
}

func (r *raft) appliedTo(index uint64, size encodedSize) {
	r.log.appliedTo(index, size)
	r.maybeLeaveJoint()
}

// mustFollowWrite reports whether the message may only leave once everything that was to be written before it is
// durable: what it says rests on that. Acknowledgements and votes always do. So does a request for a vote: if the
// candidate forgot its log and term in a crash, a grant given to the longer log would count for the shorter one.
// Any other message may only have to wait for the term that it bears, see raft.termIsDurable.
func mustFollowWrite(t pb.MessageType) bool {
	switch t {
	case pb.MsgAppResp, pb.MsgVote, pb.MsgVoteResp:
		return true
	default:
		return false
	}
}

// restsOnWrite reports whether a message of the type, sent now with the term, has to wait until what is to be written,
// and what was handed out before, is durable.
func (r *raft) restsOnWrite(t pb.MessageType, term uint64) bool {
	return mustFollowWrite(t) || term != 0 && !r.termIsDurable()
}

// termIsDurable reports whether storage has acknowledged the current term and vote.
func (r *raft) termIsDurable() bool {
	return r.persisted == ballotPaper{term: r.term, vote: r.vote}
}
