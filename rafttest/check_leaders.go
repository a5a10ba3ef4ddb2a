package rafttest

import "github.com/seed695671cb/raft"

// Election Safety: at most one leader is elected in a term (Raft §5.2).

func (g *group) checkElectionSafety(m *member, st *raft.BasicStatus) {
	other, led := g.known.leaderOf[st.Term]
	if led && other != m.id {
		g.fail("election safety", []uint64{other, m.id}, "term %d has two leaders, %d and %d", st.Term, other, m.id)
	}
	g.known.leaderOf[st.Term] = m.id
}
