package raft

import (
	"bytes"
	"errors"

	"github.com/seed695671cb/raft/quorum"
	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/tracker"
)

// Leader election: Raft §5.2, the restriction on who may win §5.4.1, pre-vote thesis §9.6, the vote that overrides a
// lease thesis §3.10 and §4.2.3.

// ballot is one member's answer to a candidate.
type ballot int8

const (
	ballotMissing ballot = iota
	ballotGranted
	ballotRefused
)

// campaignCause is why a member campaigns.
type campaignCause int

const (
	campaignByTimeout campaignCause = iota
	campaignByRequest
	campaignByTransfer
)

// transferContext marks the vote requests of a campaign that the leader itself asked for. Part of the wire format.
const transferContext = "CampaignTransfer"

// errNotPromotable and the like say why a campaign was not begun; they are logged.
var (
	errNotVoter        = errors.New("this member is not a voter")
	errSnapshotPending = errors.New("a snapshot is being restored")
	errExhausted       = errors.New("terms or indexes are near their end")
	errUnappliedChange = errors.New("a committed membership change is not applied yet")
	errLeaseGranted    = errors.New("a leader is alive, or may hold a lease that this member granted")
)

// promotable reports whether this member may campaign when its election timeout passes.
func (r *raft) promotable() bool { return r.whyNotPromotable() == nil }

func (r *raft) whyNotPromotable() error {
	switch {
	case !r.membership.IsVoter(r.id):
		return errNotVoter
	case r.log.unstable.snapshot != nil:
		return errSnapshotPending
	case r.term >= maxTerm || r.log.lastIndex() >= maxIndex/2:
		return errExhausted
	}
	return nil
}

// campaign asks for leadership: with a pre-vote if so configured, at once if the leader asked for it. A member that
// has a committed membership change to apply waits: its quorum might be one that the change has abolished
// (thesis §4.1, and docs/INVARIANTS.md).
func (r *raft) campaign(cause campaignCause) {
	if r.state == StateLeader {
		return
	}
	if err := r.whyNoCampaign(cause); err != nil {
		r.logger.Infof("raft %x: no campaign at term %d: %v", r.id, r.term, err)
		return
	}
	if r.preVote && cause != campaignByTransfer {
		r.becomePreCandidate()
		r.requestVotes(pb.MsgPreVote, r.term+1, nil)
		r.recordVote(r.id, true)
		return
	}
	r.campaignForReal(cause)
}

func (r *raft) whyNoCampaign(cause campaignCause) error {
	if err := r.whyNotPromotable(); err != nil {
		return err
	}
	if r.hasUnappliedChange() {
		return errUnappliedChange
	}
	if cause == campaignByRequest && r.leaseReads && r.leaseGranted() {
		return errLeaseGranted
	}
	return nil
}

// campaignForReal raises the term and asks for votes. The own vote counts when it is durable, see handleStored.
func (r *raft) campaignForReal(cause campaignCause) {
	r.becomeCandidate()
	var context []byte
	if cause == campaignByTransfer {
		context = []byte(transferContext)
	}
	r.requestVotes(pb.MsgVote, r.term, context)
}

// requestVotes asks every other voter. Beside the own last entry the request names the last entry known to be
// committed: a voter that did not know learns of it, see learnCommit.
func (r *raft) requestVotes(t pb.MessageType, term uint64, context []byte) {
	r.outbox.dropVoteRequests()
	last := r.log.lastID()
	committed := r.log.committedID()
	for _, member := range r.membership.Members {
		if member.ID == r.id || !member.Role.IsVoter() {
			continue
		}
		r.send(pb.Message{
			Type: t, To: member.ID, Term: term,
			Index: last.index, LogTerm: last.term,
			Commit: committed.index, RejectHint: committed.term,
			Context: context,
		})
	}
}

// leaseGranted reports whether this member owes a leader its silence towards candidates: it has heard from one within
// an election timeout (thesis §4.2.3), or, where leases rest on that, may have done so in its life before a restart.
func (r *raft) leaseGranted() bool {
	if !r.checkQuorum {
		return false
	}
	return r.lead != None && r.clock.electionElapsed() < r.clock.electionTick || r.clock.now < r.silentUntil
}

// ignoresCandidate reports whether a request for a vote is to be passed over because a leader is alive. Requests of
// a transferee are not: the leader itself wants them.
func (r *raft) ignoresCandidate(m *pb.Message) bool {
	return r.leaseGranted() && !bytes.Equal(m.Context, []byte(transferContext))
}

// handleVoteRequest answers MsgVote and MsgPreVote. Any member answers, in whatever role, and whether or not it
// believes itself a voter: the candidate may know of a newer configuration.
func (r *raft) handleVoteRequest(m *pb.Message) {
	r.learnCommit(m)
	reply := pb.Message{Type: voteResponse(m.Type), To: m.From, Term: m.Term}
	if !r.mayVoteFor(m) || !r.log.upToDate(entryID{term: m.LogTerm, index: m.Index}) {
		r.refuseVote(reply)
		return
	}
	if m.Type == pb.MsgVote {
		r.vote = m.From
		r.clock.resetElection()
		r.reschedule()
	}
	r.send(reply)
}

// mayVoteFor reports whether the vote of the term is free for the candidate, its log aside. A pre-vote is a promise
// about a later term and binds nobody.
func (r *raft) mayVoteFor(m *pb.Message) bool {
	if m.Type == pb.MsgPreVote && m.Term > r.term {
		return true
	}
	return r.vote == m.From || r.vote == None && r.lead == None
}

// refuseVote sends the refusal at the own term, which a candidate that is behind adopts, and with the last committed
// entry, which may free a candidate that is caught in an old configuration.
func (r *raft) refuseVote(reply pb.Message) {
	committed := r.log.committedID()
	reply.Term = r.term
	reply.Reject = true
	reply.Commit = committed.index
	reply.RejectHint = committed.term
	r.send(reply)
}

// learnCommit raises the commit index to what the sender of a vote message knows to be committed, if the own log
// holds that very entry. A member whose log is longest, but who does not know that a membership change in it is
// committed, would otherwise ask a quorum that no longer exists, and be the only one who can win
// (docs/INVARIANTS.md, "The membership wedge").
func (r *raft) learnCommit(m *pb.Message) {
	if m.Commit <= r.log.committed || m.Commit > r.log.lastIndex() {
		return
	}
	if same, err := r.log.matches(entryID{term: m.RejectHint, index: m.Commit}); !same || err != nil {
		return
	}
	r.log.commitTo(m.Commit)
	r.commitMoved()
	if r.ballots != nil && r.hasUnappliedChange() {
		r.logger.Infof("raft %x: gives up its campaign at term %d: %v", r.id, r.term, errUnappliedChange)
		r.becomeFollower(r.term, None)
	}
}

// handleVoteResponse counts an answer to the running campaign. A pre-candidate counts only pre-votes, a candidate
// only votes.
func (r *raft) handleVoteResponse(m *pb.Message) {
	r.learnCommit(m)
	asked := r.state == StateCandidate && m.Type == pb.MsgVoteResp ||
		r.state == StatePreCandidate && m.Type == pb.MsgPreVoteResp
	if asked {
		r.recordVote(m.From, !m.Reject)
	}
}

// recordVote counts the first answer of each member, and acts once the outcome is certain.
func (r *raft) recordVote(from uint64, granted bool) {
	i := r.membership.Find(from)
	if i < 0 {
		return
	}
	if r.ballots[i] == ballotMissing {
		r.ballots[i] = ballotRefused
		if granted {
			r.ballots[i] = ballotGranted
		}
	}
	switch r.voteResult() {
	case quorum.VoteWon:
		switch {
		case r.state == StatePreCandidate:
			r.campaignForReal(campaignByTimeout)
		case r.termIsDurable():
			// Votes may arrive before storage acknowledges the own one. handleStored then comes here again.
			r.becomeLeader()
		}
	case quorum.VoteLost:
		r.becomeFollower(r.term, None)
	}
}

// voteResult counts the ballots; while two configurations are joint, in each of them (Raft §6).
func (r *raft) voteResult() quorum.VoteResult {
	return r.countVotes(tracker.Voter).And(r.countVotes(tracker.VoterOutgoing))
}

func (r *raft) countVotes(electorate tracker.Role) quorum.VoteResult {
	var yes, no, voters int
	for i, member := range r.membership.Members {
		if member.Role&electorate == 0 {
			continue
		}
		voters++
		switch r.ballots[i] {
		case ballotGranted:
			yes++
		case ballotRefused:
			no++
		}
	}
	return quorum.ResultOf(yes, no, voters)
}
