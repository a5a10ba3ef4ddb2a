package rafttest

import pb "github.com/seed695671cb/raft/raftpb"

// Log Matching: if two logs have an entry with the same index and term, they are the same up to there (Raft §5.3). It
// is enough that equal entries are equal and have equal predecessors.

// checkLogMatching is given the entries of a Ready before they are noted.
func (g *group) checkLogMatching(m *member, ents []pb.Entry) {
	if len(ents) == 0 {
		return
	}
	before, ok := m.seen.told.at(ents[0].Index - 1)
	if !ok {
		g.fail("ready contract", []uint64{m.id}, "member %d hands out entries from %d on, its log ends in %d", m.id,
			ents[0].Index, m.seen.told.last())
	}
	prev := before.term
	for i := range ents {
		g.noteEntry(m, &ents[i], prev)
		prev = ents[i].Term
	}
}

func (g *group) noteEntry(m *member, e *pb.Entry, prev uint64) {
	place := g.known.entries.at(e.Index)
	if place == nil {
		return
	}
	if e.Type != pb.EntryNormal {
		g.known.lastChange = max(g.known.lastChange, e.Index)
	}
	digest := entryDigest(e)
	for i := range *place {
		k := &(*place)[i]
		if k.term != e.Term {
			continue
		}
		if k.digest != digest {
			g.fail("log matching", []uint64{m.id, k.member}, "member %d holds another entry of term %d at index %d than member %d",
				m.id, e.Term, e.Index, k.member)
		}
		if k.prev != prev {
			g.fail("log matching", []uint64{m.id, k.member}, "member %d holds entry %d of term %d after one of term %d, member %d "+
				"after one of term %d", m.id, e.Index, e.Term, prev, k.member, k.prev)
		}
		return
	}
	*place = append(*place, knownEntry{term: e.Term, prev: prev, digest: digest, member: m.id})
}

// checkKnownEntry checks an entry that is to be applied against the one that was in a log.
func (g *group) checkKnownEntry(m *member, e *pb.Entry) {
	known, _ := g.known.entries.find(e.Index)
	for i := range known {
		if known[i].term == e.Term && known[i].digest != entryDigest(e) {
			g.fail("state machine safety", []uint64{m.id, known[i].member}, "member %d applies another entry of term %d at index %d "+
				"than member %d holds", m.id, e.Term, e.Index, known[i].member)
		}
	}
}
