package main

import (
	"github.com/seed695671cb/raft/interop/wire"
)

// storage is the disk as the library reads it: a copy of what the driver has, whose snapshot is now and then not to hand.
type storage struct {
	*memoryStorage
	hard     hardState
	members  confState
	snapshot snapshot
	busy     bool
}

// open makes the copy of what is on disk when a life begins.
func (s *storage) open(from *wire.Start) (err error) {
	s.memoryStorage = newMemoryStorage()
	if s.hard, err = decodeHardState(from.HardState); err != nil {
		return err
	}
	if s.members, err = decodeConfState(from.ConfState); err != nil {
		return err
	}
	if s.snapshot, err = decodeSnapshot(from.Snapshot); err != nil {
		return err
	}
	entries, err := decodeEntries(from.Entries)
	if err != nil {
		return err
	}
	// The log may begin before the snapshot.
	if from.First > 0 {
		if err := s.ApplySnapshot(newSnapshot(from.First, from.FirstTerm)); err != nil {
			return err
		}
	}
	return s.Append(entries)
}

// InitialState returns what the life begins with.
func (s *storage) InitialState() (hardState, confState, error) { return s.hard, s.members, nil }

// Snapshot returns the newest snapshot.
func (s *storage) Snapshot() (snapshot, error) {
	if s.busy {
		return noSnapshot, errSnapshotTemporarilyUnavailable
	}
	return s.snapshot, nil
}

// write follows a write of the disk.
func (s *storage) write(req *wire.Decoder) error {
	snap := req.Bytes()
	entries, err := decodeEntries(req.List())
	if err != nil {
		return err
	}
	if snap != nil {
		if s.snapshot, err = decodeSnapshot(snap); err != nil {
			return err
		}
		if err := s.ApplySnapshot(s.snapshot); err != nil {
			return err
		}
	}
	return s.Append(entries)
}

// compact follows a compaction.
func (s *storage) compact(req *wire.Decoder) error {
	snap, err := decodeSnapshot(req.Bytes())
	if err != nil {
		return err
	}
	s.snapshot = snap
	first, err := s.FirstIndex()
	if upTo := req.Uint(); err == nil && upTo >= first {
		err = s.Compact(upTo)
	}
	return err
}
