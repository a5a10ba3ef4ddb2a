package rafttest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestReplayDoesTheSameAgain: the actions of a run, done again without the driver that chose them, do the same.
func TestReplayDoesTheSameAgain(t *testing.T) {
	for seed := uint64(1); seed <= 20; seed++ {
		r := Run(Options{Seed: seed, Events: 3000, Record: true})
		require.Nil(t, r.Violation)
		g, found := r.replay(r.actions, nil)
		require.Nil(t, found)
		require.Equal(t, r.Events, g.event, "seed %d", seed)
		require.Equal(t, r.Hash, uint64(g.hash), "seed %d", seed)
	}
}
