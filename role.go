package raft

import (
	pb "github.com/seed695671cb/raft/raftpb"
)

// The changes of role of Raft Fig. 4. Each leaves the member in one of the legal states that type raft lists.

// becomeFollower follows lead, or nobody if lead is None, at the given term, which is not lower than the current.
func (r *raft) becomeFollower(term, lead uint64) {
	changed := r.state != StateFollower || r.lead != lead || r.term != term
	r.leaveRole(term)
	r.state = StateFollower
	r.setLead(lead)
	r.reschedule()
	if changed {
		r.logger.Infof("raft %x: follower at term %d, leader %x", r.id, r.term, r.lead)
	}
}

// adoptTerm enters a higher term of which somebody has told who does not lead it. A follower goes on waiting where it
// was: only its leader's word, and a vote that it gives, begin its wait anew (Raft Fig. 2, rules for followers). Otherwise
// a member that cannot win and asks often, because its clock is fast, would keep those that can from ever asking.
func (r *raft) adoptTerm(term uint64) {
	followed, start, timeout := r.state == StateFollower, r.clock.electionStart, r.clock.electionTimeout
	r.becomeFollower(term, None)
	if followed {
		r.clock.electionStart, r.clock.electionTimeout = start, timeout
		r.reschedule()
	}
}

// becomePreCandidate begins a pre-vote. It changes neither term nor vote (thesis §9.6).
func (r *raft) becomePreCandidate() {
	r.leaveRole(r.term)
	r.state = StatePreCandidate
	r.setLead(None)
	r.ballots = make([]ballot, len(r.membership.Members))
	r.reschedule()
	r.logger.Infof("raft %x: pre-candidate at term %d", r.id, r.term)
}

// becomeCandidate begins an election in the next term with a vote for itself, which counts once it is durable.
func (r *raft) becomeCandidate() {
	r.leaveRole(r.term + 1)
	r.state = StateCandidate
	r.vote = r.id
	r.setLead(None)
	r.ballots = make([]ballot, len(r.membership.Members))
	r.reschedule()
	r.logger.Infof("raft %x: candidate at term %d", r.id, r.term)
}

// becomeLeader takes up leadership of the term and opens it with an empty entry: nothing of earlier terms is
// committed, and no read is answered, before that is (Raft §5.4.2, §8).
func (r *raft) becomeLeader() {
	r.leaveRole(r.term)
	r.state = StateLeader
	r.setLead(r.id)
	r.leading = r.newLeadership()
	r.clock.resetHeartbeat()
	r.reschedule()
	r.logger.Infof("raft %x: leader at term %d, log ends in %s", r.id, r.term, r.log.lastID())
	r.appendEntries([]pb.Entry{{}})
}

// leaveRole drops what belongs to the current role, enters term, and starts the election timer anew.
func (r *raft) leaveRole(term uint64) {
	if term != r.term {
		r.term = term
		r.vote = None
	}
	if r.leading != nil {
		r.loseReads(r.leading.reads.drain(), ErrLeadershipLost)
	}
	r.leading = nil
	r.ballots = nil
	r.clock.resetElection()
	r.randomizeElectionTimeout()
}

// setLead records who leads. Reads that were passed to another leader will not be answered any more.
func (r *raft) setLead(lead uint64) {
	if lead == r.lead {
		return
	}
	r.loseForwardedReads(ErrLeadershipLost)
	r.lead = lead
}

// followLeader takes note of a sign of life from the leader of this term (Raft §5.2).
func (r *raft) followLeader(lead uint64) {
	r.setLead(lead)
	r.clock.resetElection()
	if r.leaseReads {
		// The promise outlives what is known of the leader: a stray answer of a higher term may end that.
		r.silentUntil = r.clock.now + r.clock.electionTick
	}
	r.reschedule()
}
