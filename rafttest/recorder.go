package rafttest

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/seed695671cb/raft"
	"github.com/seed695671cb/raft/rafttest/trace"
	"github.com/seed695671cb/raft/tracker"
)

// recorder writes down what happens: the actions, to be done again, and a trace, to be read.
type recorder struct {
	trace   *trace.Trace
	actions []action
	// now is the event being recorded.
	now  trace.Event
	last [maxMembers + 1]trace.MemberState
	// time is the clock of the run; nil in a replay.
	time func() uint64
}

func newRecorder() *recorder { return &recorder{trace: &trace.Trace{}} }

// start notes how the group begins.
func (r *recorder) start(g *group) {
	var alike []uint64
	for _, m := range g.members {
		s := stateOf(m)
		r.last[m.id] = s
		r.trace.Start = append(r.trace.Start, s)
		alike = append(alike, m.id)
	}
	setup := fmt.Sprintf("voters %d", len(g.members[0].app.membership.Voters))
	if l := g.members[0].app.membership.Learners; len(l) > 0 {
		setup += " learners=(" + list(l) + ")"
	}
	r.trace.Setup = append(r.trace.Setup, strings.TrimSpace(setup+" "+g.members[0].settings.String()))
	for _, id := range alike[1:] {
		if s := g.byID[id].settings; s != g.members[0].settings {
			r.trace.Setup = append(r.trace.Setup, fmt.Sprintf("# member %d: %s", id, s))
		}
	}
}

func list(ids []uint64) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(ids), " ", ","), "[]")
}

// begin notes an action that is about to happen.
func (r *recorder) begin(g *group, m *member, act *action) {
	kept := *act
	r.now = trace.Event{N: int(g.event), Member: uint64(act.member)}
	if r.time != nil {
		r.now.Time = r.time()
	}
	if act.kind == actDeliver || act.kind == actLose || act.kind == actDuplicate {
		p := &g.network.slots[act.packet]
		kept.a, kept.b = p.digest, g.network.likeness(act.packet)
		r.now.Packet = p.id
		r.now.Text = raft.DescribeMessage(p.msg, describeCommand)
	}
	r.actions = append(r.actions, kept)
	n := notation{g: g, m: m, act: act}
	r.now.Kind, r.now.Fault = kindOf(act)
	r.now.Script = n.script()
	if r.now.Text == "" {
		r.now.Text = n.text()
	}
}

// sent notes a packet that leaves.
func (r *recorder) sent(p *packet) {
	r.now.Sent = append(r.now.Sent, trace.Packet{
		ID: p.id, From: p.from, To: p.msg.To, Type: p.msg.Type.String(), Term: p.msg.Term, Reject: p.msg.Reject,
		Text: raft.DescribeMessage(p.msg, describeCommand),
	})
}

// end notes how the member stands after the action.
func (r *recorder) end(m *member) {
	if m != nil {
		if s := stateOf(m); !reflect.DeepEqual(s, r.last[m.id]) {
			r.last[m.id] = s
			r.now.After = &s
		}
	}
	r.trace.Events = append(r.trace.Events, r.now)
}

// finish completes the trace.
func (r *recorder) finish(g *group, title string, found *trace.Violation) {
	r.trace.Title, r.trace.Violation = title, found
	r.trace.Members = nil
	for _, m := range g.members {
		r.trace.Members = append(r.trace.Members, m.id)
	}
	if n := len(r.trace.Events); found != nil && int(g.event) > n && r.now.Kind != "" {
		// The check that failed did so in the middle of an event.
		r.end(g.byID[r.now.Member])
	}
}

// kindOf returns the kind of the event that the action is, and whether it is a fault.
func kindOf(act *action) (kind trace.Kind, fault bool) {
	switch act.kind {
	case actDeliver:
		return trace.KindDeliver, false
	case actLose:
		return trace.KindLose, true
	case actDuplicate:
		return trace.KindDuplicate, true
	case actTick:
		return trace.KindTick, false
	case actCrash, actWipe:
		return trace.KindCrash, true
	case actStart, actJoin, actUpgrade:
		return trace.KindStart, false
	case actCompact:
		return trace.KindSnapshot, false
	case actBusy:
		return trace.KindNote, act.a != 0
	case actNote:
		return trace.KindNote, act.a == notePartition || act.a == noteSlow
	case actWork:
		return kindOfStep(step(act.a)), false
	case actFinish:
		return trace.KindAdvance, false
	default:
		return trace.KindRequest, false
	}
}

func kindOfStep(s step) trace.Kind {
	switch s {
	case stepTake:
		return trace.KindReady
	case stepWrite, stepSync, stepThreadWrite, stepThreadSync:
		return trace.KindWrite
	case stepSend, stepThreadRespond:
		return trace.KindSend
	case stepApply, stepThreadApply:
		return trace.KindApply
	default:
		return trace.KindAdvance
	}
}

// stateOf says how a member stands.
func stateOf(m *member) trace.MemberState {
	s := trace.MemberState{
		ID: m.id, Role: "follower", Commit: m.seen.durableHard.Commit, Term: m.seen.durableHard.Term, Vote: m.seen.durableHard.Vote,
		Durable: m.seen.durable.last(), Applied: m.app.applied,
	}
	log := &m.seen.durable
	if m.up() {
		st := m.node.BasicStatus()
		log = &m.seen.told
		s.Role, s.Term, s.Vote, s.Lead, s.Commit = trace.RoleOf(st.RaftState), st.Term, st.Vote, st.Lead, st.Commit
	} else {
		s.Down = true
	}
	s.Last = log.last()
	s.Snapshot = trace.TermRun{Term: log.firstTerm, First: log.first}
	for _, run := range log.runs() {
		s.Log = append(s.Log, trace.TermRun{Term: run.term, First: run.index})
	}
	if members, err := tracker.NewMembership(m.app.membership); err == nil {
		s.Membership = members.String()
	}
	return s
}

// describeCommand shows the data of an entry.
func describeCommand(data []byte) string {
	c, ok := decodeCommand(data)
	if !ok {
		return fmt.Sprintf("%q", data)
	}
	return fmt.Sprintf("%#x in register %d", c.value(), c.register)
}
