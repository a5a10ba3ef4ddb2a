package raft

import (
	"fmt"
	"strings"

	pb "github.com/seed695671cb/raft/raftpb"
)

// What must come about in the chaos test once the faults have stopped: a leader, progress, everybody caught up, reads
// answered, joint configurations left.

// recoverAndCheck ends all faults and checks that the group recovers.
func (c *chaos) recoverAndCheck() {
	c.calm = true
	clear(c.blocked)
	for _, id := range c.ids {
		m := c.members[id]
		m.rate = 100
		m.disk.unavailable = false
		if m.down && !m.wiped {
			c.start(m)
		}
	}
	for round := 0; round < 60*c.electionTick; round++ {
		c.calmRound(round)
		if round%c.electionTick == 0 && c.recovered() {
			c.checkServes()
			return
		}
	}
	c.fail("the group has not recovered: %s", c.describe())
}

// calmRound lets a unit of time pass without faults, and all work be done.
func (c *chaos) calmRound(round int) {
	for _, id := range c.ids {
		m := c.members[id]
		if m.down {
			continue
		}
		m.tick()
		if round%c.electionTick == 0 && !m.stale && m.applied > c.bootstrapped {
			conf := m.conf
			_, _ = m.disk.CreateSnapshot(m.applied, &conf, nil)
		}
		c.operate(m)
	}
	for n := 0; c.calmWork(); n++ {
		if n > 2000 {
			c.fail("the group does not come to rest: %s", c.describe())
		}
	}
}

// operate does what an application has to do for a leader: leave a joint configuration that is to be left
// explicitly, and hand over when it has been removed, for a leader that is no member takes no proposals.
func (c *chaos) operate(m *chaosMember) {
	r := m.rn.raft
	if r.state != StateLeader {
		return
	}
	if r.membership.Joint() && !r.membership.AutoLeave {
		_ = m.rn.ProposeConfChange(pb.ConfChangeV2{})
	}
	if r.membership.Find(m.id) >= 0 {
		return
	}
	for _, member := range r.membership.Members {
		if member.Role.IsVoter() && r.leading.transferee == None {
			m.rn.TransferLeader(member.ID)
			return
		}
	}
}

// calmWork has all members do what there is to do, and delivers all messages.
func (c *chaos) calmWork() bool {
	busy := false
	for _, id := range c.ids {
		m := c.members[id]
		for n := 0; !m.down && c.work(m); n++ {
			busy = true
			if n > 100000 {
				c.fail("member %d does not come to rest: %s", id, c.describe())
			}
		}
	}
	for n := len(c.net); n > 0; n-- {
		busy = true
		c.deliver()
	}
	c.report()
	c.checkAll()
	return busy
}

// recovered reports whether there is a leader whose configuration is not joint and whose members have applied all that
// is committed. It then stops those who are no members.
func (c *chaos) recovered() bool {
	lead := c.leader()
	if lead == nil || !lead.rn.raft.committedInTerm() || lead.rn.raft.membership.Joint() {
		return false
	}
	commit := c.history.last().index
	members := lead.rn.raft.membership
	for _, member := range members.Members {
		m := c.members[member.ID]
		if m.down || m.applied != commit || !m.rn.raft.membership.Equal(members) {
			return false
		}
	}
	stopped := false
	for _, id := range c.ids {
		if m := c.members[id]; members.Find(id) < 0 && !m.down {
			c.crash(m)
			stopped = true
		}
	}
	return !stopped
}

// checkServes checks that proposals are committed, and reads answered at every member.
func (c *chaos) checkServes() {
	for range 10 {
		lead, commit := c.leader(), c.history.last().index
		if lead == nil || lead.rn.Propose([]byte("calm")) != nil {
			c.restful()
			continue
		}
		c.restful()
		good := c.history.last().index > commit && c.recovered()
		for _, id := range c.ids {
			m := c.members[id]
			good = good && (m.down || c.servesRead(m))
		}
		if good {
			return
		}
	}
	c.fail("the group does not serve: %s", c.describe())
}

// servesRead reports whether the member answers a read, and has answered, or reported lost, all before it.
func (c *chaos) servesRead(m *chaosMember) bool {
	served := m.served
	m.reads = append(m.reads, chaosRead{context: "z", atLeast: c.history.last().index})
	m.rn.ReadIndex([]byte("z"))
	c.calmRound(1)
	c.calmRound(2)
	return m.served > served && len(m.reads) == 0
}

func (c *chaos) restful() {
	for round := range 3 * c.electionTick {
		c.calmRound(round)
	}
}

// describe shows all members.
func (c *chaos) describe() string {
	var b strings.Builder
	for _, id := range c.ids {
		m := c.members[id]
		fmt.Fprintf(&b, "\n%d: down %t, wiped %t, applied %d, reads %v, superseded %d, log ends in ", id, m.down, m.wiped,
			m.applied, m.reads, m.rn.raft.log.supersededTo)
		fmt.Fprintf(&b, "%s\n%s", m.rn.raft.log.lastID(), m.rn.Status().String())
	}
	return b.String()
}
