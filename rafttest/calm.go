package rafttest

import (
	"fmt"
	"strings"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// Liveness: once faults have stopped, there is a leader, everybody catches up, commands and reads are answered, within
// a bounded number of ticks. (Raft promises it for timeouts well above the time of a broadcast, §5.6.)

// recoveryTimeouts is how many election timeouts, by a true clock, a group has for each of the two: to recover, and to
// serve. A member's clock may be half as fast, and its timeout twice the shortest.
const recoveryTimeouts = 120

// served is what clients have been given since the group recovered.
type served struct {
	reads  uint32 // the members that have answered a read
	writes int
}

// note takes down an operation that has ended well.
func (s *served) note(c *client) {
	if c.read {
		s.reads |= 1 << c.member
	} else {
		s.writes++
	}
}

// calmDown ends all faults, and checks that the group recovers.
func (d *driver) calmDown() {
	g := d.g
	d.calm, d.recovering = true, true
	d.armed = [maxMembers + 1]int{}
	d.do(action{kind: actNote, a: noteCalm})
	g.network.heal()
	d.hurry()
	for _, m := range g.members {
		switch {
		case m.up():
			d.do(action{kind: actBusy, member: uint8(m.id)})
			d.startClock(m)
		case !m.wiped:
			d.do(action{kind: actStart, member: uint8(m.id)})
		}
	}
	for i := range g.opt.Clients {
		d.do(action{kind: actGiveUp, a: uint64(i)})
		d.clientTimer(i, d.thinking())
	}
	d.await("recover", func() bool { return d.recovered() })
	d.recovering = false
	d.do(action{kind: actNote, a: noteRecovered})
	for i := range g.opt.Clients {
		d.clientTimer(i, d.thinking())
	}
	d.served = served{}
	d.await("serve", func() bool { return d.served.writes > 0 && d.recovered() && d.allServed() })
	d.calm = false
	d.do(action{kind: actNote, a: noteStorm})
	d.after(d.src.Choose(5*tickTime), timer{kind: timerFault})
	g.stats.Recoveries++
}

// await lets time pass until it is done, for as long as a group may take.
func (d *driver) await(what string, done func() bool) {
	from := d.now
	for n := 0; ; n++ {
		if n%16 == 0 && done() {
			return
		}
		if d.now-from > uint64(recoveryTimeouts*d.g.common.electionTick*tickTime) {
			break
		}
		t := d.next()
		d.happen(&t)
	}
	g := d.g
	g.failWith("liveness", nil, g.describe(), "the group does not %s within %d election timeouts after the faults have stopped",
		what, recoveryTimeouts)
}

// recovered reports whether there is a leader whose configuration is not joint, and whose members have applied all that
// is committed but for the last few entries. It then stops those who are no members.
func (d *driver) recovered() bool {
	g := d.g
	lead := g.leader()
	if lead == nil || lead.outdated || len(lead.app.membership.VotersOutgoing) > 0 || g.known.last.term != lead.seen.status.Term {
		return false
	}
	members := membershipDigest(lead.app.membership)
	for _, m := range g.members {
		if !g.known.isMember(m.id) {
			continue
		}
		behind := m.app.applied+4 < g.known.last.index // clients go on writing
		if !m.up() || behind || membershipDigest(m.app.membership) != members {
			return false
		}
	}
	for _, m := range g.members {
		if !g.known.isMember(m.id) && m.up() {
			d.do(action{kind: actCrash, member: uint8(m.id)})
			d.generation[m.id]++
			return false
		}
	}
	return true
}

// allServed reports whether every member has answered a read.
func (d *driver) allServed() bool {
	for _, m := range d.g.members {
		if m.up() && d.served.reads&(1<<m.id) == 0 {
			return false
		}
	}
	return true
}

// snapshotHas reports whether the snapshot on disk is of the configuration. A new member of another implementation does
// not take one in that does not name it.
func (m *member) snapshotHas(cs *pb.ConfState) bool {
	snap, err := m.disk.Snapshot()
	return err == nil && membershipDigest(snap.Metadata.ConfState) == membershipDigest(*cs)
}

// operate does what an application has to do for a leader: leave a joint configuration that is to be left explicitly,
// and hand over when it has been removed, for a leader that is no member takes no proposals.
func (d *driver) operate(m *member) {
	if !m.up() || m.seen.status.RaftState != raft.StateLeader || m.ready.taken {
		return
	}
	cs := &m.app.membership
	if d.g.opt.mixed() && !m.snapshotHas(cs) {
		d.do(action{kind: actCompact, member: uint8(m.id), a: 10})
	}
	if len(cs.VotersOutgoing) > 0 && !cs.AutoLeave {
		d.do(action{kind: actChange, member: uint8(m.id), a: packChange(pb.ConfChangeTransitionAuto, false, nil)})
	}
	for _, id := range cs.Voters {
		if id == m.id {
			return
		}
	}
	if m.node.BasicStatus().LeadTransferee == raft.None && len(cs.Voters) > 0 {
		d.do(action{kind: actTransfer, member: uint8(m.id), a: cs.Voters[d.src.Choose(len(cs.Voters))]})
	}
}

// describe says how all members stand.
func (g *group) describe() []string {
	lines := []string{fmt.Sprintf("committed: entry %d of term %d; membership as of %d", g.known.last.index, g.known.last.term,
		g.known.membersAt)}
	for _, m := range g.members {
		if !m.up() {
			lines = append(lines, fmt.Sprintf("member %d: down, wiped %t", m.id, m.wiped))
			continue
		}
		lines = append(lines, fmt.Sprintf("member %d: applied %d, log %d to %d, queues %d and %d, reads %d: %s", m.id, m.app.applied,
			m.seen.told.first+1, m.seen.told.last(), len(m.append.queue), len(m.apply.queue), len(m.seen.reads),
			strings.ReplaceAll(describeReplica(m.node), "\n", "; ")))
	}
	return lines
}
