package raft

import (
	"errors"

	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/tracker"
)

// Driving one follower: what it is owed, what it is sent, what its answers mean, and when an entry is committed
// (Raft §5.3, §5.4.2; docs/REPLICATION.md).

// Progress is what a leader knows of one follower.
type Progress = tracker.Progress

// Inflights are the appends sent to a follower and not yet answered.
type Inflights = tracker.Inflights

// ProgressStateType is how a leader drives a follower.
type ProgressStateType = tracker.StateType

const (
	// ProgressStateProbe is tracker.StateProbe.
	ProgressStateProbe = tracker.StateProbe
	// ProgressStateReplicate is tracker.StateReplicate.
	ProgressStateReplicate = tracker.StateReplicate
	// ProgressStateSnapshot is tracker.StateSnapshot.
	ProgressStateSnapshot = tracker.StateSnapshot
)

// owesAppend reports whether the follower at position i is owed an append now.
func (r *raft) owesAppend(i int) bool {
	l := r.leading
	return l.members[i].ID != r.id && l.progress[i].ShouldSend(r.log.lastIndex(), r.log.committed)
}

// refresh notes whether the follower at position i is owed an append. It must follow every event of its progress.
func (r *raft) refresh(i int) {
	l := r.leading
	if l == nil {
		return
	}
	owed := r.owesAppend(i)
	if owed == l.owedAppend[i] {
		return
	}
	l.owedAppend[i] = owed
	if owed {
		l.owed++
	} else {
		l.owed--
	}
}

// flushAppends sends every follower what it is owed.
func (r *raft) flushAppends() {
	l := r.leading
	if !l.broadcast && l.owed == 0 {
		return
	}
	l.broadcast = false
	for i := range l.progress {
		for r.owesAppend(i) {
			r.sendAppend(i)
		}
		r.refresh(i)
	}
}

// sendAppend sends the entries that the follower needs next, none if there are none, or a snapshot if they are no
// longer in the log. Whatever happens, the follower is not owed the same again.
func (r *raft) sendAppend(i int) {
	p := &r.leading.progress[i]
	to := r.leading.members[i].ID
	prev := p.Next - 1
	prevTerm, err := r.log.term(prev)
	var ents []pb.Entry
	if err == nil && p.MayCarryEntries() {
		ents, err = r.log.entries(p.Next, r.log.lastIndex()+1, r.maxSizePerMsg)
	}
	switch {
	case errors.Is(err, ErrCompacted):
		r.sendSnapshot(i)
		return
	case err != nil:
		r.logger.Errorf("raft %x: no append to %x: reading entries from index %d: %v", r.id, to, p.Next, err)
		p.OnHeldBack()
		return
	}
	r.send(pb.Message{
		Type: pb.MsgApp, To: to,
		Index: prev, LogTerm: prevTerm,
		Entries: ents, Commit: r.log.committed,
	})
	payload := uint64(payloadSizeOf(ents))
	r.outbox.heavy = r.outbox.heavy || payload > heavyPayload
	p.OnAppendSent(prev+uint64(len(ents)), payload, r.log.committed)
}

// handleAppendResponse takes in what a follower says of its log.
func (r *raft) handleAppendResponse(m *pb.Message) {
	i := r.leading.find(m.From)
	if i < 0 {
		return
	}
	p := &r.leading.progress[i]
	p.RecentActive = true
	if m.Reject {
		r.handleAppendRejection(i, m)
		return
	}
	first := uint64(0)
	if p.State == tracker.StateSnapshot {
		first = r.log.firstIndex()
	}
	moved := p.OnAppendAccepted(m.Index, first)
	r.refresh(i)
	if moved {
		r.matchMoved(i)
	}
}

// handleAppendRejection goes back to where the logs may agree (Raft §5.3). The follower names its last entry whose
// term is not above that of the entry it rejected; skipping in the own log what has a higher term than that costs
// at most one probe for each term that the two logs do not share.
func (r *raft) handleAppendRejection(i int, m *pb.Message) {
	hint := min(m.RejectHint, m.Index-1)
	if m.LogTerm > 0 {
		hint = r.log.lastAtMost(m.LogTerm, hint).index
	}
	if r.leading.progress[i].OnAppendRejected(m.Index, hint) {
		r.logger.Debugf("raft %x: %x rejects index %d, goes back to %d", r.id, m.From, m.Index, hint)
	}
	r.refresh(i)
}

// matchMoved acts on a follower's log having come to agree with more of the leader's.
func (r *raft) matchMoved(i int) {
	l := r.leading
	if l.progress[i].Match > r.log.committed && l.members[i].Role.IsVoter() {
		r.maybeCommit()
	}
	if l.members[i].ID == l.transferee {
		r.maybeSendTimeoutNow(i)
	}
}

// maybeCommit raises the commit index to what a quorum holds durably, provided that the entry there is of the current
// term: an older one may still be replaced, however many hold it (Raft §5.4.2).
func (r *raft) maybeCommit() {
	index := min(r.leading.quorumOf(matchOf), r.log.lastIndex())
	if index <= r.log.committed {
		return
	}
	if term, err := r.log.term(index); err != nil || term != r.term {
		return
	}
	r.log.commitTo(index)
	r.commitMoved()
}

// commitMoved has a leader tell its followers.
func (r *raft) commitMoved() {
	if r.leading != nil {
		r.leading.broadcast = true
	}
}

// committedInTerm reports whether an entry of the current term is committed: then everything that any earlier leader
// committed is known to be (Raft §8).
func (r *raft) committedInTerm() bool {
	term, err := r.log.term(r.log.committed)
	return err == nil && term == r.term
}

// reportUnreachable takes note that a message to the follower was not delivered.
func (r *raft) reportUnreachable(id uint64) {
	if r.leading == nil {
		return
	}
	if i := r.leading.find(id); i >= 0 && id != r.id {
		r.leading.progress[i].OnUnreachable()
		r.refresh(i)
	}
}
