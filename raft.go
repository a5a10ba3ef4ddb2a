package raft

import (
	crand "crypto/rand"
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/tracker"
)

// StateType is the role of a member (Raft Fig. 4).
type StateType uint64

const (
	// StateFollower answers leaders and candidates.
	StateFollower StateType = iota
	// StateCandidate asks for votes.
	StateCandidate
	// StateLeader appends proposals and replicates the log.
	StateLeader
	// StatePreCandidate asks whether it would get votes (thesis §9.6).
	StatePreCandidate
)

// String names the state as the constant does.
func (s StateType) String() string {
	switch s {
	case StateFollower:
		return "StateFollower"
	case StateCandidate:
		return "StateCandidate"
	case StateLeader:
		return "StateLeader"
	case StatePreCandidate:
		return "StatePreCandidate"
	default:
		return fmt.Sprintf("StateType(%d)", uint64(s))
	}
}

// MarshalJSON encodes the state as its name.
func (s StateType) MarshalJSON() ([]byte, error) { return []byte(`"` + s.String() + `"`), nil }

// raft is the deterministic state machine of one member (Raft Fig. 2). Messages, ticks, acknowledgements of storage
// and requests go in through its methods; messages, entries to be written, entries to be applied and answers to
// reads come out of the fields that Ready reads. It does no input or output but to read Storage, starts no
// goroutine, and must be used by one at a time.
//
// The file for each part: role.go, election.go, propose.go, progress.go, follower.go, heartbeat.go, snapshot.go,
// membership.go, transfer.go, read_only.go, clock.go, admit.go (what may come in), outbox.go (what goes out).
//
// Invariant: state == StateLeader <==> leading != nil <==> lead == id.
// Invariant: state is a candidate's <==> ballots != nil; then lead == None.
// Invariant: state == StateLeader || state == StateCandidate ==> vote == id.
type raft struct {
	id     uint64
	logger Logger
	rand   rand.Source
	settings

	// term and vote are the hard state (Raft Fig. 2, persistent state); persisted is what storage has acknowledged
	// of it.
	term      uint64
	vote      uint64
	persisted ballotPaper

	state StateType
	lead  uint64

	log        raftLog
	membership tracker.Membership
	clock      clock
	scanned    changeScan

	// ballots are the votes received, one for each member of membership; candidates only.
	ballots []ballot
	// leading is what only a leader keeps.
	leading *leadership

	outbox outbox
	// reads is what is kept for the application's reads; nil until there has been one.
	reads *reads

	// silentUntil is the tick before which this voter withholds its vote, because a leader may hold a lease that it has
	// granted, in its life before a restart perhaps. Only the options with a lease set it.
	silentUntil uint64
}

// ballotPaper is a vote in a term.
type ballotPaper struct {
	term uint64
	vote uint64
}

// init makes r the member that c describes, a follower with the state that c.Storage holds.
func (r *raft) init(c *Config) error {
	if err := c.validate(); err != nil {
		return err
	}
	hs, cs, err := c.Storage.InitialState()
	if err != nil {
		return fmt.Errorf("storage failed to return its initial state: %w", err)
	}
	if r.membership, err = tracker.NewMembership(cs); err != nil {
		return fmt.Errorf("storage returned an impossible membership: %w", err)
	}
	if r.log, err = newLog(c.Storage); err != nil {
		return err
	}
	r.configure(c)
	if err := r.loadHardState(hs, c.Applied); err != nil {
		return err
	}
	if r.log.applied > 0 && len(r.membership.Members) == 0 {
		r.logger.Warningf("raft %x: entries up to %d are applied, but storage returns no members: this member cannot take part "+
			"until the membership changes it has applied are in its ConfState", r.id, r.log.applied)
	}
	if r.leaseReads && r.term > 0 {
		r.silentUntil = r.clock.electionTick
	}
	r.becomeFollower(r.term, None)
	r.logger.Infof("raft %x: follower at term %d, log %d..%s, commit %d, applied %d, members %s", r.id, r.term,
		r.log.firstSeen, r.log.lastID(), r.log.committed, r.log.applied, r.membership)
	return nil
}

// configure takes over what c says besides the state in its Storage.
func (r *raft) configure(c *Config) {
	r.id = c.ID
	r.settings = c.settings()
	r.log.maxApplyingSize = c.maxApplyingSize()
	r.log.applyOnlyStored = c.AsyncStorageWrites
	r.outbox = newOutbox(c.AsyncStorageWrites)
	r.clock = clock{electionTick: uint64(c.ElectionTick), heartbeatTick: uint64(c.HeartbeatTick)}
	if r.logger = c.Logger; r.logger == nil {
		r.logger = getLogger()
	}
	if r.rand = c.Rand; r.rand == nil {
		r.rand = newRandomSource()
	}
}

// newRandomSource returns a generator seeded by the operating system.
func newRandomSource() rand.Source {
	var seed [16]byte
	// Read never fails: it ends the program where the system has no randomness.
	_, _ = crand.Read(seed[:])
	return rand.NewPCG(binary.LittleEndian.Uint64(seed[:8]), binary.LittleEndian.Uint64(seed[8:]))
}

// loadHardState takes over what storage remembers, and how far the application says it has come.
func (r *raft) loadHardState(hs pb.HardState, applied uint64) error {
	if hs.Term > maxTerm {
		return fmt.Errorf("storage returned hard state term %d: want at most %d", hs.Term, uint64(maxTerm))
	}
	if last := r.log.lastIndex(); hs.Commit > last {
		return fmt.Errorf("storage returned hard state commit %d above its last index %d: the log has lost entries", hs.Commit, last)
	}
	r.term, r.vote = hs.Term, hs.Vote
	r.persisted = ballotPaper{term: hs.Term, vote: hs.Vote}
	if last := r.log.lastID(); last.term > r.term {
		// A write that was torn: the entries are there, the term that came with them is not. Nobody was told of it.
		r.logger.Warningf("raft %x: the log ends in %s, the hard state is of term %d: takes up the log's term", r.id, last, r.term)
		r.term, r.vote = last.term, None
	}
	if last := r.log.lastIndex(); applied > last {
		return configError("Applied", applied, fmt.Sprintf("at most the last index %d in storage", last))
	}
	// A commit index alone need not be durable. What was applied bears it out.
	r.log.commitTo(max(hs.Commit, applied))
	if applied > r.log.applied {
		r.log.applying, r.log.applied = applied, applied
	}
	return r.recoverCommit()
}

func (r *raft) softState() SoftState { return SoftState{Lead: r.lead, RaftState: r.state} }

func (r *raft) hardState() pb.HardState {
	return pb.HardState{Term: r.term, Vote: r.vote, Commit: r.log.committed}
}

// hasPeers reports whether the configuration holds anyone but this member.
func (r *raft) hasPeers() bool {
	n := len(r.membership.Members)
	return n > 1 || n == 1 && r.membership.Members[0].ID != r.id
}

// step takes in one message. It returns an error, and changes nothing, if the message is malformed or cannot have
// been sent by a member that follows the protocol; and a *ProposalDroppedError if it is a proposal that cannot be
// taken.
func (r *raft) step(m *pb.Message) error {
	admitted, err := r.admit(m)
	if err != nil || !admitted {
		return err
	}
	switch m.Type {
	case pb.MsgVote, pb.MsgPreVote:
		r.handleVoteRequest(m)
		return nil
	case pb.MsgStorageAppendResp:
		ack := storedOf(m)
		r.handleStored(&ack)
		return nil
	case pb.MsgStorageApplyResp:
		r.handleApplied(m.Entries)
		return nil
	}
	switch r.state {
	case StateLeader:
		return r.stepLeader(m)
	case StateFollower:
		return r.stepFollower(m)
	default:
		return r.stepCandidate(m)
	}
}

// stepLeader is what a leader does with a message of its own term, or of none.
func (r *raft) stepLeader(m *pb.Message) error {
	switch m.Type {
	case pb.MsgProp:
		return r.propose(m.Entries)
	case pb.MsgAppResp:
		r.handleAppendResponse(m)
	case pb.MsgHeartbeatResp:
		r.handleHeartbeatResponse(m)
	case pb.MsgTransferLeader:
		r.handleTransferLeader(m.From)
	case pb.MsgReadIndex:
		r.handleReadIndex(m)
	case pb.MsgVoteResp, pb.MsgPreVoteResp:
		r.learnCommit(m)
	}
	return nil
}

// stepFollower is what a follower does with a message of its own term, or of none.
func (r *raft) stepFollower(m *pb.Message) error {
	switch m.Type {
	case pb.MsgProp:
		return r.forwardProposal(m.From, m.Entries)
	case pb.MsgApp:
		r.followLeader(m.From)
		r.handleAppend(m)
	case pb.MsgHeartbeat:
		r.followLeader(m.From)
		r.handleHeartbeat(m)
	case pb.MsgSnap:
		r.followLeader(m.From)
		r.handleSnapshot(m)
	case pb.MsgTransferLeader:
		r.forwardTransfer(m)
	case pb.MsgForgetLeader:
		r.forgetLeader()
	case pb.MsgTimeoutNow:
		r.handleTimeoutNow(m)
	case pb.MsgReadIndex:
		r.handleReadIndex(m)
	case pb.MsgReadIndexResp:
		r.handleReadIndexResponse(m)
	case pb.MsgVoteResp, pb.MsgPreVoteResp:
		r.learnCommit(m)
	}
	return nil
}

// stepCandidate is what a candidate, or pre-candidate, does with a message of its own term, of none, or with the
// grant of a pre-vote. A leader's message ends its candidacy (Raft §5.2).
func (r *raft) stepCandidate(m *pb.Message) error {
	switch m.Type {
	case pb.MsgProp:
		return dropped(DroppedNoLeader)
	case pb.MsgApp, pb.MsgHeartbeat, pb.MsgSnap:
		r.becomeFollower(m.Term, m.From)
		return r.stepFollower(m)
	case pb.MsgVoteResp, pb.MsgPreVoteResp:
		r.handleVoteResponse(m)
	}
	return nil
}
