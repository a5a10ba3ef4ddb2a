package raft

import (
	"errors"
	"fmt"

	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/tracker"
)

// ErrStepLocalMsg is returned by Step for a message of a type that does not travel between members.
var ErrStepLocalMsg = errors.New("raft: a local message cannot be stepped: call the method that stands for it")

// ErrStepPeerNotFound is returned by Step for a response from someone who is not a member of the configuration.
var ErrStepPeerNotFound = errors.New("raft: a response from someone who is not a member")

// RawNode is one member of a group, driven step by step. It is not safe for concurrent use: call it from one
// goroutine at a time, or use Node. No method blocks, except as Storage does.
//
// After Step, Tick, or any request, HasReady reports whether there is anything to be done. Ready hands it out; with
// synchronous writes, Advance says that it is done.
type RawNode struct {
	raft raft

	// prevLead and prevState are what the last SoftState said, prevHard the last HardState. A host may hold very many
	// RawNodes, and with one byte more this would take the next size that the allocator has.
	prevLead uint64
	prevHard pb.HardState
	// oldest is the oldest Ready handed out and not advanced; synchronous writes only. There is one if waiting is set.
	oldest    handedOut
	prevState uint8
	// waiting is set while a Ready has been handed out and not advanced.
	waiting bool
	// checking has every call followed by the checks of invariants.go; nil if there are none.
	checking *checking
}

// handedOut is what Advance acknowledges.
type handedOut struct {
	stored    stored
	appliedTo uint64
	// later is the one handed out after it, or nil: applications seldom have more than one.
	later *handedOut
}

// NewRawNode returns a member with the state that config.Storage holds. It returns an error, which names the field, its
// value and what is allowed, if config is not valid, or if Storage fails or contradicts itself. A member of a new
// group is given its first members by Bootstrap, one that joins an existing group by that group's leader.
func NewRawNode(config *Config) (*RawNode, error) {
	rn := new(RawNode)
	r := &rn.raft
	if err := r.init(config); err != nil {
		return nil, err
	}
	// What recovery has changed is written with the next Ready; a commit index alone need not be.
	hard := r.hardState()
	hard.Term, hard.Vote = r.persisted.term, r.persisted.vote
	rn.prevLead, rn.prevState = r.lead, uint8(r.state)
	rn.prevHard = hard
	if alwaysVerify || config.verify {
		rn.checking = new(checking)
	}
	return rn, nil
}

// Tick lets one unit of time pass. It does nothing, at almost no cost, until a timeout is due.
func (rn *RawNode) Tick() {
	rn.enter()
	rn.raft.tick(1)
	rn.leave()
}

// TickBy lets n units of time pass at once. What would have been due several times in between happens once. Ticks that
// were saved up are to be passed before any other call: leases rest on members' clocks.
func (rn *RawNode) TickBy(n uint64) {
	rn.enter()
	rn.raft.tick(n)
	rn.leave()
}

// TickQuiesced lets one unit of time pass without acting on timeouts. A host of many idle groups uses it to keep
// their clocks; it must see to it that no election is needed meanwhile.
func (rn *RawNode) TickQuiesced() { rn.raft.clock.tick(1) }

// TicksUntilDue returns after how many ticks something may have to be done: until then, ticks may be saved up and
// passed to TickBy. Any other call may bring it nearer. It is at least 1.
func (rn *RawNode) TicksUntilDue() uint64 { return rn.raft.clock.untilDue() }

// Campaign has the member ask for leadership at once. It always returns nil. It does nothing if the member leads; it
// is refused, with a line in the log and no other sign, if the member is not a voter, is restoring a snapshot, has a
// committed membership change to apply, or, with an option that keeps leases, if a leader may hold a lease that it granted; and
// near the end of all terms or indexes. SoftState shows the campaign, and what came of it.
func (rn *RawNode) Campaign() error {
	rn.enter()
	rn.raft.campaign(campaignByRequest)
	rn.leave()
	return nil
}

// Propose asks for data to be appended to the log. A follower passes it to the leader. The error matches
// ErrProposalDropped if the proposal was dropped, and is a *ProposalDroppedError that says why. Nil does not promise
// that it will be committed; on a follower it says only that the proposal is passed on, and if it is lost on the way,
// or dropped by the leader, nobody is told. The data must not be modified afterwards.
func (rn *RawNode) Propose(data []byte) error {
	rn.enter()
	err := rn.raft.proposeOne(pb.Entry{Data: data})
	rn.leave()
	return err
}

// ProposeConfChange asks for a membership change (Raft §6). Errors are as for Propose; a leader refuses a change
// while another is unapplied, or if it does not fit the configuration. When the entry is committed, call
// ApplyConfChange.
func (rn *RawNode) ProposeConfChange(cc pb.ConfChangeI) error {
	rn.enter()
	typ, data, err := pb.MarshalConfChange(cc)
	if err != nil {
		return err
	}
	err = rn.raft.proposeOne(pb.Entry{Type: typ, Data: data})
	rn.leave()
	return err
}

// ApplyConfChange makes a committed membership change take effect, and returns the membership in force after it,
// which is to be kept with the application's snapshots. Call it for every committed EntryConfChange and
// EntryConfChangeV2, before Advance; also for an EntryConfChangeV2 without data, which leaves a joint configuration. To
// reject a change that was committed, call it with every NodeID set to zero. A change that does not fit the
// configuration is logged and changes nothing.
func (rn *RawNode) ApplyConfChange(cc pb.ConfChangeI) *pb.ConfState {
	rn.enter()
	if cc != nil {
		rn.raft.applyChange(cc.AsV2())
	}
	cs := rn.raft.membership.ConfState()
	rn.leave()
	return &cs
}

// Step takes in a message from another member, or a response of a local storage thread. It returns an error that
// matches ErrInvalidMessage, and changes nothing, if the message is malformed, or cannot have been sent by a member
// that follows the protocol; ErrStepLocalMsg if its type does not travel; ErrStepPeerNotFound if it is a response from
// someone who is not a member; and errors as of Propose if it is a proposal. The message's entries and their data must
// not be modified afterwards.
func (rn *RawNode) Step(m pb.Message) error {
	rn.enter()
	err := rn.raft.step(&m)
	rn.leave()
	return err
}

// HasReady reports whether Ready has anything to hand out. It is exact, and takes constant time, except that where the
// answer rests on messages to followers alone, it makes them: Ready then finds them made.
func (rn *RawNode) HasReady() bool {
	if rn.holdsReady() {
		return true
	}
	if !rn.raft.mayFlush() {
		return false
	}
	rn.raft.flush()
	return rn.holdsReady()
}

func (rn *RawNode) holdsReady() bool {
	r := &rn.raft
	u := &r.log.unstable
	return !r.outbox.empty() ||
		u.fresh < u.next() || u.freshSnapshot() != nil ||
		r.log.hasCommitted() ||
		!r.reads.empty() ||
		rn.softChanged() || r.hardState() != rn.prevHard
}

// Ready hands out what is to be done. With synchronous writes, call Advance when it is done, and before the next Ready.
// With asynchronous storage writes, call Ready as often as HasReady says, without Advance.
func (rn *RawNode) Ready() (rd Ready) {
	rn.enter()
	r := &rn.raft
	r.flush()
	rn.takeState(&rd)
	out := rn.handOut()
	rn.takeWrites(&rd, &out.stored)
	rn.takeCommitted(&rd)
	if !r.reads.empty() {
		rd.ReadStates, rd.LostReads = r.reads.take()
	}
	r.readsSent()
	if r.asyncStorageWrites {
		rn.addStorageMessages(&rd, &out.stored)
	} else {
		rd.Messages = r.outbox.messages.take()
		if n := len(rd.CommittedEntries); n > 0 {
			out.appliedTo = rd.CommittedEntries[n-1].Index
		}
	}
	rn.leave()
	return rd
}

// handOut returns where to note what is being handed out: behind what waits for Advance, or, with asynchronous writes,
// where it is kept only for as long as its messages are made.
func (rn *RawNode) handOut() *handedOut {
	if !rn.waiting {
		rn.waiting = !rn.raft.asyncStorageWrites
		rn.oldest = handedOut{}
		return &rn.oldest
	}
	last := &rn.oldest
	for last.later != nil {
		last = last.later
	}
	last.later = new(handedOut)
	return last.later
}

func (rn *RawNode) softChanged() bool {
	return rn.raft.lead != rn.prevLead || rn.raft.state != StateType(rn.prevState)
}

func (rn *RawNode) takeState(rd *Ready) {
	if rn.softChanged() {
		rn.prevLead, rn.prevState = rn.raft.lead, uint8(rn.raft.state)
		changed := rn.raft.softState()
		rd.SoftState = &changed
	}
	hard := rn.raft.hardState()
	u := &rn.raft.log.unstable
	rd.MustSync = MustSync(hard, rn.prevHard, u.freshCount()) || u.freshSnapshot() != nil
	if hard != rn.prevHard {
		rn.prevHard = hard
		rd.HardState = hard
	}
}

// takeWrites hands out what is to be written, and notes in ack the acknowledgement that will be due for it.
func (rn *RawNode) takeWrites(rd *Ready, ack *stored) {
	r := &rn.raft
	u := &r.log.unstable
	ack.paper.term, ack.paper.vote = r.term, r.vote
	rd.Entries = u.freshEntries()
	if u.entries.count > 0 && rd.MustSync {
		// Entries handed out in an earlier term are released by this acknowledgement, see handleStored.
		ack.last.term, ack.last.index = r.log.terms.last(), r.log.lastIndex()
	}
	if snap := u.freshSnapshot(); snap != nil {
		rd.Snapshot = *snap
		ack.snapshot = snap.Metadata.Index
	}
	u.acceptSaving()
}

func (rn *RawNode) takeCommitted(rd *Ready) {
	r := &rn.raft
	ents, err := r.log.acceptCommitted()
	if err != nil {
		r.logger.Errorf("raft %x: nothing handed out to be applied until the next tick: %v", r.id, err)
		r.reschedule()
		return
	}
	rd.CommittedEntries = ents
	if r.leading != nil {
		r.leading.uncommitted.release(r.term, ents)
	}
}

// Advance says that the oldest Ready not yet advanced is done: its HardState, Entries and Snapshot are durable, its
// CommittedEntries are applied. The argument is not read. It does nothing with asynchronous storage writes.
func (rn *RawNode) Advance(_ Ready) {
	rn.enter()
	if !rn.waiting {
		return
	}
	out := rn.oldest
	if rn.waiting = out.later != nil; rn.waiting {
		rn.oldest = *out.later
	}
	rn.raft.handleStored(&out.stored)
	if out.appliedTo != 0 {
		rn.raft.appliedTo(out.appliedTo, noEncodedLimit)
	}
	rn.leave()
}

// ReadIndex asks for an index at which a read is linearizable (thesis §6.4). The answer comes in Ready.ReadStates, or
// in Ready.LostReads if there can be none; both name rctx, which may be used for several requests and must not be
// modified afterwards.
func (rn *RawNode) ReadIndex(rctx []byte) {
	rn.enter()
	rn.raft.readIndex(rctx)
	rn.leave()
}

// LeaseRead returns the index at which a read is linearizable by this leader's lease, without asking anybody, and
// whether it holds one (thesis §6.4.1). It is as good as the clock that Tick has been told of: let all ticks that have
// passed be known before it is called. If it returns false, ask ReadIndex. It needs ReadOnlyLeaseBased or
// ReadOnlySafeWithLease.
func (rn *RawNode) LeaseRead() (index uint64, ok bool) {
	rn.enter()
	index, ok = rn.raft.readByLease()
	rn.leave()
	return index, ok
}

// TransferLeader asks the leader, through this member if need be, to hand leadership to transferee (thesis §3.10). A
// transferee that is a learner or no member is refused with a line in the leader's log and no other sign, and nothing
// happens if no leader is known, or if transferee leads. A request for another transferee replaces a running transfer.
//
// Until the transfer ends the leader drops proposals, with DroppedTransferring. It ends when another member leads,
// which SoftState shows, or is given up after ElectionTick ticks of the leader. Status.LeadTransferee names the
// transferee on the leader meanwhile, and is None afterwards.
func (rn *RawNode) TransferLeader(transferee uint64) {
	_ = rn.Step(pb.Message{Type: pb.MsgTransferLeader, From: transferee})
}

// ForgetLeader makes a follower forget who leads, so that it grants its vote without waiting for the leader to time
// out. It does nothing in another role, or if leases are kept.
func (rn *RawNode) ForgetLeader() error {
	return rn.Step(pb.Message{Type: pb.MsgForgetLeader})
}

// ReportUnreachable says that a message to the member was not delivered. A leader then sends again what may be lost. It
// does nothing if this member does not lead, or if the ID is its own or of no member.
func (rn *RawNode) ReportUnreachable(id uint64) {
	rn.enter()
	rn.raft.reportUnreachable(id)
	rn.leave()
}

// SnapshotStatus is how the sending of a snapshot ended.
type SnapshotStatus int

const (
	// SnapshotFinish: it was delivered.
	SnapshotFinish SnapshotStatus = 1
	// SnapshotFailure: it was not.
	SnapshotFailure SnapshotStatus = 2
)

// ReportSnapshot says how the sending of a MsgSnap to the member ended: SnapshotFinish, or any other value for a
// failure. It must be called for every one: until then, or until the member acknowledges, the leader sends it no
// entries. It does nothing if this member does not lead, if the ID is of no member, or if no snapshot is awaited.
func (rn *RawNode) ReportSnapshot(id uint64, status SnapshotStatus) {
	rn.enter()
	rn.raft.reportSnapshot(id, status == SnapshotFinish)
	rn.leave()
}

// ProgressType says what a member whose progress is visited is to the configuration.
type ProgressType byte

const (
	// ProgressTypePeer is a voter.
	ProgressTypePeer ProgressType = iota
	// ProgressTypeLearner is a learner.
	ProgressTypeLearner
)

// WithProgress calls visitor with the progress of each member, in order of ID. The progress is a copy, without
// Inflights; only a leader knows any, elsewhere it is that of a leader which has just been elected. Nothing is allocated.
func (rn *RawNode) WithProgress(visitor func(id uint64, typ ProgressType, pr tracker.Progress)) {
	r := &rn.raft
	for i, member := range r.membership.Members {
		var pr tracker.Progress
		switch next := r.log.lastIndex() + 1; {
		case r.leading != nil:
			pr = r.leading.progress[i]
			pr.Inflights = nil
		case member.ID == r.id:
			pr = tracker.NewSelfProgress(next-1, next, nil)
		default:
			pr = tracker.NewProgress(next, 0, !member.Role.IsVoter(), nil)
		}
		typ := ProgressTypePeer
		if pr.IsLearner {
			typ = ProgressTypeLearner
		}
		visitor(member.ID, typ, pr)
	}
}

// checking is what a RawNode keeps whose invariants are checked after every call.
type checking struct{ before digest }

// enter begins a call that may change the state, leave ends it.
func (rn *RawNode) enter() {
	if rn.checking != nil {
		rn.checking.before = rn.raft.digest()
	}
}

func (rn *RawNode) leave() {
	if rn.checking != nil {
		rn.verify()
	}
}

// verify checks the state, and the step to it from the state at the beginning of the call.
func (rn *RawNode) verify() {
	err := rn.raft.checkState()
	if err == nil {
		err = rn.raft.checkStep(rn.checking.before)
	}
	if err != nil {
		panic(fmt.Sprintf("raft %x: invariant violated, which is a bug in this library or in its Storage: %v", rn.raft.id, err))
	}
}

// hasLeader reports whether a proposal would be taken or passed on.
func (rn *RawNode) hasLeader() bool { return rn.raft.lead != None }
