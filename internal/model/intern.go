package model

import (
	"sync"
	"sync/atomic"

	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/rafttest/trace"
)

// What the search keeps of each local state, message and step, so that it asks the Machine once for each. It is read
// by all workers without a lock.

// numbered holds things by dense numbers. It may be read while it grows.
type numbered[T any] struct {
	chunks [1 << 16]atomic.Pointer[chunk[T]]
}

const chunkBits = 12

type chunk[T any] [1 << chunkBits]atomic.Pointer[T]

func (n *numbered[T]) get(id uint32) *T {
	if c := n.chunks[id>>chunkBits].Load(); c != nil {
		return c[id&(1<<chunkBits-1)].Load()
	}
	return nil
}

// put keeps the thing, or returns the one that another worker has put there before.
func (n *numbered[T]) put(id uint32, t *T) *T {
	at := &n.chunks[id>>chunkBits]
	if at.Load() == nil {
		at.CompareAndSwap(nil, new(chunk[T]))
	}
	slot := &at.Load()[id&(1<<chunkBits-1)]
	slot.CompareAndSwap(nil, t)
	return slot.Load()
}

// localInfo is a local state.
type localInfo struct {
	id    LocalID
	facts *Facts
	// terms are what the state adds to the fingerprint of the group, for each renaming.
	terms []uint64
	// class is the same for local states that are the same to all checks of pairs of members.
	class uint32

	// mu is held while a step is added to steps.
	mu    sync.Mutex
	steps atomic.Pointer[stepTable]
}

// messageInfo is a message.
type messageInfo struct {
	id       MessageID
	from, to uint64
	snapshot bool
	terms    []uint64
}

// stepInfo is what an input does to a local state.
type stepInfo struct {
	in     Input
	void   bool
	next   *localInfo
	sent   []*messageInfo
	broken *trace.Violation
	// suspect says which checks of the step have to be made.
	suspect suspicion
}

// stepTable holds the steps of one local state by their input: open addressing, at most half full.
type stepTable struct {
	used  int // guarded by localInfo.mu
	slots []atomic.Pointer[stepInfo]
}

func (t *stepTable) find(in Input) *stepInfo {
	mask := len(t.slots) - 1
	for i := in.hash() & mask; ; i = (i + 1) & mask {
		if s := t.slots[i].Load(); s == nil || s.in == in {
			return s
		}
	}
}

func (t *stepTable) put(s *stepInfo) {
	mask := len(t.slots) - 1
	i := s.in.hash() & mask
	for t.slots[i].Load() != nil {
		i = (i + 1) & mask
	}
	t.slots[i].Store(s)
	t.used++
}

// grown returns a table of twice the size with the same steps.
func (t *stepTable) grown() *stepTable {
	twice := &stepTable{slots: make([]atomic.Pointer[stepInfo], max(4, 2*len(t.slots)))}
	for i := range t.slots {
		if s := t.slots[i].Load(); s != nil {
			twice.put(s)
		}
	}
	return twice
}

func (in Input) hash() int { return int(spread(uint64(in.Kind)<<32|uint64(in.Arg)) >> 1) }

// local returns a local state by its number.
func (s *search) local(id LocalID) *localInfo {
	if l := s.locals.get(uint32(id)); l != nil {
		return l
	}
	l := &localInfo{id: id, facts: s.machine.Facts(id)}
	position := l.facts.Member - 1
	for k, name := range s.machine.Names(id) {
		l.terms = append(l.terms, spread(name^spread(s.renamings[k][position])))
	}
	l.class = s.classes.of(l.facts)
	return s.locals.put(uint32(id), l)
}

// message returns a message by its number.
func (s *search) message(id MessageID) *messageInfo {
	if m := s.messages.get(uint32(id)); m != nil {
		return m
	}
	msg := s.machine.Message(id)
	m := &messageInfo{id: id, from: msg.From, to: msg.To, snapshot: msg.Type == pb.MsgSnap}
	for _, name := range s.machine.MessageNames(id) {
		m.terms = append(m.terms, spread(name^messageSalt))
	}
	return s.messages.put(uint32(id), m)
}

// messageSalt keeps messages apart from local states in a fingerprint.
const messageSalt = 0x6d65737361676573

// step returns what the input does to the local state.
func (s *search) step(l *localInfo, in Input) *stepInfo {
	if t := l.steps.Load(); t != nil {
		if step := t.find(in); step != nil {
			return step
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.steps.Load()
	if t == nil {
		t = &stepTable{}
	} else if step := t.find(in); step != nil {
		return step
	}
	step := s.run(l, in)
	if 2*(t.used+1) > len(t.slots) {
		t = t.grown()
	}
	t.put(step)
	l.steps.Store(t)
	return step
}

// run asks the machine.
func (s *search) run(l *localInfo, in Input) *stepInfo {
	out := s.machine.Step(l.id, in)
	step := &stepInfo{in: in, void: out.Void, broken: out.Broken, next: l}
	if out.Void {
		return step
	}
	step.next = s.local(out.Next)
	step.suspect = suspect(l.facts, step.next.facts)
	for _, id := range out.Sent {
		if m := s.message(id); m.to >= 1 && m.to <= uint64(s.layout.members) {
			step.sent = append(step.sent, m)
		}
	}
	return step
}

// spread maps numbers to numbers, one to one, so that each bit depends on all (the finisher of MurmurHash3).
func spread(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
