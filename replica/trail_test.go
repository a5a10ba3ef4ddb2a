package replica

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestATrailKnowsAfterWhichIndexAreSoManyBytes(t *testing.T) {
	var tr trail
	require.Zero(t, tr.beyond(0))
	for i := uint64(1); i <= 10; i++ {
		tr.note(i, 100, 1000)
	}
	require.Zero(t, tr.beyond(1000), "there are no more than that")
	require.Equal(t, uint64(1), tr.beyond(999))
	require.Equal(t, uint64(5), tr.beyond(500))
	require.Equal(t, uint64(10), tr.beyond(0))
	const keep = 100 * trailPoints
	for i := uint64(11); i <= 10*keep; i++ {
		tr.note(i, 1, keep)
	}
	require.LessOrEqual(t, len(tr.points), 2*trailPoints)
	at := tr.beyond(keep)
	require.InDelta(t, 9*keep, at, 2*keep/trailPoints, "as exactly as the points are close")
	require.GreaterOrEqual(t, at, uint64(9*keep), "but never more bytes")
}

func TestTheLogKeepsABoundedNumberOfBytes(t *testing.T) {
	for _, durable := range []bool{false, true} {
		g := newTestGroup(t, 1, func(c *Config) { c.SnapshotEntries, c.TrailingBytes = 10, 10<<10 })
		g.durable = durable
		m := g.startAll().leader()
		write := func() error {
			_, err := m.Propose(patient(t), []byte("k:="+strings.Repeat("x", 1<<10)))
			return err
		}
		for range 60 {
			require.NoError(t, write())
		}
		kept := func() uint64 { s := m.Status(); return s.LastIndex - s.FirstIndex + 1 }
		// While a snapshot is being written there is no other: the next occasion is the next entry.
		require.Eventually(t, func() bool {
			few := kept() <= 10+10
			if !few {
				_ = write()
			}
			return few
		}, patience, time.Millisecond, "much less than TrailingEntries")
		g.stopAll()
	}
}
