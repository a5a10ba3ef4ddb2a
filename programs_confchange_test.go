// What programs do with membership changes. etcd, swarmkit and Dgraph propose them on any member, find their own among
// those committed by the ID that they gave it, and read the new member's address in the Context. Whether a change is
// made is decided when it is applied: one that is refused goes to ApplyConfChange all the same, without a NodeID. etcd
// and Fabric apply on another goroutine than that of the Ready loop, which may call Advance before. Fabric switches
// forwarding off.

package raft_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

func TestProgramsProposeConfChangeOnAFollower(t *testing.T) {
	forEachProgram(t, func(t *testing.T, handle handler) {
		f := newFleet(t, handle, 3)
		f.elect(1)
		learner := pb.ConfChange{
			ID: 0xfeedfacecafebeef, Type: pb.ConfChangeAddLearnerNode, NodeID: 4, Context: []byte(`{"address":"four:2380"}`),
		}
		f.change(2, learner)
		removal := pb.ConfChange{ID: 2, Type: pb.ConfChangeRemoveNode, NodeID: 4}
		f.change(3, removal)
		update := pb.ConfChange{ID: 3, Type: pb.ConfChangeUpdateNode, NodeID: 2, Context: []byte("moved")}
		f.change(3, update)
		for _, id := range f.ids {
			require.Equal(t, []pb.ConfChange{learner, removal, update}, f.members[id].changes[3:], "after the first three")
			require.Equal(t, pb.ConfState{Voters: []uint64{1, 2, 3}}, f.members[id].conf)
		}
	})
}

// A change in the form for one member is an EntryConfChange; programs that know no other form never see one.
func TestProgramsThatKnowOneFormOfChange(t *testing.T) {
	f := newFleet(t, asEtcd, 3)
	onlyV1 := func(m *member, rd raft.Ready) {
		for _, e := range append(rd.Entries, rd.CommittedEntries...) {
			require.NotEqual(t, pb.EntryConfChangeV2, e.Type)
		}
		asEtcd(m, rd)
	}
	for _, id := range f.ids {
		f.members[id].handle = onlyV1
	}
	f.elect(1)
	f.change(1, pb.ConfChange{Type: pb.ConfChangeAddNode, NodeID: 4})
	f.change(1, &pb.ConfChange{Type: pb.ConfChangeRemoveNode, NodeID: 4})
	require.Len(t, f.members[3].changes, 3+2)
	require.Equal(t, pb.ConfState{Voters: []uint64{1, 2, 3}}, f.members[3].conf)
}

func TestProgramsSwitchForwardingOff(t *testing.T) {
	f := newFleet(t, asFabric, 3, func(_ *member, cfg *raft.Config) { cfg.DisableProposalForwarding = true })
	f.elect(1)
	ctx := context.Background()
	for _, err := range []error{
		f.members[2].node.Propose(ctx, []byte("x")),
		f.members[2].node.ProposeConfChange(ctx, pb.ConfChange{Type: pb.ConfChangeAddLearnerNode, NodeID: 4}),
	} {
		require.True(t, errors.Is(err, raft.ErrProposalDropped), "%v", err)
	}
	_, ok := offered(f.members[2].node)
	require.False(t, ok, "something is passed on")
	f.propose(1, "x")
	f.requireData([]string{"x"})
}

// refusing handles a Ready like the program, but refuses all membership changes, as a program does that finds them
// invalid: it applies the change without a NodeID.
func refusing(withChange pb.ConfChangeI) handler {
	return func(m *member, rd raft.Ready) {
		m.noteRole(rd)
		m.save(rd)
		m.send(rd.Messages)
		for _, e := range rd.CommittedEntries {
			m.applied = e.Index
			if e.Type != pb.EntryNormal {
				m.conf = *m.node.ApplyConfChange(withChange)
			} else if len(e.Data) > 0 {
				m.data = append(m.data, string(e.Data))
			}
		}
		m.node.Advance()
	}
}

// A refused change leaves everything as it was, and the way free for the next.
func TestProgramsRefuseConfChanges(t *testing.T) {
	for name, empty := range map[string]pb.ConfChangeI{
		"zero":              pb.ConfChange{},
		"type without node": pb.ConfChange{Type: pb.ConfChangeRemoveNode, NodeID: raft.None},
		"general form":      pb.ConfChangeV2{Changes: []pb.ConfChangeSingle{{Type: pb.ConfChangeAddNode}}},
		"empty and general": pb.ConfChangeV2{},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFleet(t, asSwarmkit, 3)
			f.elect(1)
			for _, id := range f.ids {
				f.members[id].handle = refusing(empty)
			}
			f.change(1, pb.ConfChange{Type: pb.ConfChangeRemoveNode, NodeID: 3})
			f.change(2, pb.ConfChange{Type: pb.ConfChangeAddNode, NodeID: 4})
			for _, id := range f.ids {
				require.Equal(t, pb.ConfState{Voters: []uint64{1, 2, 3}}, f.members[id].conf)
				require.Equal(t, raft.Status{}.Config.Learners, f.members[id].node.Status().Config.Learners)
				require.Len(t, f.members[id].node.Status().Config.Voters.IDs(), 3)
				f.members[id].handle = asSwarmkit
			}
			f.change(2, pb.ConfChange{Type: pb.ConfChangeRemoveNode, NodeID: 3})
			require.Equal(t, []uint64{1, 2}, f.members[1].conf.Voters)
			f.propose(2, "x")
			f.requireData([]string{"x"}, 1, 2)
		})
	}
}

// An entry of a membership change without data is a change of nothing: in the form for one member its NodeID is zero.
func TestProgramsApplyConfChangesWithoutData(t *testing.T) {
	for _, data := range [][]byte{nil, {}} {
		n := raft.RestartNode(config(1, storageOf(t, pb.ConfState{Voters: []uint64{1, 2, 3}})))
		t.Cleanup(n.Stop)
		require.NoError(t, n.Step(context.Background(), pb.Message{
			Type: pb.MsgApp, From: 2, To: 1, Term: 2, Index: 5, LogTerm: 1, Commit: 7,
			Entries: []pb.Entry{{Term: 2, Index: 6}, {Term: 2, Index: 7, Type: pb.EntryConfChange, Data: data}},
		}))
		rd := mustOffer(t, n)
		require.Len(t, rd.CommittedEntries, 2)
		last := rd.CommittedEntries[1]
		require.Equal(t, pb.EntryConfChange, last.Type)
		require.Empty(t, last.Data)
		var cc pb.ConfChange
		require.NoError(t, cc.Unmarshal(last.Data))
		require.Equal(t, pb.ConfChange{}, cc)
		require.Equal(t, &pb.ConfState{Voters: []uint64{1, 2, 3}}, n.ApplyConfChange(cc))
		n.Advance()
		require.Equal(t, uint64(7), n.Status().Applied)
	}
}

// storageOf returns the storage of a member with this membership, compacted up to index 5 of term 1.
func storageOf(t testing.TB, conf pb.ConfState) *raft.MemoryStorage {
	s := raft.NewMemoryStorage()
	require.NoError(t, s.ApplySnapshot(pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 5, Term: 1, ConfState: conf}}))
	require.NoError(t, s.SetHardState(pb.HardState{Term: 1, Commit: 5}))
	return s
}

// The applying goroutine calls ApplyConfChange while the Ready loop sends, writes, advances and goes on with the next
// Readys; neither waits for the other but where it says so.
func TestProgramsApplyConfChangeFromAnotherGoroutine(t *testing.T) {
	for name, waits := range map[string]bool{"Advance waits": true, "Advance does not wait": false} {
		t.Run(name, func(t *testing.T) {
			f := newFleet(t, asSwarmkit, 1)
			leader := f.elect(1)
			work := make(chan []pb.Entry, 1000)
			appliedTo := make(chan uint64, 1000)
			go func() {
				defer close(appliedTo)
				for ents := range work {
					leader.apply(ents)
					appliedTo <- leader.applied
				}
			}()
			leader.handle = func(m *member, rd raft.Ready) {
				m.save(rd)
				if n := len(rd.CommittedEntries); n > 0 {
					work <- rd.CommittedEntries
					for waits && <-appliedTo < rd.CommittedEntries[n-1].Index {
						continue
					}
				}
				require.Equal(t, uint64(1), m.node.Status().ID)
				m.node.Advance()
			}
			proposeEach(t, f, leader, 50)
			close(work)
			for range appliedTo {
				continue
			}
			require.Len(t, leader.conf.Learners, 50)
			require.Len(t, leader.data, 50)
			require.Len(t, leader.node.Status().Config.Learners, 50)
		})
	}
}

// proposeEach has the member take so many entries, and as many learners, one after the other.
func proposeEach(t *testing.T, f *fleet, m *member, count uint64) {
	t.Helper()
	ctx := context.Background()
	for i := range count {
		cc := pb.ConfChange{Type: pb.ConfChangeAddLearnerNode, NodeID: 10 + i}
		require.NoError(t, m.node.ProposeConfChange(ctx, cc))
		require.NoError(t, m.node.Propose(ctx, []byte("x")))
		f.settle()
	}
}

// A joint configuration that is to be left by itself is left also if Advance came before ApplyConfChange, in a group in
// which nothing else happens.
func TestProgramsEnterJointConfigurationsLate(t *testing.T) {
	forEachProgram(t, func(t *testing.T, handle handler) {
		f := newFleet(t, handle, 3)
		f.elect(1)
		f.change(1, pb.ConfChangeV2{Changes: []pb.ConfChangeSingle{
			{Type: pb.ConfChangeAddLearnerNode, NodeID: 3}, {Type: pb.ConfChangeAddLearnerNode, NodeID: 4},
		}})
		for _, id := range f.ids {
			require.Equal(t, pb.ConfState{Voters: []uint64{1, 2}, Learners: []uint64{3, 4}}, f.members[id].conf)
		}
	})
}
