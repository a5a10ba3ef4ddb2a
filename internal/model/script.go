package model

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed695671cb/raft"
	"github.com/seed695671cb/raft/rafttest/trace"
)

// A counterexample is told as a trace whose events are commands of the scripts in testdata. The machine knows the
// commands that do what an input does. Messages are named by their position in the network of the script, which is kept
// here as the script keeps it: what is sent and duplicated goes to its end. Snapshots are reported by hand.

// Narrator is a Machine that can tell more of itself in a counterexample. Without it events have no script, unless it
// is the network that acts.
type Narrator interface {
	// Describe says how a member stands.
	Describe(s LocalID) trace.MemberState
	// Script returns the commands that do to the state what the input does, in order, with the Readys and the work of
	// storage threads that follow; for InputDeliver only what follows.
	Script(s LocalID, in Input) []string
}

// ProposalData returns the data of a proposal, by its number: a, b, c.
func ProposalData(number uint32) string { return string(rune('a' + number)) }

// ReadContext returns the context of a read, by its number: r0, r1.
func ReadContext(number uint32) string { return fmt.Sprintf("r%d", number) }

// Setup returns the lines with which a script begins.
func (b *Bounds) Setup() []string {
	first := fmt.Sprintf("voters %d", b.Voters)
	if b.Learners > 0 {
		var ids []string
		for id := b.Voters + 1; id <= b.Voters+b.Learners; id++ {
			ids = append(ids, fmt.Sprint(id))
		}
		first += " learners=(" + strings.Join(ids, ",") + ")"
	}
	options := b.scriptOptions()
	lines := []string{first + options}
	for id := b.Voters + b.Learners + 1; id <= b.Members(); id++ {
		lines = append(lines, fmt.Sprintf("add %d%s", id, options))
	}
	return append(lines, "reports-by-hand on")
}

// scriptOptions returns the settings of members as a script names them, each after a space.
func (b *Bounds) scriptOptions() string {
	var s strings.Builder
	for _, o := range []struct {
		set  bool
		name string
	}{
		{b.Async, "async"}, {b.PreVote, "prevote"}, {b.CheckQuorum, "checkquorum"}, {b.Lease, "lease"},
		{b.NoForwarding, "no-forwarding"}, {b.SmallAppends, "max-size=1"},
	} {
		if o.set {
			s.WriteString(" " + o.name)
		}
	}
	return s.String()
}

// narration tells a counterexample.
type narration struct {
	machine Machine
	bounds  *Bounds
	network []packet
	sent    uint64
}

// packet is a message in the network of the script.
type packet struct {
	id      uint64
	message MessageID
}

func (n *narration) tell(c *Counterexample) *trace.Trace {
	t := &trace.Trace{Title: "model checker, bounds " + n.bounds.Name, Setup: n.bounds.Setup(), Violation: c.Violation}
	for id := uint64(1); id <= uint64(n.bounds.Members()); id++ {
		t.Members = append(t.Members, id)
		t.Start = append(t.Start, n.describe(n.machine.Initial(id)))
	}
	for i, step := range c.Steps {
		e := n.event(step)
		e.N = i + 1
		t.Events = append(t.Events, e)
	}
	return t
}

func (n *narration) event(step Step) trace.Event {
	var e trace.Event
	switch step.Kind {
	case StepInput:
		e = n.input(step)
	case StepDuplicate:
		e = n.copied(step)
	default:
		e = n.arrived(step)
	}
	if step.Before != step.After {
		after := n.describe(step.After)
		e.After = &after
	}
	for _, id := range step.Sent {
		e.Sent = append(e.Sent, n.send(id))
	}
	return e
}

// send puts a message at the end of the network.
func (n *narration) send(id MessageID) trace.Packet {
	n.sent++
	n.network = append(n.network, packet{id: n.sent, message: id})
	m := n.machine.Message(id)
	return trace.Packet{
		ID: n.sent, From: m.From, To: m.To, Type: m.Type.String(), Term: m.Term, Text: n.text(id), Reject: m.Reject,
	}
}

// find finds the oldest copy of a message in the network, and its position, from 1 on.
func (n *narration) find(id MessageID) (p packet, position int) {
	i := slices.IndexFunc(n.network, func(p packet) bool { return p.message == id })
	return n.network[i], i + 1
}

// arrived tells of a message that leaves the network.
func (n *narration) arrived(step Step) trace.Event {
	p, position := n.find(step.Message)
	n.network = slices.Delete(n.network, position-1, position)
	e := trace.Event{
		Kind: trace.KindLose, Packet: p.id, Member: step.Member, Text: n.text(step.Message),
		Fault: step.Kind != StepDeliver,
	}
	verb := "deliver"
	switch step.Kind {
	case StepDeliver:
		e.Kind = trace.KindDeliver
	case StepDrop:
		verb = "drop"
	}
	e.Script = fmt.Sprintf("%s at=(%d)", verb, position)
	if step.Kind == StepDeliver {
		e.Script = strings.Join(append([]string{e.Script}, n.script(step.Before, step.Input)...), "\n")
	}
	return e
}

// copied tells of a message that the network duplicates.
func (n *narration) copied(step Step) trace.Event {
	p, position := n.find(step.Message)
	return trace.Event{
		Kind: trace.KindDuplicate, Packet: p.id, Text: n.text(step.Message), Fault: true,
		Script: fmt.Sprintf("duplicate at=(%d)", position), Sent: []trace.Packet{n.send(step.Message)},
	}
}

// input tells of an input that is not a message.
func (n *narration) input(step Step) trace.Event {
	kinds := [inputKinds]trace.Kind{
		InputTimeout: trace.KindTick, InputSilence: trace.KindTick, InputHeartbeat: trace.KindTick,
		InputPass:   trace.KindTick,
		InputStored: trace.KindWrite, InputApplied: trace.KindApply, InputCrash: trace.KindCrash,
		InputRestart: trace.KindStart, InputCompact: trace.KindSnapshot,
	}
	e := trace.Event{Kind: kinds[step.Input.Kind], Member: step.Member, Fault: step.Input.Kind == InputCrash}
	if e.Kind == "" {
		e.Kind = trace.KindRequest
	}
	lines := n.script(step.Before, step.Input)
	e.Script = strings.Join(lines, "\n")
	e.Text = strings.Join(lines, ", ")
	return e
}

// script returns what the machine does in an input.
func (n *narration) script(s LocalID, in Input) []string {
	if narrator, ok := n.machine.(Narrator); ok {
		return narrator.Script(s, in)
	}
	return nil
}

// describe says how a member stands.
func (n *narration) describe(s LocalID) trace.MemberState {
	if d, ok := n.machine.(Narrator); ok {
		return d.Describe(s)
	}
	f := n.machine.Facts(s)
	state := trace.MemberState{
		ID: f.Member, Down: !f.Up, Role: "follower", Term: f.Term, Commit: uint64(len(f.Committed)),
		Last: f.Log.last(), Durable: f.Durable.last(),
	}
	if f.Leader {
		state.Role = "leader"
	}
	for i, e := range f.Log.Entries {
		if i == 0 || e.Term != f.Log.Entries[i-1].Term {
			state.Log = append(state.Log, trace.TermRun{Term: e.Term, First: f.Log.First + uint64(i)})
		}
	}
	return state
}

// text returns a message in one line.
func (n *narration) text(id MessageID) string {
	return raft.DescribeMessage(*n.machine.Message(id), func(data []byte) string { return fmt.Sprintf("%q", data) })
}
