//go:build etcd37

package main

import (
	"google.golang.org/protobuf/proto"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
)

// A library that has pointers to messages, entries and states.

const libraryName = "etcd 3.7"

type (
	message   = *pb.Message
	entry     = *pb.Entry
	hardState = *pb.HardState
	snapshot  = *pb.Snapshot
	confState = *pb.ConfState

	confChangeI = pb.ConfChangeI
)

var noSnapshot snapshot

func newRawNode(c *config) (*rawNode, error) { return raft.NewRawNode(c) }

func encode(v proto.Message) ([]byte, error)       { return proto.Marshal(v) }
func encodeMessage(m message) ([]byte, error)      { return proto.Marshal(m) }
func encodeEntry(e entry) ([]byte, error)          { return proto.Marshal(e) }
func encodeHardState(hs hardState) ([]byte, error) { return proto.Marshal(hs) }
func encodeSnapshot(snap snapshot) ([]byte, error) { return proto.Marshal(snap) }
func isEmptyHardState(hs hardState) bool           { return raft.IsEmptyHardState(hs) }
func isEmptySnapshot(snap snapshot) bool           { return raft.IsEmptySnap(snap) }

func fieldsOf(hs hardState) (term, vote, commit uint64) {
	return hs.GetTerm(), hs.GetVote(), hs.GetCommit()
}

func decodeMessage(b []byte) (message, error) {
	m := new(pb.Message)
	return m, proto.Unmarshal(b, m)
}

func decodeHardState(b []byte) (hardState, error) {
	hs := new(pb.HardState)
	return hs, proto.Unmarshal(b, hs)
}

func decodeConfState(b []byte) (confState, error) {
	cs := new(pb.ConfState)
	return cs, proto.Unmarshal(b, cs)
}

func decodeSnapshot(b []byte) (snapshot, error) {
	snap := new(pb.Snapshot)
	return snap, proto.Unmarshal(b, snap)
}

func decodeEntries(list [][]byte) ([]entry, error) {
	entries := make([]entry, len(list))
	for i, b := range list {
		entries[i] = new(pb.Entry)
		if err := proto.Unmarshal(b, entries[i]); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

func decodeChange(oldForm bool, b []byte) (confChangeI, error) {
	if oldForm {
		cc := new(pb.ConfChange)
		return cc, proto.Unmarshal(b, cc)
	}
	cc := new(pb.ConfChangeV2)
	return cc, proto.Unmarshal(b, cc)
}

// newSnapshot returns a snapshot that stands for the log up to an entry.
func newSnapshot(index, term uint64) snapshot {
	return &pb.Snapshot{Metadata: &pb.SnapshotMetadata{Index: &index, Term: &term, ConfState: new(pb.ConfState)}}
}
