package rafttest

import (
	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// Leader Append-Only: a leader never overwrites or deletes entries of its log (Raft §5.3).

// checkAppendOnly is given the entries of a Ready before they are noted.
func (g *group) checkAppendOnly(m *member, ents []pb.Entry) {
	s := &m.seen
	leads := s.status.RaftState == raft.StateLeader
	if leads && s.ledSince == s.status.Term && len(ents) > 0 && ents[0].Index <= s.told.last() {
		g.fail("leader append-only", []uint64{m.id}, "leader %d of term %d replaces its log from index %d on, it ended in %d",
			m.id, s.status.Term, ents[0].Index, s.told.last())
	}
	s.ledSince = 0
	if leads {
		s.ledSince = s.status.Term
	}
}
