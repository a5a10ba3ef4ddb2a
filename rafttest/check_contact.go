package rafttest

import (
	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// The check of the quorum, where it is set: a leader that hears from no quorum steps down, and a member that hears from a
// leader is not disturbed by candidates (thesis §6.2, §4.2.3).

// contact is when a member last heard of others, in ticks of its own clock in this life.
type contact struct {
	now   uint64
	heard [maxMembers + 1]uint64
	// leader is when it last heard from the leader of its term that it follows.
	leader uint64
	// since is when it began to lead, or when the membership last changed.
	since uint64
}

// noteContact is called when a message has been delivered to m.
func (m *member) noteContact(from uint64, msg *pb.Message) {
	c := &m.seen.contact
	c.heard[from] = c.now
	st := m.node.BasicStatus()
	fromLeader := msg.Type == pb.MsgApp || msg.Type == pb.MsgHeartbeat || msg.Type == pb.MsgSnap
	if fromLeader && st.Lead == msg.From && st.Term == msg.Term {
		c.leader = c.now
	}
}

// checkContact is called when a member's clock has ticked.
func (g *group) checkContact(m *member) {
	c, st := &m.seen.contact, &m.seen.status
	patience := uint64(2*m.settings.ElectionTick + 2)
	if m.foreign || st.RaftState != raft.StateLeader || !m.settings.CheckQuorum || c.now-c.since <= patience {
		return
	}
	cs := &m.app.membership
	for _, voters := range [][]uint64{cs.Voters, cs.VotersOutgoing} {
		silent := 0
		for _, v := range voters {
			if v != m.id && c.now-c.heard[v] > patience {
				silent++
			}
		}
		if len(voters) > 0 && len(voters)-silent < len(voters)/2+1 {
			g.fail("check of the quorum", []uint64{m.id}, "leader %d of term %d has heard nothing of %d of the voters %v for %d ticks, and "+
				"does not step down", m.id, st.Term, silent, voters, patience)
		}
	}
}

// mayDisturb reports whether a candidate's request may change anything at m: not while it hears from a leader, unless the
// leader itself has asked the candidate to campaign.
func (m *member) mayDisturb(msg *pb.Message) bool {
	request := msg.Type == pb.MsgVote || msg.Type == pb.MsgPreVote
	if !request || !m.settings.CheckQuorum || len(msg.Context) > 0 {
		return true
	}
	st, c := &m.seen.status, &m.seen.contact
	follows := st.RaftState == raft.StateFollower && st.Lead != raft.None
	return !follows || c.leader == 0 || c.now-c.leader >= uint64(m.settings.ElectionTick)
}

// checkUndisturbed is called when a request that may not disturb has been delivered.
func (g *group) checkUndisturbed(m *member, msg *pb.Message) {
	if st := m.node.BasicStatus(); st.Term != m.seen.status.Term || st.Lead != m.seen.status.Lead {
		g.fail("check of the quorum", []uint64{m.id, msg.From}, "member %d heard from leader %d %d ticks ago, and %q makes it leave its term",
			m.id, m.seen.status.Lead, m.seen.contact.now-m.seen.contact.leader, raft.DescribeMessage(*msg, nil))
	}
}
