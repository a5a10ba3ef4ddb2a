package rafttest

import (
	"math/bits"

	"github.com/seed695671cb/raft"
)

// Commitment: an entry becomes known to be committed at a leader, when a quorum holds it durably (Raft §5.3, §5.4.2;
// while two configurations are joint, a quorum of each, Raft §6), and every member knows the same ones.

// checkCommit is called when the commit index of a member has moved.
func (g *group) checkCommit(m *member, st *raft.BasicStatus) {
	k := &g.known
	if st.Commit <= k.last.index {
		return // what it holds there is looked at when it is handed out, see checkReadyEntries
	}
	if st.RaftState != raft.StateLeader {
		g.fail("committed on a quorum", []uint64{m.id}, "member %d, which does not lead, is the first to take entry %d for "+
			"committed; so far it is %d", m.id, st.Commit, k.last.index)
	}
	for index := k.last.index + 1; index <= st.Commit; index++ {
		id, ok := m.seen.told.at(index)
		if !ok {
			g.fail("committed on a quorum", []uint64{m.id}, "leader %d takes entry %d for committed; what it has handed out to "+
				"be written ends in %d", m.id, index, m.seen.told.last())
		}
		*k.committed.at(index) = committedEntry{term: id.term, in: st.Term}
		k.last = id
	}
	if k.last.term != st.Term {
		g.fail("committed on a quorum", []uint64{m.id}, "leader %d of term %d is the first to take entry %d of term %d for committed: only "+
			"an entry of its own term commits those before it", m.id, st.Term, k.last.index, k.last.term)
	}
	g.checkQuorumHolds(m, k.last)
}

// checkSameCommit checks that the member's log agrees with what is committed, up to index.
func (g *group) checkSameCommit(m *member, index uint64) {
	c, known := g.known.committed.find(index)
	id, ok := m.seen.told.at(index)
	if known && ok && id.term != c.term {
		g.fail("state machine safety", []uint64{m.id}, "member %d takes entry %d of term %d for committed, others that of term %d",
			m.id, index, id.term, c.term)
	}
}

// checkQuorumHolds checks that the entry is on the disks of a quorum of the leader's configuration.
func (g *group) checkQuorumHolds(m *member, id entryID) {
	cs := &m.app.membership
	for _, voters := range [][]uint64{cs.Voters, cs.VotersOutgoing} {
		var holders uint32
		for _, v := range voters {
			if other := g.byID[v]; other != nil && other.seen.durable.holds(id) {
				holders |= 1 << v
			}
		}
		if n := bits.OnesCount32(holders); len(voters) > 0 && n < len(voters)/2+1 {
			g.fail("committed on a quorum", []uint64{m.id}, "leader %d of term %d takes entry %d of term %d for committed, which %d "+
				"of the %d voters %v hold durably", m.id, m.seen.status.Term, id.index, id.term, n, len(voters), voters)
		}
	}
}
