package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/rafttest"
	"github.com/seed695671cb/raft/rafttest/trace"
)

func TestFlagsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, args := range [][]string{
		{"-nodes", "8"}, {"-nodes", "x"}, {"-seeds", "0"}, {"-j", "0"}, {"-clients", "9"}, {"-faults", "fire=1"},
		{"-faults", "loss=-1"}, {"-unknown"}, {"word"}, {"-storm", "-1"}, {"-out", "main_test.go"},
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
	run.explore(context.Background())
	require.Zero(t, run.conclude())
	require.Equal(t, uint64(3), run.done.Load())
	for _, name := range []string{"seed-1.txt", "seed-2.html", "seed-3.html"} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Positive(t, info.Size())
	}
}

// TestTheLineThatRunsASeedAgain has the flags that were set, and no others, and means the same run.
func TestTheLineThatRunsASeedAgain(t *testing.T) {
	const command = "go run ./rafttest/cmd/raftsim "
	for _, test := range []struct {
		args []string
		want string
	}{
		{nil, "-first 7 -seeds 1"},
		{[]string{"-j", "3", "-quiet", "-first", "5", "-seeds", "9"}, "-first 7 -seeds 1"},
		{
			[]string{"-storm", "30", "-clients", "2", "-faults", "none,loss=100", "-nodes", "3,5,7", "-events", "60"},
			"-first 7 -seeds 1 -clients=2 -events=60 -faults=none,loss=100 -nodes=5 -storm=30",
		},
		{[]string{"-trace", "-nodes", "4"}, "-first 7 -seeds 1 -nodes=4 -trace=true"},
	} {
		c, err := parse(test.args)
		require.NoError(t, err)
		line := c.again(7)
		require.Equal(t, command+test.want, line)
		same, err := parse(strings.Fields(strings.TrimPrefix(line, command)))
		require.NoError(t, err)
		require.Equal(t, line, same.again(7))
		want, got := c.options(7), same.options(7)
		want.Events, got.Events = min(want.Events, 300), min(got.Events, 300)
		require.Equal(t, rafttest.Run(want).Hash, rafttest.Run(got).Hash)
	}
}

// TestAnInterruptedCampaign begins no run, and says so by its exit status.
func TestAnInterruptedCampaign(t *testing.T) {
	c, err := parse([]string{"-seeds", "3", "-events", "200", "-quiet"})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	run := newCampaign(c)
	run.explore(ctx)
	require.Equal(t, 130, run.conclude())
	require.Zero(t, run.done.Load())
}

// TestATraceThatCannotBeWritten ends the campaign: a directory is where the page of seed 1 should be.
func TestATraceThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "seed-1.html"), 0o777))
	c, err := parse([]string{"-seeds", "50", "-events", "50", "-j", "1", "-trace", "-out", dir, "-quiet"})
	require.NoError(t, err)
	run := newCampaign(c)
	run.explore(context.Background())
	require.Equal(t, 2, run.conclude())
	require.ErrorContains(t, run.unwritten, "seed-1.html")
	require.Equal(t, uint64(1), run.done.Load())
}

// TestAViolation has the line that runs it again in what is written.
func TestAViolation(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "directory")
	c, err := parse([]string{"-seeds", "1", "-events", "30", "-storm", "20", "-out", dir, "-quiet", "-trace"})
	require.NoError(t, err)
	run := newCampaign(c)
	found := rafttest.Run(c.options(1))
	found.Violation = &trace.Violation{Property: "made up", Detail: "for the test"}
	c.minimise = false // the run as it is has no violation to keep
	run.note(&found)
	require.Equal(t, 1, run.conclude())
	text, err := os.ReadFile(filepath.Join(dir, "seed-1.txt"))
	require.NoError(t, err)
	require.Contains(t, string(text), "-first 1 -seeds 1 -events=30 -storm=20 -trace=true")
}

func TestStatsInOneLine(t *testing.T) {
	line := readable(rafttest.Stats{Messages: 12, LostReads: 3})
	require.Contains(t, line, "Messages:12 ")
	require.Contains(t, line, "LostReads:3")
	require.NotContains(t, line, "{")
}
