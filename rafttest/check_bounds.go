package rafttest

import (
	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// Bounded memory: what awaits an answer stays within the limits of the configuration.

// boundsInterval is the number of a member's events between two looks at a leader, which cost more than others.
const boundsInterval = 16

// biggestPadding is the most that the simulator's own commands are padded with.
const biggestPadding = 4096

func (g *group) checkBounds(m *member) {
	m.seen.events++
	if m.seen.events%boundsInterval != 0 || m.seen.status.RaftState != raft.StateLeader {
		return
	}
	for id, p := range m.node.Status().Progress {
		if id == m.id {
			continue
		}
		if n := p.Inflights.Count(); n > m.settings.MaxInflightMsgs {
			g.fail("bounded memory", []uint64{m.id, id}, "leader %d has %d appends in flight to %d, the limit is %d", m.id, n, id,
				m.settings.MaxInflightMsgs)
		}
		if limit := m.settings.MaxInflightBytes; limit > 0 && p.Inflights.Bytes() > limit+max(m.settings.MaxSizePerMsg, g.biggest) && p.Inflights.Count() > 1 {
			g.fail("bounded memory", []uint64{m.id, id}, "leader %d has %d bytes in flight to %d, the limit is %d", m.id,
				p.Inflights.Bytes(), id, limit)
		}
		if p.Match >= p.Next {
			g.fail("bounded memory", []uint64{m.id, id}, "leader %d: member %d matches up to %d, and is next sent %d", m.id, id, p.Match,
				p.Next)
		}
	}
}

// checkAppendSize checks the size of an append. Other implementations may count bytes in their own way.
func (g *group) checkAppendSize(m *member, msg *pb.Message) {
	if len(msg.Entries) < 2 || m.foreign {
		return
	}
	size := uint64(0)
	for i := range msg.Entries {
		size += uint64(msg.Entries[i].Size())
	}
	if size > m.settings.MaxSizePerMsg {
		g.failSent("bounded memory", m, msg, "is to send at most so many bytes of entries at a time, and sends")
	}
}

// checkUncommitted is called when a Ready has been taken: what a leader has appended in its term, and has neither seen
// committed nor handed out to be applied, stays below the limit, or below a single proposal.
func (g *group) checkUncommitted(m *member, rd *raft.Ready) {
	s := &m.seen
	if s.ledSince == 0 || m.foreign {
		s.uncommitted = 0
		return
	}
	s.uncommitted += payloadOf(rd.Entries, s.ledSince)
	s.uncommitted -= min(s.uncommitted, payloadOf(rd.CommittedEntries, s.ledSince))
	if limit := m.settings.MaxUncommitted; limit > 0 && s.uncommitted > max(limit, g.biggest) {
		g.fail("bounded memory", []uint64{m.id}, "leader %d has %d bytes uncommitted, the limit is %d, the largest proposal %d", m.id,
			s.uncommitted, limit, g.biggest)
	}
}

// payloadOf returns the size of the data of the entries of a term.
func payloadOf(ents []pb.Entry, term uint64) (size uint64) {
	for i := range ents {
		if ents[i].Term == term {
			size += uint64(len(ents[i].Data))
		}
	}
	return size
}

// checkPendingReads is called when a Ready has been taken: all answers that there are have been given.
func (g *group) checkPendingReads(m *member) {
	if limit := m.settings.MaxPendingReads; limit > 0 && !m.foreign && len(m.seen.reads) > limit {
		g.fail("bounded memory", []uint64{m.id}, "member %d has %d reads pending, the limit is %d", m.id, len(m.seen.reads), limit)
	}
}
