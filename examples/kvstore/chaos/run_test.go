package chaos

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var chaosTime = flag.Duration("chaos", 8*time.Second, "how long the run on real members breaks things")

// TestRealMembers runs three members of the real program for a moment.
func TestRealMembers(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds and runs the program")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "kvstore")
	text, err := exec.Command("go", "build", "-o", program, "github.com/seed695671cb/raft/examples/kvstore").CombinedOutput()
	require.NoError(t, err, "%s", text)
	figures, log, err := Run(context.Background(), Config{
		Program: program, Dir: dir, Seed: 1, Members: 3, Clients: 6, Duration: *chaosTime, Out: os.Stderr,
		Faults: []string{FaultKill, FaultPause, FaultPartition, FaultMembers},
	})
	require.NoError(t, err)
	require.True(t, figures.OK(), "%s %v %v %v", figures.Verdict, figures.Check.Violations, figures.Failures, figures.Unexpected)
	require.NotEmpty(t, figures.Faults)
	require.Positive(t, figures.Outcomes["put"]["ok"])
	require.Len(t, log.Finals, 4)
	require.FileExists(t, filepath.Join(dir, "plan.json"))
	require.FileExists(t, filepath.Join(dir, "figures.json"))
}
