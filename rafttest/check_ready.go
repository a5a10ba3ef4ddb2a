package rafttest

import (
	"errors"
	"fmt"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// The contract of Ready, as its documentation puts it.

func (g *group) failReady(m *member, rd *raft.Ready, format string, args ...any) {
	g.failWith("ready contract", []uint64{m.id}, []string{raft.DescribeReady(*rd, nil)}, "member %d: %s", m.id,
		fmt.Sprintf(format, args...))
}

// checkReady is called when a Ready has been taken, because HasReady said that there was one.
func (g *group) checkReady(m *member, rd *raft.Ready) {
	if readyIsEmpty(rd) {
		g.failReady(m, rd, "HasReady, but Ready is empty")
	}
	g.checkReadyState(m, rd)
	g.checkReadySnapshot(m, rd)
	g.checkReadyEntries(m, rd)
	g.checkReadyCommitted(m, rd)
	g.checkUncommitted(m, rd)
}

func readyIsEmpty(rd *raft.Ready) bool {
	return rd.SoftState == nil && raft.IsEmptyHardState(rd.HardState) && raft.IsEmptySnap(rd.Snapshot) &&
		len(rd.Entries)+len(rd.CommittedEntries)+len(rd.Messages)+len(rd.ReadStates)+len(rd.LostReads) == 0
}

// checkReadyState checks hard state and MustSync.
func (g *group) checkReadyState(m *member, rd *raft.Ready) {
	s := &m.seen
	changed := false
	if hs := rd.HardState; !raft.IsEmptyHardState(hs) {
		old := s.readyHard
		changed = hs.Term != old.Term || hs.Vote != old.Vote
		if hs == old || hs.Term < old.Term || hs.Commit < old.Commit || hs.Term == old.Term && old.Vote != 0 && hs.Vote != old.Vote {
			g.failReady(m, rd, "its hard state cannot follow term %d, vote %d, commit %d", old.Term, old.Vote, old.Commit)
		}
		s.readyHard = hs
	}
	if st := &s.status; s.readyHard != st.HardState {
		g.failReady(m, rd, "it has term %d, vote %d, commit %d, which it has not handed out", st.Term, st.Vote, st.Commit)
	}
	if want := changed || len(rd.Entries) > 0 || !raft.IsEmptySnap(rd.Snapshot); rd.MustSync != want {
		g.failReady(m, rd, "MustSync is %t", rd.MustSync)
	}
}

func (g *group) checkReadySnapshot(m *member, rd *raft.Ready) {
	meta := rd.Snapshot.Metadata
	if meta.Index == 0 {
		return
	}
	s := &m.seen
	if meta.Index <= s.handed || meta.Index > s.status.Commit {
		g.failReady(m, rd, "a snapshot at %d, where %d is handed out to be applied and %d committed", meta.Index, s.handed,
			s.status.Commit)
	}
	s.told.reset(entryID{term: meta.Term, index: meta.Index})
	s.handed = meta.Index
}

// checkReadyEntries checks what is to be written, and takes note of it.
func (g *group) checkReadyEntries(m *member, rd *raft.Ready) {
	s := &m.seen
	g.checkAppendOnly(m, rd.Entries)
	for i := 1; i < len(rd.Entries); i++ {
		if rd.Entries[i].Index != rd.Entries[i-1].Index+1 || rd.Entries[i].Term < rd.Entries[i-1].Term {
			g.failReady(m, rd, "its entries are not in order")
		}
	}
	g.checkLogMatching(m, rd.Entries)
	s.told.append(rd.Entries)
	g.checkSameCommit(m, min(s.status.Commit, s.told.last()))
}

// checkReadyCommitted checks what is to be applied.
func (g *group) checkReadyCommitted(m *member, rd *raft.Ready) {
	s := &m.seen
	size := 0
	for i := range rd.CommittedEntries {
		e := &rd.CommittedEntries[i]
		if e.Index != s.handed+1 {
			g.failReady(m, rd, "entry %d is to be applied after %d", e.Index, s.handed)
		}
		s.handed = e.Index
		size += e.Size()
	}
	if s.handed > s.status.Commit {
		g.failReady(m, rd, "entry %d is to be applied, %d is committed", s.handed, s.status.Commit)
	}
	if m.async && len(rd.CommittedEntries) > 0 && !s.durable.holds(idOf(&rd.CommittedEntries[len(rd.CommittedEntries)-1])) {
		g.failReady(m, rd, "entry %d is to be applied, it is not durable", s.handed)
	}
	limit := m.settings.MaxCommittedSize
	if limit == 0 {
		limit = m.settings.MaxSizePerMsg
	}
	if uint64(size) > limit && len(rd.CommittedEntries) > 1 && !m.foreign {
		g.failReady(m, rd, "%d bytes are to be applied, the limit is %d", size, limit)
	}
}

func idOf(e *pb.Entry) entryID { return entryID{term: e.Term, index: e.Index} }

// checkAdvance is called before a Ready is said to be done.
func (g *group) checkAdvance(m *member, rd *raft.Ready) {
	for i := range rd.CommittedEntries {
		e := &rd.CommittedEntries[i]
		if c, ok := g.known.committed.find(e.Index); ok && c.term != e.Term {
			g.failReady(m, rd, "entry %d has changed since it was handed out", e.Index)
		}
	}
}

// checkRefusal is called when Step refuses a message. No member that follows the protocol sends an invalid one, except a
// heartbeat meant for the earlier life of a member that has lost its disk.
func (g *group) checkRefusal(m *member, msg *pb.Message, err error) {
	if errors.Is(err, raft.ErrInvalidMessage) && !(msg.Type == pb.MsgHeartbeat && m.quietTo > 0) {
		g.fail("no panic, no refusal", []uint64{m.id, msg.From}, "member %d refuses %q: %v", m.id, raft.DescribeMessage(*msg, nil), err)
	}
}
