package rafttest

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/internal/choose"
)

func requireClean(t *testing.T, r *Result) {
	t.Helper()
	if r.Violation != nil {
		t.Fatalf("seed %d, event %d: %s: %s\n%q", r.Options.Seed, r.Events, r.Violation.Property, r.Violation.Detail, r.Violation.Evidence)
	}
}

// TestSeeds runs some seeds of every size; CI runs more with the command raftsim.
func TestSeeds(t *testing.T) {
	var sum Stats
	for seed := uint64(1); seed <= 40; seed++ {
		r := Run(Options{Seed: seed, Events: 10000})
		requireClean(t, &r)
		require.GreaterOrEqual(t, r.Events, uint64(10000))
		sum.Add(&r.Stats)
	}
	// A simulation in which nothing happens finds nothing.
	require.Greater(t, sum.Elections, 100)
	require.Greater(t, sum.Crashes, 100)
	require.Greater(t, sum.Snapshots, 100)
	require.Greater(t, sum.Writes, 1000)
	require.Greater(t, sum.Reads, 1000)
	require.Greater(t, sum.LostReads, 100)
	require.Greater(t, sum.Changes, 100)
	require.Equal(t, 40, sum.Recoveries)
	require.Greater(t, sum.CrashesAtWork, 100)
	require.Greater(t, sum.TornWrites, 1)
	require.Greater(t, sum.Partitions, 100)
	require.Greater(t, sum.Transfers, 50)
	require.Positive(t, sum.Wipes)
}

// TestTheSameSeedDoesTheSame on every run, with any number of processors, recorded or not. The hash is written down here:
// it may change only with the simulator or with what the library does, not from machine to machine.
func TestTheSameSeedDoesTheSame(t *testing.T) {
	o := Options{Seed: 7, Events: 5000, Nodes: 5}
	first := Run(o)
	requireClean(t, &first)
	require.Equal(t, uint64(0x2ee54406c97c9764), first.Hash)
	procs := runtime.GOMAXPROCS(1)
	second := Run(o)
	runtime.GOMAXPROCS(procs)
	o.Record = true
	third := Run(o)
	require.Equal(t, first.Hash, second.Hash)
	require.Equal(t, first.Hash, third.Hash)
	require.Equal(t, first.Stats, second.Stats)
	require.Len(t, third.Trace.Events, int(third.Events))
	other := Run(Options{Seed: 8, Events: 5000, Nodes: 5})
	require.NotEqual(t, first.Hash, other.Hash)
}

// TestReplayDoesTheSameAgain: the actions of a run, done again without the driver that chose them, do the same.
func TestReplayDoesTheSameAgain(t *testing.T) {
	for seed := uint64(1); seed <= 20; seed++ {
		r := Run(Options{Seed: seed, Events: 3000, Record: true})
		requireClean(t, &r)
		g, found := r.replay(r.actions, nil)
		require.Nil(t, found)
		require.Equal(t, r.Events, g.event, "seed %d", seed)
		require.Equal(t, r.Hash, uint64(g.hash), "seed %d", seed)
	}
}

// TestFaultsAreWhatTheyAreSaidToBe: without faults there are none.
func TestFaultsAreWhatTheyAreSaidToBe(t *testing.T) {
	quiet := func(Faults) Faults { return Faults{Heal: 100, Interval: 1000} }
	r := Run(Options{Seed: 3, Nodes: 3, Events: 10000, Faults: quiet})
	requireClean(t, &r)
	require.Zero(t, r.Stats.Crashes)
	require.Zero(t, r.Stats.Changes)
	require.Zero(t, r.Stats.Snapshots)
	crashes := func(Faults) Faults { return Faults{Crash: 500, Torn: 500, Interval: 1000} }
	r = Run(Options{Seed: 3, Nodes: 3, Events: 10000, Faults: crashes})
	requireClean(t, &r)
	require.Greater(t, r.Stats.Crashes, 10)
	require.Zero(t, r.Stats.Changes)
}

// TestAnySourceOfChoices: bytes decide as well as a seed does, and as repeatably.
func TestAnySourceOfChoices(t *testing.T) {
	data := make([]byte, 5000)
	src := choose.NewSeeded(5)
	for i := range data {
		data[i] = byte(src.Choose(256))
	}
	o := Options{Events: 2000, Nodes: 3}
	a := RunWith(o, choose.NewContinued(data, choose.NewSeeded(1)))
	b := RunWith(o, choose.NewContinued(data, choose.NewSeeded(1)))
	requireClean(t, &a)
	require.Equal(t, a.Hash, b.Hash)
	require.Positive(t, a.Stats.Elections)
}

func TestOptionsOutOfBounds(t *testing.T) {
	for _, o := range []Options{{Nodes: 8}, {Nodes: -1}, {Clients: 9}, {Clients: -1}, {Events: -1}, {StormEvents: -1}} {
		r := Run(o)
		require.NotNil(t, r.Violation)
		require.Equal(t, "options", r.Violation.Property)
	}
}
