package raft

import (
	"bytes"
	"hash/fnv"
	"slices"

	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/tracker"
)

// What the chaos test checks: Raft Fig. 3 as seen from outside all members at once, what must be on disk before a
// message leaves (Raft Fig. 2), reads (Raft §8), what a Ready promises, and recovery.

// chaosHistory is what has ever been true.
type chaosHistory struct {
	leaderOf map[uint64]uint64
	// before maps every entry that was ever in a log to the one before it; content to a hash of what it holds.
	before  map[entryID]entryID
	content map[entryID]uint64
	// committed are the IDs of all entries ever committed, from index base on.
	base      uint64
	committed []entryID
	confAt    map[uint64]string
	removedAt map[uint64]uint64
	present   map[uint64]bool
	confIndex uint64
	wiped     map[uint64]bool
}

func newChaosHistory() chaosHistory {
	return chaosHistory{
		leaderOf: map[uint64]uint64{},
		before:   map[entryID]entryID{}, content: map[entryID]uint64{},
		committed: []entryID{{}},
		confAt:    map[uint64]string{}, removedAt: map[uint64]uint64{}, present: map[uint64]bool{},
		wiped: map[uint64]bool{},
	}
}

func (h *chaosHistory) begin(id entryID) { h.base, h.committed = id.index, []entryID{id} }

// last returns the newest committed entry.
func (h *chaosHistory) last() entryID { return h.committed[len(h.committed)-1] }

// chaosRead is a request not yet answered, and the highest commit index known to anybody when it was made.
type chaosRead struct {
	context string
	atLeast uint64
}

// chaosKept is a Ready that was handed out, and its checksum.
type chaosKept struct {
	rd  Ready
	sum uint64
}

func confText(cs pb.ConfState) string {
	m, err := tracker.NewMembership(cs)
	if err != nil {
		return err.Error()
	}
	return m.String()
}

// checkAll checks what concerns all members, after every event.
func (c *chaos) checkAll() {
	for _, id := range c.ids {
		if m := c.members[id]; !m.down {
			c.checkOne(m)
		}
	}
}

// checkOne checks a member that may have changed.
func (c *chaos) checkOne(m *chaosMember) {
	c.checkCommit(m)
	c.checkLeader(m)
}

// checkLeader checks Election Safety and Leader Completeness.
func (c *chaos) checkLeader(m *chaosMember) {
	r := m.rn.raft
	if r.state != StateLeader {
		return
	}
	h := &c.history
	if other, ok := h.leaderOf[r.term]; ok && other != m.id {
		c.fail("term %d has two leaders, %d and %d", r.term, other, m.id)
	}
	if m.seenTerm != r.term {
		m.seenTerm = r.term
		if last := h.last(); last.term < r.term && !r.stillHolds(last) {
			c.fail("leader %d of term %d lacks committed entry %s, its log ends in %s", m.id, r.term, last, r.log.lastID())
		}
	}
	h.leaderOf[r.term] = m.id
	c.checkBounds(m)
}

// checkBounds checks the limits on what is on its way.
func (c *chaos) checkBounds(m *chaosMember) {
	r := m.rn.raft
	for i := range r.leading.progress {
		p := &r.leading.progress[i]
		if n := p.Inflights.Count(); n > m.cfg.MaxInflightMsgs {
			c.fail("leader %d has %d appends in flight to %d", m.id, n, r.leading.members[i].ID)
		}
	}
	if limit := m.cfg.MaxUncommittedEntriesSize; limit > 0 && uint64(r.leading.uncommitted.size) > max(limit, 260) {
		c.fail("leader %d has %d bytes uncommitted, limit %d", m.id, r.leading.uncommitted.size, limit)
	}
}

// checkCommit notes what the member knows to be committed, and checks that it is what everybody else knew, and on the
// disks of a quorum when it becomes known first.
func (c *chaos) checkCommit(m *chaosMember) {
	h, r := &c.history, m.rn.raft
	for index := h.last().index + 1; index <= r.log.committed; index++ {
		id := entryID{index: index}
		term, err := r.log.term(index)
		if err != nil {
			c.fail("member %d: term of committed %d: %v", m.id, index, err)
		}
		id.term = term
		h.committed = append(h.committed, id)
		if index == r.log.committed {
			c.checkDurable(m, id)
		}
	}
	if index := r.log.committed; index >= h.base {
		want := h.committed[index-h.base]
		if term, err := r.log.term(index); err != nil || term != want.term {
			c.fail("member %d has committed term %d at index %d, others %s: %v", m.id, term, index, want, err)
		}
	}
}

// checkDurable checks that a quorum of the leader's configuration holds the entry that has just been committed.
func (c *chaos) checkDurable(m *chaosMember, id entryID) {
	if m.rn.raft.state != StateLeader {
		if id.term == 1 && id.index <= c.bootstrapped {
			return
		}
		c.fail("member %d, which does not lead, is the first to know that %s is committed", m.id, id)
	}
	for _, electorate := range []tracker.Role{tracker.Voter, tracker.VoterOutgoing} {
		voters, holders := 0, 0
		for _, member := range m.rn.raft.membership.Members {
			if member.Role&electorate == 0 {
				continue
			}
			voters++
			other := c.members[member.ID]
			if other.wiped || diskHolds(other.disk, id) {
				holders++
			}
		}
		if holders < voters/2+1 && voters > 0 {
			c.fail("leader %d commits %s, which %d of %d voters hold", m.id, id, holders, voters)
		}
	}
}

func diskHolds(d *chaosDisk, id entryID) bool {
	term, err := d.Term(id.index)
	return err == ErrCompacted || err == nil && term == id.term
}

// checkLeaving checks that what the message says is on the sender's disk when it leaves.
func (c *chaos) checkLeaving(m *chaosMember, msg *pb.Message) {
	hs, _, _ := m.disk.MemoryStorage.InitialState()
	vote := msg.Type == pb.MsgVote || msg.Type == pb.MsgVoteResp && !msg.Reject
	preVote := msg.Type == pb.MsgPreVote || msg.Type == pb.MsgPreVoteResp && !msg.Reject
	switch {
	case msg.Term == 0 || preVote:
		return
	case msg.Term > hs.Term:
		c.fail("member %d has term %d on disk and sends %s", m.id, hs.Term, DescribeMessage(*msg, nil))
	case msg.Term < hs.Term:
		return
	}
	candidate := msg.To
	if msg.Type == pb.MsgVote {
		candidate = m.id
	}
	if vote && hs.Vote != candidate {
		c.fail("member %d has voted for %d on disk and sends %s", m.id, hs.Vote, DescribeMessage(*msg, nil))
	}
	last, _ := m.disk.LastIndex()
	if msg.Type == pb.MsgAppResp && !msg.Reject && msg.Index > last {
		c.fail("member %d has entries up to %d on disk and sends %s", m.id, last, DescribeMessage(*msg, nil))
	}
	// A request that the candidate has given up meanwhile, to follow the winner, elects nobody.
	campaigns := msg.Type == pb.MsgVote && m.rn.raft.state == StateCandidate && m.rn.raft.term == msg.Term
	if campaigns && (msg.Index > last || !diskHolds(m.disk, entryID{term: msg.LogTerm, index: msg.Index})) {
		c.fail("candidate %d has entries up to %d on disk and sends %s", m.id, last, DescribeMessage(*msg, nil))
	}
}

// checkEntries checks Log Matching: whoever holds an entry holds the same one, after the same ones.
func (c *chaos) checkEntries(m *chaosMember, ents []pb.Entry) {
	h := &c.history
	for i := range ents {
		e := &ents[i]
		id := idOf(e)
		prev := m.rn.raft.log.identify(e.Index - 1)
		if i > 0 {
			prev = idOf(&ents[i-1])
		}
		content := contentOf(e)
		if known, ok := h.content[id]; ok && known != content {
			c.fail("member %d holds another entry %s than others", m.id, id)
		}
		if known, ok := h.before[id]; ok && known != prev {
			c.fail("member %d holds %s after %s, others after %s", m.id, id, prev, known)
		}
		h.content[id], h.before[id] = content, prev
	}
}

func contentOf(e *pb.Entry) uint64 {
	f := fnv.New64a()
	_, _ = f.Write([]byte{byte(e.Type)})
	_, _ = f.Write(e.Data)
	return f.Sum64()
}

// checkApplied checks State Machine Safety.
func (c *chaos) checkApplied(m *chaosMember, e *pb.Entry) {
	h := &c.history
	if e.Index > h.last().index {
		c.fail("member %d applies %d, committed is %d", m.id, e.Index, h.last().index)
	}
	if e.Index >= h.base && h.committed[e.Index-h.base] != idOf(e) {
		c.fail("member %d applies %s, committed is %s", m.id, idOf(e), h.committed[e.Index-h.base])
	}
	if known, ok := h.content[idOf(e)]; ok && known != contentOf(e) {
		c.fail("member %d applies another entry %s than others", m.id, idOf(e))
	}
	if last, _ := m.disk.LastIndex(); e.Index > last || !diskHolds(m.disk, idOf(e)) {
		c.fail("member %d applies %s, which its disk does not hold", m.id, idOf(e))
	}
}

// checkConf checks that members agree on the membership at each applied index.
func (c *chaos) checkConf(m *chaosMember) {
	h := &c.history
	if m.applied <= c.bootstrapped || m.stale {
		return
	}
	text := confText(m.conf)
	if known, ok := h.confAt[m.applied]; ok && known != text {
		c.fail("member %d has %s at index %d, others %s", m.id, text, m.applied, known)
	}
	h.confAt[m.applied] = text
	if m.applied < h.confIndex {
		return
	}
	c.noteMembers(m.applied, m.conf)
}

// noteMembers notes who is a member, and who was removed when.
func (c *chaos) noteMembers(index uint64, cs pb.ConfState) {
	h := &c.history
	h.confIndex = index
	members, _ := tracker.NewMembership(cs)
	for _, id := range c.ids {
		if h.present[id] && members.Find(id) < 0 {
			h.removedAt[id] = index
		}
		h.present[id] = members.Find(id) >= 0
	}
}

// checkReady checks the contract of Ready, and keeps it for a while to see that it does not change.
func (c *chaos) checkReady(m *chaosMember, rd *Ready, has bool) {
	empty := rd.SoftState == nil && IsEmptyHardState(rd.HardState) && IsEmptySnap(rd.Snapshot) &&
		len(rd.Entries)+len(rd.CommittedEntries)+len(rd.Messages)+len(rd.ReadStates)+len(rd.LostReads) == 0
	if has == empty {
		c.fail("member %d: HasReady is %t, Ready is %s", m.id, has, DescribeReady(*rd, nil))
	}
	c.checkEntries(m, rd.Entries)
	for i := range rd.ReadStates {
		c.checkRead(m, &rd.ReadStates[i])
	}
	for i := range rd.LostReads {
		c.forgetRead(m, string(rd.LostReads[i].RequestCtx), noLimit)
	}
	var size encodedSize
	for i := range rd.CommittedEntries {
		size += encodedSize(rd.CommittedEntries[i].Size())
	}
	if size > m.cfg.maxApplyingSize() && len(rd.CommittedEntries) > 1 {
		c.fail("member %d hands out %d bytes to be applied", m.id, size)
	}
	if len(m.kept) == 12 {
		if k := &m.kept[0]; k.sum != sumOf(&k.rd) {
			c.fail("member %d: a Ready has changed: %s", m.id, DescribeReady(k.rd, nil))
		}
		m.kept = m.kept[1:]
	}
	m.kept = append(m.kept, chaosKept{rd: *rd, sum: sumOf(rd)})
}

func sumOf(rd *Ready) uint64 {
	f := fnv.New64a()
	entries := func(ents []pb.Entry) {
		for i := range ents {
			e := &ents[i]
			_, _ = f.Write([]byte{byte(e.Index), byte(e.Index >> 8), byte(e.Term), byte(e.Type)})
			_, _ = f.Write(e.Data)
		}
	}
	entries(rd.Entries)
	entries(rd.CommittedEntries)
	for i := range rd.Messages {
		msg := &rd.Messages[i]
		_, _ = f.Write([]byte{byte(msg.Type), byte(msg.To), byte(msg.Term), byte(msg.Index), byte(msg.Commit), byte(len(msg.Responses))})
		_, _ = f.Write(msg.Context)
		entries(msg.Entries)
	}
	return f.Sum64()
}

// read asks for a read, under one of a few contexts.
func (c *chaos) read(m *chaosMember) {
	context := []byte{byte('a' + c.rng.IntN(3))}
	for range 1 + c.rng.IntN(3) {
		m.reads = append(m.reads, chaosRead{context: string(context), atLeast: c.history.last().index})
		c.tracef("%d reads %s at %d", m.id, context, c.history.last().index)
		m.rn.ReadIndex(bytes.Clone(context))
	}
}

// checkRead checks that the answer to a read is linearizable.
func (c *chaos) checkRead(m *chaosMember, rs *ReadState) {
	if !c.forgetRead(m, string(rs.RequestCtx), rs.Index) {
		c.fail("member %d is answered read %q with index %d: a stale answer, or one to no request: %v", m.id,
			rs.RequestCtx, rs.Index, m.reads)
	}
}

// forgetRead takes out the request of the context that demands most and is content with index.
func (c *chaos) forgetRead(m *chaosMember, context string, index uint64) bool {
	best := -1
	for i, read := range m.reads {
		fits := read.context == context && (read.atLeast <= index || c.unsafeReads())
		if fits && (best < 0 || read.atLeast > m.reads[best].atLeast) {
			best = i
		}
	}
	if best < 0 {
		return false
	}
	m.reads = slices.Delete(m.reads, best, best+1)
	if index != noLimit {
		m.served++
	}
	return true
}

// unsafeReads reports whether some members read by lease, but not all honour leases within bounds.
func (c *chaos) unsafeReads() bool {
	if c.lease {
		return false
	}
	return slices.ContainsFunc(c.ids, func(id uint64) bool {
		return c.members[id].cfg.ReadOnlyOption == ReadOnlyLeaseBased
	})
}
