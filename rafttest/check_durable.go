package rafttest

import pb "github.com/seed695671cb/raft/raftpb"

// Durability: a committed entry stays on so many disks that none can be elected without one of them: whoever is asked for
// votes, a majority of those who have the entry not must not be a quorum (Raft §5.4.3). A single member may lose it,
// if it never told the leader that it held it: it may follow another leader for a while, and that one's log.

// checkTruncation is given entries that are about to be durable at m, in place of others perhaps.
func (g *group) checkTruncation(m *member, ents []pb.Entry) {
	first := ents[0].Index
	upTo := min(m.seen.durable.last(), g.known.last.index)
	for index := first; index <= upTo; index++ {
		c, known := g.known.committed.find(index)
		held, ok := m.seen.durable.at(index)
		at := index - first
		stays := at < uint64(len(ents)) && ents[at].Term == c.term
		if known && ok && held.term == c.term && !stays {
			g.checkStillHeld(m, entryID{term: c.term, index: index})
			return
		}
	}
}

// checkStillHeld checks that enough others hold an entry that m loses.
func (g *group) checkStillHeld(m *member, id entryID) {
	safe := false
	for _, voters := range [][]uint64{g.known.voters, g.known.outgoing} {
		without := 0
		for _, v := range voters {
			other := g.byID[v]
			if other == m || other == nil || !other.seen.durable.holds(id) {
				without++
			}
		}
		safe = safe || without < len(voters)/2+1 && len(voters) > 0
	}
	if !safe {
		g.fail("committed entries are durable", []uint64{m.id}, "the disk of member %d held committed entry %d of term %d, and loses it; "+
			"those who hold it not are a quorum of the voters %v, %v", m.id, id.index, id.term, g.known.voters, g.known.outgoing)
	}
}

// checkSnapshotDurable is given a snapshot that is about to replace the log on disk: nobody makes one of what is not
// committed.
func (g *group) checkSnapshotDurable(m *member, meta pb.SnapshotMetadata) {
	c, known := g.known.committed.find(meta.Index)
	if known && c.term != meta.Term {
		g.fail("committed entries are durable", []uint64{m.id}, "member %d stores a snapshot at index %d of term %d, where an entry "+
			"of term %d is committed", m.id, meta.Index, meta.Term, c.term)
	}
	for index := meta.Index + 1; index <= min(m.seen.durable.last(), g.known.last.index); index++ {
		c, known := g.known.committed.find(index)
		if held, ok := m.seen.durable.at(index); known && ok && held.term == c.term {
			g.checkStillHeld(m, held) // it goes with the log that the snapshot replaces
		}
	}
	if meta.Index < m.seen.durable.first {
		g.fail("committed entries are durable", []uint64{m.id}, "member %d stores a snapshot at index %d, its log begins after %d",
			m.id, meta.Index, m.seen.durable.first)
	}
}
