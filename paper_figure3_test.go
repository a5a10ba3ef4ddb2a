package raft

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Raft Fig. 3: the five properties that hold at all times, each by the shortest schedule in which a member that
// broke its part of the protocol would break it. The simulation (package rafttest) and the random runs of
// paper_safety_test.go check them over schedules nobody thought of. Log Matching has its own, in
// paper_replication_test.go.

// Election Safety: at most one leader is elected in a term. Two candidates of one term ask all five members; whoever
// answers the first refuses the second, in that term and again after a crash.
func TestPaper_Fig3_ElectionSafety(t *testing.T) {
	c := newVoters(t, 5)
	require.NoError(t, c.members[1].rn.Campaign())
	require.NoError(t, c.members[2].rn.Campaign())
	require.Equal(t, c.raft(1).term, c.raft(2).term)
	for c.ready(1) || c.ready(2) {
	}
	requests := c.network
	c.network = nil
	for _, m := range requests {
		if m.To > 2 {
			require.NoError(t, c.step(m))
		}
	}
	for id := uint64(3); id <= 5; id++ {
		for c.ready(id) {
		}
		c.restart(id)
	}
	// Everything is said once more, to members that have forgotten all but what they wrote.
	for _, m := range requests {
		require.NoError(t, c.step(m))
	}
	c.stabilize()
	leaders := 0
	for _, id := range c.ids {
		if r := c.raft(id); r.state == StateLeader && r.term == 2 {
			leaders++
		}
	}
	require.Equal(t, 1, leaders)
}

// Leader Completeness: what is committed in a term is in the logs of the leaders of all later terms. Only members 1
// and 2 hold the committed entry; member 3 asks first, and again, and cannot win.
func TestPaper_Fig3_LeaderCompleteness(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	c.isolated[3] = true
	c.propose(1, "committed")
	c.stabilize()
	require.Contains(t, c.data(1), "committed")
	c.isolated[3] = false
	c.isolated[1] = true
	for range 3 {
		require.NoError(t, c.members[3].rn.Campaign())
		c.stabilize()
		require.NotEqual(t, StateLeader, c.raft(3).state)
	}
	require.NoError(t, c.members[2].rn.Campaign())
	c.stabilize()
	require.Equal(t, StateLeader, c.raft(2).state)
	require.Contains(t, c.data(3), "committed")
}

// State Machine Safety: no two members apply different entries at one index. Leader 1 leaves an entry behind that
// nobody has; the entry that leader 2 commits at its index is what every member applies, member 1 too when it
// returns.
func TestPaper_Fig3_StateMachineSafety(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	index := c.raft(1).log.lastIndex() + 1
	c.isolated[1] = true
	c.propose(1, "left behind")
	c.stabilize()
	require.Equal(t, index, c.raft(1).log.lastIndex())
	require.NoError(t, c.members[2].rn.Campaign())
	c.stabilize()
	c.propose(2, "committed")
	c.stabilize()
	c.isolated[1] = false
	c.beat(2)
	c.beat(2)
	applied := func(id uint64) pb.Entry {
		for _, e := range c.members[id].applied {
			if e.Index == index {
				return e
			}
		}
		return pb.Entry{}
	}
	require.Equal(t, uint64(3), applied(2).Term)
	require.Equal(t, applied(2), applied(1))
	require.Equal(t, applied(2), applied(3))
	require.NotContains(t, c.data(1), "left behind")
}
