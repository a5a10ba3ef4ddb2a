package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/bench/contender"
	"github.com/seed695671cb/raft/bench/measure"
	"github.com/seed695671cb/raft/bench/raw"
	"github.com/seed695671cb/raft/bench/report"
)

// measured is a file of results.
func measured(t *testing.T, failures ...string) string {
	r := &raw.Results{
		Date: "2026-01-02", CPU: "a processor", Cores: 2, Go: "go1.26", Rounds: 1, Scale: 1, Failures: failures,
		Libraries: []raw.Library{{ID: "ours", Title: "ours", Version: "abc"}},
	}
	for _, name := range []string{"W1/batch=1", "W1/batch=16"} {
		s := raw.Series{Workload: name, Library: "ours", Unit: "entry"}
		s.Add(measure.Result{Operations: 10, CPUNs: 2000, WallNs: 1000, Objects: 20, Bytes: 30})
		r.Series = append(r.Series, s)
	}
	name := filepath.Join(t.TempDir(), "results.json")
	require.NoError(t, r.Write(name))
	return name
}

func TestFrom(t *testing.T) {
	var stdout, stderr bytes.Buffer
	require.NoError(t, bench(context.Background(), []string{"-from", measured(t)}, &stdout, &stderr))
	require.Contains(t, stdout.String(), "| W1/batch=1 | ours | 200 ns (200 to 200) / entry |")
	require.Empty(t, stderr.String())
}

func TestAFailureIsAnErrorAfterTheTables(t *testing.T) {
	var stdout bytes.Buffer
	err := bench(context.Background(), []string{"-from", measured(t, "W2/batch=1 on ours: it hung")}, &stdout, &stdout)
	require.EqualError(t, err, "1 workloads failed, the first: W2/batch=1 on ours: it hung")
	require.Contains(t, stdout.String(), "W1/batch=16")
}

func TestPublish(t *testing.T) {
	root := t.TempDir()
	document := filepath.Join(root, "docs", "PERFORMANCE.md")
	results, err := raw.Read(measured(t))
	require.NoError(t, err)
	require.ErrorContains(t, publish(results, root), "reading where the results belong")

	require.NoError(t, os.Mkdir(filepath.Dir(document), 0o755))
	require.NoError(t, os.WriteFile(document, []byte("# Performance\n"), 0o644))
	require.ErrorContains(t, publish(results, root), "PERFORMANCE.md: the document has no line "+report.Begin)

	require.NoError(t, os.WriteFile(document, []byte("# Performance\n\n"+report.Begin+"\n"+report.End+"\n\nThe floor.\n"), 0o644))
	require.NoError(t, publish(results, root))
	text, err := os.ReadFile(document)
	require.NoError(t, err)
	require.Contains(t, string(text), "| W1/batch=1 | ours |")
	require.Contains(t, string(text), "](plots/batch.svg)\n")
	require.Contains(t, string(text), "The floor.\n")
	again, err := raw.Read(filepath.Join(root, "docs", "plots", "results.json"))
	require.NoError(t, err)
	require.Equal(t, results, again)
	require.FileExists(t, filepath.Join(root, "docs", "plots", "batch.svg"))
}

func TestFlags(t *testing.T) {
	f, err := parse([]string{"-run", "^W1/", "-libs", "ours,etcd36", "-scale", "0.1", "-rounds", "3"})
	require.NoError(t, err)
	require.True(t, f.only.MatchString("W1/batch=1"))
	require.False(t, f.only.MatchString("W10/apply"))
	require.Equal(t, []any{3, 0.1, "ours,etcd36"}, []any{f.rounds, f.scale, f.libs})
	for _, args := range [][]string{{"W1"}, {"-rounds", "0"}, {"-scale", "0"}, {"-warmup", "-1"}} {
		_, err := parse(args)
		require.Error(t, err, args)
	}
}

func TestMachine(t *testing.T) {
	require.NotEmpty(t, processor())
	require.Equal(t, "entry", units()["W1/batch=1"])
}

func TestAllWorkersAreBuiltWithOneGo(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	results := &raw.Results{}
	c := contender.All()[0]
	require.NoError(t, noteGo(results, c, self))
	require.NoError(t, noteGo(results, c, self))
	require.Equal(t, runtime.Version(), results.Go)
	results.Go = "go1.1"
	require.ErrorContains(t, noteGo(results, c, self), "and the others with go1.1: install "+runtime.Version())
}
