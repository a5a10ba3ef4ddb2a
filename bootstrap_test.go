package raft

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// The beginning of a group: the first entries of every first member's log (Raft §6).

// bare returns a member with an empty storage in a cluster of its own.
func bare(t *testing.T, id uint64, configure ...func(*Config)) *cluster {
	c := newCluster(t)
	c.add(id, pb.ConfState{}, configure...)
	return c
}

func TestBootstrapBeginsTheLog(t *testing.T) {
	for _, async := range []bool{false, true} {
		c := bare(t, 2, func(c *Config) { c.AsyncStorageWrites = async })
		rn := c.members[2].rn
		require.NoError(t, rn.Bootstrap([]Peer{{ID: 1}, {ID: 2, Context: []byte("address")}, {ID: 3}}))
		require.NoError(t, rn.Campaign())
		require.Equal(t, StateFollower, c.raft(2).state, "the first members are committed and not applied")
		outOf(c, 2)
		require.Equal(t, []entryID{at(1, 1), at(1, 2), at(1, 3)}, logOf(c, 2))
		require.Equal(t, voters(1, 2, 3), c.members[2].conf)
		require.Len(t, c.members[2].applied, 3)
		var cc pb.ConfChange
		require.NoError(t, cc.Unmarshal(c.members[2].applied[1].Data))
		require.Equal(t, pb.ConfChange{Type: pb.ConfChangeAddNode, NodeID: 2, Context: []byte("address")}, cc)
		status := rn.BasicStatus()
		require.Equal(t, pb.HardState{Term: 1, Commit: 3}, status.HardState)
		require.Equal(t, uint64(3), status.Applied)
		require.NoError(t, rn.Campaign())
		require.Equal(t, StateCandidate, c.raft(2).state)
	}
}

func TestBootstrapErrors(t *testing.T) {
	for _, tc := range []struct {
		peers []Peer
		words string
	}{
		{nil, "needs at least one peer"},
		{[]Peer{{ID: 0}}, "bootstrap peer 0: not a valid ID"},
		{[]Peer{{ID: 1}, {ID: LocalAppendThread}}, "not a valid ID"},
		{[]Peer{{ID: LocalApplyThread}}, "not a valid ID"},
		{[]Peer{{ID: 1}, {ID: 2}, {ID: 1}}, "bootstrap peer 1 is named twice"},
	} {
		c := bare(t, 1)
		before := fingerprint(c.raft(1))
		require.ErrorContains(t, c.members[1].rn.Bootstrap(tc.peers), tc.words)
		require.Equal(t, before, fingerprint(c.raft(1)))
	}
}

func TestBootstrapNeedsAnEmptyStorage(t *testing.T) {
	c := newVoters(t, 1)
	err := c.members[1].rn.Bootstrap([]Peer{{ID: 1}})
	require.ErrorContains(t, err, "needs an empty storage: it is at term 1 and last index 1")
	c = bare(t, 1)
	require.NoError(t, c.members[1].rn.Bootstrap([]Peer{{ID: 1}}))
	require.Error(t, c.members[1].rn.Bootstrap([]Peer{{ID: 1}}), "twice")
}

// First members that start separately arrive at the same log, elect a leader, and survive a restart.
func TestBootstrappedGroupWorks(t *testing.T) {
	c := newCluster(t)
	for id := uint64(1); id <= 3; id++ {
		c.add(id, pb.ConfState{})
		require.NoError(t, c.members[id].rn.Bootstrap([]Peer{{ID: 1}, {ID: 2}, {ID: 3}}))
	}
	c.stabilize()
	c.elect(2)
	c.propose(3, "a")
	c.stabilize()
	for _, id := range c.ids {
		require.Equal(t, []string{"a"}, c.data(id))
		c.restart(id)
	}
	c.elect(3)
	c.propose(1, "b")
	c.stabilize()
	require.Equal(t, []string{"a", "b"}, c.data(2))
}

// A member that joins is started with nothing, and is given the group's log by its leader.
func TestJoiningMemberIsGivenTheLog(t *testing.T) {
	c := newCluster(t)
	c.add(1, pb.ConfState{})
	require.NoError(t, c.members[1].rn.Bootstrap([]Peer{{ID: 1}}))
	c.stabilize()
	c.elect(1)
	c.propose(1, "a")
	c.stabilize()
	c.add(2, pb.ConfState{})
	c.tick(100, 2)
	require.Equal(t, StateFollower, c.raft(2).state, "it is nobody's voter")
	c.change(1, "v2")
	for range 3 {
		c.beat(1)
	}
	require.Equal(t, []string{"a"}, c.data(2))
	require.Equal(t, []uint64{1, 2}, c.members[2].conf.Voters)
}

// A list that names every member is taken as it is; one that names only the others gets the own ID, and an order.
func TestPeersWithSelf(t *testing.T) {
	ids := func(peers []Peer) []uint64 {
		var out []uint64
		for _, p := range peers {
			out = append(out, p.ID)
		}
		return out
	}
	given := []Peer{{ID: 3}, {ID: 1}}
	require.Equal(t, []uint64{3, 1}, ids(withSelf(given, 1)))
	require.Equal(t, []uint64{1, 2, 3}, ids(withSelf(given, 2)))
	require.Equal(t, []uint64{1, 3, 9}, ids(withSelf(given, 9)))
	require.Equal(t, []uint64{3, 1}, ids(given), "the caller's list was modified")
}
