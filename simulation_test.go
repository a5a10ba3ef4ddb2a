package raft_test

import (
	"testing"

	"github.com/seed695671cb/raft/rafttest"
)

// TestSimulation runs a few simulated groups (package rafttest), so that a change of the core meets all faults before
// anything else is run. The command rafttest/cmd/raftsim runs many.
func TestSimulation(t *testing.T) {
	for seed := uint64(1); seed <= 60; seed++ {
		r := rafttest.Run(rafttest.Options{Seed: seed, Events: 5000})
		if v := r.Violation; v != nil {
			t.Fatalf("seed %d, event %d: %s: %s\n%s", seed, r.Events, v.Property, v.Detail, r.Trace.Title)
		}
	}
}
