package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMain lets the test's own executable be a member of etcd, and the clients' process.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == roleMember || os.Args[1] == roleLoad) {
		main()
		return
	}
	os.Exit(m.Run())
}

// Both systems run for a moment, and hold what was written.
func TestSmoke(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the processor time of the members is read from /proc, which only Linux has")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	dir, out := t.TempDir(), t.TempDir()
	var stdout, stderr bytes.Buffer
	args := []string{"-rounds", "1", "-duration", "2s", "-warmup", "200ms", "-clients", "4", "-readers", "4", "-dir", dir, "-out", out}
	require.NoError(t, run(ctx, args, &stdout, &stderr), "%s", &stderr)

	encoded, err := os.ReadFile(filepath.Join(out, "versus.json"))
	require.NoError(t, err)
	var r report
	require.NoError(t, json.Unmarshal(encoded, &r))
	require.Equal(t, []trial{{opPut, 4}, {opPlain, 4}, {opGet, 4}}, r.trials())
	for _, of := range r.Results {
		for system, samples := range map[string][]sample{systemKvstore: of.Kvstore, systemEtcd: of.Etcd} {
			require.Len(t, samples, 1, system)
			s := samples[0]
			require.Positive(t, s.Ops, system)
			require.Positive(t, s.CPU, system)
			require.Positive(t, s.P50, system)
			require.GreaterOrEqual(t, s.P99, s.P50, system)
			require.GreaterOrEqual(t, s.Max, s.P99, system)
		}
	}
	table, err := os.ReadFile(filepath.Join(out, "versus.md"))
	require.NoError(t, err)
	require.Equal(t, string(table), stdout.String())
	require.Contains(t, stdout.String(), "| put, 4 clients | ops/s |")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left, "files are left")
}

func TestAMemberThatDoesNotStartIsReported(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dir := t.TempDir()
	_, err := measure(ctx, settings{program: "/bin/false", dir: dir, rounds: 1, progress: &bytes.Buffer{}})
	require.ErrorContains(t, err, "member 1 of kvstore has ended")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestFlags(t *testing.T) {
	s, err := parse([]string{"-clients", "1, 7", "-rounds", "3", "-duration", "2s"}, &bytes.Buffer{})
	require.NoError(t, err)
	require.Equal(t, []int{1, 7}, s.clients)
	require.Equal(t, 3, s.rounds)
	require.Equal(t, 2*time.Second, s.duration)
	for _, args := range [][]string{{"-clients", "0"}, {"-clients", ""}, {"-rounds", "0"}, {"-duration", "0s"}, {"more"}, {"-readers", "-1"}} {
		_, err := parse(args, &bytes.Buffer{})
		require.Error(t, err, args)
	}
	_, err = parse([]string{"-h"}, &bytes.Buffer{})
	require.ErrorIs(t, err, flag.ErrHelp)
}

func TestValuesAreChecked(t *testing.T) {
	random := rand.NewChaCha8([32]byte{})
	value := newValue(random, 7)
	require.Len(t, value, valueBytes)
	require.Len(t, keyName(7), 16)
	require.NoError(t, checkValue(7, value))
	require.ErrorContains(t, checkValue(8, value), "has the value of versus/k00000007")
	require.ErrorContains(t, checkValue(7, value[1:]), "255 bytes")
	value[100] ^= 1
	require.ErrorContains(t, checkValue(7, value), "not as it was written")
}

func TestQuartiles(t *testing.T) {
	lower, median, upper := quartiles([]float64{5, 1, 4, 2, 3})
	require.Equal(t, []float64{2, 3, 4}, []float64{lower, median, upper})
	lower, median, upper = quartiles([]float64{1, 2})
	require.Equal(t, []float64{1.25, 1.5, 1.75}, []float64{lower, median, upper})
	lower, median, upper = quartiles([]float64{7})
	require.Equal(t, []float64{7, 7, 7}, []float64{lower, median, upper})
}

func TestReport(t *testing.T) {
	r := newReport(settings{rounds: 2, duration: time.Second, clients: []int{1}, readers: 2})
	put, plain, get := trial{opPut, 1}, trial{opPlain, 1}, trial{opGet, 2}
	for i := range int64(2) {
		r.add(put, systemKvstore, sample{Ops: 100 * (i + 1), Seconds: 1, P50: time.Millisecond, P99: 2 * time.Millisecond, CPU: time.Second})
		r.add(put, systemEtcd, sample{Ops: 50, Seconds: 1, P50: time.Millisecond, P99: time.Millisecond, CPU: time.Second, Written: 1e6})
		for _, system := range []string{systemKvstore, systemEtcd} {
			r.add(plain, system, sample{Ops: 20, Seconds: 1})
		}
		r.add(get, systemKvstore, sample{Ops: 10, Seconds: 1})
		r.add(get, systemEtcd, sample{Ops: 10, Seconds: 1})
	}
	table := r.markdown()
	require.Contains(t, table, "| put, 1 clients | ops/s | 150 (125 to 175) | 50 (50 to 50) | 3.00 (2.50 to 3.50) |")
	require.Contains(t, table, "| put, 1 clients | p99 ms | 2.00 (2.00 to 2.00) | 1.00 (1.00 to 1.00) | 2.00 (2.00 to 2.00) |")
	require.Contains(t, table, "| put, 1 clients | disk kB/op | 0.00 (0.00 to 0.00) | 20.00 (20.00 to 20.00) | 0.00 (0.00 to 0.00) |")
	require.Contains(t, table, "| plain put, 1 clients | ops/s | 20 (20 to 20) |")
	require.Contains(t, table, "| get, 2 clients | ops/s | 10 (10 to 10) |")

	dir := filepath.Join(t.TempDir(), "new")
	var stdout bytes.Buffer
	require.NoError(t, r.publish(dir, &stdout))
	require.Equal(t, table, stdout.String())
	require.FileExists(t, filepath.Join(dir, "versus.json"))
	require.Error(t, r.publish("", failingWriter{}))
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("full") }
