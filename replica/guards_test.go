package replica

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// What a replica refuses so that neither an operator nor a peer can bring the group down with one request.

func TestAChangeThatWouldLeaveNoMajorityIsRefused(t *testing.T) {
	g := newCalmGroup(t, 3, func(c *Config) { c.ElectionTicks = 50 }).startAll() // for so long a member counts as heard of
	leader := g.leader()
	dead := g.follower()
	g.network.Isolate(dead.id)
	unheard := func() bool {
		for _, p := range leader.Status().Progress {
			if p.ID == dead.id {
				return !p.Active
			}
		}
		return false
	}
	require.Eventually(t, unheard, time.Minute, time.Millisecond)
	healthy := 6 - leader.id - dead.id
	require.ErrorIs(t, leader.RemoveMember(patient(t), healthy), ErrRefused, "the dead one would be needed")
	require.ErrorIs(t, leader.AddMember(patient(t), Member{ID: 4, Address: "4"}), ErrRefused, "two of four are no majority")
	require.NoError(t, leader.AddMember(patient(t), Member{ID: 5, Address: "5", Learner: true}))
	require.ErrorIs(t, leader.PromoteMember(patient(t), 5), ErrRefused, "nothing was ever heard of it")
	require.NoError(t, leader.RemoveMember(patient(t), dead.id), "this is how the dead one is got rid of")
	_, err := leader.Propose(patient(t), []byte("k+=x"))
	require.NoError(t, err)
}

func TestTheIDOfARemovedMemberIsNotUsedAgain(t *testing.T) {
	for _, durable := range []bool{false, true} {
		g := newCalmGroup(t, 3, func(c *Config) { c.SnapshotEntries, c.TrailingEntries, c.ElectionTicks = 10, 1, 50 })
		g.durable = durable
		g.startAll()
		leader, gone := g.leader(), g.follower()
		require.NoError(t, leader.RemoveMember(patient(t), gone.id))
		refused := func() {
			t.Helper()
			require.ErrorIs(t, g.leader(leader.id, 6-leader.id-gone.id).AddMember(patient(t),
				Member{ID: gone.id, Address: "x", Learner: true}), ErrRefused)
		}
		refused()
		// It is remembered in snapshots and over restarts.
		g.write(leader, "k", 30)
		compacted := func() bool { _, err := leader.Compact(patient(t)); return err == nil }
		require.Eventually(t, compacted, time.Minute, time.Millisecond, "another snapshot is being written for ever")
		delete(g.members, gone.id)
		require.NoError(t, gone.Stop(patient(t)))
		g.crash(leader.id)
		g.start(leader.id, nil)
		refused()
		g.stopAll()
	}
}

func TestWhatCannotBeAppliedDoesNotGetIntoTheLog(t *testing.T) {
	g := newTestGroup(t, 3, nil).startAll()
	leader, other := g.leader(), g.follower()
	_, term := leader.Leader()
	forged := func(kind pb.EntryType, data string) Message {
		return Message{Group: leader.group, Message: pb.Message{Type: pb.MsgProp, From: other.id, To: leader.id,
			Entries: []pb.Entry{{Type: kind, Data: []byte(data)}}}}
	}
	change := pb.ConfChangeV2{Changes: []pb.ConfChangeSingle{{Type: pb.ConfChangeRemoveNode, NodeID: other.id}}}
	data, err := change.Marshal()
	require.NoError(t, err)
	batch := []Message{
		forged(pb.EntryNormal, "garbage"), forged(pb.EntryNormal, ""), forged(pb.EntryConfChangeV2, string(data)),
		forged(pb.EntryConfChange, "x"),
		{Group: leader.group, Message: pb.Message{Type: pb.MsgProp, From: other.id, To: leader.id}},
		{Group: leader.group, Message: pb.Message{Type: pb.MsgSnap, From: other.id, To: leader.id, Term: term,
			Snapshot: &pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1 << 40, Term: term}}}},
	}
	leader.host.HandleMessages(other.id, batch)
	require.Equal(t, uint64(len(batch)), leader.host.Refused())
	g.propose(leader, "k+=x")
	g.agree("k", "x")
	require.Len(t, leader.Members(), 3)
	for _, m := range g.members {
		require.NoError(t, m.Err())
	}
}
