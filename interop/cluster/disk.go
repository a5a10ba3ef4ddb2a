package cluster

import (
	"github.com/seed695671cb/raft"
	"github.com/seed695671cb/raft/interop/wire"
	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/rafttest"
)

// disk is a member's disk. The driver has it; while the member runs, its process has a copy, to be read.
type disk struct {
	*rafttest.MemoryDisk
	// replica is what reads the copy; nil while the member is down.
	replica *replica
}

// Write writes to the disk and the copy.
func (d *disk) Write(w rafttest.Write) error {
	if err := d.MemoryDisk.Write(w); err != nil || d.replica == nil {
		return err
	}
	d.replica.send(wire.OpWrite, func(e *wire.Encoder) {
		var snap []byte
		if !raft.IsEmptySnap(w.Snapshot) {
			snap = encode(&w.Snapshot)
		}
		e.Bytes(snap)
		e.List(encodeEntries(w.Entries))
	})
	return nil
}

// Crash is the end of the replica's life too.
func (d *disk) Crash(keep int) error {
	d.replica = nil
	return d.MemoryDisk.Crash(keep)
}

// Compact compacts the disk and the copy.
func (d *disk) Compact(index, first uint64, membership pb.ConfState, state []byte) error {
	if err := d.MemoryDisk.Compact(index, first, membership, state); err != nil || d.replica == nil {
		return err
	}
	snap, err := d.MemoryDisk.Snapshot()
	if err != nil {
		return err
	}
	d.replica.send(wire.OpCompact, func(e *wire.Encoder) {
		e.Bytes(encode(&snap))
		e.Uint(first)
	})
	return nil
}
