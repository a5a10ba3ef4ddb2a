package raft

import (
	pb "github.com/seed695671cb/raft/raftpb"
)

// Receiving appends: the consistency check, the removal of what diverges, and the hint that lets the leader find the
// point of divergence quickly (Raft §5.3).

// handleAppend takes the leader's entries if they follow an entry that the log holds.
func (r *raft) handleAppend(m *pb.Message) {
	prev := entryID{term: m.LogTerm, index: m.Index}
	if prev.index < r.log.committed {
		// The leader is behind in what it knows of this log. All up to the commit index agrees with its own.
		r.sendAppendResponse(m.From, r.log.committed)
		return
	}
	same, err := r.log.matches(prev)
	if err == nil && !same {
		r.rejectAppend(m.From, prev)
		return
	}
	var held int
	if err == nil {
		held, err = r.log.divergence(m.Entries)
	}
	if err != nil {
		r.logger.Errorf("raft %x: passes over an append of %x: %v", r.id, m.From, err)
		return
	}
	r.log.append(m.Entries[held:])
	last := prev.index + uint64(len(m.Entries))
	r.log.commitTo(min(m.Commit, last))
	r.sendAppendResponse(m.From, last)
}

// rejectAppend names the last entry here that can be in the leader's log: at the rejected index or before, of a term
// not above that of the leader's entry there.
func (r *raft) rejectAppend(to uint64, prev entryID) {
	hint := r.log.lastAtMost(prev.term, prev.index)
	r.send(pb.Message{
		Type: pb.MsgAppResp, To: to, Index: prev.index,
		Reject: true, RejectHint: hint.index, LogTerm: hint.term,
	})
}
