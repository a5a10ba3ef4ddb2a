package cluster

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Bounds on what is waited for. They only tell a cluster that is stuck from one that works; nothing is measured by them.
const (
	Patience = 90 * time.Second
	pause    = 20 * time.Millisecond
)

// Await asks until the answer is nil, and fails the test with the last answer when patience ends.
func Await(t testing.TB, what string, ask func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(Patience); time.Now().Before(deadline); time.Sleep(pause) {
		if err = ask(); err == nil {
			return
		}
	}
	require.NoError(t, err, "waited %s for this: %s", Patience, what)
}
