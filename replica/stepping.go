package replica

import (
	"errors"
	"runtime/debug"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// One step of a replica: take in what has come, and do what Ready says (thesis §10.2.1).

// stepping is what belongs to the goroutine that steps a replica.
type stepping struct {
	job stepJob
	rn  *raft.RawNode
	// What was last heard of leadership.
	role         raft.StateType
	leader, term uint64
	// held is the leader that the transport knows on account of that; see holdLeader.
	held uint64
	// stall is what is known of a write that does not end.
	stall stall
	// ticked and unnoticed are the readings of the host's clock that the RawNode has been told of.
	ticked, unnoticed uint64

	proposing proposing
	reading   reading
	transfer  *transfer
	heard     []heard
	// installs is set when the step has handed a snapshot to the log store.
	installs bool
	// ended is closed after the last step.
	ended chan struct{}
}

type stepJob struct {
	r     *Replica
	state jobState
}

func (j *stepJob) run(out *outbox)     { j.r.step(out) }
func (j *stepJob) schedule() *jobState { return &j.state }

func (r *Replica) stepper() job { return &r.stepping.job }

func (s *stepping) init(r *Replica) {
	s.job.r = r
	s.ended = make(chan struct{})
}

// stopping reports whether the replica is to end, or has failed: its RawNode and its state machine are then not used any more,
// since after a failure they may be in any state.
func (r *Replica) stopping() bool {
	if r.err.Load() != nil {
		return true
	}
	select {
	case <-r.stop:
		return true
	default:
		return false
	}
}

func (r *Replica) step(out *outbox) {
	if r.stopping() {
		closeOnce(r.stepping.ended)
		return
	}
	defer r.failOnPanic()
	in := r.inbox.take()
	r.passTicks(&in)
	r.takeIn(&in)
	arrived := len(in.acks) > 0 && hasSnapshot(in.acks)
	r.inbox.giveBack(in)
	r.watchWrite()
	for range 2 { // what waits for a leader need not wait for another step
		r.proposeParked()
		r.readParked()
		for r.stepping.rn.HasReady() {
			r.handleReady(out)
		}
	}
	if arrived && !r.stepping.installs {
		r.discardStaged()
	}
	r.stepping.installs = false
	r.checkTransfer()
	r.views.expire(r.stepping.ticked)
	r.due.Store(r.nextDue())
}

// closeOnce closes a channel that only the caller's goroutine closes.
func closeOnce(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}

// failOnPanic stops the replica if the consensus could not go on: because its log breaks what a log promises, or because
// of a fault of its own. The other groups of the host live on.
func (r *Replica) failOnPanic() {
	if p := recover(); p != nil {
		r.fail(&panicError{what: "the consensus", value: p, stack: debug.Stack()})
	}
}

func (r *Replica) nextDue() uint64 {
	s := &r.stepping
	due := s.ticked + s.rn.TicksUntilDue()
	if again, waits := r.nextRetry(); waits {
		due = min(due, again)
	}
	if s.transfer != nil || r.views.held() {
		due = min(due, s.ticked+1)
	}
	return due
}

// takeIn steps all that waits in the inbox.
func (r *Replica) takeIn(in *letters) {
	rn := r.stepping.rn
	for i := range in.acks {
		r.stepIn(&in.acks[i])
	}
	for i := range in.messages {
		r.stepping.noteHeard(in.messages[i].From)
		r.stepIn(&in.messages[i])
	}
	for _, id := range in.unreachable {
		rn.ReportUnreachable(id)
	}
	for _, f := range in.calls {
		f()
	}
	for _, p := range in.proposals {
		r.takeProposal(p)
	}
	r.takeReads(in.reads)
}

// stepIn steps a message. What is wrong with one from another member is noted, and nothing else.
func (r *Replica) stepIn(m *pb.Message) {
	err := r.stepping.rn.Step(*m)
	if err == nil || errors.Is(err, raft.ErrProposalDropped) || errors.Is(err, raft.ErrStepPeerNotFound) {
		return
	}
	r.logger.Warn("a message was refused", "from", m.From, "type", m.Type, "error", err)
}

func hasSnapshot(messages []pb.Message) bool {
	for i := range messages {
		if messages[i].Type == pb.MsgSnap {
			return true
		}
	}
	return false
}

func (r *Replica) handleReady(out *outbox) {
	rd := r.stepping.rn.Ready()
	if rd.SoftState != nil || !raft.IsEmptyHardState(rd.HardState) {
		r.noteLeadership()
	}
	for _, state := range rd.ReadStates {
		r.readConfirmed(state)
	}
	for _, lost := range rd.LostReads {
		r.readLost(lost)
	}
	for i := range rd.Messages {
		m := &rd.Messages[i]
		switch {
		case m.To == raft.LocalAppendThread:
			r.stepping.installs = r.stepping.installs || m.Snapshot != nil
			r.host.appender.add(r, m)
		case m.To == raft.LocalApplyThread:
			r.apply(applyJob{entries: m.Entries, responses: m.Responses})
		case r.withholds(m):
		default:
			r.send(out, m)
		}
	}
}

// send passes a message to the transport: at the end of the goroutine's turn, but for snapshots.
func (r *Replica) send(out *outbox, m *pb.Message) {
	if m.Type == pb.MsgSnap {
		r.sendSnapshot(*m)
		return
	}
	out.add(r.group, *m)
}

// noteLeadership takes note of who leads, and in which term.
func (r *Replica) noteLeadership() {
	s := &r.stepping
	status := s.rn.BasicStatus()
	if status.RaftState == s.role && status.Lead == s.leader && status.Term == s.term {
		return
	}
	changed := status.Lead != s.leader || status.Term != s.term
	s.role, s.leader, s.term = status.RaftState, status.Lead, status.Term
	r.holdLeader(s.leader)
	r.views.leads(r.ownTerm())
	if changed {
		r.retryUnsettled()
	}
	r.events.emit(LeaderChanged{Leader: s.leader, Term: s.term, Role: s.role})
}
