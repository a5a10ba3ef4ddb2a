//go:build linux

package process

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMain lets the test's own executable be the child.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "child" {
		os.Exit(child(os.Args[2]))
	}
	os.Exit(m.Run())
}

// child uses memory, processor time and disk, says so, and waits.
func child(name string) int {
	block := make([]byte, 64<<20)
	for until := time.Now().Add(200 * time.Millisecond); time.Now().Before(until); {
		for i := range block {
			block[i]++
		}
	}
	f, err := os.Create(name)
	if err != nil {
		return 1
	}
	if _, err := f.Write(block[:8<<20]); err != nil || f.Sync() != nil {
		return 1
	}
	if _, err := os.Stdout.WriteString("ready\n"); err != nil {
		return 1
	}
	time.Sleep(time.Minute)
	return 0
}

func startChild(t *testing.T) (*Process, string) {
	n := NewNursery()
	t.Cleanup(n.Close)
	dir := t.TempDir()
	program, err := os.Executable()
	require.NoError(t, err)
	output := filepath.Join(dir, "output")
	p, err := n.Start(program, []string{"child", filepath.Join(dir, "data")}, output)
	require.NoError(t, err)
	t.Cleanup(p.Kill)
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(output)
		return err == nil && string(text) == "ready\n"
	}, 30*time.Second, 10*time.Millisecond)
	return p, dir
}

func TestUsage(t *testing.T) {
	p, _ := startChild(t)
	m, err := MemoryOf(p.PID())
	require.NoError(t, err)
	require.GreaterOrEqual(t, m.Peak, m.Resident)
	require.Greater(t, m.Resident, int64(64<<20))
	require.NoError(t, ResetPeak(p.PID()))
	u, err := UsageOf(p.PID())
	require.NoError(t, err)
	require.Positive(t, u.CPU)
	require.Less(t, u.CPU, time.Minute)
	require.Equal(t, Usage{CPU: u.CPU, Written: u.Written}, u.Plus(u).Minus(u))
}

func TestEndedProcess(t *testing.T) {
	p, _ := startChild(t)
	p.Stop()
	<-p.Gone()
	p.Kill()
	_, err := MemoryOf(p.PID())
	require.Error(t, err)
	_, err = UsageOf(p.PID())
	require.Error(t, err)
}

func TestChildrenEndWithTheNursery(t *testing.T) {
	n := NewNursery()
	p, err := n.Start("/bin/sleep", []string{"60"}, filepath.Join(t.TempDir(), "output"))
	require.NoError(t, err)
	n.Close()
	<-p.Gone()
}

func TestStartFails(t *testing.T) {
	n := NewNursery()
	defer n.Close()
	_, err := n.Start(filepath.Join(t.TempDir(), "nothing"), nil, filepath.Join(t.TempDir(), "output"))
	require.ErrorContains(t, err, "nothing")
	_, err = n.Start("/bin/sleep", nil, t.TempDir())
	require.Error(t, err)
}

func TestProcessorTime(t *testing.T) {
	cpu, err := processorTime("12 (name with ) in it) S 1 12 12 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 1 0 100 1000 10")
	require.NoError(t, err)
	require.Equal(t, 3*time.Second, cpu)
	_, err = processorTime("12 (name) S 1")
	require.Error(t, err)
	_, err = processorTime("12 (name) S 1 12 12 0 -1 4194560 100 0 0 0 x 50")
	require.Error(t, err)
}
