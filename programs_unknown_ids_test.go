// IDs that name no member. A program's view of the group is never quite that of the library: its transport reports on
// members that were removed, messages of members that are yet to be added arrive, an operator hands leadership to
// somebody who is not there. The library has to take any ID at all, and go on as if nothing had been said.

package raft_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// unknownIDs are of nobody in a group of 1, 2 and 3.
func unknownIDs() []uint64 {
	return []uint64{raft.None, 4, 0xabcdef0123456789, raft.LocalApplyThread, raft.LocalAppendThread}
}

// inEachRole runs the test with a member 1 that leads, and with one that follows 2.
func inEachRole(t *testing.T, test func(t *testing.T, f *fleet, m *member)) {
	for role, leader := range map[string]uint64{"leader": 1, "follower": 2} {
		t.Run(role, func(t *testing.T) {
			f := newFleet(t, asEtcd, 3)
			f.elect(leader)
			test(t, f, f.members[1])
			f.propose(1, "goes on")
			f.requireData([]string{"goes on"})
			require.Equal(t, leader, f.members[3].node.Status().Lead)
		})
	}
}

func TestProgramsReportOnUnknownMembers(t *testing.T) {
	inEachRole(t, func(t *testing.T, f *fleet, m *member) {
		before := m.node.Status()
		for _, id := range unknownIDs() {
			m.node.ReportUnreachable(id)
			m.node.ReportSnapshot(id, raft.SnapshotFinish)
			m.node.ReportSnapshot(id, raft.SnapshotFailure)
			m.node.ReportSnapshot(id, 0)
		}
		require.Equal(t, before, m.node.Status())
		_, ok := offered(m.node)
		require.False(t, ok)
	})
}

func TestProgramsTransferLeadershipToUnknownMembers(t *testing.T) {
	inEachRole(t, func(t *testing.T, f *fleet, m *member) {
		term := m.node.Status().Term
		for _, id := range unknownIDs() {
			m.node.TransferLeadership(context.Background(), m.node.Status().Lead, id)
			f.settle()
			for _, other := range f.ids {
				require.Equal(t, raft.None, f.members[other].node.Status().LeadTransferee)
				require.Equal(t, term, f.members[other].node.Status().Term)
			}
		}
	})
}

// Answers of those who are no members are without effect. A RawNode says so by an error of its own; a Node, which is
// called by a transport, does not, since Dgraph closes a connection on any error, and etcd answers one to the sender:
// the last words of a member that was removed are no reason. An ID that no member can have is an error of both.
func TestProgramsStepAnswersOfUnknownMembers(t *testing.T) {
	raw, err := raft.NewRawNode(config(1, storageOf(t, pb.ConfState{Voters: []uint64{1, 2, 3}})))
	require.NoError(t, err)
	inEachRole(t, func(t *testing.T, _ *fleet, m *member) {
		before := m.node.Status()
		for _, msg := range answersOfUnknownMembers(before.Term) {
			ofNode, ofRawNode := m.node.Step(context.Background(), msg), raw.Step(msg)
			if msg.From == raft.None || raft.IsLocalMsgTarget(msg.From) {
				require.ErrorIs(t, ofNode, raft.ErrInvalidMessage, "%s from %x", msg.Type, msg.From)
				require.ErrorIs(t, ofRawNode, raft.ErrInvalidMessage, "%s from %x", msg.Type, msg.From)
				continue
			}
			require.NoError(t, ofNode, "%s from %x", msg.Type, msg.From)
			require.True(t, ofRawNode == raft.ErrStepPeerNotFound, "%s from %x: %v", msg.Type, msg.From, ofRawNode)
		}
		require.Equal(t, before, m.node.Status())
		_, ok := offered(m.node)
		require.False(t, ok)
	})
}

// answersOfUnknownMembers returns an answer of each type from each of them, of terms that are over, present, and to come.
func answersOfUnknownMembers(now uint64) []pb.Message {
	var out []pb.Message
	for _, typ := range []pb.MessageType{
		pb.MsgAppResp, pb.MsgHeartbeatResp, pb.MsgVoteResp, pb.MsgPreVoteResp, pb.MsgReadIndexResp,
	} {
		for _, id := range unknownIDs() {
			for _, term := range []uint64{1, now, now + 7} {
				out = append(out, pb.Message{Type: typ, From: id, To: 1, Term: term, Index: 1})
			}
		}
	}
	return out
}

// A proposal that a follower has passed on may find that there is no leader any more. It is dropped, which is no error
// of the connection it came by; a program that steps a proposal of its own is told.
func TestProgramsStepProposalsWithoutALeader(t *testing.T) {
	f := newFleet(t, asDgraph, 3)
	prop := pb.Message{Type: pb.MsgProp, To: 1, Entries: []pb.Entry{{Data: []byte("lost")}}}
	for _, from := range []uint64{2, 77} {
		prop.From = from
		require.NoError(t, f.members[1].node.Step(context.Background(), prop))
	}
	prop.From = raft.None
	require.ErrorIs(t, f.members[1].node.Step(context.Background(), prop), raft.ErrProposalDropped)
	f.settle()
	f.elect(1)
	f.requireData(nil)
}

// Requests of those who are no members are handled: they may be members that this one has yet to hear of.
func TestProgramsStepRequestsOfUnknownMembers(t *testing.T) {
	requests := map[pb.MessageType]pb.Message{
		pb.MsgVote:      {Type: pb.MsgVote, Term: 9, Index: 9, LogTerm: 8},
		pb.MsgPreVote:   {Type: pb.MsgPreVote, Term: 9, Index: 9, LogTerm: 8},
		pb.MsgApp:       {Type: pb.MsgApp, Term: 9, Index: 4, LogTerm: 2, Entries: []pb.Entry{{Term: 9, Index: 5}}},
		pb.MsgHeartbeat: {Type: pb.MsgHeartbeat, Term: 9, Commit: 1, Context: []byte("round")},
	}
	answers := map[pb.MessageType]pb.MessageType{
		pb.MsgVote: pb.MsgVoteResp, pb.MsgPreVote: pb.MsgPreVoteResp, pb.MsgApp: pb.MsgAppResp, pb.MsgHeartbeat: pb.MsgHeartbeatResp,
	}
	for typ, msg := range requests {
		t.Run(typ.String(), func(t *testing.T) {
			f := newFleet(t, asEtcd, 3)
			f.elect(2)
			msg.From, msg.To = 77, 1
			require.NoError(t, f.members[1].node.Step(context.Background(), msg))
			rd := mustOffer(t, f.members[1].node)
			require.Len(t, rd.Messages, 1)
			require.Equal(t, answers[typ], rd.Messages[0].Type)
			require.Equal(t, uint64(77), rd.Messages[0].To)
			require.False(t, rd.Messages[0].Reject)
		})
	}
}

// A proposal that somebody unknown passes on is taken: those who are being removed, or added, may propose.
func TestProgramsStepProposalsOfUnknownMembers(t *testing.T) {
	f := newFleet(t, asSwarmkit, 3)
	f.elect(1)
	for _, from := range []uint64{raft.None, 77} {
		require.NoError(t, f.members[1].node.Step(context.Background(), pb.Message{
			Type: pb.MsgProp, From: from, To: 1, Entries: []pb.Entry{{Data: []byte("x")}},
		}))
	}
	f.settle()
	f.requireData([]string{"x", "x"})
}

// Removing, or updating, somebody who is not there is a change that changes nothing, and the next can be made.
func TestProgramsChangeUnknownMembers(t *testing.T) {
	inEachRole(t, func(t *testing.T, f *fleet, m *member) {
		for i, typ := range []pb.ConfChangeType{pb.ConfChangeRemoveNode, pb.ConfChangeUpdateNode} {
			f.change(m.id, pb.ConfChange{Type: typ, NodeID: 77})
			require.Len(t, m.changes, 3+i+1)
			require.Equal(t, pb.ConfState{Voters: []uint64{1, 2, 3}}, m.conf)
		}
		f.change(m.id, pb.ConfChange{Type: pb.ConfChangeAddLearnerNode, NodeID: 5})
		require.Equal(t, []uint64{5}, m.conf.Learners)
	})
}

// A message for somebody else, delivered by mistake or to a member that has taken over an address, is an error alone.
func TestProgramsStepMessagesForSomebodyElse(t *testing.T) {
	inEachRole(t, func(t *testing.T, _ *fleet, m *member) {
		before := m.node.Status()
		for _, to := range []uint64{2, 77} {
			err := m.node.Step(context.Background(), pb.Message{Type: pb.MsgHeartbeat, From: 3, To: to, Term: 99})
			require.ErrorIs(t, err, raft.ErrInvalidMessage)
		}
		require.Equal(t, before, m.node.Status())
	})
}
