package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTranscriptsAreTheSame runs one program of the lineage twice: with the real module, and with the line in its go.mod
// that puts compat/etcd in its place. The program does not know.
func TestTranscriptsAreTheSame(t *testing.T) {
	theirs := transcript(t, "")
	ours := transcript(t, "replace go.etcd.io/raft/v3 => ../etcd")
	require.Greater(t, len(theirs), 100_000)
	for _, said := range [...]string{"refused", "simple", "enter", "leave", "restore", "VoteWon", "StateSnapshot"} {
		require.Contains(t, strings.Join(theirs, "\n"), said, "the program does not get that far")
	}
	for i := range min(len(theirs), len(ours)) {
		if theirs[i] != ours[i] {
			from := max(0, i-6)
			t.Fatalf("line %d differs, after\n%s\ntheirs: %s\n  ours: %s",
				i, strings.Join(theirs[from:i], "\n"), theirs[i], ours[i])
		}
	}
	require.Len(t, ours, len(theirs))
}

// transcript returns what the program prints with a line added to its go.mod.
func transcript(t *testing.T, line string) []string {
	dir := t.TempDir()
	for name, added := range map[string]string{"go.mod": line, "go.sum": ""} {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), fmt.Appendf(text, "%s\n", added), 0o644))
	}
	cmd := exec.Command("go", "run", "-modfile="+filepath.Join(dir, "go.mod"), "./transcript")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	return strings.Split(string(out), "\n")
}
