package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/interop/cluster"
	"github.com/seed695671cb/raft/rafttest"
	"github.com/seed695671cb/raft/rafttest/trace"
)

func TestACampaign(t *testing.T) {
	c := &campaign{first: 3, seeds: 2, events: 500, jobs: 2, out: t.TempDir()}
	require.NoError(t, run(c, "2-ours-1-etcd36, roll-etcd37", false))
	require.NoError(t, run(c, "", true))
	left, err := os.ReadDir(c.out)
	require.NoError(t, err)
	require.Empty(t, left, "nothing was found, and nothing is written")
}

func TestWhatCannotBeRunIsRefused(t *testing.T) {
	require.ErrorContains(t, run(&campaign{events: 1, jobs: 1}, "2-ours-1-raft", false), `no mix "2-ours-1-raft"`)
	require.ErrorContains(t, run(&campaign{events: 1}, "", false), "-j 0")
	require.ErrorContains(t, run(&campaign{jobs: 1}, "", false), "-events 0")
}

// What is found is written down, with the command that finds it again.
func TestWhatIsFoundIsWritten(t *testing.T) {
	mix, err := cluster.MixOf("one-of-each")
	require.NoError(t, err)
	r := rafttest.Run(rafttest.Options{Seed: 7, Events: 200, Record: true})
	require.Nil(t, r.Violation)
	r.Violation = &trace.Violation{Property: "election safety", Detail: "two leaders", Evidence: []string{"member 1"}}
	c := &campaign{events: 200, out: t.TempDir()}
	err = c.explain(mix, &r)
	require.ErrorContains(t, err, "go run . -mix one-of-each -first 7 -seeds 1 -events 200")
	text, err := os.ReadFile(filepath.Join(c.out, "one-of-each-seed-7.txt"))
	require.NoError(t, err)
	require.Contains(t, string(text), "go run . -mix one-of-each -first 7 -seeds 1 -events 200")
	require.NotEmpty(t, r.Trace.Events)
}

// Of several seeds that found something, the lowest counts, and no other is begun.
func TestTheLowestSeedCounts(t *testing.T) {
	var p progress
	for _, seed := range []uint64{9, 4, 6} {
		r := &rafttest.Result{Options: rafttest.Options{Seed: seed}, Violation: &trace.Violation{}}
		p.note(r, cluster.Traffic{}, 20)
	}
	require.Equal(t, uint64(4), p.failed.Options.Seed)
	require.GreaterOrEqual(t, p.next.Load(), uint64(20))
}
