package restore

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// buildProgram builds kvstore, without the race detector even if the test has it: its memory counts.
func buildProgram(t *testing.T) string {
	program := filepath.Join(t.TempDir(), "kvstore")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir = ".."
	output, err := build.CombinedOutput()
	require.NoError(t, err, "%s", output)
	return program
}

// A small data set, with the new member killed in the middle.
func TestSmallDataSet(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the memory of a process is read from /proc, which only Linux has")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	var log bytes.Buffer
	report, err := Run(ctx, Config{Program: buildProgram(t), Dir: t.TempDir(), Size: 50e6, Resume: true, Log: &log})
	require.NoError(t, err, "%s", &log)
	require.Empty(t, report.Problems())
	require.GreaterOrEqual(t, report.Bytes, int64(50e6))
	require.GreaterOrEqual(t, report.Compared, report.Keys)
	require.Len(t, report.Memory, newMember)
	require.Positive(t, report.Transfer.Killed)
	t.Logf("%s%+v", &log, report)
	require.Positive(t, report.Transfer.Resumed, "the snapshot began anew")

	var text bytes.Buffer
	require.NoError(t, report.Text(&text))
	require.Contains(t, text.String(), "sent again")
	require.Contains(t, text.String(), "member 4")
	require.NotContains(t, text.String(), "FAILED")
	encoded, err := json.Marshal(report)
	require.NoError(t, err)
	var decoded Report
	require.NoError(t, json.Unmarshal(encoded, &decoded))
	decoded.Transfer.peakOfKilled = report.Transfer.peakOfKilled // not part of it
	require.Equal(t, *report, decoded)
}

func TestAProgramThatEndsIsReported(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := Run(ctx, Config{Program: "/bin/false", Dir: t.TempDir(), Size: 2 << 20})
	require.ErrorContains(t, err, "has ended")
}
