package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/examples/kvstore/chaos/history"
)

func TestFlagsAreChecked(t *testing.T) {
	for name, args := range map[string][]string{
		"an argument":       {"now"},
		"too few members":   {"-members", "2"},
		"no clients":        {"-clients", "0"},
		"no time":           {"-duration", "0s"},
		"an unknown fault":  {"-faults", "flood", "-out", filepath.Join(t.TempDir(), "out"), "-kvstore", "/bin/true"},
		"a missing history": {"-check", filepath.Join(t.TempDir(), "missing")},
	} {
		t.Run(name, func(t *testing.T) {
			var out, err bytes.Buffer
			ok, failure := run(context.Background(), args, &out, &err)
			require.False(t, ok)
			require.Error(t, failure)
		})
	}
}

func TestADirectoryInUseIsNotTouched(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "precious"), nil, 0o644))
	var out, err bytes.Buffer
	_, failure := run(context.Background(), []string{"-out", dir}, &out, &err)
	require.ErrorContains(t, failure, "not empty")
}

func TestTheSeedIsRepeatedOnce(t *testing.T) {
	require.Equal(t, " -seed 7", again([]string{"-duration", "1m"}, 7))
	require.Empty(t, again([]string{"--seed=7"}, 7))
}

// A kept history is judged again, and a stale read in it is shown.
func TestAHistoryIsCheckedAgain(t *testing.T) {
	key := history.Key(1, 0)
	put := func(at int64, value string, rev uint64) *history.Op {
		return &history.Op{Group: 1, Kind: history.Put, Outcome: history.OK, Call: at, Return: at + 1, Succeeded: true, Rev: rev,
			Then: []history.Action{{Kind: history.Put, Key: key, Value: value}}, Results: []history.Result{{Exists: true, Rev: rev}}}
	}
	get := func(at int64, value string, rev uint64) *history.Op {
		return &history.Op{Group: 1, Kind: history.Get, Consistency: history.Lease, Outcome: history.OK, Call: at, Return: at + 1, Succeeded: true,
			Then: []history.Action{{Kind: history.Get, Key: key}}, Results: []history.Result{{Exists: true, Value: value, Rev: rev}}}
	}
	for value, want := range map[string]string{"new": "no acknowledged write lost", "old": "lease reads are stale"} {
		log := &history.Log{}
		log.AddOp(put(10, "old", 1))
		log.AddOp(put(20, "new", 2))
		log.AddOp(get(30, value, map[string]uint64{"old": 1, "new": 2}[value]))
		path := filepath.Join(t.TempDir(), "history.jsonl")
		file, err := os.Create(path)
		require.NoError(t, err)
		require.NoError(t, log.Write(file))
		require.NoError(t, file.Close())
		var stdout, stderr bytes.Buffer
		ok, err := run(context.Background(), []string{"-check", path}, &stdout, &stderr)
		require.NoError(t, err)
		require.Equal(t, value == "new", ok)
		require.Contains(t, stdout.String(), want)
	}
}
