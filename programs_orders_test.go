// What etcd, Docker swarmkit, Dgraph and Hyperledger Fabric do with a Ready, each in its own order: when it sends, when
// it writes, when it applies, and whether Advance waits for that. A group has to work in each of these orders, and with
// a member of each kind, as it does while it moves from one library to another.

package raft_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/tracker"
)

// asEtcd handles a Ready as etcd's server does. A leader sends before it writes, and advances before it applies, since
// another goroutine does that; a follower writes, applies, sends and advances. The MemoryStorage is not told the hard
// state, which the write-ahead log keeps.
func asEtcd(m *member, rd raft.Ready) {
	m.noteRole(rd)
	msgs := m.edit(rd.Messages)
	if m.leads {
		m.send(msgs)
	}
	m.disk.save(rd)
	if !raft.IsEmptySnap(rd.Snapshot) {
		require.NoError(m.t, m.storage.ApplySnapshot(rd.Snapshot))
	}
	require.NoError(m.t, m.storage.Append(rd.Entries))
	if m.leads {
		m.node.Advance()
	}
	m.restore(rd.Snapshot)
	m.apply(rd.CommittedEntries)
	if !m.leads {
		m.send(msgs)
		m.node.Advance()
	}
}

// edit changes the messages in place, as etcd's server does: those not to be sent are addressed to nobody. Of several
// acknowledgements the last stands for all, and a snapshot is replaced by one of what is applied by now.
func (m *member) edit(msgs []pb.Message) []pb.Message {
	acknowledged := false
	var snapshots []pb.Message
	for i := len(msgs) - 1; i >= 0; i-- {
		switch msgs[i].Type {
		case pb.MsgAppResp:
			if acknowledged {
				msgs[i].To = raft.None
			}
			acknowledged = true
		case pb.MsgSnap:
			merged := msgs[i]
			merged.Snapshot = &pb.Snapshot{
				Data:     []byte(strings.Join(m.data, " ")),
				Metadata: pb.SnapshotMetadata{Index: m.applied, Term: m.appliedTerm, ConfState: m.conf},
			}
			snapshots = append(snapshots, merged)
			msgs[i].To = raft.None
		}
	}
	m.send(snapshots)
	return msgs
}

// asSwarmkit handles a Ready as swarmkit's manager does: write, send, apply, advance. Snapshots are sent with the
// membership of now.
func asSwarmkit(m *member, rd raft.Ready) {
	m.noteRole(rd)
	m.save(rd)
	m.send(m.withMembershipOfNow(rd.Messages))
	m.restore(rd.Snapshot)
	m.apply(rd.CommittedEntries)
	m.node.Advance()
}

// withMembershipOfNow overwrites the membership in outgoing snapshots, as swarmkit and Fabric do.
func (m *member) withMembershipOfNow(msgs []pb.Message) []pb.Message {
	for _, msg := range msgs {
		if msg.Type == pb.MsgSnap {
			msg.Snapshot.Metadata.ConfState = m.conf
		}
	}
	return msgs
}

// asDgraph handles a Ready as Dgraph does: a leader sends at first, a follower at last.
func asDgraph(m *member, rd raft.Ready) {
	m.noteRole(rd)
	if m.leads {
		m.send(rd.Messages)
	}
	m.save(rd)
	m.restore(rd.Snapshot)
	m.apply(rd.CommittedEntries)
	if !m.leads {
		m.send(rd.Messages)
	}
	m.node.Advance()
}

// asFabric handles a Ready as Fabric's ordering service does: it writes and advances, another goroutine applies, and
// the messages are sent last.
func asFabric(m *member, rd raft.Ready) {
	m.noteRole(rd)
	m.save(rd)
	m.node.Advance()
	m.restore(rd.Snapshot)
	m.apply(rd.CommittedEntries)
	m.send(m.withMembershipOfNow(rd.Messages))
}

func programs() map[string]handler {
	return map[string]handler{"etcd": asEtcd, "swarmkit": asSwarmkit, "Dgraph": asDgraph, "Fabric": asFabric}
}

// forEachProgram runs the test with each of the orders.
func forEachProgram(t *testing.T, test func(t *testing.T, handle handler)) {
	for _, name := range slices.Sorted(maps.Keys(programs())) {
		t.Run(name, func(t *testing.T) { test(t, programs()[name]) })
	}
}

// A member's life in a group: proposals everywhere, one member away and caught up by a snapshot, a learner that joins
// and is promoted, a leader that hands over, restarts, a removal.
func liveThrough(t *testing.T, f *fleet, fourth handler) {
	add := func(typ pb.ConfChangeType, id uint64) pb.ConfChange { return pb.ConfChange{Type: typ, NodeID: id} }
	f.elect(1)
	f.propose(1, "a", "b")
	f.propose(2, "c")

	f.away[3] = true
	f.propose(1, "d", "e")
	f.members[1].compact()
	f.propose(2, "f")
	f.away[3] = false
	f.beat(1)
	f.requireData([]string{"a", "b", "c", "d", "e", "f"})

	f.add(4, fourth).start(nil)
	f.change(2, add(pb.ConfChangeAddLearnerNode, 4))
	f.beat(1)
	f.change(3, add(pb.ConfChangeAddNode, 4))
	f.propose(4, "g")
	f.requireVoters(1, 2, 3, 4)

	f.members[1].node.TransferLeadership(t.Context(), 1, 4)
	f.settle()
	require.Equal(t, raft.StateLeader, f.members[4].node.Status().RaftState)
	for _, id := range f.ids {
		f.members[id].restart()
	}
	f.settle()
	f.elect(2)
	f.change(2, add(pb.ConfChangeRemoveNode, 1))
	f.away[1] = true
	f.propose(3, "h")
	f.requireData([]string{"a", "b", "c", "d", "e", "f", "g", "h"}, 2, 3, 4)
	f.requireVoters(2, 3, 4)
	require.Empty(t, f.refused, "nor are the last words of the removed member an error")
}

func TestProgramsLiveThroughAllInTheirOwnOrder(t *testing.T) {
	forEachProgram(t, func(t *testing.T, handle handler) { liveThrough(t, newFleet(t, handle, 3), handle) })
}

func TestProgramsLiveThroughAllTogether(t *testing.T) {
	f := newFleet(t, asEtcd, 3)
	f.members[2].handle = asSwarmkit
	f.members[3].handle = asDgraph
	liveThrough(t, f, asFabric)
}

// What etcd sends in place of a snapshot is one of what it has applied by now, which is newer than the one that the
// library has asked to be sent. The acknowledgement is for that.
func TestProgramsSendANewerSnapshot(t *testing.T) {
	f := newFleet(t, asEtcd, 3)
	leader := f.elect(1)
	f.away[3] = true
	f.propose(1, "a")
	leader.compact()
	f.propose(1, "b", "c")
	asked := leader.disk.snap.Metadata.Index
	f.away[3] = false
	f.beat(1)
	require.Equal(t, asked+2, f.members[3].disk.snap.Metadata.Index)
	status := leader.node.Status()
	require.Equal(t, asked+2, status.Progress[3].Match)
	require.Equal(t, tracker.StateReplicate, status.Progress[3].State)
	f.propose(3, "d")
	f.requireData([]string{"a", "b", "c", "d"})
}
