package rafttest

import (
	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// Write is what a member has its disk write, in one go. Parts that are empty are not written.
type Write struct {
	// Snapshot replaces the whole log and the membership.
	Snapshot pb.Snapshot
	// Entries are contiguous. The first may replace one that is there: what follows that one is then removed.
	Entries []pb.Entry
	// HardState replaces the one that is there.
	HardState pb.HardState
}

// steps is the number of steps in which the write reaches the disk.
func (w *Write) steps() int {
	n := len(w.Entries)
	if !raft.IsEmptySnap(w.Snapshot) {
		n++
	}
	if !raft.IsEmptyHardState(w.HardState) {
		n++
	}
	return n
}

// torn returns what the first n steps of the write are: the snapshot, then each entry, then the hard state.
func (w *Write) torn(n int) Write {
	var t Write
	if n > 0 && !raft.IsEmptySnap(w.Snapshot) {
		t.Snapshot = w.Snapshot
		n--
	}
	t.Entries = w.Entries[:min(n, len(w.Entries))]
	if n > len(w.Entries) {
		t.HardState = w.HardState
	}
	return t
}

// Disk is where a member keeps its log and hard state: a raft.Storage that can be written to, and that forgets what it
// should when the power fails. It is used from one goroutine. An error ends the run as a violation.
type Disk interface {
	raft.Storage
	// Write writes. Reads see the result at once; it need not be durable before Sync.
	Write(w Write) error
	// Sync makes durable all that was written.
	Sync() error
	// Crash is a power failure. All that Sync made durable must still be there; of what was written since, the first keep
	// steps may be: a write's snapshot, then its entries one by one, then its hard state. Nothing of a write may be
	// there unless all writes before it are.
	Crash(keep int) error
	// Compact makes a snapshot of the application's state at index, which has been applied and is durable, keeps it
	// durably, and removes the entries up to and including first, which is at most index.
	Compact(index, first uint64, membership pb.ConfState, state []byte) error
}

// MemoryDisk is a Disk in memory: a raft.MemoryStorage, and beside it an image of what is durable.
type MemoryDisk struct {
	*raft.MemoryStorage
	unsynced []Write

	// What is durable.
	hard     pb.HardState
	snapshot pb.Snapshot
	entries  []pb.Entry // those after first
	first    uint64     // the index before that of entries[0]
	term     uint64     // its term
}

// NewMemoryDisk returns an empty disk.
func NewMemoryDisk() *MemoryDisk { return &MemoryDisk{MemoryStorage: raft.NewMemoryStorage()} }

// Write writes to what readers see.
func (d *MemoryDisk) Write(w Write) error {
	d.unsynced = append(d.unsynced, w)
	if !raft.IsEmptySnap(w.Snapshot) {
		if err := d.ApplySnapshot(w.Snapshot); err != nil {
			return err
		}
	}
	if err := d.Append(w.Entries); err != nil {
		return err
	}
	if raft.IsEmptyHardState(w.HardState) {
		return nil
	}
	return d.SetHardState(w.HardState)
}

// Sync makes durable all that was written.
func (d *MemoryDisk) Sync() error {
	for i := range d.unsynced {
		d.keep(&d.unsynced[i])
	}
	d.unsynced = d.unsynced[:0]
	return nil
}

// keep makes a write durable.
func (d *MemoryDisk) keep(w *Write) {
	if !raft.IsEmptySnap(w.Snapshot) {
		d.snapshot = w.Snapshot
		d.first, d.term = w.Snapshot.Metadata.Index, w.Snapshot.Metadata.Term
		d.entries = nil
	}
	if len(w.Entries) > 0 {
		d.entries = append(d.entries[:w.Entries[0].Index-d.first-1], w.Entries...)
	}
	if !raft.IsEmptyHardState(w.HardState) {
		d.hard = w.HardState
	}
}

// Crash loses what is not durable, but for the first keep steps of it.
func (d *MemoryDisk) Crash(keep int) error {
	for i := range d.unsynced {
		w := d.unsynced[i].torn(keep)
		d.keep(&w)
		keep -= d.unsynced[i].steps()
		if keep <= 0 {
			break
		}
	}
	d.unsynced = d.unsynced[:0]
	return d.reopen()
}

// reopen makes visible what is durable, and nothing else.
func (d *MemoryDisk) reopen() error {
	d.MemoryStorage = raft.NewMemoryStorage()
	if d.first > 0 {
		// The log may begin before the snapshot: entries up to it are kept for followers that are a little behind.
		begin := d.snapshot
		begin.Metadata.Index, begin.Metadata.Term = d.first, d.term
		if err := d.ApplySnapshot(begin); err != nil {
			return err
		}
	}
	if err := d.Append(d.entries); err != nil {
		return err
	}
	if s := d.snapshot; s.Metadata.Index > d.first {
		if _, err := d.CreateSnapshot(s.Metadata.Index, &s.Metadata.ConfState, s.Data); err != nil {
			return err
		}
	}
	return d.SetHardState(d.hard)
}

// Compact makes a snapshot and removes entries.
func (d *MemoryDisk) Compact(index, first uint64, membership pb.ConfState, state []byte) error {
	snapshot, err := d.CreateSnapshot(index, &membership, state)
	if err != nil {
		return err
	}
	d.snapshot = snapshot
	if first <= d.first {
		return nil
	}
	d.term = d.entries[first-d.first-1].Term
	d.entries = append([]pb.Entry(nil), d.entries[first-d.first:]...)
	d.first = first
	return d.MemoryStorage.Compact(first)
}
