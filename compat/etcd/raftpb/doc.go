// Package raftpb is github.com/seed695671cb/raft/raftpb, the messages and the entries of the log, under the import path
// of the etcd raft lineage, version 3.6. A program selects it by a replace directive for go.etcd.io/raft/v3; see the
// package raft above it.
package raftpb
