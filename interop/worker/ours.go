//go:build !etcd36 && !etcd37

package main

import (
	"errors"
	"math/rand/v2"

	"github.com/seed695671cb/raft"
	"github.com/seed695671cb/raft/interop/wire"
	pb "github.com/seed695671cb/raft/raftpb"
)

// The library of this repository.
const libraryName = "this library"

type (
	config        = raft.Config
	rawNode       = raft.RawNode
	ready         = raft.Ready
	memoryStorage = raft.MemoryStorage

	message   = pb.Message
	entry     = pb.Entry
	hardState = pb.HardState
	snapshot  = pb.Snapshot
	confState = pb.ConfState

	confChange   = pb.ConfChange
	confChangeV2 = pb.ConfChangeV2
	confChangeI  = pb.ConfChangeI
)

const (
	readOnlyLeaseBased = raft.ReadOnlyLeaseBased
	snapshotFinish     = raft.SnapshotFinish
	snapshotFailure    = raft.SnapshotFailure
)

var errSnapshotTemporarilyUnavailable = raft.ErrSnapshotTemporarilyUnavailable

func newRawNode(c *config) (*rawNode, error) { return raft.NewRawNode(c) }
func newMemoryStorage() *memoryStorage       { return raft.NewMemoryStorage() }
func quiet()                                 { raft.SetLogger(raft.DiscardLogger{}) }

// extend sets what other libraries have not got.
func extend(c *config, s *wire.Start) error {
	c.MaxPendingReads = int(s.MaxPendingReads)
	source := &rand.PCG{}
	c.Rand = source
	return source.UnmarshalBinary(s.Rand)
}

func outcomeOf(err error) wire.Outcome {
	switch {
	case errors.Is(err, raft.ErrProposalDropped):
		return wire.OutcomeDropped
	case errors.Is(err, raft.ErrStepPeerNotFound):
		return wire.OutcomeRefused
	}
	return wire.OutcomeInvalid
}

func lostReads(rd *ready) (lost []wire.Read) {
	for _, r := range rd.LostReads {
		lost = append(lost, wire.Read{Context: r.RequestCtx})
	}
	return lost
}
