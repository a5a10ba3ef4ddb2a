package rafttest

import (
	"encoding/binary"

	"github.com/seed695671cb/raft"
	"github.com/seed695671cb/raft/internal/choose"
	"github.com/seed695671cb/raft/internal/linear"
)

// Clients write and read registers, each one command at a time, through whatever member they choose. One that has
// waited in vain gives up: what becomes of its command is then unknown, and it goes on with the next.

// client is one of them.
type client struct {
	// number is that of the command or read under way, or of the last one.
	number uint64
	busy   bool
	read   bool
	// register is what it writes or reads.
	register int
	// member is whom it asked, in its life of that number.
	member uint64
	life   uint64
	// called is the event in which it asked.
	called uint64
	// floor is what the operation has to follow.
	floor linear.Floor
}

// pendingRead is a request to a member's library that is not yet answered.
type pendingRead struct {
	context string
	client  int
	number  uint64
	// floor is the highest index known to be committed when it was made first.
	floor uint64
}

// readyRead is an answer that waits for the application to get as far as its index.
type readyRead struct {
	client int
	number uint64
	index  uint64
}

// propose has client i write a register through m.
func (g *group) propose(m *member, i, register int, body []byte) {
	c := &g.clients[i]
	*c = client{number: c.number + 1, busy: true, register: register, member: m.id, life: m.life, called: g.event, floor: g.online.Called()}
	cmd := command{client: i, register: register, number: c.number, body: body}
	g.stats.Proposals++
	data := cmd.encode()
	g.biggest = max(g.biggest, uint64(len(data)))
	err := m.node.Propose(data)
	if err != nil {
		g.checkProposalError(m, err)
		// A refused proposal is not in any log.
		c.busy = false
	}
}

// giveUp has client i wait no longer. A write of which nothing is known may yet take effect, at any time.
func (g *group) giveUp(i int) bool {
	c := &g.clients[i]
	if !c.busy {
		return false
	}
	c.busy = false
	if !c.read {
		cmd := command{client: i, number: c.number}
		g.history = append(g.history, linear.Operation{
			Client: i, Key: c.register, Write: true, Value: cmd.value(), Call: c.called, Return: linear.Pending,
		})
	}
	return true
}

// clientApplied is called when the application of m has performed a command.
func (g *group) clientApplied(m *member, cmd *command, index uint64) {
	c := &g.clients[cmd.client]
	if !c.busy || c.read || c.number != cmd.number || c.member != m.id || c.life != m.life {
		return
	}
	c.busy = false
	g.stats.Writes++
	g.operationDone(m, c, index, linear.Operation{
		Client: cmd.client, Key: cmd.register, Write: true, Value: cmd.value(), Call: c.called, Return: g.event,
	})
	g.clientDone(cmd.client, true)
}

func (g *group) clientDone(i int, answered bool) {
	if g.driver != nil {
		g.driver.onClientDone(i, answered)
	}
}

// read has client i read a register through m. Asked again while the same read is under way, it repeats the request
// with the same context.
func (g *group) read(m *member, i, register int) {
	c := &g.clients[i]
	floor := g.known.last.index
	again := c.busy && c.read && c.member == m.id && c.life == m.life
	if !again {
		*c = client{number: c.number + 1, busy: true, read: true, register: register, member: m.id, life: m.life, called: g.event, floor: g.online.Called()}
	}
	context := g.readContext(m, i, again)
	for _, r := range m.seen.reads {
		if r.client == i && r.number == c.number {
			floor = r.floor
		}
	}
	m.seen.reads = append(m.seen.reads, pendingRead{context: context, client: i, number: c.number, floor: floor})
	m.node.ReadIndex([]byte(context))
}

// readContext returns the context for a read of client i: often the same as for its last one, if that has no request
// left, because a context may be used for several requests.
func (g *group) readContext(m *member, i int, again bool) string {
	if g.opt.mixed() {
		// Elsewhere a context that is used twice may answer the wrong one of two requests.
		return string(binary.LittleEndian.AppendUint64([]byte{byte(i)}, g.event))
	}
	short := string(byte(i))
	number := g.clients[i].number
	long := string(binary.LittleEndian.AppendUint64([]byte{byte(i)}, number))
	used := false
	for _, r := range m.seen.reads {
		if again && r.client == i && r.number == number {
			return r.context
		}
		used = used || r.context == short
	}
	if used || number%3 == 0 {
		return long
	}
	return short
}

// takeReads is called with every Ready.
func (g *group) takeReads(m *member, rd *raft.Ready) {
	for i := range rd.ReadStates {
		if m.foreign && !m.asked(string(rd.ReadStates[i].RequestCtx)) {
			continue // of an earlier life, or answered twice: only this library keeps these back
		}
		r := g.answerRead(m, string(rd.ReadStates[i].RequestCtx), true)
		g.checkRead(m, &r, rd.ReadStates[i].Index)
		m.readyReads = append(m.readyReads, readyRead{client: r.client, number: r.number, index: rd.ReadStates[i].Index})
	}
	for i := range rd.LostReads {
		r := g.answerRead(m, string(rd.LostReads[i].RequestCtx), false)
		g.stats.LostReads++
		c := &g.clients[r.client]
		if c.busy && c.read && c.number == r.number && !m.hasRead(r.client, r.number) {
			c.busy = false
			g.clientDone(r.client, false)
		}
	}
	g.checkPendingReads(m)
	g.finishReads(m)
}

// hasRead reports whether a request for the read is under way, or an answer waits.
func (m *member) hasRead(client int, number uint64) bool {
	for _, r := range m.seen.reads {
		if r.client == client && r.number == number {
			return true
		}
	}
	for _, r := range m.readyReads {
		if r.client == client && r.number == number {
			return true
		}
	}
	return false
}

// asked reports whether a request with the context is under way.
func (m *member) asked(context string) bool {
	for i := range m.seen.reads {
		if m.seen.reads[i].context == context {
			return true
		}
	}
	return false
}

// answerRead takes out the oldest request with the context.
func (g *group) answerRead(m *member, context string, answered bool) pendingRead {
	reads := m.seen.reads
	for i := range reads {
		if reads[i].context == context {
			r := reads[i]
			m.seen.reads = append(reads[:i], reads[i+1:]...)
			return r
		}
	}
	g.fail("linearizable reads", []uint64{m.id}, "member %d is told of a read %q (answered: %t) that it has not asked for, or been "+
		"told of before", m.id, context, answered)
	return pendingRead{}
}

// finishReads gives clients the values that they have asked for, where the application has got far enough.
func (g *group) finishReads(m *member) {
	kept := m.readyReads[:0]
	for _, r := range m.readyReads {
		if r.index > m.app.applied {
			kept = append(kept, r)
			continue
		}
		c := &g.clients[r.client]
		if !c.busy || !c.read || c.number != r.number || c.member != m.id || c.life != m.life {
			continue
		}
		c.busy = false
		g.stats.Reads++
		g.operationDone(m, c, m.app.applied, linear.Operation{
			Client: r.client, Key: c.register, Value: m.app.registers.values[c.register], Call: c.called, Return: g.event,
		})
		g.clientDone(r.client, true)
	}
	m.readyReads = kept
}

// losePendingReads is called when a member crashes: whoever waits for it, waits in vain.
func (g *group) losePendingReads(m *member) {
	m.seen.reads, m.readyReads = m.seen.reads[:0], m.readyReads[:0]
}

// commandBody returns what a command carries beside the write of a register.
func (g *group) commandBody(seed uint64) []byte {
	if g.opt.Command != nil {
		return g.opt.Command(choose.NewSeeded(seed))
	}
	return make([]byte, seed%biggestPadding)
}
