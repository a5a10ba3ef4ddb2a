package raft

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Raft §5.1, §5.2 and §5.4.1, one test for each sentence that says what a member does. The comments state the sentence
// in our own words.

// §5.1: a member that sees a term above its own takes it over, whatever the message and its role.
func TestPaper_5_1_AdoptsAHigherTerm(t *testing.T) {
	for _, role := range tableRoles() {
		for _, typ := range []pb.MessageType{
			pb.MsgApp, pb.MsgAppResp, pb.MsgVote, pb.MsgVoteResp, pb.MsgSnap, pb.MsgHeartbeat, pb.MsgHeartbeatResp, pb.MsgReadIndexResp,
		} {
			c := memberIn(t, role)
			require.NoError(t, c.step(wellFormed(c, typ, 9, false)))
			require.Equal(t, uint64(9), c.raft(1).term, "%s by %s", typ, role)
		}
	}
}

// §5.1: a candidate or leader that finds its term out of date becomes a follower at once.
func TestPaper_5_1_StepsDownWhenItsTermIsOutOfDate(t *testing.T) {
	for _, role := range []StateType{StateCandidate, StatePreCandidate, StateLeader} {
		for _, typ := range []pb.MessageType{pb.MsgAppResp, pb.MsgVote, pb.MsgVoteResp, pb.MsgHeartbeatResp} {
			c := memberIn(t, role)
			require.NoError(t, c.step(wellFormed(c, typ, 6, true)))
			require.Equal(t, StateFollower, c.raft(1).state, "%s by %s", typ, role)
			require.Equal(t, uint64(None), c.raft(1).lead)
		}
	}
}

// §5.1: a request with an older term is refused, and the answer tells its sender the current one.
func TestPaper_5_1_RefusesRequestsOfAnOlderTerm(t *testing.T) {
	for _, role := range tableRoles() {
		for _, typ := range []pb.MessageType{pb.MsgApp, pb.MsgVote, pb.MsgPreVote, pb.MsgSnap, pb.MsgHeartbeat} {
			c := memberIn(t, role)
			logBefore := logOf(c, 1)
			out := replies(c, wellFormed(c, typ, 4, false))
			require.Len(t, out, 1)
			require.Equal(t, uint64(tableTerm), out[0].Term)
			require.Equal(t, logBefore, logOf(c, 1))
			require.Equal(t, role, c.raft(1).state)
		}
	}
}

// §5.1: the current term never goes back.
func TestPaper_5_1_TermsIncreaseMonotonically(t *testing.T) {
	c := newVoters(t, 3)
	term := uint64(0)
	for i := range 200 {
		if i%10 < 3 {
			c.network = nil
		}
		c.tick(1)
		c.stabilize()
		require.GreaterOrEqual(t, c.raft(1).term, term)
		term = c.raft(1).term
	}
}

// §5.2: members begin as followers.
func TestPaper_5_2_BeginsAsAFollower(t *testing.T) {
	c := newVoters(t, 3)
	for _, id := range c.ids {
		require.Equal(t, StateFollower, c.raft(id).state)
		require.Equal(t, uint64(None), c.raft(id).lead)
	}
}

// §5.2: a follower stays one as long as it hears from a leader or grants a vote to a candidate.
func TestPaper_5_2_StaysAFollowerWhileItHearsFromALeader(t *testing.T) {
	c := newVoters(t, 3)
	for i := range 20 {
		c.tick(9, 1)
		switch i % 4 {
		case 0:
			replies(c, heartbeatFrom(2, 1, 2, 1))
		case 1:
			replies(c, appendFrom(2, 1, 2, at(1, 1), 1))
		case 2:
			replies(c, snapshotFrom(2, 1, 2, at(1, 1), voters(1, 2, 3)))
		default:
			replies(c, appendFrom(2, 1, 2, at(1, 9), 1))
		}
		require.Equal(t, StateFollower, c.raft(1).state)
	}
	for term := uint64(3); term < 10; term++ {
		replies(c, askFrom(pb.MsgVote, 3, 1, term, at(1, 1)))
		c.tick(9, 1)
		require.Equal(t, StateFollower, c.raft(1).state, "it has just granted a vote")
	}
}

// §5.2: the heartbeats with which a leader keeps its authority go to all followers, at every heartbeat interval.
func TestPaper_5_2_LeaderSendsHeartbeats(t *testing.T) {
	c := newVoters(t, 3, func(c *Config) { c.HeartbeatTick = 3 })
	c.elect(1)
	for range 5 {
		c.tick(2, 1)
		require.Empty(t, outOf(c, 1))
		c.tick(1, 1)
		out := outOf(c, 1)
		require.Len(t, ofType(out, pb.MsgHeartbeat), 2)
		require.Equal(t, []uint64{2, 3}, []uint64{out[0].To, out[1].To})
	}
}

// §5.2: a follower that hears nothing for an election timeout begins an election: it raises its term, becomes a
// candidate, votes for itself, and asks every other member for its vote.
func TestPaper_5_2_BeginsAnElection(t *testing.T) {
	c := newVoters(t, 5)
	timeout := int(c.raft(1).clock.electionTimeout)
	c.tick(timeout-1, 1)
	require.Equal(t, StateFollower, c.raft(1).state)
	c.tick(1, 1)
	require.Equal(t, StateCandidate, c.raft(1).state)
	out := outOf(c, 1)
	require.Len(t, out, 4)
	for i, m := range out {
		require.Equal(t, pb.MsgVote, m.Type)
		require.Equal(t, uint64(i+2), m.To)
		require.Equal(t, uint64(2), m.Term)
	}
	require.Equal(t, pb.HardState{Term: 2, Vote: 1, Commit: 1}, c.members[1].rn.BasicStatus().HardState)
}

// §5.2: a candidate wins with the votes of a majority of the whole group in the same term, and not before.
func TestPaper_5_2_WinsWithAMajority(t *testing.T) {
	for n := 1; n <= 9; n++ {
		for granted := 0; granted < n; granted++ {
			c := newVoters(t, n)
			require.NoError(t, c.members[1].rn.Campaign())
			outOf(c, 1)
			for id := 2; id <= granted+1; id++ {
				require.NoError(t, c.step(answerFrom(pb.MsgVoteResp, uint64(id), 1, 2, true)))
			}
			won := c.raft(1).state == StateLeader
			require.Equal(t, 2*(granted+1) > n, won, "%d of %d votes", granted+1, n)
		}
	}
}

// §5.2: a vote of another term, or a second one of the same member, does not count.
func TestPaper_5_2_CountsEachVoteOnceAndInItsTerm(t *testing.T) {
	c := newVoters(t, 5)
	require.NoError(t, c.members[1].rn.Campaign())
	outOf(c, 1)
	for range 4 {
		require.NoError(t, c.step(answerFrom(pb.MsgVoteResp, 2, 1, 2, true)))
		require.NoError(t, c.step(answerFrom(pb.MsgVoteResp, 3, 1, 1, true)))
		require.NoError(t, c.step(answerFrom(pb.MsgPreVoteResp, 4, 1, 2, true)))
	}
	require.Equal(t, StateCandidate, c.raft(1).state)
	require.NoError(t, c.step(answerFrom(pb.MsgVoteResp, 3, 1, 2, true)))
	require.Equal(t, StateLeader, c.raft(1).state)
}

// §5.2: a member votes for one candidate in a term at most, the first that comes, and again for the same one.
func TestPaper_5_2_VotesForOneCandidateInATerm(t *testing.T) {
	c := newVoters(t, 3)
	ask := func(from, term uint64) bool {
		return !soleReply(c, askFrom(pb.MsgVote, from, 1, term, at(1, 1)), pb.MsgVoteResp).Reject
	}
	require.True(t, ask(2, 2))
	require.False(t, ask(3, 2))
	require.True(t, ask(2, 2))
	c.restart(1)
	require.False(t, ask(3, 2), "after a crash")
	require.True(t, ask(3, 3))
	require.False(t, ask(2, 3))
}

// §5.2 and Fig. 2: the vote is written before it is given.
func TestPaper_5_2_VoteIsDurableBeforeItIsGiven(t *testing.T) {
	c := newVoters(t, 3)
	require.NoError(t, c.step(askFrom(pb.MsgVote, 2, 1, 4, at(1, 1))))
	rd := c.members[1].rn.Ready()
	require.Equal(t, pb.HardState{Term: 4, Vote: 2, Commit: 1}, rd.HardState)
	require.True(t, rd.MustSync)
	require.Len(t, rd.Messages, 1, "the grant comes with the order to write, and not before")
}

// §5.2: a candidate that hears from a leader whose term is at least its own recognises it and follows.
func TestPaper_5_2_CandidateFollowsALeaderOfItsTerm(t *testing.T) {
	for _, role := range []StateType{StateCandidate, StatePreCandidate} {
		for _, typ := range []pb.MessageType{pb.MsgApp, pb.MsgHeartbeat, pb.MsgSnap} {
			for _, term := range []uint64{tableTerm, tableTerm + 1} {
				c := memberIn(t, role)
				require.NoError(t, c.step(wellFormed(c, typ, term, false)))
				require.Equal(t, SoftState{Lead: 2, RaftState: StateFollower}, c.raft(1).softState())
				require.Equal(t, term, c.raft(1).term)
			}
		}
	}
}

// §5.2: a leader whose term is older is not recognised: the candidate stays one.
func TestPaper_5_2_CandidateRefusesALeaderOfAnOlderTerm(t *testing.T) {
	for _, typ := range []pb.MessageType{pb.MsgApp, pb.MsgHeartbeat, pb.MsgSnap} {
		c := memberIn(t, StateCandidate)
		require.NoError(t, c.step(wellFormed(c, typ, tableTerm-1, false)))
		require.Equal(t, StateCandidate, c.raft(1).state)
	}
}

// §5.2: when votes are split and nobody wins, each candidate times out and begins another election in the next term.
func TestPaper_5_2_SplitVoteBeginsAnotherElection(t *testing.T) {
	c := newVoters(t, 3)
	require.NoError(t, c.members[1].rn.Campaign())
	outOf(c, 1)
	require.NoError(t, c.step(answerFrom(pb.MsgVoteResp, 2, 1, 2, false)))
	require.Equal(t, StateCandidate, c.raft(1).state)
	c.tick(20, 1)
	require.Equal(t, StateCandidate, c.raft(1).state)
	require.Equal(t, uint64(3), c.raft(1).term)
	require.Len(t, ofType(outOf(c, 1), pb.MsgVote), 2)
}

// §5.2: a candidate that a majority has refused cannot win any more, and follows whoever does.
func TestPaper_5_2_LostElectionEndsTheCandidacy(t *testing.T) {
	c := newVoters(t, 3)
	require.NoError(t, c.members[1].rn.Campaign())
	outOf(c, 1)
	for _, id := range []uint64{2, 3} {
		require.NoError(t, c.step(answerFrom(pb.MsgVoteResp, id, 1, 2, false)))
	}
	require.Equal(t, StateFollower, c.raft(1).state)
	require.Equal(t, uint64(1), c.raft(1).vote, "its vote of the term is given")
}

// §5.2: election timeouts are drawn at random from a fixed interval, anew for each election, so that split votes
// are rare.
func TestPaper_5_2_ElectionTimeoutsAreRandom(t *testing.T) {
	c := newVoters(t, 3)
	seen := map[uint64]int{}
	for range 2000 {
		c.raft(1).becomeFollower(c.raft(1).term, None)
		seen[c.raft(1).clock.electionTimeout]++
	}
	require.Len(t, seen, 10)
	for timeout, n := range seen {
		require.True(t, 10 <= timeout && timeout < 20, "%d", timeout)
		require.Greater(t, n, 100, "%d is rare", timeout)
	}
}

// §5.2: with randomised timeouts a group elects a leader soon, and a single one.
func TestPaper_5_2_GroupsElectALeader(t *testing.T) {
	for n := 1; n <= 7; n += 2 {
		c := newVoters(t, n)
		runUntilLeader(c, 200, c.ids...)
		leaders := 0
		for _, id := range c.ids {
			if c.raft(id).state == StateLeader {
				leaders++
			}
		}
		require.Equal(t, 1, leaders)
	}
}

// §5.4.1: the request for a vote says how up to date the candidate's log is.
func TestPaper_5_4_1_RequestNamesTheLastEntry(t *testing.T) {
	c := newVoters(t, 3)
	seed(c, 1, pb.HardState{Term: 4, Commit: 1}, at(2, 2), at(4, 3))
	require.NoError(t, c.members[1].rn.Campaign())
	for _, m := range ofType(outOf(c, 1), pb.MsgVote) {
		require.Equal(t, at(4, 3), at(m.LogTerm, m.Index))
	}
}

// §5.4.1: a voter denies its vote if its own log is more up to date: a later last term, or the same and a longer log.
func TestPaper_5_4_1_VoterDeniesLessUpToDateCandidate(t *testing.T) {
	for _, typ := range []pb.MessageType{pb.MsgVote, pb.MsgPreVote} {
		for _, tc := range []struct {
			voter, candidate entryID
			granted          bool
		}{
			{at(2, 2), at(1, 1), false}, {at(2, 2), at(1, 9), false}, {at(2, 3), at(2, 2), false},
			{at(2, 2), at(2, 2), true}, {at(2, 2), at(2, 3), true}, {at(2, 3), at(3, 2), true}, {at(1, 1), at(2, 2), true},
		} {
			c := newVoters(t, 3)
			var ids []entryID
			for i := uint64(2); i <= tc.voter.index; i++ {
				ids = append(ids, at(tc.voter.term, i))
			}
			seed(c, 1, pb.HardState{Term: 3, Commit: 1}, ids...)
			reply := soleReply(c, askFrom(typ, 2, 1, 5, tc.candidate), voteResponse(typ))
			require.Equal(t, tc.granted, !reply.Reject, "voter's log ends in %s, candidate's in %s", tc.voter, tc.candidate)
		}
	}
}

// §5.4.1: a candidate that lacks a committed entry cannot win.
func TestPaper_5_4_1_CandidateWithoutACommittedEntryCannotWin(t *testing.T) {
	c := newVoters(t, 5)
	c.isolated[4], c.isolated[5] = true, true
	c.elect(1)
	c.propose(1, "committed")
	c.stabilize()
	c.isolated[1], c.isolated[4], c.isolated[5] = true, false, false
	for i := range 200 {
		c.tick(1, 2+uint64(i)%4)
		c.stabilize()
		for _, id := range []uint64{4, 5} {
			if c.raft(id).state == StateLeader {
				require.Contains(t, fmt.Sprint(logOf(c, id)), "2/3")
			}
		}
	}
	require.NotZero(t, c.leader())
}
