// Package rafttest runs whole groups of raft members in one goroutine, over a network, disks and clocks that are
// simulated and that fail: messages are lost, duplicated, reordered and delayed, partitions come and go, clocks run
// apart, members crash between any two steps and lose what was not durable, disks stall, memberships change. After every
// event it checks what Raft promises (Raft Fig. 3) and what the library does, each property in a file of its own,
// check_*.go. When the faults stop it checks that the group recovers.
//
// A run is decided by its seed alone: the same Options give the same events, and the same Result.Hash, on every machine.
//
//	result := rafttest.Run(rafttest.Options{Seed: 1, Events: 20000})
//	if result.Violation != nil {
//		result = rafttest.Minimise(result, 0)
//		trace.WriteHTML(file, result.Trace)
//	}
//
// An application brings its own storage and state machine with Options.NewDisk and Options.NewStateMachine: then it is
// these that crash, and what they lose or get wrong is found in the same way.
//
// The command rafttest/cmd/raftsim runs many seeds.
package rafttest
