package raft

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Two batches are being applied when a snapshot replaces the log. The application is done with what it was given
// before the snapshot only when it has acknowledged the second.
func TestNothingIsHandedOutBeforeTheLastSupersededBatchIsAcknowledged(t *testing.T) {
	c := newVoters(t, 3, withAsync)
	m := c.members[1]
	m.applyStalled = true
	require.NoError(t, c.step(appendFrom(2, 1, 2, at(1, 1), 2, at(2, 2), at(2, 3))))
	c.stabilize(1)
	require.NoError(t, c.step(heartbeatFrom(2, 1, 2, 3)))
	c.stabilize(1)
	require.Len(t, m.applyQueue, 2)
	require.NoError(t, c.step(snapshotFrom(2, 1, 2, at(2, 9), voters(1, 2, 3))))
	require.NoError(t, c.step(appendFrom(2, 1, 2, at(2, 9), 10, at(2, 10))))
	c.stabilize(1)
	require.Len(t, m.applyQueue, 2)
	old := m.applyQueue
	m.applyQueue = nil
	c.send(1, old[0].Responses)
	c.stabilize(1)
	require.Empty(t, m.applyQueue, "the second batch is still being applied")
	c.send(1, old[1].Responses)
	c.stabilize(1)
	require.Len(t, m.applyQueue, 1)
	require.Equal(t, []entryID{at(2, 10)}, idsOf(m.applyQueue[0].Entries))
}

// What a snapshot supersedes does not go on counting towards the bound on what is being applied.
func TestSupersededEntriesLeaveTheBoundOnWhatIsBeingApplied(t *testing.T) {
	for _, async := range []bool{false, true} {
		c := newVoters(t, 3, func(cfg *Config) {
			cfg.AsyncStorageWrites = async
			cfg.MaxCommittedSizePerReady = 1
		})
		rn := c.members[1].rn
		require.NoError(t, c.step(appendFrom(2, 1, 2, at(1, 1), 2, at(2, 2))))
		if async {
			c.members[1].applyStalled = true
			c.stabilize(1)
			require.Len(t, c.members[1].applyQueue, 1)
			require.NoError(t, c.step(snapshotFrom(2, 1, 2, at(2, 9), voters(1, 2, 3))))
			c.members[1].applyStalled = false
		} else {
			rd := rn.Ready()
			require.Len(t, rd.CommittedEntries, 1)
			c.write(c.members[1], rd.HardState, rd.Entries, rd.Snapshot)
			require.NoError(t, c.step(snapshotFrom(2, 1, 2, at(2, 9), voters(1, 2, 3))))
			rn.Advance(rd)
		}
		c.stabilize(1)
		require.NoError(t, c.step(appendFrom(2, 1, 2, at(2, 9), 10, at(2, 10))))
		c.stabilize(1)
		require.Equal(t, uint64(10), c.raft(1).log.applied, "async %t", async)
	}
}
