package main

// This file makes the module depend on what it compares, so that the go command can say where it is.

import (
	_ "go.etcd.io/raft/v3"
	_ "go.etcd.io/raft/v3/confchange"
	_ "go.etcd.io/raft/v3/quorum"
	_ "go.etcd.io/raft/v3/raftpb"
	_ "go.etcd.io/raft/v3/tracker"

	_ "github.com/seed695671cb/raft"
	_ "github.com/seed695671cb/raft/confchange"
	_ "github.com/seed695671cb/raft/quorum"
	_ "github.com/seed695671cb/raft/raftpb"
	_ "github.com/seed695671cb/raft/tracker"
)
