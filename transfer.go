package raft

import (
	pb "github.com/seed695671cb/raft/raftpb"
)

// Leadership transfer (thesis §3.10), and forgetting the leader.

// handleTransferLeader begins to hand leadership to the member: no proposals are taken until it has the whole log,
// and is told to campaign; if it has not taken over within an election timeout, the transfer is given up.
func (r *raft) handleTransferLeader(to uint64) {
	l := r.leading
	i := l.find(to)
	switch {
	case to == r.id || to == l.transferee:
		return
	case i < 0 || !l.members[i].Role.IsVoter():
		r.logger.Warningf("raft %x: no transfer of leadership to %x: it is not a voter", r.id, to)
		return
	}
	r.abortTransfer("another one was asked for")
	r.logger.Infof("raft %x: begins to transfer leadership to %x", r.id, to)
	l.transferee = to
	l.transferDeadline = r.clock.now + r.clock.electionTick
	r.reschedule()
	r.maybeSendTimeoutNow(i)
}

// maybeSendTimeoutNow tells the transferee to campaign once it has the whole log. The message names the end of the
// log: a member whose log ends elsewhere has the message from a transfer that was given up.
func (r *raft) maybeSendTimeoutNow(i int) {
	last := r.log.lastID()
	if r.leading.progress[i].Match != last.index {
		return
	}
	r.leading.sentTimeoutNow = true
	r.send(pb.Message{Type: pb.MsgTimeoutNow, To: r.leading.members[i].ID, Index: last.index, LogTerm: last.term})
}

// abortTransfer gives up the running transfer, if any. If the transferee was already told to campaign, an empty
// entry is appended, so that the order comes too late should it still be on its way.
func (r *raft) abortTransfer(why string) {
	l := r.leading
	if l.transferee == None {
		return
	}
	r.logger.Infof("raft %x: gives up the transfer of leadership to %x: %s", r.id, l.transferee, why)
	l.transferee = None
	if l.sentTimeoutNow {
		r.appendEntries([]pb.Entry{{}})
	}
	r.maybeLeaveJoint()
}

// handleTimeoutNow campaigns at once, without a pre-vote, at the leader's own request.
func (r *raft) handleTimeoutNow(m *pb.Message) {
	want := entryID{term: m.LogTerm, index: m.Index}
	if last := r.log.lastID(); m.Index != 0 && last != want {
		r.logger.Infof("raft %x: ignores a request of %x to take over: it is for a log that ends in %s, this one ends in %s",
			r.id, m.From, want, last)
		return
	}
	r.campaign(campaignByTransfer)
}

// forwardTransfer passes the request on to the leader.
func (r *raft) forwardTransfer(m *pb.Message) {
	if r.lead == None {
		r.logger.Infof("raft %x: no leader to transfer leadership from", r.id)
		return
	}
	r.pass(pb.Message{Type: pb.MsgTransferLeader, To: r.lead, From: m.From, Term: r.term})
}

// forgetLeader makes a follower one that knows of no leader, so that it grants votes at once, while its own election
// timeout runs on. A member whose silence a lease rests on does not.
func (r *raft) forgetLeader() {
	if r.state != StateFollower || r.lead == None {
		return
	}
	if r.leaseReads {
		r.logger.Warningf("raft %x: does not forget its leader: leases are kept", r.id)
		return
	}
	r.setLead(None)
}
