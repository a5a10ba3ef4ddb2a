package replica

import (
	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// groupStorage is what a replica's RawNode reads: the group's log, with the membership that the state machine has, and with
// snapshots of the state as it is now instead of those in the log store.
type groupStorage struct {
	Log
	r *Replica
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
	first, err := s.Log.FirstIndex()
	if err != nil {
		return pb.Snapshot{}, err
	}
	now, _ := s.r.host.clock.read()
	v := s.r.views.newest(now)
	if v == nil || v.meta.Index+1 < first {
		s.r.views.retireBelow(first - 1)
		s.r.apply(applyJob{capture: true})
		return pb.Snapshot{}, raft.ErrSnapshotTemporarilyUnavailable
	}
	return pb.Snapshot{Metadata: v.meta}, nil
}
