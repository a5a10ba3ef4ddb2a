package model

import (
	"slices"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// The properties of one member, checked at every step of it (Raft Fig. 2 and Fig. 3, the Ready contract of thesis
// §10.2.1). Those of the group are checked by the search.

// before is what the checks of a step want to know of the state that it began in.
type before struct {
	up     bool
	status raft.BasicStatus
	app    uint64
	log    logView
}

func (m *member) before() before {
	b := before{up: m.rn != nil}
	if b.up {
		b.status, b.app, b.log = m.rn.BasicStatus(), m.app.index, m.log()
	}
	return b
}

// checkStep checks the state that a step has led to.
func (m *member) checkStep(b *before) {
	if m.dead || m.rn == nil {
		return
	}
	log := m.log()
	status := m.rn.BasicStatus()
	g := m.prints.sight.of(m.rn)
	if last := log.last(); g.last != last {
		m.fail("what is in the log was handed out to be written", "the log ends at %d, what was handed out at %d", g.last, last)
	}
	if status.Commit > log.last() {
		m.fail("what is committed is in the log", "commit index %d, the log ends at %d", status.Commit, log.last())
	}
	m.checkCommitted(status.Commit, &log)
	m.checkDurable(&g, &log)
	if b.up {
		m.checkMonotone(b, &status)
		m.checkAppendOnly(b, &status, &log)
	}
}

// checkMonotone checks that nothing goes back within a life.
func (m *member) checkMonotone(b *before, after *raft.BasicStatus) {
	switch {
	case after.Term < b.status.Term:
		m.fail("terms never go back", "from %d to %d", b.status.Term, after.Term)
	case after.Term == b.status.Term && b.status.Vote != raft.None && after.Vote != b.status.Vote:
		m.fail("one vote in a term", "term %d: from %d to %d", after.Term, b.status.Vote, after.Vote)
	case after.Commit < b.status.Commit:
		m.fail("the commit index never goes back", "from %d to %d", b.status.Commit, after.Commit)
	case after.Applied < b.status.Applied:
		m.fail("the applied index never goes back", "from %d to %d", b.status.Applied, after.Applied)
	case m.app.index < b.app:
		m.fail("the application never goes back", "from %d to %d", b.app, m.app.index)
	}
}

// checkAppendOnly checks that a leader keeps all entries of its log (Raft §5.3, Leader Append-Only).
func (m *member) checkAppendOnly(b *before, after *raft.BasicStatus, log *logView) {
	leads := b.status.RaftState == raft.StateLeader && after.RaftState == raft.StateLeader
	if !leads || b.status.Term != after.Term {
		return
	}
	for i := b.log.first; i <= b.log.last(); i++ {
		if i < log.first {
			continue // compacted
		}
		if !log.has(i) || factOf(log.at(i)) != factOf(b.log.at(i)) {
			m.fail("a leader only appends", "the entry at %d is not what it was in the same term %d", i, after.Term)
			return
		}
	}
}

// checkCommitted checks that entries once known to be committed stay what they were, in every life.
func (m *member) checkCommitted(commit uint64, log *logView) {
	for i := log.first; i <= min(commit, log.last(), uint64(len(m.past.committed))); i++ {
		if was, is := m.past.committed[i-1], factOf(log.at(i)); was != is {
			m.fail("what was committed stays", "the committed entry at %d was of term %d, digest %x; now term %d, digest %x",
				i, was.Term, was.Digest, is.Term, is.Digest)
			return
		}
	}
}

// checkDurable checks that what the member takes for durable is on its disk, and is not about to be replaced.
func (m *member) checkDurable(g *glance, log *logView) {
	d := m.image()
	hard := d.hard
	if p := g.persisted; p.Term > hard.Term || p.Term == hard.Term && p.Vote != raft.None && p.Vote != hard.Vote {
		m.fail("a term and vote taken for durable are on disk", "takes term %d, vote %d for durable, the disk has term %d, vote %d",
			p.Term, p.Vote, hard.Term, hard.Vote)
	}
	if g.restoring {
		return
	}
	durable := d.log()
	for i := max(log.first, durable.first); i <= g.stored; i++ {
		if !log.has(i) || !durable.has(i) || factOf(log.at(i)) != factOf(durable.at(i)) {
			m.fail("entries taken for durable are on disk", "takes entries up to %d for durable, the disk does not hold that at %d",
				g.stored, i)
			return
		}
	}
}

// checkLeaving checks a message that leaves against the disk: nothing is told before what it rests on is durable.
// waited says that the message has waited for a write, the last one made: then the disk is as it was to be.
func (m *member) checkLeaving(msg *pb.Message, waited bool) {
	if m.unchecked || msg.Term == 0 {
		return
	}
	if msg.Type == pb.MsgPreVote || msg.Type == pb.MsgPreVoteResp && !msg.Reject {
		return // of a term that nobody has entered
	}
	d := m.image()
	if d.hard.Term < msg.Term {
		m.fail("a term is durable before it is told", "%s of term %d leaves, the disk has term %d", msg.Type, msg.Term, d.hard.Term)
		return
	}
	switch {
	case msg.Type == pb.MsgVote && d.hard.Term == msg.Term && d.hard.Vote != m.id:
		m.fail("a vote is durable before it is told", "asks for votes in term %d, the disk has vote %d", msg.Term, d.hard.Vote)
	case msg.Type == pb.MsgVoteResp && !msg.Reject && d.hard.Term == msg.Term && d.hard.Vote != msg.To:
		m.fail("a vote is durable before it is told", "votes for %d in term %d, the disk has vote %d", msg.To, msg.Term, d.hard.Vote)
	case msg.Type == pb.MsgAppResp && !msg.Reject:
		m.checkAcknowledged(msg, &d, waited)
	}
}

// checkAcknowledged checks an acknowledgement of the log up to an index.
func (m *member) checkAcknowledged(msg *pb.Message, d *diskImage, waited bool) {
	durable := d.log()
	if durable.last() < msg.Index {
		m.fail("an entry is durable before it is acknowledged", "acknowledges index %d, the disk ends at %d", msg.Index, durable.last())
		return
	}
	if waited {
		return
	}
	log := m.log()
	if durable.has(msg.Index) && log.has(msg.Index) && factOf(durable.at(msg.Index)) != factOf(log.at(msg.Index)) {
		m.fail("an entry is durable before it is acknowledged", "acknowledges index %d, where the disk has another entry", msg.Index)
	}
}

// checkApplied checks an entry that is about to be applied.
func (m *member) checkApplied(e *pb.Entry, durable *logView) {
	switch {
	case m.unchecked:
		return
	case e.Index > m.app.index+1:
		m.fail("entries are applied without a gap", "%d follows %d", e.Index, m.app.index)
	case e.Index <= m.app.index && e.Index > m.app.restored:
		m.fail("entries are applied once in a life", "%d follows %d", e.Index, m.app.index)
	case e.Index > uint64(len(m.past.committed)) || m.past.committed[e.Index-1] != factOf(e):
		m.fail("only what is committed is applied", "the entry %d/%d is not known to be committed", e.Term, e.Index)
	case e.Index >= durable.first && (!durable.has(e.Index) || factOf(durable.at(e.Index)) != factOf(e)):
		m.fail("only what is durable here is applied", "the entry %d/%d is not on disk", e.Term, e.Index)
	}
}

// remember takes note of what the member now knows to be committed, and of its leading.
func (m *member) remember() {
	if m.rn == nil || m.dead {
		return
	}
	status := m.rn.BasicStatus()
	if status.RaftState == raft.StateLeader {
		m.past.led |= 1 << (status.Term & 63)
	}
	known := uint64(len(m.past.committed))
	if status.Commit <= known {
		return
	}
	log := m.log()
	committed := slices.Clip(m.past.committed)
	for i := known + 1; i <= status.Commit; i++ {
		committed = append(committed, log.known(i))
	}
	m.past.committed, m.past.learnt = committed, status.Term
}

// rememberMembership takes note of the membership in force after the index was applied.
func (m *member) rememberMembership(index uint64) {
	list := slices.Clone(m.past.memberships)
	for uint64(len(list)) < index {
		list = append(list, pb.ConfState{})
	}
	list[index-1] = m.app.membership
	m.past.memberships = list
}
