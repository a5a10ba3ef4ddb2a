// How programs come back. etcd, swarmkit and Fabric fill a new MemoryStorage from their write-ahead log: the snapshot,
// then the hard state, then the entries; Dgraph starts over its disk, and sets Applied to the index of its snapshot.
// Some have, or had, snapshots that name no members: made before the membership was put into them, or left to be named
// when they are sent.

package raft_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// snapshotOf returns a snapshot at the index and term 1.
func snapshotOf(index uint64, conf pb.ConfState) pb.Snapshot {
	return pb.Snapshot{Data: []byte("a"), Metadata: pb.SnapshotMetadata{Index: index, Term: 1, ConfState: conf}}
}

// What is committed above Applied is handed out again, in order, and nothing below it.
func TestProgramsRestartWithApplied(t *testing.T) {
	conf := pb.ConfState{Voters: []uint64{1}}
	disk := journal{snap: snapshotOf(5, conf), hard: pb.HardState{Term: 1, Commit: 8}, ents: numbered(1, 4, 9)}
	for applied, want := range map[uint64][]uint64{0: {6, 7, 8}, 5: {6, 7, 8}, 6: {7, 8}, 8: nil} {
		cfg := config(1, disk.replay(t))
		cfg.Applied = applied
		n := raft.RestartNode(cfg)
		t.Cleanup(n.Stop)
		rd, ok := offered(n)
		require.Equal(t, want != nil, ok, "applied %d", applied)
		var got []uint64
		for _, e := range rd.CommittedEntries {
			got = append(got, e.Index)
		}
		require.Equal(t, want, got, "applied %d", applied)
		require.Empty(t, rd.Entries, "what is on disk is not to be written again")
		require.True(t, raft.IsEmptyHardState(rd.HardState))
		require.True(t, raft.IsEmptySnap(rd.Snapshot))
		require.Equal(t, max(applied, 5), n.Status().Applied)
	}
}

// A member alone, restarted, is the leader again, has lost nothing, and applies nothing twice.
func TestProgramsRestartAloneAndGoOn(t *testing.T) {
	forEachProgram(t, func(t *testing.T, handle handler) {
		f := newFleet(t, handle, 1, func(m *member, cfg *raft.Config) { cfg.Applied = m.disk.snap.Metadata.Index })
		m := f.elect(1)
		f.propose(1, "a", "b")
		m.compact()
		f.propose(1, "c")
		m.restart()
		f.requireData([]string{"a", "b"})
		f.settle()
		f.requireData([]string{"a", "b", "c"})
		f.elect(1)
		f.propose(1, "d")
		f.requireData([]string{"a", "b", "c", "d"})
		require.Equal(t, []uint64{1}, m.conf.Voters)
	})
}

// A commit index that was not written before the crash is learned again: MustSync does not ask for it.
func TestProgramsRestartWithoutTheLastCommitIndex(t *testing.T) {
	f := newFleet(t, asSwarmkit, 3)
	lazy := func(m *member, rd raft.Ready) {
		hard := m.disk.hard
		asSwarmkit(m, rd)
		if !rd.MustSync {
			m.disk.hard = hard
		}
	}
	for _, id := range f.ids {
		f.members[id].handle = lazy
	}
	f.elect(1)
	f.propose(1, "a", "b")
	for _, id := range f.ids {
		f.members[id].restart()
	}
	f.settle()
	f.elect(3)
	f.propose(2, "c")
	f.requireData([]string{"a", "b", "c"})
}

// A member whose own snapshot names nobody starts, belongs to no group, and does not disturb: only the entries after
// the snapshot, or another snapshot, can tell it who is in the group.
func TestProgramsRestartFromASnapshotWithoutMembers(t *testing.T) {
	disk := journal{snap: snapshotOf(5, pb.ConfState{}), hard: pb.HardState{Term: 1, Commit: 5}, ents: numbered(1, 6, 6)}
	ctx := context.Background()
	n := raft.RestartNode(config(1, disk.replay(t)))
	t.Cleanup(n.Stop)
	require.NoError(t, n.Campaign(ctx))
	for range 100 {
		n.Tick()
	}
	_, ok := offered(n)
	require.False(t, ok)
	require.Empty(t, n.Status().Config.Voters.IDs())
	require.Equal(t, uint64(1), n.Status().Term)

	require.Equal(t, &pb.ConfState{Voters: []uint64{1}}, n.ApplyConfChange(pb.ConfChange{Type: pb.ConfChangeAddNode, NodeID: 1}))
	require.NoError(t, n.Campaign(ctx))
	rd := mustOffer(t, n)
	require.Equal(t, raft.StateCandidate, rd.RaftState)
	n.Advance()
	require.Equal(t, raft.StateLeader, n.Status().RaftState)
}

// A snapshot without members that arrives is not restored, whatever it is: the member keeps its log and its group, and
// is told about it by an error, not by the end of the process.
func TestProgramsReceiveASnapshotWithoutMembers(t *testing.T) {
	f := newFleet(t, asEtcd, 3)
	f.elect(1)
	f.propose(1, "a")
	for _, index := range []uint64{0, 1, 100} {
		snap := snapshotOf(index, pb.ConfState{})
		msg := pb.Message{Type: pb.MsgSnap, From: 1, To: 2, Term: 2, Snapshot: &snap}
		err := f.members[2].node.Step(context.Background(), msg)
		require.ErrorIs(t, err, raft.ErrInvalidMessage)
		_, ok := offered(f.members[2].node)
		require.False(t, ok)
	}
	f.propose(2, "b")
	f.requireData([]string{"a", "b"})
}

// Without a membership CreateSnapshot keeps that of the snapshot before, as programs expect that pass none.
func TestProgramsMakeSnapshotsWithoutTheMembership(t *testing.T) {
	conf := pb.ConfState{Voters: []uint64{1, 2, 3}, Learners: []uint64{4}}
	disk := journal{snap: snapshotOf(5, conf), ents: numbered(1, 6, 9)}
	ms := disk.replay(t)
	snap, err := ms.CreateSnapshot(7, nil, []byte("state"))
	require.NoError(t, err)
	require.Equal(t, conf, snap.Metadata.ConfState)
	require.NoError(t, ms.Compact(7))
	_, restarted, err := ms.InitialState()
	require.NoError(t, err)
	require.Equal(t, conf, restarted)
	empty := raft.NewMemoryStorage()
	require.NoError(t, empty.Append(numbered(1, 1, 3)))
	snap, err = empty.CreateSnapshot(2, nil, nil)
	require.NoError(t, err)
	require.Equal(t, pb.ConfState{}, snap.Metadata.ConfState)
}
