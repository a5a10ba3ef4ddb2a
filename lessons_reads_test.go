package raft

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Lessons about stale reads (Raft §8, thesis §6.4).

// A context that is used twice: answers to the first request, still on their way, do not confirm the second one.
func TestLesson01_DuplicateReadContext(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	ctx := []byte("same")
	c.members[1].rn.ReadIndex(ctx)
	beats := ofType(outOf(c, 1), pb.MsgHeartbeat)
	require.Len(t, beats, 2)
	replies(c, soleReply(c, beats[0], pb.MsgHeartbeatResp))
	require.Len(t, c.members[1].reads, 1)
	late := soleReply(c, beats[1], pb.MsgHeartbeatResp)

	c.isolated[1] = true
	c.elect(2)
	c.propose(2, "newer")
	c.stabilize(2, 3)
	c.network = nil

	c.members[1].rn.ReadIndex([]byte("queued before"))
	c.members[1].rn.ReadIndex(ctx)
	outOf(c, 1)
	require.NoError(t, c.step(late))
	outOf(c, 1)
	require.Len(t, c.members[1].reads, 1, "an old answer released a read: it is stale")
}

// A follower's request that is made again with the same context is a request of its own, too.
func TestLesson01_DuplicateReadContextFromAFollower(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	rn := c.members[2].rn
	rn.ReadIndex([]byte("same"))
	first := ofType(outOf(c, 2), pb.MsgReadIndex)
	require.Len(t, first, 1)
	for _, m := range ofType(replies(c, first[0]), pb.MsgHeartbeat) {
		replies(c, soleReply(c, m, pb.MsgHeartbeatResp))
	}
	c.network = nil
	require.NoError(t, c.step(first[0]))
	beats := ofType(outOf(c, 1), pb.MsgHeartbeat)
	answers := ofType(replies(c, soleReply(c, beats[1], pb.MsgHeartbeatResp)), pb.MsgReadIndexResp)
	require.Len(t, answers, 1)

	c.tick(c.members[2].cfg.ElectionTick, 2)
	outOf(c, 2)
	require.Len(t, c.members[2].lost, 1)
	rn = c.members[2].rn
	c.members[2].lost = nil
	require.NoError(t, c.step(heartbeatFrom(1, 2, 2, 1)))
	rn.ReadIndex([]byte("same"))
	require.NoError(t, c.step(answers[0]))
	outOf(c, 2)
	require.Empty(t, c.members[2].reads, "the answer to the first request was taken for the second's")
}

// letLeasesPass lets an election timeout pass at every member without anything happening: what was promised to a leader
// before has run out.
func letLeasesPass(c *cluster) {
	for _, id := range c.ids {
		for i := 0; i < c.members[id].cfg.ElectionTick; i++ {
			c.members[id].rn.TickQuiesced()
		}
	}
}

// A new leader does not answer with its lagging commit index.
func TestLesson02_ReadBeforeACommitOfTheOwnTerm(t *testing.T) {
	for _, configure := range []func(*Config){func(*Config) {}, withLeaseReads} {
		c := newVoters(t, 3, configure)
		letLeasesPass(c)
		c.elect(1)
		c.propose(1, "a")
		c.lose = func(m pb.Message) bool { return m.From == 1 && m.Commit > 2 }
		c.stabilize()
		require.Equal(t, uint64(3), c.raft(1).log.committed)
		require.Equal(t, uint64(2), c.raft(2).log.committed)

		c.isolated[1] = true
		c.lose = func(m pb.Message) bool { return m.Type == pb.MsgAppResp }
		letLeasesPass(c)
		require.NoError(t, c.members[2].rn.Campaign())
		c.stabilize()
		require.Equal(t, StateLeader, c.raft(2).state)
		c.members[2].rn.ReadIndex([]byte("r"))
		for i := 0; i < 5; i++ {
			c.beat(2)
		}
		require.Equal(t, uint64(2), c.raft(2).log.committed)
		require.Empty(t, c.members[2].reads, "answered before it knows what is committed")
		c.lose = nil
		c.beat(2)
		c.beat(2)
		require.Len(t, c.members[2].reads, 1)
		require.GreaterOrEqual(t, c.members[2].reads[0].Index, uint64(3))
	}
}

// The lease ends when a transfer begins, and is not taken up again when the transfer is given up: the order to campaign
// may still be on its way.
func TestLesson21_ReadsDuringATransfer(t *testing.T) {
	c := newVoters(t, 3, withLeaseReads)
	letLeasesPass(c)
	c.elect(1)
	c.beat(1)
	rn := c.members[1].rn
	rn.ReadIndex([]byte("by lease"))
	require.Len(t, rn.raft.ownReads().answered, 1, "a lease is held")
	outOf(c, 1)

	rn.TransferLeader(2)
	require.Len(t, ofType(outOf(c, 1), pb.MsgTimeoutNow), 1)
	require.Len(t, c.members[1].reads, 1)
	rn.ReadIndex([]byte("during"))
	require.Empty(t, rn.raft.ownReads().answered, "answered by lease during a transfer")

	for i := 0; i < 12; i++ {
		c.tick(1, 1)
		c.stabilize()
	}
	require.Equal(t, uint64(None), rn.BasicStatus().LeadTransferee)
	require.Equal(t, StateLeader, c.raft(1).state)
	rn.ReadIndex([]byte("after"))
	require.Empty(t, rn.raft.ownReads().answered, "answered by lease although the order to campaign may still arrive")
	c.stabilize()
	require.Len(t, c.members[1].reads, 3)
}

// The only voter of a group does not answer before it has committed in its term, even after a restart.
func TestLesson25_SingleVoterReadsAfterRestart(t *testing.T) {
	c := newVoters(t, 1)
	c.elect(1)
	c.propose(1, "a")
	c.stabilize()
	require.NoError(t, c.members[1].storage.SetHardState(pb.HardState{Term: 2, Vote: 1, Commit: 1}))
	c.members[1].cfg.Applied = 1
	c.start(1)
	require.NoError(t, c.members[1].rn.Campaign())
	for c.raft(1).state != StateLeader {
		require.True(t, c.ready(1))
	}
	c.members[1].rn.ReadIndex([]byte("r"))
	require.Empty(t, c.raft(1).ownReads().answered)
	rd := c.members[1].rn.Ready()
	require.Empty(t, rd.ReadStates)
	c.write(c.members[1], rd.HardState, rd.Entries, rd.Snapshot)
	c.members[1].rn.Advance(rd)
	outOf(c, 1)
	require.Len(t, c.members[1].reads, 1)
	require.Equal(t, uint64(4), c.members[1].reads[0].Index)
}

// A leader that is no voter any more does not answer without the quorum of those who are.
func TestLesson25_LeaderThatIsNoVoterNeedsAQuorum(t *testing.T) {
	c := newVoters(t, 2)
	c.elect(1)
	c.change(1, "r1")
	require.Equal(t, StateLeader, c.raft(1).state)
	require.Equal(t, "(2)", incomingVoters(c, 1))
	c.members[1].rn.ReadIndex([]byte("r"))
	beats := ofType(outOf(c, 1), pb.MsgHeartbeat)
	require.Empty(t, c.members[1].reads, "answered without a quorum")
	require.Len(t, beats, 1)
	require.NoError(t, c.step(beats[0]))
	c.stabilize()
	require.Len(t, c.members[1].reads, 1)
}
