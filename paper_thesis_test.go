package raft

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Thesis §3.10 (leadership transfer), §6.2 (check-quorum), §9.6 (pre-vote), §10.2 (writing and pipelining in parallel).

// Thesis §3.10: the leader brings the target's log up to date, then tells it to campaign, which it does without waiting
// for its timeout.
func TestThesis_3_10_TransferCatchesUpAndHandsOver(t *testing.T) {
	c := newVoters(t, 3, withCheckQuorum, withPreVote)
	letLeasesPass(c)
	c.elect(1)
	c.isolated[3] = true
	c.propose(1, "a")
	c.stabilize()
	c.members[1].rn.TransferLeader(3)
	require.Empty(t, ofType(outOf(c, 1), pb.MsgTimeoutNow), "its log is not up to date")
	c.isolated[3] = false
	c.beat(1)
	c.beat(1)
	require.Equal(t, uint64(3), c.leader())
	require.Equal(t, uint64(3), c.raft(3).term, "one election, without a pre-vote")
}

// Thesis §3.10: meanwhile the leader takes no proposals, and says why.
func TestThesis_3_10_NoProposalsDuringATransfer(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	c.isolated[3] = true
	c.propose(1, "a")
	c.stabilize()
	c.members[1].rn.TransferLeader(3)
	err := c.members[1].rn.Propose([]byte("b"))
	require.ErrorIs(t, err, ErrProposalDropped)
	require.ErrorContains(t, err, "leadership is being transferred")
}

// Thesis §3.10: a transfer that takes longer than an election timeout is given up, and the leader goes on.
func TestThesis_3_10_TransferTimesOut(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	c.isolated[3] = true
	c.propose(1, "a")
	c.stabilize()
	c.members[1].rn.TransferLeader(3)
	for range 9 {
		c.beat(1)
		require.Equal(t, uint64(3), c.members[1].rn.BasicStatus().LeadTransferee)
	}
	c.beat(1)
	require.Equal(t, uint64(None), c.members[1].rn.BasicStatus().LeadTransferee)
	c.propose(1, "b")
	c.stabilize()
	require.Equal(t, []string{"a", "b"}, c.data(2))
}

// Thesis §3.10: only to a voter; to itself, or again to the same one, is nothing new; to another one replaces it.
func TestThesis_3_10_TransferTargets(t *testing.T) {
	c := newCluster(t)
	cs := pb.ConfState{Voters: []uint64{1, 2, 3}, Learners: []uint64{4}}
	for id := uint64(1); id <= 4; id++ {
		c.add(id, cs)
	}
	c.elect(1)
	for _, id := range []uint64{2, 3, 4} {
		c.isolated[id] = true
	}
	c.propose(1, "a")
	c.stabilize()
	transferee := func(to uint64) uint64 {
		c.members[1].rn.TransferLeader(to)
		return c.members[1].rn.BasicStatus().LeadTransferee
	}
	for _, to := range []uint64{1, 4, 9, None} {
		require.Equal(t, uint64(None), transferee(to), "to %d", to)
	}
	require.Equal(t, uint64(2), transferee(2))
	deadline := c.raft(1).leading.transferDeadline
	c.tick(3, 1)
	require.Equal(t, uint64(2), transferee(2))
	require.Equal(t, deadline, c.raft(1).leading.transferDeadline)
	require.Equal(t, uint64(2), transferee(4))
	require.Equal(t, uint64(3), transferee(3))
}

// Thesis §3.10: a follower passes the request on; one that knows no leader drops it.
func TestThesis_3_10_TransferThroughAFollower(t *testing.T) {
	c := newVoters(t, 3)
	c.members[2].rn.TransferLeader(3)
	require.Empty(t, outOf(c, 2))
	c.elect(1)
	c.members[2].rn.TransferLeader(3)
	c.stabilize()
	require.Equal(t, uint64(3), c.leader())
}

// A timeout-now of a transfer that was given up comes too late: the log has gone on.
func TestThesis_3_10_StaleTimeoutNow(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	c.members[1].rn.TransferLeader(2)
	late := ofType(outOf(c, 1), pb.MsgTimeoutNow)
	require.Len(t, late, 1)
	for range 11 {
		c.tick(1, 1)
		c.stabilize()
	}
	require.Equal(t, uint64(1), c.leader())
	require.Empty(t, replies(c, late[0]))
	require.Equal(t, StateFollower, c.raft(2).state)
	c.members[1].rn.TransferLeader(2)
	c.stabilize()
	require.Equal(t, uint64(2), c.leader(), "another transfer works")
}

// A timeout-now that does not name the end of the log, as an older version sends it, is obeyed.
func TestThesis_3_10_TimeoutNowWithoutALogPosition(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	require.NoError(t, c.step(pb.Message{Type: pb.MsgTimeoutNow, From: 1, To: 2, Term: 2}))
	require.Equal(t, StateCandidate, c.raft(2).state)
	for _, m := range ofType(outOf(c, 2), pb.MsgVote) {
		require.Equal(t, transferContext, string(m.Context))
	}
}

// A transfer to a member that is removed meanwhile is given up.
func TestThesis_3_10_TransferToARemovedMember(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	c.isolated[3] = true
	require.NoError(t, c.members[1].rn.ProposeConfChange(changeOf(t, "r3")))
	c.members[1].rn.TransferLeader(3)
	c.stabilize()
	require.Equal(t, "(1 2)", incomingVoters(c, 1))
	require.Equal(t, uint64(None), c.members[1].rn.BasicStatus().LeadTransferee)
}

// Thesis §6.2: a leader that has not heard from a majority for an election timeout steps down, and only then.
func TestThesis_6_2_CheckQuorum(t *testing.T) {
	for _, checkQuorum := range []bool{false, true} {
		for alive := 1; alive <= 5; alive++ {
			c := newVoters(t, 5, func(c *Config) { c.CheckQuorum = checkQuorum })
			c.elect(1)
			for id := alive + 1; id <= 5; id++ {
				c.isolated[uint64(id)] = true
			}
			for range 25 {
				c.beat(1)
			}
			leads := c.raft(1).state == StateLeader
			require.Equal(t, !checkQuorum || alive >= 3, leads, "%d of 5 alive, CheckQuorum %t", alive, checkQuorum)
		}
	}
}

// Thesis §6.2: any message of a follower is a sign of life.
func TestThesis_6_2_AnyResponseIsASignOfLife(t *testing.T) {
	for _, m := range []pb.Message{
		{Type: pb.MsgHeartbeatResp, From: 2, To: 1, Term: 2}, ackFrom(2, 1, 2, 2), rejectFrom(2, 1, 2, 2, at(1, 1)),
	} {
		c := newVoters(t, 3, withCheckQuorum)
		c.elect(1)
		for range 10 {
			c.tick(5, 1)
			require.NoError(t, c.step(m))
			outOf(c, 1)
		}
		require.Equal(t, StateLeader, c.raft(1).state)
	}
}

// Thesis §9.6: a member raises its term only when it has learnt from a majority that they would vote for it.
func TestThesis_9_6_PreVoteChangesNoTerm(t *testing.T) {
	c := newVoters(t, 3, withPreVote)
	c.isolated[3] = true
	for range 100 {
		c.tick(1, 3)
		c.stabilize()
	}
	require.Equal(t, StatePreCandidate, c.raft(3).state)
	require.Equal(t, pb.HardState{Term: 1, Commit: 1}, c.raft(3).hardState())
	c.isolated[3] = false
	c.elect(1)
	c.beat(1)
	require.Equal(t, uint64(2), c.raft(1).term, "it came back without disturbing anybody")
	require.Equal(t, uint64(1), c.raft(3).lead)
}

// Thesis §9.6: with a majority of pre-votes the pre-candidate begins a real election.
func TestThesis_9_6_PreVoteMajorityBeginsTheElection(t *testing.T) {
	c := newVoters(t, 5, withPreVote)
	require.NoError(t, c.members[1].rn.Campaign())
	out := outOf(c, 1)
	require.Len(t, ofType(out, pb.MsgPreVote), 4)
	for _, m := range out {
		require.Equal(t, uint64(2), m.Term, "the term it would have")
	}
	require.NoError(t, c.step(answerFrom(pb.MsgPreVoteResp, 2, 1, 2, true)))
	require.Equal(t, StatePreCandidate, c.raft(1).state)
	require.NoError(t, c.step(answerFrom(pb.MsgPreVoteResp, 3, 1, 2, true)))
	require.Equal(t, StateCandidate, c.raft(1).state)
	require.Equal(t, uint64(2), c.raft(1).term)
	require.Len(t, ofType(outOf(c, 1), pb.MsgVote), 4)
}

// Thesis §9.6: a pre-vote is granted to any number of candidates, since it binds nobody: neither term nor vote change.
func TestThesis_9_6_PreVotesBindNobody(t *testing.T) {
	c := newVoters(t, 3)
	for _, from := range []uint64{2, 3, 2} {
		reply := soleReply(c, askFrom(pb.MsgPreVote, from, 1, 5, at(1, 1)), pb.MsgPreVoteResp)
		require.False(t, reply.Reject)
		require.Equal(t, uint64(5), reply.Term)
	}
	require.Equal(t, pb.HardState{Term: 1, Commit: 1}, c.raft(1).hardState())
}

// Thesis §9.6: a majority of refusals ends the pre-vote.
func TestThesis_9_6_LostPreVote(t *testing.T) {
	c := newVoters(t, 3, withPreVote)
	require.NoError(t, c.members[1].rn.Campaign())
	outOf(c, 1)
	for _, id := range []uint64{2, 3} {
		require.NoError(t, c.step(answerFrom(pb.MsgPreVoteResp, id, 1, 1, false)))
	}
	require.Equal(t, StateFollower, c.raft(1).state)
	require.Equal(t, uint64(1), c.raft(1).term)
}

// Thesis §9.6: a member whose leader is alive refuses pre-votes, so that one that was cut off cannot depose it.
func TestThesis_9_6_ReturningMemberDoesNotDisturb(t *testing.T) {
	c := newVoters(t, 3, withPreVote, withCheckQuorum)
	c.elect(1)
	c.isolated[3] = true
	for range 50 {
		c.tick(1)
		c.stabilize()
	}
	c.isolated[3] = false
	for range 50 {
		c.tick(1)
		c.stabilize()
	}
	require.Equal(t, uint64(1), c.leader())
	require.Equal(t, uint64(2), c.raft(1).term)
}

// Thesis §10.2.1: the leader's messages do not wait for its own disk: they come with the order to write.
func TestThesis_10_2_1_LeaderSendsWhileItWrites(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	c.propose(1, "a")
	rd := c.members[1].rn.Ready()
	require.Len(t, rd.Entries, 1)
	require.Len(t, ofType(rd.Messages, pb.MsgApp), 2)
	require.NoError(t, c.step(ackFrom(2, 1, 2, 3)))
	require.Equal(t, uint64(2), c.raft(1).log.committed, "it does not count itself before it has written")
	require.NoError(t, c.step(ackFrom(3, 1, 2, 3)))
	require.Equal(t, uint64(3), c.raft(1).log.committed, "and it may commit what it has not written, if a majority has")
}

// Thesis §10.2.2: appends are sent without waiting for the answers to earlier ones.
func TestThesis_10_2_2_AppendsArePipelined(t *testing.T) {
	c := newVoters(t, 2)
	c.elect(1)
	for i := range 20 {
		c.propose(1, fmt.Sprint(i))
		out := ofType(outOf(c, 1), pb.MsgApp)
		require.Len(t, out, 1)
		require.Equal(t, uint64(2+i), out[0].Index)
		require.Len(t, out[0].Entries, 1)
	}
}

// Thesis §10.2.2: proposals that come together leave together.
func TestThesis_10_2_2_ProposalsAreBatched(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	for i := range 100 {
		c.propose(1, fmt.Sprint(i))
	}
	for _, m := range ofType(outOf(c, 1), pb.MsgApp) {
		require.Len(t, m.Entries, 100)
	}
}
