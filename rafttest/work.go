package rafttest

import (
	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// What a member does with what its library hands out, step by step, as the package documentation of raft says. A crash
// may come between any two steps.

// readyWork is a Ready that is being handled, with synchronous writes.
type readyWork struct {
	taken bool
	rd    raft.Ready
	// What is done of it.
	wrote, synced, sent, applied bool
	// early says that the messages may leave before the write, as a leader's may.
	early bool
}

// appendWork is the work of the disk.
type appendWork struct {
	// queue are the MsgStorageAppends not yet responded to; the first written of them are on their way to the disk, and
	// the first synced are durable. Asynchronous writes only.
	queue           []pb.Message
	written, synced int
	// unsynced are the writes that have begun and are not durable.
	unsynced []Write
}

// applyWork is the work of the application with asynchronous writes: MsgStorageApplys, of which the first is perhaps done
// and not yet responded to.
type applyWork struct {
	queue []pb.Message
	done  bool
}

// A step is one step of a member's work.
type step uint8

const (
	stepTake step = iota // a Ready is taken

	// Synchronous writes.
	stepWrite
	stepSync
	stepSend
	stepApply
	stepAdvance

	// Asynchronous writes: what the two threads do.
	stepThreadWrite
	stepThreadSync
	stepThreadRespond
	stepThreadApply
	stepThreadApplied
	// The threads' responses to the member itself reach it.
	stepAckAppend
	stepAckApply

	stepCount
)

func (s step) String() string {
	return [stepCount]string{
		"take", "write", "sync", "send", "apply", "advance", "thread-write", "thread-sync", "thread-respond",
		"thread-apply", "thread-applied", "ack-append", "ack-apply",
	}[s]
}

// may reports whether the step can be done now.
func (m *member) may(s step) bool {
	if m.node == nil {
		return false
	}
	w, a := &m.ready, &m.append
	async := m.async
	switch s {
	case stepTake:
		return m.hasReady
	case stepWrite:
		return w.taken && !w.wrote
	case stepSync:
		return w.taken && w.wrote && !w.synced
	case stepSend:
		return w.taken && !w.sent && (w.synced || w.early)
	case stepApply:
		return w.taken && w.synced && !w.applied
	case stepAdvance:
		return w.taken && w.synced && w.sent && w.applied
	case stepThreadWrite:
		return async && a.written < len(a.queue)
	case stepThreadSync:
		return async && a.synced < a.written
	case stepThreadRespond:
		return async && a.synced > 0
	case stepThreadApply:
		return async && len(m.apply.queue) > 0 && !m.apply.done
	case stepThreadApplied:
		return async && m.apply.done
	case stepAckAppend:
		return len(m.acks[0]) > 0
	default:
		return len(m.acks[1]) > 0
	}
}

// do does the step, which must be possible.
func (m *member) do(s step) {
	w, a := &m.ready, &m.append
	switch s {
	case stepTake:
		m.take()
	case stepWrite:
		m.write(Write{Snapshot: w.rd.Snapshot, Entries: w.rd.Entries, HardState: w.rd.HardState})
		// Without MustSync the write may become durable at any time, or never.
		w.wrote, w.synced = true, !w.rd.MustSync
	case stepSync:
		m.sync()
		w.synced = true
	case stepSend:
		w.sent = true
		m.g.send(m, w.rd.Messages)
	case stepApply:
		w.applied = true
		m.applyEntries(w.rd.CommittedEntries)
	case stepAdvance:
		m.g.checkAdvance(m, &w.rd)
		rd := w.rd
		m.ready = readyWork{}
		m.node.Advance(rd)
	case stepThreadWrite:
		m.write(writeOf(&a.queue[a.written]))
		a.written++
	case stepThreadSync:
		m.sync()
		a.synced = a.written
	case stepThreadRespond:
		responses := a.queue[0].Responses
		a.queue = a.queue[1:]
		a.written--
		a.synced--
		m.respond(0, responses)
	case stepThreadApply:
		m.apply.done = true
		m.applyEntries(m.apply.queue[0].Entries)
	case stepThreadApplied:
		responses := m.apply.queue[0].Responses
		m.apply.queue, m.apply.done = m.apply.queue[1:], false
		m.respond(1, responses)
	case stepAckAppend:
		m.takeAck(0)
	case stepAckApply:
		m.takeAck(1)
	}
}

// take takes a Ready. What there is nothing to do for is done at once.
func (m *member) take() {
	rd := m.node.Ready()
	m.hasReady = false
	m.g.checkReady(m, &rd)
	m.g.takeReads(m, &rd)
	if m.async {
		m.g.send(m, rd.Messages)
		return
	}
	nothing := len(rd.Entries) == 0 && raft.IsEmptyHardState(rd.HardState) && raft.IsEmptySnap(rd.Snapshot)
	m.ready = readyWork{
		taken: true, rd: rd, early: m.seen.status.RaftState == raft.StateLeader,
		wrote: nothing, synced: nothing,
		sent: len(rd.Messages) == 0, applied: len(rd.CommittedEntries) == 0,
	}
}

// writeOf returns what a MsgStorageAppend asks for.
func writeOf(msg *pb.Message) Write {
	w := Write{Entries: msg.Entries, HardState: pb.HardState{Term: msg.Term, Vote: msg.Vote, Commit: msg.Commit}}
	if msg.Snapshot != nil {
		w.Snapshot = *msg.Snapshot
	}
	return w
}

// respond delivers the responses of a thread. Those to the member itself wait for their turn.
func (m *member) respond(thread int, msgs []pb.Message) {
	for i := range msgs {
		if msgs[i].To == m.id {
			m.acks[thread] = append(m.acks[thread], msgs[i])
			continue
		}
		m.g.send(m, msgs[i:i+1])
	}
}

func (m *member) takeAck(thread int) {
	ack := m.acks[thread][0]
	m.acks[thread] = m.acks[thread][1:]
	m.stepMessage(&ack)
}

// stepMessage gives the library a message.
func (m *member) stepMessage(msg *pb.Message) {
	if err := m.node.Step(*msg); err != nil {
		m.g.checkRefusal(m, msg, err)
		return
	}
	if msg.Type != pb.MsgSnap {
		return
	}
	if index := msg.Snapshot.Metadata.Index; index > m.seen.status.Commit && m.node.BasicStatus().Commit == index {
		m.supersededBy = index
	}
}

// applyEntries has the application apply entries. Those that a snapshot has superseded meanwhile are skipped.
func (m *member) applyEntries(ents []pb.Entry) {
	for i := range ents {
		e := &ents[i]
		if e.Index <= m.app.applied {
			continue
		}
		m.g.checkApply(m, e)
		m.app.applied = e.Index
		// A snapshot that the log held already replaces nothing: then the entries up to it are applied one by one.
		m.outdated = m.outdated && e.Index < m.supersededBy
		if e.Type == pb.EntryNormal {
			m.applyCommand(e)
		} else {
			m.applyChange(e)
		}
		m.g.checkState(m)
	}
	m.g.checkMembership(m)
	m.saveCheckpoint()
}

func (m *member) applyCommand(e *pb.Entry) {
	c, ok := decodeCommand(e.Data)
	if !ok {
		return
	}
	if m.app.machine != nil && len(c.body) > 0 {
		m.app.machine.Apply(e.Index, c.body)
	}
	m.app.registers.apply(&c)
	m.g.clientApplied(m, &c, e.Index)
}

func (m *member) applyChange(e *pb.Entry) {
	change, err := decodeChange(e)
	if err != nil {
		m.g.fail("no panic, no refusal", []uint64{m.id}, "member %d: the change at %d cannot be decoded: %v", m.id, e.Index, err)
	}
	if m.supersededBy > m.app.applied {
		// A snapshot that the library has taken in replaces this membership before long.
		m.outdated = true
	}
	m.app.membership = *m.node.ApplyConfChange(change)
	m.seen.contact.since = m.seen.contact.now
	m.g.checkMembership(m)
	m.g.membershipApplied(m)
}

// saveCheckpoint has an application that keeps its state durably do so.
func (m *member) saveCheckpoint() {
	if !m.settings.DurableApplication || m.outdated {
		return
	}
	data, err := m.app.encode()
	if err != nil {
		m.g.fail("state machine", []uint64{m.id}, "member %d cannot save its state: %v", m.id, err)
	}
	m.checkpoint = checkpoint{index: m.app.applied, membership: m.app.membership, data: data}
}

// decodeChange returns the membership change that an entry holds.
func decodeChange(e *pb.Entry) (pb.ConfChangeI, error) {
	if e.Type == pb.EntryConfChange {
		var cc pb.ConfChange
		err := cc.Unmarshal(e.Data)
		return cc, err
	}
	var cc pb.ConfChangeV2
	err := cc.Unmarshal(e.Data)
	return cc, err
}
