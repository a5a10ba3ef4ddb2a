package server_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/client/pkg/v3/types"

	"github.com/seed695671cb/raft/compat/server/internal/cluster"
	"github.com/seed695671cb/raft/compat/server/internal/load"
)

// missed is how many operations a member misses, many times what smallLog keeps.
const missed = 1000

// smallLog makes members forget entries soon after they have applied them.
func smallLog() cluster.Options { return cluster.Options{SnapshotCount: 200, CatchUpEntries: 20} }

// A member is stopped until the others no longer have the entries that it missed.
func TestAMemberThatWasStoppedCatchesUpBySnapshot(t *testing.T) {
	t.Parallel()
	c := cluster.New(t, smallLog())
	m := c.Followers()[0]
	index := m.Server().AppliedIndex()
	m.Stop()
	writeMuch(t, c)
	m.Start()
	requireCameBySnapshot(t, c, m, index)

	// What came by snapshot is there when the member starts again, and needs no second one.
	before := len(m.Journal.Notes(cluster.SnapshotApplied))
	m.Restart()
	requireCaughtUp(t, c, m)
	require.Len(t, m.Journal.Notes(cluster.SnapshotApplied), before)
}

// A member runs and is reached by clients while it hears from no other member: its old state is replaced as it runs.
func TestAMemberThatWasCutOffCatchesUpBySnapshot(t *testing.T) {
	t.Parallel()
	c := cluster.New(t, smallLog())
	m := c.Followers()[0]
	index := m.Server().AppliedIndex()
	c.Isolate(m)
	writeMuch(t, c)
	c.Mend(m)
	requireCameBySnapshot(t, c, m, index)
}

func writeMuch(t *testing.T, c *cluster.Cluster) {
	traffic := load.Start(t, c, "missed", 8, *seed)
	traffic.AwaitProgress(missed)
	traffic.Stop()
}

// requireCameBySnapshot demands that the member that had applied index holds what the others hold, that it has applied a
// snapshot beyond that index, and that one of the others says that it sent it.
func requireCameBySnapshot(t *testing.T, c *cluster.Cluster, m *cluster.Member, index uint64) {
	t.Helper()
	requireCaughtUp(t, c, m)
	var applied []cluster.Note
	cluster.Await(t, m.Name+" has applied a snapshot", func() error { // which it says after what came by it can be read
		if applied = m.Journal.Notes(cluster.SnapshotApplied); len(applied) == 0 {
			return errors.New("it caught up without one")
		}
		return nil
	})
	at := applied[0].Fields["incoming-leader-snapshot-index"].(uint64)
	require.Greater(t, at, index)
	cluster.Await(t, m.Name+" says so too", func() error { // a moment after what came by the snapshot can be read
		if now := m.Server().AppliedIndex(); now < at {
			return fmt.Errorf("its applied index is %d", now)
		}
		return nil
	})

	sent := 0
	for _, other := range c.Others(m) {
		for _, note := range other.Journal.Notes(cluster.SnapshotSent) {
			if note.Fields["to"] == types.ID(m.ID()).String() {
				sent++
			}
		}
	}
	require.Positive(t, sent)
	t.Logf("member %s had applied entry %d, and was brought to %d by a snapshot, which took %d sent", m.Name, index, at, sent)
}

// requireCaughtUp waits until the member's own state has what was committed before the call.
func requireCaughtUp(t *testing.T, c *cluster.Cluster, m *cluster.Member) {
	t.Helper()
	c.Put("caught up", fmt.Sprint(c.Leader().Server().CommittedIndex()))
	ctx := bounded(t)
	want, err := c.Client().Get(ctx, "caught up")
	require.NoError(t, err)
	cluster.Await(t, m.Name+" has caught up", func() error {
		ctx, cancel := context.WithTimeout(ctx, cluster.Patience)
		defer cancel()
		got, err := m.Value(ctx, "caught up")
		if err == nil && got != string(want.Kvs[0].Value) {
			err = errors.New("it has " + got)
		}
		return err
	})
}
