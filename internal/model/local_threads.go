package model

import (
	"errors"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// What a member does by itself after each input: it is asked for Readys until it has none, and with eager storage the
// threads work until they have nothing to do.

// maxRounds is more than a member ever takes to come to rest.
const maxRounds = 1000

// settle lets the member come to rest: all Readys, then all that the eager threads have to do, and so on.
func (m *member) settle() {
	for round := 0; round < maxRounds; round++ {
		switch {
		case m.rn == nil || m.dead:
			return
		case m.rn.HasReady():
			m.takeReady()
		case !m.runThreads():
			return
		}
	}
	m.fail("a member comes to rest", "it still has something to do after %d rounds", maxRounds)
	m.dead = true
}

// runThreads has the eager storage threads do all that they have to, and reports whether that was anything.
func (m *member) runThreads() (any bool) {
	for {
		switch {
		case m.bounds.EagerStore && len(m.appendQueue) > 0:
			m.runAppendThread()
		case m.bounds.EagerApply && len(m.applyQueue) > 0:
			m.runApplyThread()
		default:
			return any
		}
		any = true
	}
}

// takeReady handles one Ready.
func (m *member) takeReady() {
	m.say("ready %d", m.id)
	rd := m.rn.Ready()
	for _, read := range rd.ReadStates {
		m.past.reads = append(m.past.reads, ReadFact{Number: numberOf(read.RequestCtx), Index: read.Index})
	}
	if m.bounds.Async {
		m.send(rd.Messages, false)
		return
	}
	write := pb.Message{Term: rd.Term, Vote: rd.Vote, Commit: rd.Commit, Entries: rd.Entries}
	if !raft.IsEmptySnap(rd.Snapshot) {
		write.Snapshot = &rd.Snapshot
	}
	m.write(&write, stepsOf(&write))
	m.send(rd.Messages, true)
	m.apply(rd.CommittedEntries)
	m.rn.Advance(rd)
}

// runAppendThread does the oldest piece of the append thread's work.
func (m *member) runAppendThread() {
	m.say("append-thread %d 1", m.id)
	write := m.appendQueue[0]
	m.appendQueue = m.appendQueue[1:]
	m.write(&write, stepsOf(&write))
	m.send(write.Responses, true)
}

// runApplyThread does the oldest piece of the apply thread's work.
func (m *member) runApplyThread() {
	m.say("apply-thread %d 1", m.id)
	work := m.applyQueue[0]
	m.applyQueue = m.applyQueue[1:]
	m.apply(work.Entries)
	m.send(work.Responses, true)
}

// send puts messages on their way. waited says that they have waited for a write.
func (m *member) send(msgs []pb.Message, waited bool) {
	for i := range msgs {
		msg := &msgs[i]
		switch msg.To {
		case raft.LocalAppendThread:
			m.appendQueue = append(m.appendQueue, *msg)
		case raft.LocalApplyThread:
			m.applyQueue = append(m.applyQueue, *msg)
		case m.id:
			m.take(msg)
		default:
			m.checkLeaving(msg, waited)
			m.sent = append(m.sent, *msg)
		}
	}
}

// take has the member take in a message.
func (m *member) take(msg *pb.Message) {
	err := m.rn.Step(*msg)
	if errors.Is(err, raft.ErrInvalidMessage) || errors.Is(err, raft.ErrStepLocalMsg) {
		m.fail("what a correct member sends is valid", "%v", err)
	}
}

// apply applies committed entries. Those that a snapshot restored meanwhile stands for are passed over by the state
// machine; a membership change is passed on all the same.
func (m *member) apply(ents []pb.Entry) {
	if len(ents) == 0 {
		return
	}
	m.remember()
	durable := m.durableLog()
	for i := range ents {
		e := &ents[i]
		m.checkApplied(e, &durable)
		superseded := m.changeMembership(e)
		if e.Index > m.app.index {
			m.app.index = e.Index
			if !superseded {
				m.rememberMembership(e.Index)
			}
		}
	}
}

// changeMembership applies a membership change, and reports whether the RawNode has passed over it, because a snapshot
// that is not yet written holds it.
func (m *member) changeMembership(e *pb.Entry) (superseded bool) {
	if e.Type == pb.EntryNormal {
		return m.superseding()
	}
	superseded = m.superseding()
	var change pb.ConfChangeI
	var err error
	if e.Type == pb.EntryConfChange {
		var cc pb.ConfChange
		err = cc.Unmarshal(e.Data)
		change = cc
	} else {
		var cc pb.ConfChangeV2
		err = cc.Unmarshal(e.Data)
		change = cc
	}
	if err != nil {
		m.fail("membership changes decode", "entry %d: %v", e.Index, err)
		return superseded
	}
	m.app.membership = *m.rn.ApplyConfChange(change)
	return superseded
}

func (m *member) superseding() bool {
	g := m.prints.sight.of(m.rn)
	return g.superseding
}

func (m *member) durableLog() logView {
	d := m.image()
	return d.log()
}
