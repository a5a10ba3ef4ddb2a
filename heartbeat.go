package raft

import (
	"github.com/seed695671cb/raft/quorum"
	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/tracker"
)

// Heartbeats (Raft §5.2), the rounds of them that confirm reads and leases (thesis §6.4), and the check of the
// quorum by which a leader that is cut off steps down (thesis §6.2).

// flushHeartbeats sends every follower a heartbeat if one is due, or if reads wait for a round of them.
func (r *raft) flushHeartbeats() {
	l := r.leading
	if r.readsNeedRound() {
		r.startReadRound()
	}
	if !l.beatDue {
		return
	}
	l.beatDue = false
	var context []byte
	if r.leaseReads || len(l.reads.pending) > 0 {
		context = r.nextRound()
	}
	r.outbox.messages.reserve(len(l.members)-1, r.clock.now)
	for i, member := range l.members {
		if member.ID != r.id {
			r.sendHeartbeat(i, context)
		}
	}
	if context != nil {
		r.maybeConfirmRound()
	}
}

// sendHeartbeat tells the follower of a commit index that it is sure to hold: one above its match might lie in a part
// of its log that diverges.
func (r *raft) sendHeartbeat(i int, context []byte) {
	m := r.compose(pb.MsgHeartbeat, r.leading.members[i].ID)
	m.Commit = min(r.leading.progress[i].Match, r.log.committed)
	m.Context = context
}

// handleHeartbeat answers a heartbeat, with its context.
func (r *raft) handleHeartbeat(m *pb.Message) {
	r.trim() // a follower that hears from its leader has nothing else that is due
	r.log.commitTo(min(m.Commit, r.log.lastIndex()))
	last := r.queueOf(pb.MsgHeartbeatResp, r.term).last()
	if last != nil && last.Type == pb.MsgHeartbeatResp && last.To == m.From && last.Term == r.term &&
		len(last.Context) == 0 && len(m.Context) == 0 {
		return
	}
	r.compose(pb.MsgHeartbeatResp, m.From).Context = m.Context
}

// handleHeartbeatResponse takes note that a follower is alive, and of the round it confirms.
func (r *raft) handleHeartbeatResponse(m *pb.Message) {
	l := r.leading
	i := l.find(m.From)
	if i < 0 {
		return
	}
	p := &l.progress[i]
	p.OnHeartbeatResponse(r.log.lastIndex())
	r.refresh(i)
	if round, ok := l.rounds.decode(m.Context); ok {
		before := p.Round()
		p.OnRoundAcknowledged(round)
		if l.acked.moved(l, roundOf, i, before, l.rounds.confirmed) {
			r.maybeConfirmRound()
		}
	}
}

// checkQuorumActive makes a leader that has not heard from a quorum for an election timeout a follower (thesis §6.2).
func (r *raft) checkQuorumActive() {
	l := r.leading
	active := quorum.VoteWon
	if r.checkQuorum {
		active = r.countActive(tracker.Voter).And(r.countActive(tracker.VoterOutgoing))
	}
	for i, member := range l.members {
		if member.ID != r.id {
			l.progress[i].OnQuorumChecked()
		}
	}
	if active != quorum.VoteWon {
		r.logger.Warningf("raft %x: no quorum has answered for an election timeout, steps down at term %d", r.id, r.term)
		r.becomeFollower(r.term, None)
	}
}

// countActive counts the members that have been heard of, this one included, as votes.
func (r *raft) countActive(electorate tracker.Role) quorum.VoteResult {
	var yes, no int
	for i, member := range r.leading.members {
		switch {
		case member.Role&electorate == 0:
		case member.ID == r.id || r.leading.progress[i].RecentActive:
			yes++
		default:
			no++
		}
	}
	return quorum.ResultOf(yes, no, yes+no)
}
