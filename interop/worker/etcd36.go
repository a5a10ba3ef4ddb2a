//go:build etcd36

package main

import (
	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
)

const libraryName = "etcd 3.6"

type (
	message   = pb.Message
	entry     = pb.Entry
	hardState = pb.HardState
	snapshot  = pb.Snapshot
	confState = pb.ConfState

	confChange   = pb.ConfChange
	confChangeV2 = pb.ConfChangeV2
	confChangeI  = pb.ConfChangeI
)

func newRawNode(c *config) (*rawNode, error) { return raft.NewRawNode(c) }
