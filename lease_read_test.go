package raft

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Reads by lease beside reads by quorum (thesis §6.4.1): who keeps a lease and answers by it only when asked to.

func TestLeaseReadNeedsTheLease(t *testing.T) {
	c := newVoters(t, 3, withLeaseOnRequest)
	letLeasesPass(c)
	for id := uint64(1); id <= 3; id++ {
		_, ok := c.members[id].rn.LeaseRead()
		require.False(t, ok, "nobody leads")
	}
	c.elect(1)
	c.beat(1)
	index, ok := c.members[1].rn.LeaseRead()
	require.True(t, ok)
	require.Equal(t, c.raft(1).log.committed, index)
	_, ok = c.members[2].rn.LeaseRead()
	require.False(t, ok, "a follower holds none")

	// Cut off, the leader answers until its lease is over, and not after that although it still leads.
	c.isolated[1] = true
	c.tick(9, 1)
	require.Equal(t, StateLeader, c.raft(1).state)
	_, ok = c.members[1].rn.LeaseRead()
	require.False(t, ok)
}

func TestReadIndexAsksAQuorumWhereLeasesAreKeptForThoseWhoAsk(t *testing.T) {
	c := newVoters(t, 3, withLeaseOnRequest)
	letLeasesPass(c)
	c.elect(1)
	c.beat(1)
	require.True(t, c.raft(1).leaseHeld())
	c.members[1].rn.ReadIndex([]byte("r"))
	require.True(t, c.raft(1).reads.empty(), "a quorum is asked first")
	c.stabilize()
	_, ok := c.members[1].rn.LeaseRead()
	require.True(t, ok, "the read's round renews the lease")
}

func TestALeaseNeedsCheckQuorum(t *testing.T) {
	cfg := &Config{ID: 1, ElectionTick: 10, HeartbeatTick: 1, Storage: NewMemoryStorage(), MaxInflightMsgs: 1,
		ReadOnlyOption: ReadOnlySafeWithLease}
	_, err := NewRawNode(cfg)
	require.ErrorIs(t, err, ErrConfig)
	require.ErrorContains(t, err, "CheckQuorum")
}
