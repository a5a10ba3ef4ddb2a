package rafttest

import pb "github.com/seed695671cb/raft/raftpb"

// State Machine Safety: if a member has applied an entry at an index, no other applies a different one there (Raft
// §5.4.3); so applications that are deterministic have the same state after the same index.

// checkApply is called before an entry is applied.
func (g *group) checkApply(m *member, e *pb.Entry) {
	if e.Index != m.app.applied+1 {
		g.fail("state machine safety", []uint64{m.id}, "member %d applies entry %d after %d", m.id, e.Index, m.app.applied)
	}
	c, known := g.known.committed.find(e.Index)
	switch {
	case e.Index > g.known.last.index:
		g.fail("state machine safety", []uint64{m.id}, "member %d applies entry %d, committed is %d", m.id, e.Index, g.known.last.index)
	case known && c.term != e.Term:
		g.fail("state machine safety", []uint64{m.id}, "member %d applies entry %d of term %d, committed is that of term %d", m.id,
			e.Index, e.Term, c.term)
	}
	g.checkKnownEntry(m, e)
	if !m.seen.durable.holds(idOf(e)) {
		g.fail("state machine safety", []uint64{m.id}, "member %d applies entry %d of term %d, which its disk does not hold", m.id,
			e.Index, e.Term)
	}
}

// checkState compares the state of the application with what others had after the same index.
func (g *group) checkState(m *member) {
	place := g.known.states.at(m.app.applied)
	if place == nil || m.app.applied == 0 {
		return
	}
	digest := m.app.digest() | 1
	if *place != 0 && *place != digest {
		g.fail("state machine", []uint64{m.id}, "member %d has another state after index %d than the first that got there", m.id,
			m.app.applied)
	}
	*place = digest
}
