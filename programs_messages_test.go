// What programs do with the messages of a Ready. On a leader etcd and Dgraph send them before they write, on a follower
// after it (thesis §10.2.1): so a leader's messages must not speak of what it has yet to write, and a follower's may.
// Fabric sends after Advance, and the transports of all encode and send on goroutines of their own, whenever they get
// round to it. etcd, swarmkit and Fabric also write to the messages: they readdress some to nobody and put another
// membership into a snapshot.

package raft_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// pass steps messages into their receivers, and has these do what is to be done, but nobody else.
func (f *fleet) pass(msgs []pb.Message) {
	f.t.Helper()
	for _, msg := range msgs {
		if to := f.members[msg.To]; !f.away[msg.To] {
			require.NoError(f.t, to.node.Step(context.Background(), msg))
		}
	}
	for _, msg := range msgs {
		for to := f.members[msg.To]; !f.away[msg.To] && to.step(); {
			continue
		}
	}
}

// A leader sends what it has not written. Two followers that have written it commit it; one alone does not, before the
// leader has written it too, which Advance says.
func TestProgramsSendBeforeTheWriteOnALeader(t *testing.T) {
	for name, oneIsAway := range map[string]bool{"two followers": false, "one follower": true} {
		t.Run(name, func(t *testing.T) {
			f := newFleet(t, asEtcd, 3)
			leader := f.elect(1)
			f.away[3] = oneIsAway
			before := leader.node.Status().Commit
			require.NoError(t, leader.node.Propose(context.Background(), []byte("x")))
			rd := mustOffer(t, leader.node)
			f.pass(rd.Messages)
			f.deliver() // the acknowledgements

			status := leader.node.Status()
			require.Equal(t, before+1, status.Progress[2].Match)
			require.Equal(t, before, status.Progress[1].Match, "its own copy is not written")
			if oneIsAway {
				require.Equal(t, before, status.Commit)
			} else {
				require.Equal(t, before+1, status.Commit)
			}
			leader.save(rd)
			leader.apply(rd.CommittedEntries)
			leader.node.Advance()
			f.settle()
			f.requireData([]string{"x"}, 1, 2)
		})
	}
}

// The leader crashes when its messages are out and nothing is written: it comes back without what it had sent, the
// others have it, and nobody has applied anything that is lost.
func TestProgramsCrashBetweenTheSendingAndTheWrite(t *testing.T) {
	f := newFleet(t, asEtcd, 3)
	leader := f.elect(1)
	f.propose(1, "a")
	require.NoError(t, leader.node.Propose(context.Background(), []byte("b")))
	rd := mustOffer(t, leader.node)
	f.pass(rd.Messages)
	f.deliver()
	leader.restart()
	f.settle()
	require.NotContains(t, leader.data, "b")
	f.elect(2)
	f.propose(1, "c")
	f.requireData([]string{"a", "b", "c"})
}

// What a follower says is true of its disk when it has written the Ready that the message comes in.
func TestProgramsSendAfterTheWriteOnFollowers(t *testing.T) {
	said := map[pb.MessageType]int{}
	truthful := func(m *member, rd raft.Ready) {
		m.noteRole(rd)
		m.save(rd)
		for _, msg := range rd.Messages {
			if m.leads || msg.Reject {
				continue
			}
			said[msg.Type]++
			requireTrueOfDisk(t, &m.disk, msg)
		}
		m.send(rd.Messages)
		m.restore(rd.Snapshot)
		m.apply(rd.CommittedEntries)
		m.node.Advance()
	}
	f := newFleet(t, truthful, 3)
	liveThrough(t, f, truthful)
	for _, typ := range []pb.MessageType{pb.MsgAppResp, pb.MsgVote, pb.MsgVoteResp, pb.MsgHeartbeatResp} {
		require.Positive(t, said[typ], "%s", typ)
	}
}

// requireTrueOfDisk requires that a message that is no refusal says nothing that the disk does not hold.
func requireTrueOfDisk(t *testing.T, disk *journal, msg pb.Message) {
	t.Helper()
	if msg.Term != 0 {
		require.GreaterOrEqual(t, disk.hard.Term, msg.Term, "%s", msg.Type)
	}
	switch msg.Type {
	case pb.MsgAppResp:
		last := disk.snap.Metadata.Index
		if n := len(disk.ents); n > 0 {
			last = max(last, disk.ents[n-1].Index)
		}
		require.GreaterOrEqual(t, last, msg.Index, "acknowledged and not written")
	case pb.MsgVoteResp:
		require.Equal(t, msg.To, disk.hard.Vote, "given and not written")
	case pb.MsgVote:
		require.Equal(t, msg.From, disk.hard.Vote, "the vote for itself")
	}
}

// Messages are kept by a goroutine of the transport, which encodes them at once, and again, and sends them, when the
// program has long gone on. They say the same as at the beginning.
func TestProgramsSendLongAfterAdvance(t *testing.T) {
	f := newFleet(t, asFabric, 3)
	queue := make(chan []pb.Message, 10000)
	later := func(m *member, rd raft.Ready) {
		m.noteRole(rd)
		m.save(rd)
		m.apply(rd.CommittedEntries)
		m.node.Advance()
		queue <- rd.Messages
	}
	for _, id := range f.ids {
		f.members[id].handle = later
	}
	type sent struct {
		msg    pb.Message
		packet []byte
	}
	transported := make(chan []sent)
	go func() {
		var all []sent
		for msgs := range queue {
			for _, msg := range msgs {
				packet, err := msg.Marshal()
				check(err)
				check(f.members[msg.To].node.Step(context.Background(), msg))
				all = append(all, sent{msg, packet})
			}
		}
		transported <- all
	}()
	lead := f.members[1]
	require.NoError(t, lead.node.Campaign(context.Background()))
	want := handleUntilApplied(t, f, 300)
	close(queue)
	all := await(t, transported, "the sending")
	f.requireData(want)
	require.NotEmpty(t, all)
	for _, s := range all {
		packet, err := s.msg.Marshal()
		require.NoError(t, err)
		require.Equal(t, s.packet, packet, "a message has changed after it was handed out")
	}
}

// handleUntilApplied proposes so many entries at member 1 once it leads, and handles Readys until all have applied them.
func handleUntilApplied(t *testing.T, f *fleet, entries int) []string {
	var want []string
	everyReady := func() {
		rd := raft.Ready{}
		var m *member
		select {
		case rd = <-f.members[1].node.Ready():
			m = f.members[1]
		case rd = <-f.members[2].node.Ready():
			m = f.members[2]
		case rd = <-f.members[3].node.Ready():
			m = f.members[3]
		case <-time.After(waitAtMost):
			require.FailNow(t, "the group is stuck")
		}
		m.handle(m, rd)
	}
	for !f.members[1].leads {
		everyReady()
	}
	for i := range entries {
		want = append(want, string(rune('a'+i%26)))
		require.NoError(t, f.members[1].node.Propose(context.Background(), []byte(want[i])))
		everyReady()
	}
	for _, id := range f.ids {
		for len(f.members[id].data) < entries {
			everyReady()
		}
	}
	return want
}

// What a program writes into the messages that it was handed is seen by nobody but those it sends them to: not by the
// storage, nor by the members that are sent the same snapshot, nor in later messages.
func TestProgramsWriteToMessages(t *testing.T) {
	f := newFleet(t, asSwarmkit, 5)
	leader := f.elect(1)
	f.away[3], f.away[4] = true, true
	f.propose(1, "a", "b")
	// A snapshot that names nobody: it is left to the sending to say who is in the group.
	_, err := leader.storage.CreateSnapshot(leader.applied, &pb.ConfState{}, []byte("a b"))
	require.NoError(t, err)
	require.NoError(t, leader.storage.Compact(leader.applied))
	f.away[3], f.away[4] = false, false

	sent := 0
	leader.handle = func(m *member, rd raft.Ready) {
		for _, msg := range rd.Messages {
			if msg.Type == pb.MsgSnap {
				sent++
				require.Empty(t, msg.Snapshot.Metadata.ConfState.Voters, "what is in storage")
			}
		}
		asSwarmkit(m, rd)
		for i := range rd.Messages {
			rd.Messages[i] = pb.Message{Type: 99, To: 99, Term: 99}
		}
	}
	f.beat(1)
	require.Equal(t, 2, sent)
	f.propose(3, "c")
	f.requireData([]string{"a", "b", "c"})
	snap, err := leader.storage.Snapshot()
	require.NoError(t, err)
	require.Empty(t, snap.Metadata.ConfState.Voters, "the storage's own is as it was")
	for _, id := range f.ids {
		require.Equal(t, []uint64{1, 2, 3, 4, 5}, f.members[id].conf.Voters)
	}
}

// etcd sends only the last of the acknowledgements in a Ready: it must stand for those before it.
func TestProgramsSendOnlyTheLastAcknowledgement(t *testing.T) {
	f := newFleet(t, asEtcd, 3)
	leader := f.elect(1)
	f.away[3] = true
	follower := f.members[2]
	// Several appends arrive before the follower gets to its Ready.
	for _, data := range []string{"a", "b", "c"} {
		require.NoError(t, leader.node.Propose(context.Background(), []byte(data)))
		for leader.step() {
			continue
		}
		f.deliver()
	}
	for follower.step() {
		continue
	}
	last := leader.node.Status().Commit + 3
	f.deliver()
	require.Equal(t, last, leader.node.Status().Progress[2].Match)
	f.settle()
	f.requireData([]string{"a", "b", "c"}, 1, 2)
}

// Dgraph ends the process if it is to send a message to itself, and none of them knows where to send what has no
// receiver: member.send requires that there is no such message, in any role and in all that makes one talk.
func TestProgramsSendNothingToThemselvesOrNobody(t *testing.T) {
	strict := func(m *member, rd raft.Ready) {
		for _, msg := range rd.Messages {
			require.NotEqual(m.t, raft.None, msg.To, "%s", msg.Type)
			require.Equal(m.t, m.id, msg.From, "%s", msg.Type)
			require.False(m.t, raft.IsLocalMsg(msg.Type), "%s", msg.Type)
			require.False(m.t, raft.IsLocalMsgTarget(msg.To), "%s", msg.Type)
		}
		asDgraph(m, rd)
	}
	f := newFleet(t, strict, 3, func(_ *member, cfg *raft.Config) { cfg.PreVote, cfg.CheckQuorum = true, true })
	ask := func(id uint64) {
		n := f.members[id].node
		require.NoError(t, n.ReadIndex(context.Background(), []byte("read")))
		require.NoError(t, n.Campaign(context.Background()))
		n.TransferLeadership(context.Background(), id, id)
		require.NoError(t, n.ForgetLeader(context.Background()))
		f.settle()
	}
	for _, id := range f.ids {
		ask(id)
		f.beat(id)
		ask(id)
	}
}
