package raft

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestClusterElectsReplicatesSnapshotsAndChanges(t *testing.T) {
	for _, async := range []bool{false, true} {
		t.Run(fmt.Sprintf("async=%t", async), func(t *testing.T) {
			c := newVoters(t, 3, func(c *Config) { c.AsyncStorageWrites = async })
			c.elect(1)
			c.propose(1, "a")
			c.propose(2, "b")
			c.stabilize()
			for _, id := range c.ids {
				require.Equal(t, []string{"a", "b"}, c.data(id))
			}
			c.isolated[3] = true
			for i := 0; i < 20; i++ {
				c.propose(1, fmt.Sprint(i))
			}
			c.stabilize()
			c.snapshot(1, c.raft(1).log.applied)
			c.propose(1, "z")
			c.stabilize()
			c.isolated[3] = false
			c.beat(1)
			c.beat(1)
			require.Equal(t, c.raft(1).log.committed, c.raft(3).log.committed)
			c.members[2].rn.ReadIndex([]byte("ctx"))
			c.stabilize()
			require.Len(t, c.members[2].reads, 1)
			c.members[1].rn.TransferLeader(2)
			c.stabilize()
			require.Equal(t, uint64(2), c.leader())
			c.add(4, c.members[2].conf)
			c.change(2, "v4")
			c.change(2, "r1 r3")
			c.beat(2)
			require.Equal(t, []uint64{2, 4}, c.members[2].conf.Voters)
			c.restart(4)
			c.elect(2)
		})
	}
}
