package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/rafttest"
)

func TestFlagsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, args := range [][]string{
		{"-nodes", "8"}, {"-nodes", "x"}, {"-seeds", "0"}, {"-j", "0"}, {"-clients", "9"}, {"-faults", "fire=1"},
		{"-faults", "loss=-1"}, {"-unknown"}, {"word"},
	} {
		_, err := parse(args)
		require.Error(t, err, args)
	}
}

func TestFaultsByFlag(t *testing.T) {
	c, err := parse([]string{"-faults", "none,loss=100,late-reports=7", "-nodes", "3,5"})
	require.NoError(t, err)
	f := c.faults(rafttest.Faults{Crash: 900, Loss: 1})
	require.Equal(t, rafttest.Faults{Heal: 100, Interval: 1000, Loss: 100, LateReports: 7}, f)
	require.Equal(t, 3, c.options(2).Nodes)
	require.Equal(t, 5, c.options(3).Nodes)
	c, err = parse([]string{"-faults", "crash=5"})
	require.NoError(t, err)
	require.Equal(t, rafttest.Faults{Crash: 5, Loss: 1}, c.faults(rafttest.Faults{Crash: 900, Loss: 1}))
	c, err = parse(nil)
	require.NoError(t, err)
	require.Nil(t, c.faults)
}

// TestACampaign runs a few seeds and writes their traces.
func TestACampaign(t *testing.T) {
	dir := t.TempDir()
	c, err := parse([]string{"-seeds", "3", "-events", "200", "-j", "2", "-trace", "-out", dir, "-quiet", "-json"})
	require.NoError(t, err)
	run := newCampaign(c)
	require.Zero(t, run.run())
	require.Equal(t, uint64(3), run.done.Load())
	for _, name := range []string{"seed-1.txt", "seed-2.html", "seed-3.html"} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Positive(t, info.Size())
	}
}
