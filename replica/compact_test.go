package replica

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// compacted compacts a member's log when no other snapshot is being written there, and returns the index.
func (m *testMember) compacted(t *testing.T) (index uint64) {
	ctx := patient(t)
	require.Eventually(t, func() (done bool) {
		var err error
		index, err = m.Compact(ctx)
		return err == nil
	}, time.Minute, time.Millisecond)
	return index
}

// Where nothing was applied since the newest snapshot, another of the same entry was once made: the log store refused it, and
// the replica stopped.
func TestCompactingTwiceInARowIsHarmless(t *testing.T) {
	for _, durable := range []bool{false, true} {
		t.Run(fmt.Sprint("durable=", durable), func(t *testing.T) {
			g := newTestGroup(t, 1, func(c *Config) { c.TrailingEntries = 1 })
			g.durable = durable
			m := g.startAll().leader()
			for range 3 {
				g.write(m, "k", 2)
				saved := m.compacted(t)
				require.Equal(t, m.Applied(), saved)
				for range 2 {
					index, err := m.Compact(patient(t))
					require.NoError(t, err)
					require.Equal(t, saved, index)
				}
				first, err := m.log.FirstIndex()
				require.NoError(t, err)
				require.Equal(t, saved, first, "an entry is kept")
			}
			g.write(m, "k", 1)
			require.NoError(t, m.Err())
			require.Equal(t, "1111111", m.value("k"))
		})
	}
}

// A member that was started from a snapshot has nothing newer, either.
func TestCompactingFirstAfterARestartIsHarmless(t *testing.T) {
	for _, durable := range []bool{false, true} {
		t.Run(fmt.Sprint("durable=", durable), func(t *testing.T) {
			g := newTestGroup(t, 3, nil)
			g.durable = durable
			leader := g.startAll().leader()
			g.write(leader, "k", 3)
			g.agree("k", "111")
			m := g.follower()
			saved := m.compacted(t)
			g.crash(m.id) // first: the others may still elect a leader, and commit its first entry
			for _, id := range g.except(m.id) {
				g.crash(id)
			}
			g.start(m.id, nil) // alone: nothing more is committed
			require.Equal(t, saved, m.Applied())
			for range 2 {
				index, err := m.Compact(patient(t))
				require.NoError(t, err)
				require.Equal(t, saved, index)
			}
			require.NoError(t, m.Err())
			for _, id := range g.except(m.id) {
				g.start(id, nil)
			}
			g.write(g.leader(), "k", 1)
			g.agree("k", "1111")
		})
	}
}
