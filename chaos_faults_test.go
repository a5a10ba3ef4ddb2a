package raft

import (
	"errors"
	"fmt"
	"slices"

	pb "github.com/seed695671cb/raft/raftpb"
)

// What happens in the chaos test: the network, the work of the members, requests of their applications, and faults.

// chaosPacket is a message on its way, held back until an event.
type chaosPacket struct {
	msg  pb.Message
	hold int
}

// chaosReport is what a sender will be told of a message.
type chaosReport struct {
	from, to uint64
	snapshot SnapshotStatus // zero: unreachable
	due      int
}

// act does one thing.
func (c *chaos) act() {
	if c.event%100 == 1 {
		c.pace = 1 + c.rng.IntN(4)*c.rng.IntN(5)
	}
	switch p := c.rng.IntN(1000); {
	case p < 300:
		for n := 1 + c.rng.IntN(10*c.pace); n > 0 && len(c.net) > 0; n-- {
			c.deliver()
		}
	case p < 620:
		for range 2 * c.pace {
			c.workSome()
		}
	case p < 840:
		for range 1 + c.rng.IntN(3) {
			c.tickOne()
		}
	case p < 960:
		c.request()
	default:
		c.fault()
	}
	c.report()
}

// running returns a running member, or nil.
func (c *chaos) running() *chaosMember {
	m := c.members[c.ids[c.rng.IntN(len(c.ids))]]
	if m.down {
		return nil
	}
	return m
}

// leader returns a running leader, or nil.
func (c *chaos) leader() *chaosMember {
	var lead *chaosMember
	for _, id := range c.ids {
		m := c.members[id]
		if !m.down && m.rn.raft.state == StateLeader && (lead == nil || m.rn.raft.term > lead.rn.raft.term) {
			lead = m
		}
	}
	return lead
}

// tickOne lets one member tick. All members tick once, at their own rates, before any ticks twice.
func (c *chaos) tickOne() {
	if len(c.toTick) == 0 {
		c.toTick = slices.Clone(c.ids)
		c.rng.Shuffle(len(c.toTick), func(i, j int) { c.toTick[i], c.toTick[j] = c.toTick[j], c.toTick[i] })
	}
	m := c.members[c.toTick[0]]
	c.toTick = c.toTick[1:]
	if m.down {
		return
	}
	for m.phase += m.rate; m.phase >= 100; m.phase -= 100 {
		m.tick()
	}
}

func (m *chaosMember) tick() {
	if m.quiet() {
		m.rn.TickQuiesced()
		return
	}
	m.rn.Tick()
}

// send checks messages that leave a member, and puts them on their way.
func (c *chaos) send(m *chaosMember, msgs []pb.Message) {
	for i := range msgs {
		msg := msgs[i]
		switch msg.To {
		case LocalAppendThread:
			m.appendQueue = append(m.appendQueue, msg)
			continue
		case LocalApplyThread:
			m.applyQueue = append(m.applyQueue, msg)
			continue
		case m.id:
			c.fail("%d sends itself %s", m.id, DescribeMessage(msg, nil))
		}
		c.checkLeaving(m, &msg)
		c.sum(&msg)
		p := chaosPacket{msg: msg}
		if !c.calm && c.chance(4) {
			p.hold = c.event + c.rng.IntN(1500)
		}
		c.net = append(c.net, p)
	}
}

// sum adds a message to the digest of the run.
func (c *chaos) sum(m *pb.Message) {
	for _, v := range []uint64{uint64(m.Type), m.From, m.To, m.Term, m.Index, m.LogTerm, m.Commit, uint64(len(m.Entries))} {
		c.digest = (c.digest ^ v) * 0x100000001b3
	}
}

// deliver takes a message out of the network, usually among the first, and delivers, loses or duplicates it.
func (c *chaos) deliver() {
	i := 0
	if !c.calm && c.chance(35) {
		i = c.rng.IntN(len(c.net))
	}
	p := c.net[i]
	c.net = slices.Delete(c.net, i, i+1)
	if p.hold > c.event && !c.calm {
		c.net = append(c.net, p)
		return
	}
	if !c.calm && c.chance(5) {
		c.net = append(c.net, chaosPacket{msg: p.msg, hold: c.event + c.rng.IntN(800)})
	}
	m := c.members[p.msg.To]
	lost := m == nil || m.down || c.blocked[[2]uint64{p.msg.From, p.msg.To}] || !c.calm && c.chance(c.lossy)
	c.plan(&p.msg, lost)
	if lost {
		c.tracef("lost %s", DescribeMessage(p.msg, nil))
		return
	}
	c.tracef("%s", DescribeMessage(p.msg, nil))
	c.step(m, p.msg)
}

// plan decides what the sender of a message will be told of it. Of a snapshot it is told in any case, if not always the
// truth.
func (c *chaos) plan(msg *pb.Message, lost bool) {
	r := chaosReport{from: msg.From, to: msg.To, due: c.event + c.rng.IntN(1+c.rng.IntN(300))}
	switch {
	case msg.Type == pb.MsgSnap:
		r.snapshot = SnapshotFinish
		if lost != c.chance(10) {
			r.snapshot = SnapshotFailure
		}
	case !lost || c.chance(70):
		return
	}
	c.reports = append(c.reports, r)
}

// report tells the senders what is due.
func (c *chaos) report() {
	rest := c.reports[:0]
	for _, r := range c.reports {
		m := c.members[r.from]
		switch {
		case r.due > c.event && !c.calm:
			rest = append(rest, r)
		case m.down:
		case r.snapshot == 0:
			m.rn.ReportUnreachable(r.to)
		default:
			m.rn.ReportSnapshot(r.to, r.snapshot)
		}
	}
	c.reports = rest
}

// step gives a member a message. No message of a member that follows the protocol is refused as invalid, except a
// heartbeat meant for the earlier life of a member that has lost its disk.
func (c *chaos) step(m *chaosMember, msg pb.Message) {
	err := m.rn.Step(msg)
	c.checkOne(m)
	if err == nil {
		return
	}
	c.tracef("%d: %v", m.id, err)
	if errors.Is(err, ErrInvalidMessage) && !(msg.Type == pb.MsgHeartbeat && c.history.wiped[m.id]) {
		c.fail("member %d: %v", m.id, err)
	}
}

// workSome has a member go on with its work, by one step or until nothing is left.
func (c *chaos) workSome() {
	m := c.running()
	if m == nil {
		return
	}
	for n := []int{1, 3, 30}[c.rng.IntN(3)]; n > 0; n-- {
		if !c.work(m) {
			return
		}
	}
}

// work does one step of the member's work, and reports whether there was any.
func (c *chaos) work(m *chaosMember) bool {
	if m.cfg.AsyncStorageWrites {
		return c.workAsync(m)
	}
	if m.progress != chaosIdle && m.stalled(c, 0) {
		return false
	}
	switch m.progress {
	case chaosIdle:
		return c.take(m)
	case chaosTaken:
		if m.early {
			c.send(m, m.rd.Messages)
		}
		c.write(m, m.rd.HardState, m.rd.Entries, m.rd.Snapshot)
		m.progress = chaosWritten
	case chaosWritten:
		if !m.early {
			c.send(m, m.rd.Messages)
		}
		m.progress = chaosSent
	case chaosSent:
		c.apply(m, m.rd.CommittedEntries)
		m.progress = chaosApplied
	case chaosApplied:
		m.rn.Advance(m.rd)
		c.checkOne(m)
		m.progress = chaosIdle
	}
	return true
}

// take takes a Ready, if there is one.
func (c *chaos) take(m *chaosMember) bool {
	has := m.rn.HasReady()
	if !has && !c.chance(5) {
		return false
	}
	c.checkOne(m)
	rd := m.rn.Ready()
	c.tracef("Ready %d:\n%s", m.id, DescribeReady(rd, nil))
	c.checkReady(m, &rd, has)
	m.rd, m.early = rd, m.rn.raft.state == StateLeader && c.chance(50)
	if !m.cfg.AsyncStorageWrites {
		m.progress = chaosTaken
	}
	return has
}

// stalled reports whether the member is stuck in one kind of work: a slow disk, or a busy application.
func (m *chaosMember) stalled(c *chaos, kind int) bool { return !c.calm && c.event < m.stall[kind] }

// workAsync takes a Ready or does the work of one of the threads.
func (c *chaos) workAsync(m *chaosMember) bool {
	for _, i := range c.rng.Perm(5) {
		switch {
		case m.stalled(c, i):
		case i == 0 && c.take(m):
			c.send(m, m.rd.Messages)
			return true
		case i == 1 && len(m.appendQueue) > 0:
			c.appendThread(m)
			return true
		case i == 2 && len(m.applyQueue) > 0:
			msg := m.applyQueue[0]
			m.applyQueue = m.applyQueue[1:]
			c.apply(m, msg.Entries)
			c.respond(m, 1, msg.Responses)
			return true
		case i >= 3 && len(m.acks[i-3]) > 0:
			ack := m.acks[i-3][0]
			m.acks[i-3] = m.acks[i-3][1:]
			c.step(m, ack)
			return true
		}
	}
	return false
}

func (c *chaos) appendThread(m *chaosMember) {
	msg := m.appendQueue[0]
	m.appendQueue = m.appendQueue[1:]
	var snap pb.Snapshot
	if msg.Snapshot != nil {
		snap = *msg.Snapshot
	}
	c.write(m, pb.HardState{Term: msg.Term, Vote: msg.Vote, Commit: msg.Commit}, msg.Entries, snap)
	c.respond(m, 0, msg.Responses)
}

// respond sends the responses of a thread. Those to the member itself wait for their turn.
func (c *chaos) respond(m *chaosMember, thread int, msgs []pb.Message) {
	for i := range msgs {
		if msgs[i].To == m.id {
			m.acks[thread] = append(m.acks[thread], msgs[i])
			continue
		}
		c.send(m, msgs[i:i+1])
	}
}

// request has the application of a member ask for something.
func (c *chaos) request() {
	m := c.running()
	if m == nil {
		return
	}
	switch p := c.rng.IntN(100); {
	case p < 45:
		for range 1 + c.rng.IntN(c.pace) {
			c.propose(m)
		}
	case p < 65:
		c.read(m)
	case p < 80:
		if c.churn {
			c.change(m)
		}
	case p < 86:
		c.tracef("transfer through %d", m.id)
		m.rn.TransferLeader(c.ids[c.rng.IntN(len(c.ids))])
	case p < 88:
		_ = m.rn.ForgetLeader()
	case p < 90:
		if !m.quiet() {
			_ = m.rn.Campaign()
		}
	default:
		c.snapshot(m)
	}
}

// quiet reports whether the member is in a new life and not yet as far as where it was added again. Until then it goes
// through configurations of long ago, in which it might win an election, so that its application lets no time pass.
func (m *chaosMember) quiet() bool { return m.applied < m.quietTo }

func (c *chaos) propose(m *chaosMember) {
	c.proposed++
	data := fmt.Appendf(nil, "%d:", c.proposed)
	data = append(data, make([]byte, c.rng.IntN(1+c.rng.IntN(250)))...)
	if err := m.rn.Propose(data); err != nil && !errors.Is(err, ErrProposalDropped) {
		c.fail("member %d: proposal: %v", m.id, err)
	}
}

// change proposes a membership change, or to leave a joint configuration.
func (c *chaos) change(m *chaosMember) {
	if lead := c.leader(); lead != nil && c.chance(80) {
		m = lead
	}
	var cc pb.ConfChangeV2
	if n := c.rng.IntN(4); n > 0 {
		cc.Transition = pb.ConfChangeTransition(c.rng.IntN(3))
		for ; n > 0; n-- {
			typ := []pb.ConfChangeType{pb.ConfChangeAddNode, pb.ConfChangeAddNode, pb.ConfChangeRemoveNode, pb.ConfChangeAddLearnerNode}
			cc.Changes = append(cc.Changes, pb.ConfChangeSingle{Type: typ[c.rng.IntN(4)], NodeID: uint64(1 + c.rng.IntN(7))})
		}
	}
	var err error
	if len(cc.Changes) == 1 && c.chance(50) {
		err = m.rn.ProposeConfChange(pb.ConfChange{Type: cc.Changes[0].Type, NodeID: cc.Changes[0].NodeID})
	} else {
		err = m.rn.ProposeConfChange(cc)
	}
	c.tracef("%d proposes %v: %v", m.id, cc, err)
	if err != nil && !errors.Is(err, ErrProposalDropped) {
		c.fail("member %d: change %v: %v", m.id, cc, err)
	}
}

// snapshot makes a snapshot and compacts some of the log before it.
func (c *chaos) snapshot(m *chaosMember) {
	if m.stale || m.applied <= c.bootstrapped {
		return
	}
	c.checkConf(m)
	conf := m.conf
	if _, err := m.disk.CreateSnapshot(m.applied, &conf, fmt.Appendf(nil, "%d", m.applied)); err != nil {
		return
	}
	first, _ := m.disk.FirstIndex()
	if to := m.applied - uint64(c.rng.IntN(8)); to >= first && to <= m.applied {
		_ = m.disk.Compact(to)
		c.tracef("%d compacts to %d", m.id, to)
	}
}

// fault makes something go wrong, or well again.
func (c *chaos) fault() {
	m := c.members[c.ids[c.rng.IntN(len(c.ids))]]
	if m.down && !m.wiped {
		c.start(m)
		return
	}
	switch p := c.rng.IntN(100); {
	case p < 18:
		c.cut()
	case p < 45:
		clear(c.blocked)
	case p < 50:
		m.disk.unavailable = !m.disk.unavailable
	case p < 65:
		m.stall[c.rng.IntN(5)] = c.event + c.rng.IntN(500)
	case p < 80:
		for _, id := range c.ids {
			c.wipeRemoved(c.members[id])
		}
	case !m.wiped:
		c.crash(m)
	}
}

// cut changes the partition: one member alone, one direction, two halves, or two halves with a bridge.
func (c *chaos) cut() {
	clear(c.blocked)
	side := map[uint64]int{}
	for _, id := range c.ids {
		side[id] = c.rng.IntN(2)
	}
	kind, one := c.rng.IntN(4), c.ids[c.rng.IntN(len(c.ids))]
	if lead := c.leader(); lead != nil && c.chance(50) {
		one = lead.id
	}
	c.tracef("partition of kind %d: %v, %d", kind, side, one)
	for _, a := range c.ids {
		for _, b := range c.ids {
			bridged := kind == 3 && (a == one || b == one)
			alone := kind == 0 && (a == one) != (b == one)
			oneWay := kind == 1 && side[a] == 0 && side[b] == 1
			halves := kind >= 2 && side[a] != side[b] && !bridged
			if alone || oneWay || halves {
				c.blocked[[2]uint64{a, b}] = true
			}
		}
	}
}

// wipeRemoved takes its disk from a member that was removed. It is started with an empty one once it has been added
// again, by a leader that has applied the removal. Everybody who might ask for the vote that is lost with the disk
// knows of the removal for good: else the new life could give that vote twice.
func (c *chaos) wipeRemoved(m *chaosMember) {
	lead := c.leader()
	if lead == nil || m.wiped || c.bootstrapped > 0 || !c.removalApplied(lead, m.id) {
		return
	}
	for _, id := range c.ids {
		other := c.members[id]
		if other != m && (other.wiped || other.applied < other.quietTo || other.disk.synced.Commit < c.history.removedAt[m.id]) {
			return
		}
	}
	if !m.down {
		c.crash(m)
	}
	c.tracef("wipe %d", m.id)
	c.wipe(m)
	m.wiped = true
	c.history.wiped[m.id] = true
}

// removalApplied reports whether the leader, which is the newest that there is, has removed the member and not yet
// appended anything that might add it again.
func (c *chaos) removalApplied(lead *chaosMember, id uint64) bool {
	r := lead.rn.raft
	for _, other := range c.ids {
		if m := c.members[other]; m.disk.synced.Term > r.term || m.rn != nil && m.rn.raft.term > r.term {
			return false
		}
	}
	return r.membership.Find(id) < 0 && r.leading.pendingChange <= r.log.applied && c.history.removedAt[id] > 0
}
