package model

import (
	pb "github.com/seed695671cb/raft/raftpb"
)

// A member's disk, the writes to it, and the log as it will be once all that is under way is written.

// diskImage is what a disk holds.
type diskImage struct {
	hard     pb.HardState
	snapshot pb.Snapshot
	// first is the index of the first entry.
	first   uint64
	entries []pb.Entry
}

// image returns what the disk holds.
func (m *member) image() diskImage {
	var d diskImage
	// None of these fails on a MemoryStorage that is asked for what it has.
	d.hard, _, _ = m.storage.InitialState()
	d.snapshot, _ = m.storage.Snapshot()
	d.first, _ = m.storage.FirstIndex()
	if last, _ := m.storage.LastIndex(); last >= d.first {
		d.entries, _ = m.storage.Entries(d.first, last+1, ^uint64(0))
	}
	return d
}

// logView is a log: a snapshot, which may reach beyond the first entry if the log was not compacted that far, and
// entries from index first on.
type logView struct {
	snapshot pb.Snapshot
	first    uint64
	entries  []pb.Entry
}

func (d *diskImage) log() logView {
	return logView{snapshot: d.snapshot, first: d.first, entries: d.entries}
}

// log returns the log as it will be once all that is under way is written. As the member is asked for Readys until it
// has none, that is its log in memory.
func (m *member) log() logView {
	d := m.image()
	l := d.log()
	for i := range m.appendQueue {
		l = l.after(&m.appendQueue[i])
	}
	return l
}

// after returns the log once the write is made.
func (l logView) after(write *pb.Message) logView {
	if write.Snapshot != nil {
		l = logView{snapshot: *write.Snapshot, first: write.Snapshot.Metadata.Index + 1}
	}
	if len(write.Entries) == 0 || write.Entries[0].Index < l.first {
		return l
	}
	kept := min(write.Entries[0].Index-l.first, uint64(len(l.entries)))
	l.entries = append(l.entries[:kept:kept], write.Entries...)
	return l
}

// last returns the index of the last entry.
func (l *logView) last() uint64 { return l.first + uint64(len(l.entries)) - 1 }

// at returns the entry at the index, which must be one of those that the log has.
func (l *logView) at(index uint64) *pb.Entry { return &l.entries[index-l.first] }

// has reports whether the log has the entry itself, and not only a snapshot that stands for it.
func (l *logView) has(index uint64) bool { return index >= l.first && index <= l.last() }

// known returns the entry at the index as the checks see it, from the log or from the snapshot's state; the zero value
// if neither has it.
func (l *logView) known(index uint64) EntryFact {
	if l.has(index) {
		return factOf(l.at(index))
	}
	if applied := decodeState(l.snapshot.Data); index-1 < uint64(len(applied)) {
		return applied[index-1]
	}
	return EntryFact{}
}

func (l *logView) fact() LogFact { return LogFact{First: l.first, Entries: factsOf(l.entries)} }

// A write goes to disk in steps, any number of which may have been made when the member crashes: first the snapshot,
// if there is one, then each entry, of which the first removes what it replaces, then the hard state, if it is set.

// stepsOf returns the number of steps of a write.
func stepsOf(write *pb.Message) int {
	n := len(write.Entries)
	if write.Snapshot != nil {
		n++
	}
	if hasHardState(write) {
		n++
	}
	return n
}

func hasHardState(write *pb.Message) bool {
	return write.Term != 0 || write.Vote != 0 || write.Commit != 0
}

// write makes the first steps of a write.
func (m *member) write(write *pb.Message, steps int) {
	if write.Snapshot != nil && steps > 0 {
		m.restore(write.Snapshot)
		steps--
	}
	n := min(steps, len(write.Entries))
	if err := m.storage.Append(write.Entries[:n]); err != nil {
		m.fail("what is to be written fits the disk", "%v", err)
	}
	if hasHardState(write) && steps > len(write.Entries) {
		// It never fails on a MemoryStorage.
		_ = m.storage.SetHardState(pb.HardState{Term: write.Term, Vote: write.Vote, Commit: write.Commit})
	}
}

// restore has the disk and the application take over a snapshot.
func (m *member) restore(snap *pb.Snapshot) {
	index := snap.Metadata.Index
	if err := m.storage.ApplySnapshot(*snap); err != nil {
		m.fail("what is to be written fits the disk", "snapshot %d: %v", index, err)
		return
	}
	if index <= m.app.index {
		m.fail("the application never goes back", "has applied %d and is to take over the snapshot at %d", m.app.index, index)
	}
	m.app.index, m.app.restored = index, index
	m.app.membership = snap.Metadata.ConfState
	m.rememberMembership(index)
}
