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
	l.noteOwed(i, r.owesAppend(i))
}

// flushAppends sends every follower what it is owed.
func (r *raft) flushAppends() {
	l := r.leading
	if !l.broadcast && l.owed == 0 {
		return
	}
	if l.broadcast {
		r.outbox.messages.reserve(len(l.progress)-1, r.clock.now)
	}
	l.broadcast = false
	last, commit := r.log.lastIndex(), r.log.committed
	var s suffix
	for i := range l.progress {
		if l.members[i].ID == r.id {
			continue
		}
		p := &l.progress[i]
		for p.ShouldSend(last, commit) {
			switch {
			case !p.MayCarryEntries():
				s = r.emptySuffix(p.Next)
			case s.next != p.Next || s.empty:
				s = r.suffixFrom(p.Next)
			}
			r.sendAppend(i, &s)
		}
		l.noteOwed(i, false)
	}
}

// suffix is what a follower that needs the log from index next on is to be sent in one append. Most followers need the
// same, so it is put together once for them.
type suffix struct {
	next     uint64
	prevTerm uint64
	entries  []pb.Entry
	payload  payloadSize
	err      error
	// empty is set if no entries were looked for.
	empty bool
}

// emptySuffix returns what only asks a follower where it is.
func (r *raft) emptySuffix(next uint64) suffix {
	s := suffix{next: next, empty: true}
	s.prevTerm, s.err = r.log.term(next - 1)
	return s
}

// suffixFrom returns the suffix of the log that begins at index next, as far as one message may carry it.
func (r *raft) suffixFrom(next uint64) suffix {
	s := r.emptySuffix(next)
	if s.err != nil {
		return s
	}
	s.empty = false
	s.entries, _, s.err = r.log.entries(next, r.log.lastIndex()+1, r.maxSizePerMsg)
	s.payload = payloadSizeOf(s.entries)
	return s
}

// sendAppend sends the follower the suffix of the log that it needs next, or a snapshot if that is no longer in the
// log. Whatever happens, the follower is not owed the same again.
func (r *raft) sendAppend(i int, s *suffix) {
	p := &r.leading.progress[i]
	to := r.leading.members[i].ID
	switch {
	case errors.Is(s.err, ErrCompacted):
		r.sendSnapshot(i)
		return
	case s.err != nil:
		r.logger.Errorf("raft %x: no append to %x: reading entries from index %d: %v", r.id, to, p.Next, s.err)
		p.OnHeldBack()
		return
	}
	m := r.compose(pb.MsgApp, to)
	m.Index, m.LogTerm, m.Commit = s.next-1, s.prevTerm, r.log.committed
	m.Entries = s.entries
	r.outbox.messages.weigh(s.payload)
	p.OnAppendSent(m.Index+uint64(len(s.entries)), uint64(s.payload), m.Commit)
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
	before := p.Match
	moved := p.OnAppendAccepted(m.Index, first)
	r.refresh(i)
	if moved {
		r.matchMoved(i, before)
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

// matchMoved acts on a member's log having come to agree with more of the leader's than up to index before.
func (r *raft) matchMoved(i int, before uint64) {
	l := r.leading
	if l.members[i].Role.IsVoter() && l.matched.moved(l, matchOf, i, before, r.log.committed) {
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
