package rafttest

import (
	"github.com/seed695671cb/raft"
	"github.com/seed695671cb/raft/internal/choose"
	pb "github.com/seed695671cb/raft/raftpb"
)

// actionKind is a kind of thing that can happen in a group. A run is a sequence of actions; what the driver decides is
// only which.
type actionKind uint8

const (
	actDeliver     actionKind = iota // packet a arrives
	actLose                          // packet a is lost
	actDuplicate                     // packet a is sent a second time
	actTick                          // a ticks pass at member
	actWork                          // member does step a of its work
	actFinish                        // member does what is left of its Ready, or all its threads' work
	actCrash                         // member crashes, a steps of its writes are kept
	actStart                         // member starts; with settings drawn from a, unless that is zero
	actJoin                          // member is made, with settings drawn from a, or gets a new disk; it was added at index b
	actWipe                          // member, which is removed, crashes and loses its disk
	actCompact                       // member makes a snapshot, and keeps a entries before it
	actBusy                          // member's disk has its snapshot to hand again (a 0), or not
	actPropose                       // client a writes register b&0xff through member, with a body drawn from b>>8
	actRead                          // client a reads register b through member
	actGiveUp                        // client a gives up
	actChange                        // member proposes the membership change a
	actTransfer                      // member is asked to hand leadership to a
	actForget                        // member forgets its leader
	actCampaign                      // member campaigns
	actUnreachable                   // member learns that a is unreachable
	actReport                        // member learns that its snapshot to a arrived (b 1), or did not
	actNote                          // the driver does something that matters only to itself
	actUpgrade                       // member is upgraded: if it runs, it is stopped and started again
)

// action is one thing that happens.
type action struct {
	kind   actionKind
	member uint8
	// packet is the slot of the packet concerned; in a record, a is its digest, and b says what it is like.
	packet int
	a, b   uint64
}

// do has the action happen, followed by the checks. It reports false, and nothing has happened, if it is not possible
// now.
func (g *group) do(act action) bool {
	m := g.byID[act.member]
	if !g.possible(m, &act) {
		return false
	}
	g.event++
	if g.recorder != nil {
		g.recorder.begin(g, m, &act)
	}
	g.perform(m, &act)
	g.hash.Add(g.event<<32 | uint64(act.kind)<<16 | uint64(act.member))
	if act.kind > actDuplicate {
		g.hash.Add(act.a ^ act.b<<32)
	}
	if m != nil && m.up() {
		g.checkMember(m)
		// Asked here, and nowhere else: HasReady makes messages, so that it matters when it is asked.
		m.hasReady = !m.ready.taken && m.node.HasReady()
		g.hash.Add(m.seen.status.Term<<32 ^ m.seen.status.Commit<<8 ^ uint64(m.seen.status.RaftState))
	}
	if g.recorder != nil {
		g.recorder.end(m)
	}
	return true
}

// possible reports whether the action can happen now.
func (g *group) possible(m *member, act *action) bool {
	switch act.kind {
	case actDeliver, actLose, actDuplicate, actNote, actUpgrade:
		return true
	case actGiveUp:
		return g.clients[act.a].busy
	case actJoin:
		return m == nil || m.wiped
	case actStart:
		return m != nil && !m.up() && !m.wiped
	case actWork:
		return m != nil && m.may(step(act.a))
	default:
		return m != nil && m.up()
	}
}

// perform does what the action says.
func (g *group) perform(m *member, act *action) {
	switch act.kind {
	case actDeliver, actLose, actDuplicate:
		g.movePacket(m, act)
	case actTick:
		g.tick(m, act.a)
	case actWork:
		m.do(step(act.a))
	case actFinish:
		m.finish()
	case actCrash:
		g.stats.Crashes++
		m.crash(int(act.a))
	case actStart:
		g.restart(m, act.a)
	case actUpgrade:
		g.upgrade(act.member, m)
	case actJoin:
		g.join(act)
	case actWipe:
		g.wipe(m)
	case actCompact:
		if m.compact(act.a) {
			g.stats.Snapshots++
		}
	case actBusy:
		m.snapshotBusy = act.a != 0
	default:
		g.request(m, act)
	}
}

// request has an application, or a client, ask for something.
func (g *group) request(m *member, act *action) {
	switch act.kind {
	case actPropose:
		g.propose(m, int(act.a), int(act.b&0xff), g.commandBody(act.b>>8))
	case actRead:
		g.read(m, int(act.a), int(act.b))
	case actGiveUp:
		g.giveUp(int(act.a))
	case actChange:
		g.proposeChange(m, act.a)
	case actTransfer:
		m.node.TransferLeader(act.a)
	case actForget:
		_ = m.node.ForgetLeader()
	case actCampaign:
		_ = m.node.Campaign()
	case actUnreachable:
		m.node.ReportUnreachable(act.a)
	case actReport:
		status := raft.SnapshotFailure
		if act.b == 1 {
			status = raft.SnapshotFinish
		}
		m.node.ReportSnapshot(act.a, status)
	}
}

// movePacket delivers, loses or duplicates a packet.
func (g *group) movePacket(m *member, act *action) {
	if act.kind == actDuplicate {
		p := g.network.slots[act.packet]
		slot := g.network.put(p.from, &p.msg, p.digest)
		if g.recorder != nil {
			g.recorder.sent(&g.network.slots[slot])
		}
		if g.driver != nil {
			g.driver.onSent(slot)
		}
		return
	}
	p := g.network.take(act.packet)
	g.checkIntact(&p)
	if act.kind == actDeliver && m != nil && m.up() {
		undisturbed := !m.mayDisturb(&p.msg)
		m.stepMessage(&p.msg)
		m.noteContact(p.from, &p.msg)
		if undisturbed {
			g.checkUndisturbed(m, &p.msg)
		}
	}
}

// tick lets time pass at a member. One in a new life that is not yet as far as where it was added again goes through
// configurations of long ago, in which it might win an election: its application lets no time pass.
func (g *group) tick(m *member, n uint64) {
	m.seen.contact.now += n
	for range n {
		if m.app.applied < m.quietTo {
			m.node.TickQuiesced()
		} else {
			m.node.Tick()
		}
	}
}

// finish does what is left of a Ready, or, with asynchronous writes, all that the threads have to do.
func (m *member) finish() {
	if !m.async && m.hasReady {
		m.take()
	}
	for s := stepTake + 1; s < stepCount; s++ {
		for m.may(s) {
			m.do(s)
		}
	}
}

// restart starts a member, with other settings perhaps.
func (g *group) restart(m *member, seed uint64) {
	if seed != 0 {
		m.settings = g.common.choose(choose.NewSeeded(seed))
	}
	m.start()
}

// join starts a member that was added: a new one, or one that had been removed and lost its disk.
func (g *group) join(act *action) {
	m := g.byID[act.member]
	settings := g.common.choose(choose.NewSeeded(act.a))
	if m == nil {
		m = g.create(uint64(act.member), settings)
	} else {
		m.quietTo = act.b
	}
	m.wiped = false
	m.start()
}

// wipe takes its disk from a member that was removed.
func (g *group) wipe(m *member) {
	m.crash(0)
	m.disk = g.newDisk(m.id)
	m.checkpoint = checkpoint{}
	m.seen.durable, m.seen.durableHard = termLog{}, pb.HardState{}
	m.wiped = true
}

// checkMember makes all checks of a member that may have changed.
func (g *group) checkMember(m *member) {
	st := m.node.BasicStatus()
	old := &m.seen.status
	g.checkContact(m)
	if st == *old {
		g.checkBounds(m)
		return
	}
	g.checkMonotone(m, &st)
	elected := st.RaftState == raft.StateLeader && (old.RaftState != raft.StateLeader || old.Term != st.Term)
	committed := st.Commit != old.Commit
	m.seen.status = st
	if elected {
		g.stats.Elections++
		m.seen.contact.since = m.seen.contact.now
		g.checkElectionSafety(m, &st)
		g.checkLeaderCompleteness(m, &st)
	}
	if committed {
		g.checkCommit(m, &st)
	}
	g.finishReads(m)
	g.checkBounds(m)
}
