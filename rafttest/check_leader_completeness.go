package rafttest

import "github.com/seed695671cb/raft"

// Leader Completeness: a leader has every entry that was committed in an earlier term (Raft §5.4).

func (g *group) checkLeaderCompleteness(m *member, st *raft.BasicStatus) {
	k := &g.known
	for index := k.last.index; index > m.seen.told.first; index-- {
		c, ok := k.committed.find(index)
		if !ok {
			return
		}
		if c.in >= st.Term {
			continue
		}
		if !m.seen.told.holds(entryID{term: c.term, index: index}) {
			g.fail("leader completeness", []uint64{m.id}, "leader %d of term %d lacks entry %d of term %d, which was "+
				"committed in term %d; its log ends in index %d of term %d", m.id, st.Term, index, c.term, c.in,
				m.seen.told.last(), m.seen.told.lastID().term)
		}
		return
	}
}
