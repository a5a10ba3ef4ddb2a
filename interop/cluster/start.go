package cluster

import (
	"encoding"
	"fmt"
	"math"

	"github.com/seed695671cb/raft"
	"github.com/seed695671cb/raft/interop/wire"
	pb "github.com/seed695671cb/raft/raftpb"
)

// startOf returns how a life begins that is configured so.
func startOf(cfg *raft.Config, im Implementation) (*wire.Start, error) {
	s := &wire.Start{
		ID: cfg.ID, ElectionTick: uint64(cfg.ElectionTick), HeartbeatTick: uint64(cfg.HeartbeatTick), Applied: cfg.Applied,
		MaxSizePerMsg: cfg.MaxSizePerMsg, MaxCommittedSizePerReady: cfg.MaxCommittedSizePerReady,
		MaxUncommittedEntriesSize: cfg.MaxUncommittedEntriesSize,
		MaxInflightMsgs:           uint64(cfg.MaxInflightMsgs), MaxInflightBytes: cfg.MaxInflightBytes,
		MaxPendingReads: uint64(cfg.MaxPendingReads), AsyncStorageWrites: cfg.AsyncStorageWrites, CheckQuorum: cfg.CheckQuorum,
		PreVote: cfg.PreVote, LeaseReads: cfg.ReadOnlyOption == raft.ReadOnlyLeaseBased,
		DisableProposalForwarding: cfg.DisableProposalForwarding, StepDownOnRemoval: cfg.StepDownOnRemoval,
	}
	source, ok := cfg.Rand.(encoding.BinaryMarshaler)
	if !ok {
		return nil, fmt.Errorf("a source of chance of type %T cannot be given to another process", cfg.Rand)
	}
	var err error
	if s.Rand, err = source.MarshalBinary(); err != nil {
		return nil, err
	}
	hs, cs, err := cfg.Storage.InitialState()
	if err != nil {
		return nil, err
	}
	if err := readLog(s, cfg.Storage); err != nil {
		return nil, err
	}
	if im.ID != Ours.ID {
		// The commit index need not have been durable when what rests on it was. An application of the lineage corrects
		// it before it starts its library, which elsewhere would panic.
		hs.Commit = max(hs.Commit, s.Applied, s.First)
	}
	s.HardState, s.ConfState = encode(&hs), encode(&cs)
	return s, nil
}

// readLog adds the snapshot and the entries that the disk holds.
func readLog(s *wire.Start, disk raft.Storage) error {
	snap, err := disk.Snapshot()
	if err != nil {
		return err
	}
	first, err := disk.FirstIndex()
	if err != nil {
		return err
	}
	last, err := disk.LastIndex()
	if err != nil {
		return err
	}
	var entries []pb.Entry
	if last >= first {
		if entries, err = disk.Entries(first, last+1, math.MaxUint64); err != nil {
			return err
		}
	}
	s.First = first - 1
	if s.FirstTerm, err = disk.Term(s.First); err != nil {
		return err
	}
	s.Snapshot, s.Entries = encode(&snap), encodeEntries(entries)
	return nil
}
