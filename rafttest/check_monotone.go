package rafttest

import "github.com/seed695671cb/raft"

// Monotony: in one life of a member its term, its commit index and its applied index never decrease, and it changes
// its vote only with its term (Raft Fig. 2).

func (g *group) checkMonotone(m *member, st *raft.BasicStatus) {
	old := &m.seen.status
	switch {
	case st.Term < old.Term:
		g.fail("monotony", []uint64{m.id}, "member %d goes back from term %d to %d", m.id, old.Term, st.Term)
	case st.Commit < old.Commit:
		g.fail("monotony", []uint64{m.id}, "member %d goes back from commit index %d to %d", m.id, old.Commit, st.Commit)
	case st.Applied < old.Applied:
		g.fail("monotony", []uint64{m.id}, "member %d goes back from applied index %d to %d", m.id, old.Applied, st.Applied)
	case st.Applied > st.Commit:
		g.fail("monotony", []uint64{m.id}, "member %d has applied %d, beyond its commit index %d", m.id, st.Applied, st.Commit)
	case st.Term == old.Term && old.Vote != raft.None && st.Vote != old.Vote:
		g.fail("monotony", []uint64{m.id}, "member %d, which voted for %d in term %d, now votes for %d", m.id, old.Vote, st.Term,
			st.Vote)
	}
}

// checkStarted takes note of a member that has just started.
func (g *group) checkStarted(m *member) {
	s := &m.seen
	hs := s.durableHard
	s.told.copyFrom(&s.durable)
	st := m.node.BasicStatus()
	if st.Term < hs.Term || st.Commit < hs.Commit || st.Applied != m.app.applied {
		g.fail("monotony", []uint64{m.id}, "member %d starts with term %d, commit %d, applied %d; its disk says term %d, commit %d, "+
			"its application %d", m.id, st.Term, st.Commit, st.Applied, hs.Term, hs.Commit, m.app.applied)
	}
	s.status = st
	s.readyHard = hs
	s.readyHard.Commit = st.Commit // what recovery finds is not handed out
	s.ledSince, s.handed, s.uncommitted = 0, m.app.applied, 0
	s.reads, s.contact = s.reads[:0], contact{}
	g.checkState(m)
}
