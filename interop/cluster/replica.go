package cluster

import (
	"errors"
	"fmt"

	"github.com/seed695671cb/raft"
	"github.com/seed695671cb/raft/interop/wire"
	pb "github.com/seed695671cb/raft/raftpb"
)

// replica is a member's replica in another process: a rafttest.Replica. Whatever goes wrong between the two processes is
// a panic, which ends the run.
type replica struct {
	process *process
	disk    raft.Storage
	group   *group
	status  raft.BasicStatus
	// members is the configuration that was applied last.
	members pb.ConfState
}

// send sends a request.
func (r *replica) send(op wire.Op, fill func(*wire.Encoder)) {
	e := r.process.conn.Begin()
	e.Uint(uint64(op))
	_, err := r.disk.Snapshot()
	e.Bool(errors.Is(err, raft.ErrSnapshotTemporarilyUnavailable))
	if fill != nil {
		fill(e)
	}
	if err := r.process.conn.Send(e); err != nil {
		panic(r.broken(op, err))
	}
}

// call sends a request and waits for the answer.
func (r *replica) call(op wire.Op, fill func(*wire.Encoder)) (*wire.Decoder, error) {
	stop := r.process.watch()
	defer stop()
	r.send(op, fill)
	d, err := r.process.conn.Receive()
	if err != nil {
		panic(r.broken(op, err))
	}
	outcome := wire.Outcome(d.Uint())
	var refused error
	switch outcome {
	case wire.OutcomeDone:
	case wire.OutcomePanic:
		panic(fmt.Sprintf("%s panics: %s", r.process.im.Title, d.Bytes()))
	case wire.OutcomeStorage:
		panic(fmt.Sprintf("the process of a member of %s could not follow its disk: %s", r.process.im.Title, d.Bytes()))
	case wire.OutcomeDropped:
		refused = fmt.Errorf("%w: %s", raft.ErrProposalDropped, d.Bytes())
	case wire.OutcomeInvalid:
		refused = fmt.Errorf("%w: %s", raft.ErrInvalidMessage, d.Bytes())
	default:
		refused = fmt.Errorf("%s refuses to %s: %s", r.process.im.Title, op, d.Bytes())
	}
	var s wire.Status
	s.Decode(d)
	r.status = raft.BasicStatus{
		ID:             s.ID,
		HardState:      pb.HardState{Term: s.Term, Vote: s.Vote, Commit: s.Commit},
		SoftState:      raft.SoftState{Lead: s.Lead, RaftState: raft.StateType(s.Role)},
		Applied:        s.Applied,
		LeadTransferee: s.LeadTransferee,
	}
	if err := d.Err(); err != nil {
		panic(r.broken(op, err))
	}
	return d, refused
}

func (r *replica) broken(op wire.Op, err error) string {
	return fmt.Sprintf("%s: no answer of the process of a member of %s: %v\n%s", op, r.process.im.Title, err, r.process.end())
}

// tell is call where there is no result.
func (r *replica) tell(op wire.Op, fill func(*wire.Encoder)) error {
	_, err := r.call(op, fill)
	return err
}

// do is tell where nothing can be refused.
func (r *replica) do(op wire.Op, fill func(*wire.Encoder)) {
	if err := r.tell(op, fill); err != nil {
		panic(err.Error())
	}
}

func (r *replica) Tick()         { r.do(wire.OpTick, nil) }
func (r *replica) TickQuiesced() { r.do(wire.OpTickQuiesced, nil) }

func (r *replica) Step(m pb.Message) error {
	r.group.noteTraffic(m.From, r.process.im, m.Type)
	return r.tell(wire.OpStep, func(e *wire.Encoder) { e.Bytes(r.group.bytesOf(&m)) })
}

func (r *replica) HasReady() bool {
	d, err := r.call(wire.OpHasReady, nil)
	if err != nil {
		panic(err.Error())
	}
	return d.Bool()
}

func (r *replica) Ready() raft.Ready {
	d, err := r.call(wire.OpReady, nil)
	if err != nil {
		panic(err.Error())
	}
	var sent wire.Ready
	sent.Decode(d)
	if err := d.Err(); err != nil {
		panic(r.broken(wire.OpReady, err))
	}
	rd, err := decodeReady(&sent)
	if err != nil {
		panic(r.broken(wire.OpReady, err))
	}
	r.group.keepBytes(rd.Messages, sent.Messages)
	if r.process.im.ID != Ours.ID {
		// Elsewhere a snapshot alone does not ask for a sync; an application syncs it all the same.
		rd.MustSync = rd.MustSync || !raft.IsEmptySnap(rd.Snapshot)
	}
	return rd
}

func (r *replica) Advance(raft.Ready) { r.do(wire.OpAdvance, nil) }

func (r *replica) Propose(data []byte) error {
	return r.tell(wire.OpPropose, func(e *wire.Encoder) { e.Bytes(data) })
}

func (r *replica) ProposeConfChange(cc pb.ConfChangeI) error {
	return r.tell(wire.OpProposeConfChange, func(e *wire.Encoder) { encodeChange(e, cc) })
}

func (r *replica) ApplyConfChange(cc pb.ConfChangeI) *pb.ConfState {
	d, err := r.call(wire.OpApplyConfChange, func(e *wire.Encoder) { encodeChange(e, cc) })
	if err != nil {
		panic(err.Error())
	}
	cs := &pb.ConfState{}
	if err := cs.Unmarshal(d.Bytes()); err != nil {
		panic(r.broken(wire.OpApplyConfChange, err))
	}
	if r.status.RaftState == raft.StateLeader {
		r.group.noteChange(r.process.im, cc, &r.members, cs)
	}
	r.members = *cs
	return cs
}

func (r *replica) ReadIndex(rctx []byte) {
	r.do(wire.OpReadIndex, func(e *wire.Encoder) { e.Bytes(rctx) })
}

func (r *replica) TransferLeader(transferee uint64) {
	r.do(wire.OpTransferLeader, func(e *wire.Encoder) { e.Uint(transferee) })
}

func (r *replica) ForgetLeader() error { return r.tell(wire.OpForgetLeader, nil) }
func (r *replica) Campaign() error     { return r.tell(wire.OpCampaign, nil) }

func (r *replica) ReportUnreachable(id uint64) {
	r.do(wire.OpReportUnreachable, func(e *wire.Encoder) { e.Uint(id) })
}

func (r *replica) ReportSnapshot(id uint64, status raft.SnapshotStatus) {
	r.do(wire.OpReportSnapshot, func(e *wire.Encoder) {
		e.Uint(id)
		e.Bool(status == raft.SnapshotFailure)
	})
}

// Status leaves out the configuration and the progress of others.
func (r *replica) Status() raft.Status { return raft.Status{BasicStatus: r.status} }

// Describe says how the member stands, with what a leader knows of others.
func (r *replica) Describe() string {
	d, err := r.call(wire.OpDescribe, nil)
	if err != nil {
		return err.Error()
	}
	return string(d.Bytes())
}

func (r *replica) BasicStatus() raft.BasicStatus { return r.status }
