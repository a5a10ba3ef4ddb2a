package raft

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Raft §8 and thesis §6.4: linearizable reads.

// §8: a leader commits an empty entry at the start of its term, to learn which entries are committed.
func TestPaper_8_LeaderBeginsItsTermWithAnEmptyEntry(t *testing.T) {
	c := leaderOf(t, 3)
	for _, m := range ofType(outOf(c, 1), pb.MsgApp) {
		require.Equal(t, []pb.Entry{{Term: 2, Index: 2}}, m.Entries)
	}
}

// Thesis §6.4, step 1: until an entry of its term is committed the leader answers no read; then it answers those that
// waited.
func TestThesis_6_4_ReadsWaitForTheFirstCommit(t *testing.T) {
	c := leaderOf(t, 3)
	rn := c.members[1].rn
	rn.ReadIndex([]byte("r"))
	require.Empty(t, ofType(outOf(c, 1), pb.MsgHeartbeat))
	out := replies(c, ackFrom(2, 1, 2, 2))
	beats := ofType(out, pb.MsgHeartbeat)
	require.Len(t, beats, 2)
	require.Empty(t, c.members[1].reads)
	replies(c, soleReply(c, withTermOf(c, beats[0]), pb.MsgHeartbeatResp))
	require.Equal(t, []ReadState{{Index: 2, RequestCtx: []byte("r")}}, c.members[1].reads)
}

// withTermOf returns the message as it is, after its receiver has taken over its log.
func withTermOf(c *cluster, m pb.Message) pb.Message {
	replies(c, appendFrom(1, m.To, m.Term, at(1, 1), 1, at(2, 2)))
	return m
}

// Thesis §6.4, step 2: the read's index is the commit index when its round begins.
func TestThesis_6_4_ReadIndexIsTheCommitIndex(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	for i := range 5 {
		c.propose(1, fmt.Sprint(i))
		c.stabilize()
		c.members[1].rn.ReadIndex([]byte{byte(i)})
		c.stabilize()
		require.Equal(t, ReadState{Index: uint64(3 + i), RequestCtx: []byte{byte(i)}}, c.members[1].reads[i])
	}
}

// Thesis §6.4, step 3: a round of heartbeats confirms that no other leader has come up; one round serves all reads that
// waited for it.
func TestThesis_6_4_OneRoundServesManyReads(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	for i := range 10 {
		c.members[1].rn.ReadIndex([]byte{byte(i)})
	}
	beats := ofType(outOf(c, 1), pb.MsgHeartbeat)
	require.Len(t, beats, 2)
	replies(c, soleReply(c, beats[1], pb.MsgHeartbeatResp))
	require.Len(t, c.members[1].reads, 10)
	for i, read := range c.members[1].reads {
		require.Equal(t, []byte{byte(i)}, read.RequestCtx, "in the order in which they came")
	}
}

// Thesis §6.4, step 3: answers to heartbeats sent before the read came confirm nothing.
func TestThesis_6_4_EarlierHeartbeatsConfirmNothing(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	c.tick(1, 1)
	var answers []pb.Message
	for _, m := range ofType(outOf(c, 1), pb.MsgHeartbeat) {
		answers = append(answers, soleReply(c, m, pb.MsgHeartbeatResp))
	}
	c.members[1].rn.ReadIndex([]byte("r"))
	outOf(c, 1)
	for _, m := range answers {
		replies(c, m)
	}
	require.Empty(t, c.members[1].reads)
}

// A round that was lost is made up for by the next heartbeats.
func TestThesis_6_4_LostRoundIsRepeated(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	c.lose = func(m pb.Message) bool { return m.Type == pb.MsgHeartbeat }
	c.members[1].rn.ReadIndex([]byte("r"))
	c.stabilize()
	require.Empty(t, c.members[1].reads)
	c.lose = nil
	c.beat(1)
	require.Len(t, c.members[1].reads, 1)
}

// Thesis §6.4, last paragraph: a follower asks the leader, and answers from its own state.
func TestThesis_6_4_ReadsFromFollowers(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	for i := range 3 {
		c.propose(1, fmt.Sprint(i))
		c.members[2].rn.ReadIndex([]byte("same"))
		c.members[3].rn.ReadIndex([]byte("same"))
		c.stabilize()
	}
	for _, id := range []uint64{2, 3} {
		require.Len(t, c.members[id].reads, 3)
		for i, read := range c.members[id].reads {
			require.Equal(t, []byte("same"), read.RequestCtx)
			require.GreaterOrEqual(t, read.Index, uint64(2+i))
		}
	}
	require.Empty(t, c.members[1].reads)
}

// lostReasons returns why reads of a member were lost.
func lostReasons(c *cluster, id uint64) []error {
	var reasons []error
	for _, lost := range c.members[id].lost {
		reasons = append(reasons, lost.Reason)
	}
	return reasons
}

// Reads that can no longer be answered are reported, each with the reason.
func TestThesis_6_4_LostReadsAreReported(t *testing.T) {
	c := newVoters(t, 3, func(c *Config) { c.MaxPendingReads = 2 })
	c.members[2].rn.ReadIndex([]byte("no leader"))
	outOf(c, 2)
	require.Equal(t, []error{ErrNoLeader}, lostReasons(c, 2))
	c.elect(1)
	c.isolated[1] = true
	for range 3 {
		c.members[1].rn.ReadIndex([]byte("deposed"))
		c.members[2].rn.ReadIndex([]byte("no answer"))
	}
	outOf(c, 1)
	outOf(c, 2)
	require.Equal(t, []error{ErrTooManyReads}, lostReasons(c, 1))
	require.Equal(t, []error{ErrNoLeader, ErrTooManyReads}, lostReasons(c, 2))
	replies(c, heartbeatFrom(3, 1, 5, 1))
	require.Equal(t, []error{ErrTooManyReads, ErrLeadershipLost, ErrLeadershipLost}, lostReasons(c, 1))
	replies(c, heartbeatFrom(3, 2, 5, 1))
	require.Equal(t, []error{ErrNoLeader, ErrTooManyReads, ErrLeadershipLost, ErrLeadershipLost}, lostReasons(c, 2))
	c.members[2].rn.ReadIndex([]byte("late"))
	for range 10 {
		replies(c, heartbeatFrom(3, 2, 5, 1))
		c.tick(1, 2)
	}
	outOf(c, 2)
	require.Equal(t, ErrReadTimeout, lostReasons(c, 2)[4])
	require.Empty(t, c.members[2].reads)
}

// A leader that has no room for a follower's read says so.
func TestThesis_6_4_LeaderRefusesReads(t *testing.T) {
	c := newVoters(t, 3, func(c *Config) { c.MaxPendingReads = 1 })
	c.elect(1)
	c.lose = func(m pb.Message) bool { return m.Type == pb.MsgHeartbeat }
	c.members[2].rn.ReadIndex([]byte("first"))
	c.members[3].rn.ReadIndex([]byte("second"))
	c.stabilize()
	require.Equal(t, []error{ErrReadRefused}, append(lostReasons(c, 2), lostReasons(c, 3)...))
	c.lose = nil
	c.beat(1)
	require.Len(t, append(c.members[2].reads, c.members[3].reads...), 1)
}

// Thesis §6.4.1: under a lease reads are answered without a message. The lease counts from when the heartbeat was
// sent that a quorum has answered, however late the answers come.
func TestThesis_6_4_1_LeaseCountsFromTheSendingOfTheHeartbeat(t *testing.T) {
	c := newVoters(t, 3, withLeaseReads, func(c *Config) { c.LeaseMargin = 2 })
	letLeasesPass(c)
	c.elect(1)
	r := c.raft(1)
	c.tick(1, 1)
	beats := ofType(outOf(c, 1), pb.MsgHeartbeat)
	sent := r.clock.now
	for range 5 {
		c.tick(1, 1)
	}
	c.network = nil
	require.False(t, r.leaseHeld(), "nothing was confirmed")
	answer := soleReply(c, beats[0], pb.MsgHeartbeatResp)
	require.NoError(t, c.step(answer))
	for r.clock.now < sent+8 {
		require.True(t, r.leaseHeld(), "%d ticks after it was sent", r.clock.now-sent)
		c.tick(1, 1)
	}
	require.False(t, r.leaseHeld(), "an election timeout less the margin is over")
}

// Without a lease, reads are confirmed by a quorum.
func TestThesis_6_4_1_WithoutALeaseAQuorumIsAsked(t *testing.T) {
	c := newVoters(t, 3, withLeaseReads)
	letLeasesPass(c)
	c.elect(1)
	c.members[1].rn.ReadIndex([]byte("r"))
	require.Empty(t, c.raft(1).ownReads().answered)
	c.stabilize()
	require.Len(t, c.members[1].reads, 1)
	c.members[1].rn.ReadIndex([]byte("r"))
	require.Len(t, c.raft(1).ownReads().answered, 1)
	c.members[2].rn.ReadIndex([]byte("from a follower"))
	out := outOf(c, 2)
	answers := ofType(replies(c, out[0]), pb.MsgReadIndexResp)
	require.Len(t, answers, 1, "without a round")
}

// Thesis §6.4.1: a member that restarts may have promised its silence in its former life, and keeps it.
func TestThesis_6_4_1_RestartedVoterKeepsItsPromise(t *testing.T) {
	c := newVoters(t, 3, withLeaseReads)
	letLeasesPass(c)
	c.elect(1)
	c.restart(2)
	m := askFrom(pb.MsgVote, 3, 2, 9, at(2, 9))
	require.Empty(t, replies(c, m))
	require.NoError(t, c.members[2].rn.Campaign())
	require.Equal(t, StateFollower, c.raft(2).state)
	for range 10 {
		c.members[2].rn.TickQuiesced()
	}
	require.False(t, soleReply(c, m, pb.MsgVoteResp).Reject)
}

// Thesis §6.4.1: a member on whose silence a lease rests does not forget its leader.
func TestThesis_6_4_1_LeaseForbidsForgetting(t *testing.T) {
	c := newVoters(t, 3, withLeaseReads)
	letLeasesPass(c)
	c.elect(1)
	require.NoError(t, c.members[2].rn.ForgetLeader())
	require.Equal(t, uint64(1), c.raft(2).lead)
}

// Rounds by themselves: what is confirmed, since when, and what is not a round at all.
func TestRounds(t *testing.T) {
	var s rounds
	for tick := uint64(1); tick <= 5; tick++ {
		s.begin(tick)
		s.begin(tick)
	}
	require.Equal(t, uint64(10), s.current)
	s.confirm(4)
	require.Equal(t, uint64(2), s.confirmedAt)
	s.confirm(9)
	require.Equal(t, uint64(5), s.confirmedAt)
	for _, context := range [][]byte{nil, {1}, make([]byte, 8), make([]byte, 9), {0, 0, 0, 0, 0, 0, 0, 11}} {
		_, ok := s.decode(context)
		require.False(t, ok, "%v", context)
	}
	context := make([]byte, roundContextSize)
	s.encode(context)
	round, ok := s.decode(context)
	require.True(t, ok)
	require.Equal(t, uint64(10), round)
	for tick := uint64(6); tick < 2000; tick++ {
		s.begin(tick)
		s.forget(tick - 5)
		require.LessOrEqual(t, len(s.began), 7)
	}
}
