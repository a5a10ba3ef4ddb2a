package rafttest

import (
	"github.com/seed695671cb/raft"
	"github.com/seed695671cb/raft/internal/choose"
	pb "github.com/seed695671cb/raft/raftpb"
)

// driver decides what happens in a run, and when. All that it decides comes from its source of choices.
type driver struct {
	g      *group
	src    choose.Source
	faults Faults
	// calm is set while no faults happen.
	calm bool
	// recovering is set from then on until the group has recovered.
	recovering bool
	schedule
	// generation numbers, for each member, the timers that count: a crash makes those before it void.
	generation [maxMembers + 1]uint32
	// waiting says for which kinds of work of a member a timer runs.
	waiting [maxMembers + 1][workKinds]bool
	// slowUntil says until when each kind of work of a member is slow.
	slowUntil [maxMembers + 1][workKinds]uint64
	// armed are members that crash after so many more steps of their work, in the middle of it.
	armed [maxMembers + 1]int
	// addedAt is the index at which a member was last added.
	addedAt [maxMembers + 1]uint64
	// newest numbers the timers of each client.
	newest [maxClients]uint32
	// upgraded is how many of Options.Upgrades have had their turn.
	upgraded int
	served   served
}

// The notes of actNote.
const (
	notePartition uint64 = iota
	noteHeal
	noteStorm
	noteCalm
	noteRecovered
	noteSlow
)

// workKind is one of the things that go on at a member at the same time.
type workKind = uint8

const (
	workReady    workKind = iota // the Ready loop
	workDisk                     // the append thread
	workApply                    // the apply thread
	workAckDisk                  // acknowledgements of the append thread on their way
	workAckApply                 // acknowledgements of the apply thread on their way
	workKinds
)

// begin starts the clocks.
func (d *driver) begin() {
	for _, m := range d.g.members {
		d.startClock(m)
	}
	for i := range d.g.opt.Clients {
		d.clientTimer(i, d.src.Choose(20*tickTime))
	}
	d.after(d.src.Choose(5*tickTime), timer{kind: timerFault})
}

func (d *driver) startClock(m *member) {
	d.generation[m.id]++
	d.waiting[m.id] = [workKinds]bool{}
	d.after(1+d.src.Choose(tickTime), timer{kind: timerTick, ref: uint32(m.id), life: d.generation[m.id]})
	d.wake(m)
}

// do does an action, and sees to what follows from it.
func (d *driver) do(act action) bool {
	if !d.g.do(act) {
		return false
	}
	if m := d.g.byID[act.member]; m != nil && m.up() {
		if act.kind == actStart || act.kind == actJoin || act.kind == actUpgrade {
			d.startClock(m)
		}
		d.wake(m)
	}
	return true
}

// happen does what a timer is for.
func (d *driver) happen(t *timer) {
	switch t.kind {
	case timerTick:
		d.tick(t)
	case timerPacket:
		if p := &d.g.network.slots[t.ref]; uint32(p.id) == t.life && p.timer == t.aux {
			d.packet(int(t.ref))
		}
	case timerWork:
		d.work(t)
	case timerClient:
		d.client(t)
	case timerFault:
		if !d.calm {
			d.fault()
		}
	case timerStart:
		d.join(uint64(t.ref))
	case timerReport:
		d.report(t)
	}
}

// tick lets a member's clock tick.
func (d *driver) tick(t *timer) {
	m := d.g.byID[t.ref]
	if t.life != d.generation[m.id] || !m.up() {
		return
	}
	d.do(action{kind: actTick, member: uint8(m.id), a: 1})
	delay := tickTime * m.settings.Pace / 1000
	if !d.calm && !d.g.common.lease && choose.Chance(d.src, d.faults.ClockStop) {
		delay *= 1 + d.src.Choose(30)
	}
	d.after(delay, timer{kind: timerTick, ref: t.ref, life: t.life})
	if d.calm {
		d.operate(m)
	}
}

// onSent decides when a packet arrives.
func (d *driver) onSent(slot int) {
	delay := latencyTime/4 + choose.HeavyTail(d.src, latencyTime)
	late := d.faults.Delay
	if late > 0 && d.g.network.slots[slot].msg.Type == pb.MsgSnap {
		late += 300 // there are few, and much can happen meanwhile
	}
	if !d.calm && choose.Chance(d.src, late) {
		delay += d.src.Choose(tickTime * 50)
		if choose.Chance(d.src, 100) {
			delay += d.src.Choose(tickTime * 2000)
		}
	}
	d.arrive(slot, delay)
}

// arrive has a packet arrive after so much time. Only its newest timer counts.
func (d *driver) arrive(slot, delay int) {
	p := &d.g.network.slots[slot]
	p.timer++
	d.after(delay, timer{kind: timerPacket, ref: uint32(slot), aux: p.timer, life: uint32(p.id)})
}

// hurry has most of what was held up in the network arrive soon.
func (d *driver) hurry() {
	for slot := range d.g.network.slots {
		p := &d.g.network.slots[slot]
		if p.id == 0 || p.msg.Type != pb.MsgSnap && choose.Chance(d.src, 100) {
			continue // some messages outlive every storm
		}
		d.arrive(slot, d.src.Choose(2*tickTime))
	}
}

// packet delivers a packet, or loses or duplicates it.
func (d *driver) packet(slot int) {
	p := &d.g.network.slots[slot]
	from, to, snap := p.from, p.msg.To, p.msg.Type == pb.MsgSnap
	receiver := d.g.byID[to]
	if snap && receiver.busy() {
		d.arrive(slot, 1+d.src.Choose(workTime))
		return
	}
	if !d.calm && choose.Chance(d.src, d.faults.Duplicate) {
		d.do(action{kind: actDuplicate, member: uint8(to), packet: slot})
	}
	lost := receiver == nil || !receiver.up() || d.g.network.blocked(from, to) ||
		!d.calm && choose.Chance(d.src, d.faults.Loss)
	d.planReport(from, to, snap, lost)
	kind := actDeliver
	if lost {
		kind = actLose
	}
	d.do(action{kind: kind, member: uint8(to), packet: slot})
}

// planReport decides what the sender of a message will be told of it. Of a snapshot it is told in any case, if not
// always the truth.
func (d *driver) planReport(from, to uint64, snap, lost bool) {
	late := !d.calm && choose.Chance(d.src, d.faults.LateReports)
	status := uint8(0)
	switch {
	case snap:
		status = uint8(raft.SnapshotFinish)
		if lost != (late && choose.Chance(d.src, 200)) {
			status = uint8(raft.SnapshotFailure)
		}
	case !lost || !choose.Chance(d.src, 300):
		return
	}
	delay := d.src.Choose(tickTime)
	if late {
		delay *= 20
	}
	d.after(delay, timer{kind: timerReport, ref: uint32(from<<8 | to), aux: status})
}

func (d *driver) report(t *timer) {
	from, to := uint8(t.ref>>8), uint64(t.ref&0xff)
	if t.aux == 0 {
		d.do(action{kind: actUnreachable, member: from, a: to})
		return
	}
	d.do(action{kind: actReport, member: from, a: to, b: uint64(t.aux)})
}

// onAdded is called when an application learns that a member was added that does not run.
func (d *driver) onAdded(id, index uint64) {
	d.addedAt[id] = index
	d.after(1+d.src.Choose(10*tickTime), timer{kind: timerStart, ref: uint32(id)})
}

// join starts it.
func (d *driver) join(id uint64) {
	if m := d.g.byID[id]; m != nil && !m.wiped {
		d.do(action{kind: actStart, member: uint8(id)})
		return
	}
	seed := 1 + uint64(d.src.Choose(1<<30))
	d.do(action{kind: actJoin, member: uint8(id), a: seed, b: d.addedAt[id]})
}

// wake sees to it that a member goes on with what it has to do.
func (d *driver) wake(m *member) {
	if !m.up() {
		return
	}
	waiting := &d.waiting[m.id]
	if !waiting[workReady] && (m.ready.taken || m.may(stepTake)) {
		d.plan(m, workReady)
	}
	if !m.async {
		return
	}
	if !waiting[workDisk] && len(m.append.queue) > 0 {
		d.plan(m, workDisk)
	}
	if !waiting[workApply] && len(m.apply.queue) > 0 {
		d.plan(m, workApply)
	}
	for k := range m.acks {
		if kind := workAckDisk + workKind(k); !waiting[kind] && len(m.acks[k]) > 0 {
			d.plan(m, kind)
		}
	}
}

// plan decides when a member goes on with its work of a kind.
func (d *driver) plan(m *member, kind workKind) {
	typical := workTime
	if kind == workDisk || kind == workReady && m.ready.taken && m.ready.wrote && !m.ready.synced {
		typical = diskTime
	}
	delay := 1 + choose.HeavyTail(d.src, typical)
	if !d.calm && choose.Chance(d.src, d.faults.Stall) {
		delay += d.src.Choose(1 + d.src.Choose(100*tickTime))
	}
	if !d.calm && d.now < d.slowUntil[m.id][kind] {
		delay += d.src.Choose(20 * tickTime)
	}
	d.waiting[m.id][kind] = true
	d.after(delay, timer{kind: timerWork, ref: uint32(m.id), aux: kind, life: d.generation[m.id]})
}

// work has a member go on with its work.
func (d *driver) work(t *timer) {
	m := d.g.byID[t.ref]
	if t.life != d.generation[m.id] || !m.up() {
		return
	}
	d.waiting[m.id][t.aux] = false
	if d.trigger(m) {
		return
	}
	if d.armed[m.id] == 0 && d.src.Choose(4) < 2 && (t.aux == workDisk || t.aux == workReady && (m.ready.taken || !m.async)) {
		d.do(action{kind: actFinish, member: uint8(m.id)})
		return
	}
	var steps []step
	switch t.aux {
	case workReady:
		steps = []step{stepTake, stepWrite, stepSync, stepSend, stepApply, stepAdvance}
	case workDisk:
		steps = []step{stepThreadWrite, stepThreadSync, stepThreadRespond}
	case workApply:
		steps = []step{stepThreadApply, stepThreadApplied}
	default:
		steps = []step{stepAckAppend + step(t.aux-workAckDisk)}
	}
	first := d.src.Choose(len(steps))
	for i := range steps {
		s := steps[(first+i)%len(steps)]
		if d.do(action{kind: actWork, member: uint8(m.id), a: uint64(s)}) {
			return
		}
	}
	d.wake(m)
}

// likelyLeader returns one of those who take themselves for the leader most of the time, otherwise m: it is the old
// leaders that give stale answers.
func (d *driver) likelyLeader(m *member) *member {
	if choose.Chance(d.src, 250) {
		return m
	}
	if d.calm {
		if lead := d.g.leader(); lead != nil {
			return lead
		}
		return m
	}
	first := d.src.Choose(len(d.g.members))
	for i := range d.g.members {
		other := d.g.members[(first+i)%len(d.g.members)]
		if other.up() && other.seen.status.RaftState == raft.StateLeader {
			return other
		}
	}
	return m
}

// client has a client ask for something, or be tired of waiting. Only its newest timer counts.
func (d *driver) client(t *timer) {
	g := d.g
	i := int(t.ref)
	if t.life != d.newest[i] {
		return
	}
	c := &g.clients[i]
	if c.busy {
		if m := g.byID[c.member]; c.read && m.up() && m.life == c.life && choose.Chance(d.src, 300) {
			d.do(action{kind: actRead, member: uint8(m.id), a: uint64(i), b: uint64(c.register)})
			d.clientTimer(i, d.patience())
			return
		}
		d.do(action{kind: actGiveUp, a: uint64(i)})
	}
	m, read := d.likelyLeader(choose.Pick(d.src, g.members)), choose.Chance(d.src, 400)
	if d.calm && choose.Chance(d.src, 500) {
		m, read = d.notServed(), true
	}
	d.clientTimer(i, d.patience())
	register := uint64(d.src.Choose(maxRegisters))
	if read {
		d.do(action{kind: actRead, member: uint8(m.id), a: uint64(i), b: register})
		return
	}
	body := uint64(choose.HeavyTail(d.src, 40))
	if g.opt.Command != nil {
		body = uint64(d.src.Choose(1 << 30))
	}
	d.do(action{kind: actPropose, member: uint8(m.id), a: uint64(i), b: register | body<<8})
	if !c.busy {
		// The member is down, or refuses.
		d.clientTimer(i, d.thinking())
	}
}

// notServed returns a member that has not answered a read since the group recovered, if there is one.
func (d *driver) notServed() *member {
	members := d.g.members
	first := d.src.Choose(len(members))
	for i := range members {
		if m := members[(first+i)%len(members)]; m.up() && d.served.reads&(1<<m.id) == 0 {
			return m
		}
	}
	return members[first]
}

// clientTimer says when a client does something next.
func (d *driver) clientTimer(i, delay int) {
	d.newest[i]++
	d.after(1+delay, timer{kind: timerClient, ref: uint32(i), life: d.newest[i]})
}

// patience is how long a client waits for an answer.
func (d *driver) patience() int {
	if d.calm {
		return (2 + d.src.Choose(20)) * tickTime
	}
	return 5*tickTime + choose.HeavyTail(d.src, 20*tickTime)
}

// thinking is short while faults last, and long afterwards until the group has recovered: a member that is sent one entry
// at a time has to catch up, and entries must not come faster than that.
func (d *driver) thinking() int {
	switch {
	case d.calm && d.recovering:
		return d.src.Choose(300 * tickTime)
	case d.calm:
		return d.src.Choose(30 * tickTime)
	}
	return choose.HeavyTail(d.src, tickTime)
}

// onClientDone is called when a client has its answer, or is told that there will be none.
func (d *driver) onClientDone(i int, answered bool) {
	if answered {
		d.served.note(&d.g.clients[i])
	}
	d.clientTimer(i, d.thinking())
}
