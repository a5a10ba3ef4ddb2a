package replica

import (
	"errors"
	"fmt"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// groupStorage is what a replica's RawNode reads: the group's log, with the membership that the state machine has, and with
// snapshots of the state as it is now instead of those in the log store.
//
// A log that cannot be read ends the replica. The consensus itself would go on, and try again: as a leader that
// applies nothing, or that has nothing for those which are behind.
type groupStorage struct {
	Log
	r *Replica
}

// Entries implements raft.Storage.
func (s *groupStorage) Entries(lo, hi, maxSize uint64) ([]pb.Entry, error) {
	entries, err := s.Log.Entries(lo, hi, maxSize)
	return entries, s.checked(err)
}

// Term implements raft.Storage.
func (s *groupStorage) Term(i uint64) (uint64, error) {
	term, err := s.Log.Term(i)
	return term, s.checked(err)
}

// FirstIndex implements raft.Storage.
func (s *groupStorage) FirstIndex() (uint64, error) {
	first, err := s.Log.FirstIndex()
	return first, s.checked(err)
}

// LastIndex implements raft.Storage.
func (s *groupStorage) LastIndex() (uint64, error) {
	last, err := s.Log.LastIndex()
	return last, s.checked(err)
}

// checked returns the error, and stops the replica on account of it unless it only says that something is not in the log. While the
// replica is being started, it is Start that returns it.
func (s *groupStorage) checked(err error) error {
	if err == nil || errors.Is(err, raft.ErrCompacted) || errors.Is(err, raft.ErrUnavailable) {
		return err
	}
	if s.r.loaded {
		s.r.fail(fmt.Errorf("the log is not readable: %w", err))
	}
	return err
}

// InitialState implements raft.Storage. That the commit index was stored is nobody's promise, but what was applied
// durably was committed.
func (s *groupStorage) InitialState() (pb.HardState, pb.ConfState, error) {
	hard, _, err := s.Log.InitialState()
	if err != nil {
		return pb.HardState{}, pb.ConfState{}, err
	}
	a := &s.r.applying
	hard.Commit = max(hard.Commit, a.index)
	return hard, a.confState, nil
}

// Snapshot implements raft.Storage: with the metadata of a captured view. If there is none behind which the log goes on, one is
// asked for.
func (s *groupStorage) Snapshot() (pb.Snapshot, error) {
	first, err := s.FirstIndex()
	if err != nil {
		return pb.Snapshot{}, err
	}
	v := s.r.views.newest()
	if v == nil || v.meta.Index+1 < first {
		s.r.views.retireBelow(first - 1)
		s.r.apply(applyJob{capture: true})
		return pb.Snapshot{}, raft.ErrSnapshotTemporarilyUnavailable
	}
	return pb.Snapshot{Metadata: v.meta}, nil
}
