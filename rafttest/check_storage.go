package rafttest

// Storage: a disk comes back from a crash with what was durable. It is the user's, or the simulator's own.

// checkDisk is called before a member starts.
func (g *group) checkDisk(m *member) {
	s := &m.seen
	hs, _, err := m.disk.InitialState()
	last, lastErr := m.disk.LastIndex()
	term, termErr := m.disk.Term(last)
	if err != nil || lastErr != nil || termErr != nil {
		g.fail("storage", []uint64{m.id}, "member %d cannot read its disk: %v, %v, %v", m.id, err, lastErr, termErr)
	}
	found, want := entryID{term: term, index: last}, s.durable.lastID()
	if hs != s.durableHard || found != want {
		g.fail("storage", []uint64{m.id}, "the disk of member %d comes back with term %d, vote %d, commit %d and a log that ends in "+
			"index %d of term %d; durable were term %d, vote %d, commit %d and a log that ends in index %d of term %d", m.id,
			hs.Term, hs.Vote, hs.Commit, found.index, found.term, s.durableHard.Term, s.durableHard.Vote, s.durableHard.Commit,
			want.index, want.term)
	}
}
