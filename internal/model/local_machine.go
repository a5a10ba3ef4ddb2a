package model

import (
	"fmt"
	"sync/atomic"

	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/rafttest/trace"
)

// real is the Machine that runs the library. A local state is kept as its fingerprints and as the input that first led
// to it from another; a member in that state is built up by replaying the inputs from the beginning, unless one is at
// hand. Steps are not remembered here: the search remembers them.
type real struct {
	bounds    *Bounds
	prints    *fingerprinter
	renamings [][]uint64

	states   registry[localState]
	messages registry[messageRecord]
	facts    registry[Facts]
	initial  []LocalID
	cache    liveCache
	steps    atomic.Int64
}

// localState is a local state.
type localState struct {
	member uint64
	// parent and in are where it comes from; first is set if it is where the member begins.
	parent LocalID
	in     Input
	first  bool

	names []uint64
	facts *Facts
}

// messageRecord is a message.
type messageRecord struct {
	message pb.Message
	names   []uint64
}

// NewMachine returns the Machine that runs the library's members within the bounds.
func NewMachine(b Bounds) (Machine, error) { return newMachine(b) }

func newMachine(b Bounds) (*real, error) {
	if err := b.Validate(); err != nil {
		return nil, err
	}
	for _, text := range b.Changes {
		if _, err := parseChange(text); err != nil {
			return nil, fmt.Errorf("bounds %s: %w", b.Name, err)
		}
	}
	prints, err := newFingerprinter()
	if err != nil {
		return nil, err
	}
	r := &real{bounds: &b, prints: prints, renamings: renamingsOf(&b)}
	for id := uint64(1); id <= uint64(b.Members()); id++ {
		m, err := newMember(id, r.bounds, prints)
		if err != nil {
			return nil, fmt.Errorf("bounds %s: member %d: %w", b.Name, id, err)
		}
		if len(m.sent) > 0 || m.broken != nil {
			return nil, fmt.Errorf("bounds %s: member %d does not begin at rest: %v", b.Name, id, m.broken)
		}
		s := r.intern(m, localState{first: true})
		r.initial = append(r.initial, s)
	}
	return r, nil
}

// Members implements Machine.
func (r *real) Members() int { return r.bounds.Members() }

// Initial implements Machine.
func (r *real) Initial(member uint64) LocalID { return r.initial[member-1] }

// Facts implements Machine.
func (r *real) Facts(s LocalID) *Facts { return r.states.get(uint32(s)).facts }

// Names implements Machine.
func (r *real) Names(s LocalID) []uint64 { return r.states.get(uint32(s)).names }

// Renamings implements Machine.
func (r *real) Renamings() [][]uint64 { return r.renamings }

// Message implements Machine.
func (r *real) Message(id MessageID) *pb.Message { return &r.messages.get(uint32(id)).message }

// MessageNames implements Machine.
func (r *real) MessageNames(id MessageID) []uint64 { return r.messages.get(uint32(id)).names }

// Counts implements Machine. Steps are those that were run.
func (r *real) Counts() (states, messages, steps int) {
	return int(r.states.count.Load()), int(r.messages.count.Load()), int(r.steps.Load())
}

// Step implements Machine.
func (r *real) Step(s LocalID, in Input) *Outcome {
	r.steps.Add(1)
	if r.refuses(s, in) {
		return &Outcome{Next: s, Void: true}
	}
	m, broken := r.live(s)
	if broken != nil {
		return &Outcome{Next: s, Broken: broken}
	}
	b := m.before()
	if !m.perform(in, r.messageOf(in)) {
		return &Outcome{Next: s, Void: true}
	}
	m.checkStep(&b)
	if m.dead {
		return &Outcome{Next: s, Broken: m.broken}
	}
	next := r.intern(m, localState{parent: s, in: in})
	o := &Outcome{Next: next, Sent: r.internMessages(m.sent), Broken: m.broken}
	o.Void = next == s && len(o.Sent) == 0 && o.Broken == nil
	if m.broken == nil {
		r.cache.put(next, m)
	}
	return o
}

// refuses reports whether the input is plainly impossible, so that no member is needed to find out.
func (r *real) refuses(s LocalID, in Input) bool {
	state := r.states.get(uint32(s))
	f := state.facts
	switch in.Kind {
	case InputRestart:
		return f.Up
	case InputDeliver:
		return !f.Up || r.Message(MessageID(in.Arg)).To != state.member
	case InputStored:
		return !f.AppendPending
	case InputApplied:
		return !f.ApplyPending
	case InputHeartbeat:
		return !f.Leader
	default:
		return !f.Up
	}
}

func (r *real) messageOf(in Input) *pb.Message {
	if in.Kind != InputDeliver {
		return nil
	}
	return r.Message(MessageID(in.Arg))
}

// live returns a member in the state, which is the caller's to change.
func (r *real) live(s LocalID) (*member, *trace.Violation) {
	var way []Input
	at := s
	m := r.cache.take(at)
	for m == nil {
		state := r.states.get(uint32(at))
		if state.first {
			m, _ = newMember(state.member, r.bounds, r.prints) // it did not fail the first time
			break
		}
		way = append(way, state.in)
		at = state.parent
		m = r.cache.take(at)
	}
	if len(way) == 0 {
		return m, nil
	}
	m.unchecked = true
	for i := len(way) - 1; i >= 0 && !m.dead; i-- {
		m.perform(way[i], r.messageOf(way[i]))
	}
	m.unchecked, m.sent = false, nil
	want := r.states.get(uint32(s)).names[0]
	if m.dead || r.prints.local(m, nil) != want {
		return nil, &trace.Violation{
			Property: "equal fingerprints mean equal behaviour",
			Detail: fmt.Sprintf("member %d, built up again by other inputs to the same fingerprints, is in another state: "+
				"the fingerprint leaves out something that counts", m.id),
			Members: []uint64{m.id},
		}
	}
	return m, nil
}

// intern returns the number of the state that the member is in. from says where it comes from.
func (r *real) intern(m *member, from localState) LocalID {
	fp := r.prints.local(m, nil)
	if number, ok := r.states.find(fp); ok {
		return LocalID(number)
	}
	from.member = m.id
	from.names = r.prints.localNames(m, r.renamings)
	facts := m.facts()
	from.facts = r.facts.get(r.facts.add(r.prints.digestFacts(facts), facts))
	return LocalID(r.states.add(fp, &from))
}

func (r *real) internMessages(sent []pb.Message) []MessageID {
	if len(sent) == 0 {
		return nil
	}
	ids := make([]MessageID, len(sent))
	for i := range sent {
		ids[i] = r.internMessage(&sent[i])
	}
	return ids
}

func (r *real) internMessage(m *pb.Message) MessageID {
	fp := r.prints.messageName(m, nil)
	if number, ok := r.messages.find(fp); ok {
		return MessageID(number)
	}
	record := &messageRecord{message: *m}
	for _, renaming := range r.renamings {
		record.names = append(record.names, r.prints.messageName(m, renaming))
	}
	return MessageID(r.messages.add(fp, record))
}
