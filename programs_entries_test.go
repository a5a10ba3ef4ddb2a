// Entries without data. A leader begins its term with one (Raft §8), and programs propose them too: etcd's and Dgraph's
// tests to push the commit index, Fabric none, but it passes over those it gets, as all do, by asking for the length.
// Whether their data is nil or empty must make no difference, in memory, through the network, or across a restart.

package raft_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

func TestProgramsProposeNothing(t *testing.T) {
	f := newFleet(t, asDgraph, 3)
	f.elect(1)
	var seen []raft.Ready
	f.members[3].handle = recording(asDgraph, &seen)
	before := f.members[3].applied
	for _, id := range f.ids {
		for _, data := range [][]byte{nil, {}} {
			require.NoError(t, f.members[id].node.Propose(t.Context(), data))
			f.settle()
		}
	}
	f.propose(2, "x")
	require.Equal(t, before+7, f.members[3].applied, "each is an entry")
	requireEmptyEntries(t, seen, 6)
	f.requireData([]string{"x"})

	for _, id := range f.ids {
		f.members[id].restart()
	}
	f.settle()
	f.elect(3)
	f.requireData([]string{"x"})
}

// requireEmptyEntries requires that so many ordinary entries without data were handed out to be applied.
func requireEmptyEntries(t *testing.T, readies []raft.Ready, want int) {
	t.Helper()
	empty := 0
	for _, rd := range readies {
		for _, e := range rd.CommittedEntries {
			if len(e.Data) == 0 {
				require.Equal(t, pb.EntryNormal, e.Type)
				empty++
			}
		}
	}
	require.Equal(t, want, empty)
}

// Where the log is bounded, entries without data are never too much, and do not count.
func TestProgramsProposeNothingToAFullLog(t *testing.T) {
	f := newFleet(t, asEtcd, 3, func(_ *member, cfg *raft.Config) { cfg.MaxUncommittedEntriesSize = 8 })
	leader := f.elect(1)
	f.away[2], f.away[3] = true, true
	f.propose(1, "too much, but alone")
	require.ErrorIs(t, leader.node.Propose(t.Context(), []byte("x")), raft.ErrProposalDropped)
	require.NoError(t, leader.node.Propose(t.Context(), nil))
	require.NoError(t, leader.node.Propose(t.Context(), []byte{}))
	f.away[2], f.away[3] = false, false
	f.beat(1)
	f.propose(1, "x")
	f.requireData([]string{"too much, but alone", "x"})
}
