// Package tracker is github.com/seed695671cb/raft/tracker, what is known of the members of a group, under the import path
// of the etcd raft lineage, version 3.6. A program selects it by a replace directive for go.etcd.io/raft/v3; see the
// package raft above it.
//
// ProgressTracker and ProgressMap have no counterpart in that library, whose replicas keep a sorted slice in place of
// maps. They are written here, for programs that compute with configurations by themselves; no replica uses them.
package tracker
