package main

import (
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/seed695671cb/raft/interop/wire"
)

// member is a replica and the copy of its disk that it reads. Types in small letters are those of the library that the
// worker is built with: see ours.go, etcd36.go and etcd37.go.
type member struct {
	node    *rawNode
	storage storage
	// ready is what was handed out and is not yet advanced.
	ready ready
	// unanswered is how requests without an answer ended.
	unanswered answer
}

// do does what is asked, and returns what appends the result.
func (m *member) do(op wire.Op, req *wire.Decoder) (func(*wire.Encoder), error) {
	switch op {
	case wire.OpStart:
		return nil, m.start(req)
	case wire.OpWrite:
		return nil, m.storage.write(req)
	case wire.OpCompact:
		return nil, m.storage.compact(req)
	}
	if m.node == nil {
		return nil, fmt.Errorf("%s: the member is not started", op)
	}
	switch op {
	case wire.OpHasReady:
		has := m.node.HasReady()
		return func(e *wire.Encoder) { e.Bool(has) }, nil
	case wire.OpReady:
		m.ready = m.node.Ready()
		r, err := describeReady(&m.ready)
		return func(e *wire.Encoder) { r.Encode(e) }, err
	case wire.OpApplyConfChange:
		cc, err := decodeChange(req.Bool(), req.Bytes())
		if err != nil {
			return nil, err
		}
		cs, err := encode(m.node.ApplyConfChange(cc))
		return func(e *wire.Encoder) { e.Bytes(cs) }, err
	case wire.OpDescribe:
		line := m.describe()
		return func(e *wire.Encoder) { e.Bytes([]byte(line)) }, nil
	}
	return nil, m.tell(op, req)
}

// tell does what has no result.
func (m *member) tell(op wire.Op, req *wire.Decoder) error {
	switch op {
	case wire.OpTick:
		m.node.Tick()
	case wire.OpTickQuiesced:
		m.node.TickQuiesced()
	case wire.OpStep:
		msg, err := decodeMessage(req.Bytes())
		if err != nil {
			return err
		}
		return m.node.Step(msg)
	case wire.OpAdvance:
		m.node.Advance(m.ready)
		m.ready = ready{}
	case wire.OpPropose:
		return m.node.Propose(req.Bytes())
	case wire.OpProposeConfChange:
		cc, err := decodeChange(req.Bool(), req.Bytes())
		if err != nil {
			return err
		}
		return m.node.ProposeConfChange(cc)
	case wire.OpReadIndex:
		m.node.ReadIndex(req.Bytes())
	case wire.OpTransferLeader:
		m.node.TransferLeader(req.Uint())
	case wire.OpForgetLeader:
		return m.node.ForgetLeader()
	case wire.OpCampaign:
		return m.node.Campaign()
	case wire.OpReportUnreachable:
		m.node.ReportUnreachable(req.Uint())
	case wire.OpReportSnapshot:
		id, status := req.Uint(), snapshotFinish
		if req.Bool() {
			status = snapshotFailure
		}
		m.node.ReportSnapshot(id, status)
	default:
		return fmt.Errorf("%s is not a request", op)
	}
	return nil
}

// start begins a life.
func (m *member) start(req *wire.Decoder) error {
	var s wire.Start
	s.Decode(req)
	if err := req.Err(); err != nil {
		return err
	}
	*m = member{}
	if err := m.storage.open(&s); err != nil {
		return err
	}
	cfg := config{
		ID: s.ID, ElectionTick: int(s.ElectionTick), HeartbeatTick: int(s.HeartbeatTick),
		Storage: &m.storage, Applied: s.Applied, AsyncStorageWrites: s.AsyncStorageWrites,
		MaxSizePerMsg: s.MaxSizePerMsg, MaxCommittedSizePerReady: s.MaxCommittedSizePerReady,
		MaxUncommittedEntriesSize: s.MaxUncommittedEntriesSize,
		MaxInflightMsgs:           int(s.MaxInflightMsgs), MaxInflightBytes: s.MaxInflightBytes,
		CheckQuorum: s.CheckQuorum, PreVote: s.PreVote,
		DisableProposalForwarding: s.DisableProposalForwarding, StepDownOnRemoval: s.StepDownOnRemoval,
	}
	if s.LeaseReads {
		cfg.ReadOnlyOption = readOnlyLeaseBased
	}
	if err := extend(&cfg, &s); err != nil {
		return err
	}
	node, err := newRawNode(&cfg)
	m.node = node
	return err
}

// status says how the member stands.
func (m *member) status() wire.Status {
	if m.node == nil {
		return wire.Status{}
	}
	st := m.node.BasicStatus()
	s := wire.Status{
		ID: st.ID, Lead: st.Lead, Role: uint64(st.RaftState), Applied: st.Applied, LeadTransferee: st.LeadTransferee,
	}
	s.Term, s.Vote, s.Commit = fieldsOf(st.HardState)
	return s
}

// describe says it to people, with what a leader knows of the others.
func (m *member) describe() string {
	return libraryName + " " + m.node.Status().String()
}

// stack returns the names of the functions in which a panic began.
func stack() string {
	_, after, _ := strings.Cut(string(debug.Stack()), "panic(")
	var names []string
	for _, line := range strings.Split(after, "\n") {
		if name, _, call := strings.Cut(line, "("); call && !strings.HasPrefix(line, "\t") && len(names) < 8 {
			names = append(names, name)
		}
	}
	return strings.Join(names, "\n")
}
