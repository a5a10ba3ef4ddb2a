// How programs begin. swarmkit and Dgraph start a first member alone and have it campaign once the first Ready is
// handled, so that it need not wait for a timeout; Fabric has one of the first members campaign again and again, from
// another goroutine, until somebody leads. swarmkit, Dgraph and Fabric start a member that joins with no peers.

package raft_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// alone returns a member that is started as the only one, with its Ready not yet taken.
func alone(t *testing.T, handle handler) (*fleet, *member) {
	f := &fleet{t: t, members: map[uint64]*member{}}
	m := f.add(1, handle)
	m.start([]raft.Peer{{ID: 1, Context: []byte("one:2377")}})
	return f, m
}

// The first Ready says who the first members are, as entries that are committed. Campaigning then wins at once.
func TestProgramsStartAloneAndCampaignAfterTheFirstReady(t *testing.T) {
	forEachProgram(t, func(t *testing.T, handle handler) {
		f, m := alone(t, nil)
		campaigned := false
		m.handle = func(m *member, rd raft.Ready) {
			if !campaigned {
				require.Len(t, rd.CommittedEntries, 1)
				require.Equal(t, pb.EntryConfChange, rd.CommittedEntries[0].Type)
				require.Equal(t, rd.Entries, rd.CommittedEntries)
				require.Equal(t, pb.HardState{Term: 1, Commit: 1}, rd.HardState)
				require.Nil(t, rd.SoftState)
			}
			handle(m, rd)
			if !campaigned {
				require.Equal(t, []uint64{1}, m.conf.Voters)
				require.NoError(t, m.node.Campaign(context.Background()))
				campaigned = true
			}
		}
		f.settle()
		require.Equal(t, []byte("one:2377"), m.changes[0].Context)
		require.Equal(t, raft.StateLeader, m.node.Status().RaftState, "without a tick")
		f.propose(1, "first")
		f.requireData([]string{"first"})
	})
}

// Fabric's Campaign comes from another goroutine, at any moment: also before the first Ready is handled.
func TestProgramsCampaignUntilSomebodyLeads(t *testing.T) {
	f := &fleet{t: t, members: map[uint64]*member{}, away: map[uint64]bool{}}
	peers := []raft.Peer{{ID: 1}, {ID: 2}, {ID: 3}}
	for _, p := range peers {
		f.add(p.ID, asFabric).start(peers)
	}
	campaign := func() {
		finishes(t, "Campaign", func() { require.NoError(t, f.members[2].node.Campaign(context.Background())) })
	}
	campaign()
	for range 100 {
		if f.members[2].leads {
			break
		}
		f.settle()
		campaign()
	}
	require.True(t, f.members[2].leads)
	term := f.members[2].node.Status().Term
	campaign()
	f.settle()
	require.Equal(t, term, f.members[2].node.Status().Term, "a leader stays in its term")
	f.propose(1, "x")
	f.requireData([]string{"x"})
}

// A member that joins is started without peers. It does nothing before the leader sends it something, and gets the
// first members from the log, or from a snapshot.
func TestProgramsJoinWithoutPeers(t *testing.T) {
	for name, compacted := range map[string]bool{"by the log": false, "by a snapshot": true} {
		t.Run(name, func(t *testing.T) {
			f := newFleet(t, asDgraph, 3)
			leader := f.elect(1)
			f.propose(1, "a")
			if compacted {
				leader.compact()
			}
			joining := f.add(4, asDgraph)
			joining.start(nil)
			for range 100 {
				joining.node.Tick()
				require.False(t, joining.step(), "it is not asked yet")
			}
			f.change(1, pb.ConfChange{Type: pb.ConfChangeAddNode, NodeID: 4})
			f.beat(1)
			f.propose(4, "b")
			f.requireData([]string{"a", "b"})
			require.Equal(t, []uint64{1, 2, 3, 4}, joining.conf.Voters)
			require.Equal(t, compacted, joining.disk.snap.Metadata.Index > 0)
		})
	}
}

// A follower that forgets its leader, and a campaign without need, do no harm.
func TestProgramsCampaignAndForget(t *testing.T) {
	f := newFleet(t, asSwarmkit, 3)
	f.elect(1)
	require.NoError(t, f.members[2].node.ForgetLeader(context.Background()))
	f.settle()
	require.Equal(t, raft.None, f.members[2].node.Status().Lead)
	f.beat(1)
	require.Equal(t, uint64(1), f.members[2].node.Status().Lead, "a heartbeat tells it again")
	require.NoError(t, f.members[1].node.ForgetLeader(context.Background()))
	f.settle()
	require.Equal(t, raft.SoftState{Lead: 1, RaftState: raft.StateLeader}, f.members[1].node.Status().SoftState)
	f.elect(3)
	f.propose(1, "x")
	f.requireData([]string{"x"})
}
