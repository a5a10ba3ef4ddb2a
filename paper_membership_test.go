package raft

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/tracker"
)

// Raft §6 and thesis §4: membership changes.

// jointLeader returns a group in which 1 leads in the joint configuration of {1,2,3} and {1,4,5}, everything at
// rest, and nothing leaves it by itself.
func jointLeader(t *testing.T, configure ...func(*Config)) *cluster {
	c := newVoters(t, 3, configure...)
	c.add(4, voters(1, 2, 3), configure...)
	c.add(5, voters(1, 2, 3), configure...)
	c.elect(1)
	cc := changeOf(t, "v4 v5 r2 r3")
	cc.Transition = pb.ConfChangeTransitionJointExplicit
	require.NoError(t, c.members[1].rn.ProposeConfChange(cc))
	c.stabilize()
	c.beat(1)
	require.Equal(t, "voters=(1 4 5)&&(1 2 3)", c.members[1].rn.Status().Config.String())
	return c
}

// leave proposes to leave the joint configuration.
func leave(c *cluster) error { return c.members[1].rn.ProposeConfChange(pb.ConfChangeV2{}) }

// §6: while two configurations are joint, entries are replicated to all members of both.
func TestPaper_6_JointEntriesGoToBoth(t *testing.T) {
	c := jointLeader(t)
	c.propose(1, "a")
	to := map[uint64]bool{}
	for _, m := range ofType(outOf(c, 1), pb.MsgApp) {
		to[m.To] = true
	}
	require.Equal(t, map[uint64]bool{2: true, 3: true, 4: true, 5: true}, to)
}

// §6: agreement on an entry needs a majority of the old and one of the new configuration.
func TestPaper_6_JointCommitNeedsBothMajorities(t *testing.T) {
	for _, tc := range []struct {
		acks []uint64
		want bool
	}{
		{[]uint64{2, 3}, false}, {[]uint64{4, 5}, false}, {[]uint64{2, 4}, true}, {[]uint64{3, 5}, true}, {nil, false}, {[]uint64{2}, false},
	} {
		c := jointLeader(t)
		c.propose(1, "a")
		outOf(c, 1)
		last := c.raft(1).log.lastIndex()
		for _, id := range tc.acks {
			require.NoError(t, c.step(ackFrom(id, 1, 2, last)))
		}
		require.Equal(t, tc.want, c.raft(1).log.committed == last, "%v", tc.acks)
	}
}

// §6: so does an election, and a member of either configuration may win it.
func TestPaper_6_JointElectionNeedsBothMajorities(t *testing.T) {
	for _, tc := range []struct {
		candidate uint64
		votes     []uint64
		want      bool
	}{
		{2, []uint64{1}, false}, {2, []uint64{1, 3}, false}, {2, []uint64{4, 5}, false}, {2, []uint64{1, 4}, true},
		{2, []uint64{3, 4, 5}, true}, {4, []uint64{5}, false}, {4, []uint64{1, 2}, true},
	} {
		c := jointLeader(t)
		require.NoError(t, c.members[tc.candidate].rn.Campaign())
		require.Len(t, ofType(outOf(c, tc.candidate), pb.MsgVote), 4)
		for _, id := range tc.votes {
			require.NoError(t, c.step(answerFrom(pb.MsgVoteResp, id, tc.candidate, 3, true)))
		}
		require.Equal(t, tc.want, c.raft(tc.candidate).state == StateLeader, "%d with the votes of %v", tc.candidate, tc.votes)
	}
}

// §6: a joint configuration refuses to lose either majority's say in a check of the quorum.
func TestPaper_6_JointCheckQuorumNeedsBothMajorities(t *testing.T) {
	for _, active := range [][]uint64{{2, 3}, {4, 5}, {2, 4}} {
		c := jointLeader(t, withCheckQuorum)
		c.tick(10, 1)
		for _, id := range active {
			require.NoError(t, c.step(pb.Message{Type: pb.MsgHeartbeatResp, From: id, To: 1, Term: 2}))
		}
		c.tick(10, 1)
		require.Equal(t, active[0] != active[1]-1, c.raft(1).state == StateLeader, "%v", active)
	}
}

// §6: once the joint configuration is committed, and left, only the new one counts.
func TestPaper_6_LeavingTheJointConfiguration(t *testing.T) {
	c := jointLeader(t)
	require.NoError(t, leave(c))
	c.stabilize()
	require.Equal(t, "voters=(1 4 5)", c.members[4].rn.Status().Config.String())
	c.isolated[2], c.isolated[3] = true, true
	c.propose(1, "a")
	c.stabilize()
	require.Contains(t, c.data(5), "a")
}

// §6: an outgoing voter that is demoted votes until the joint configuration is left, and is a learner then.
func TestPaper_6_DemotionTakesPlaceOnLeaving(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	cc := changeOf(t, "l3")
	cc.Transition = pb.ConfChangeTransitionJointExplicit
	require.NoError(t, c.members[1].rn.ProposeConfChange(cc))
	c.stabilize()
	require.Equal(t, "voters=(1 2)&&(1 2 3) learners_next=(3)", c.members[1].rn.Status().Config.String())
	require.True(t, c.raft(1).membership.IsVoter(3))
	require.NoError(t, leave(c))
	c.stabilize()
	c.beat(1)
	require.Equal(t, "voters=(1 2) learners=(3)", c.members[3].rn.Status().Config.String())
	require.NoError(t, c.members[3].rn.Campaign())
	require.Equal(t, StateFollower, c.raft(3).state)
}

// Thesis §4.1: a change is not begun before the one before is applied. The refusal says which index is pending.
func TestThesis_4_1_OneChangeAtATime(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	rn := c.members[1].rn
	require.NoError(t, rn.ProposeConfChange(changeOf(t, "l4")))
	err := rn.ProposeConfChange(changeOf(t, "l5"))
	var why *ProposalDroppedError
	require.ErrorAs(t, err, &why)
	require.Equal(t, ProposalDroppedError{Reason: DroppedChangePending, PendingIndex: 3}, *why)
	c.stabilize()
	require.NoError(t, rn.ProposeConfChange(changeOf(t, "l5")))
}

// Thesis §4.1: nor by a new leader before it has applied what its predecessors may have begun.
func TestThesis_4_1_NewLeaderWaitsForItsPredecessorsChanges(t *testing.T) {
	c := newVoters(t, 3)
	seed(c, 1, pb.HardState{Term: 2, Commit: 1}, at(2, 2))
	electByHand(c, 3)
	var why *ProposalDroppedError
	require.ErrorAs(t, c.members[1].rn.ProposeConfChange(changeOf(t, "l4")), &why)
	require.Equal(t, ProposalDroppedError{Reason: DroppedChangePending, PendingIndex: 2}, *why)
	outOf(c, 1)
	replies(c, ackFrom(2, 1, 3, 3))
	require.NoError(t, c.members[1].rn.ProposeConfChange(changeOf(t, "l4")))
}

// Thesis §4.1: a single change adds or removes one voter; more need a joint configuration, which is entered for them.
func TestThesis_4_1_SingleChangesOverlap(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	c.change(1, "r3")
	require.Equal(t, "voters=(1 2)", c.members[1].rn.Status().Config.String())
	joint := false
	c.lose = func(pb.Message) bool {
		joint = joint || c.raft(1).membership.Joint()
		return false
	}
	c.add(4, voters(1, 2, 3))
	c.change(1, "v4 r2")
	c.beat(1)
	require.True(t, joint)
	require.Equal(t, "voters=(1 4)", c.members[1].rn.Status().Config.String())
}

// Thesis §4: a change that cannot be made is refused with the reason when it is proposed.
func TestThesis_4_ImpossibleChangesAreRefused(t *testing.T) {
	c := newVoters(t, 1)
	c.elect(1)
	for text, reason := range map[string]DropReason{"r1": DroppedChangeImpossible} {
		var why *ProposalDroppedError
		require.ErrorAs(t, c.members[1].rn.ProposeConfChange(changeOf(t, text)), &why)
		require.Equal(t, reason, why.Reason)
		require.Error(t, errors.Unwrap(why))
	}
	var why *ProposalDroppedError
	require.ErrorAs(t, leave(c), &why)
	require.Equal(t, DroppedChangeNotJoint, why.Reason)
	c = jointLeader(t)
	require.ErrorAs(t, c.members[1].rn.ProposeConfChange(changeOf(t, "v9")), &why)
	require.Equal(t, DroppedChangeJoint, why.Reason)
}

// Thesis §4.2.1: a new member is caught up before it counts: a learner receives the log and counts for nothing.
func TestThesis_4_2_1_LearnersDoNotCount(t *testing.T) {
	c := newVoters(t, 2)
	c.add(3, voters(1, 2))
	c.elect(1)
	c.change(1, "l3")
	c.isolated[2] = true
	c.propose(1, "a")
	c.stabilize()
	require.Contains(t, c.raft(3).log.lastID().String(), "2/4")
	require.NotContains(t, c.data(1), "a")
	require.NoError(t, c.members[3].rn.Campaign())
	require.Equal(t, StateFollower, c.raft(3).state)
	c.isolated[2] = false
	c.beat(1)
	c.beat(1)
	c.change(1, "v3")
	c.isolated[2] = true
	c.propose(1, "b")
	c.stabilize()
	require.Contains(t, c.data(3), "b")
}

// Thesis §4.2.2: a leader that removes itself goes on until the change is committed, and does not count itself after it
// is applied.
func TestThesis_4_2_2_LeaderManagesAGroupWithoutItself(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	c.change(1, "r1")
	require.Equal(t, StateLeader, c.raft(1).state)
	require.Nil(t, c.raft(1).leading.self())
	require.ErrorIs(t, c.members[1].rn.Propose([]byte("a")), ErrProposalDropped)
	c.beat(1)
	require.Equal(t, "(2 3)", incomingVoters(c, 3))
	c.elect(2)
	c.beat(1)
	require.Equal(t, StateFollower, c.raft(1).state, "it learns of its successor when it sends the next heartbeat")
	c.propose(2, "b")
	c.stabilize()
	require.Contains(t, c.data(3), "b")
}

// Thesis §4.2.2: with StepDownOnRemoval it steps down when it has applied its removal or its demotion.
func TestThesis_4_2_2_StepDownOnRemoval(t *testing.T) {
	for _, text := range []string{"r1", "l1"} {
		c := newVoters(t, 3, func(c *Config) { c.StepDownOnRemoval = true })
		c.elect(1)
		c.change(1, text)
		require.Equal(t, SoftState{RaftState: StateFollower}, c.raft(1).softState(), text)
		c.elect(2)
		require.Equal(t, "(2 3)", incomingVoters(c, 2))
	}
}

// Thesis §4.2.2: a member that is not in its own latest configuration does not campaign.
func TestThesis_4_2_2_RemovedMembersDoNotCampaign(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	c.change(1, "r3")
	c.lose = func(m pb.Message) bool { return m.To == 3 }
	c.members[3].rn.ApplyConfChange(changeOf(t, "r3"))
	c.tick(100, 3)
	require.Equal(t, StateFollower, c.raft(3).state)
	require.Equal(t, uint64(2), c.raft(3).term)
}

// Thesis §4.2.3: removed members that campaign do not disturb a group whose leader is alive: their requests neither
// change a term nor win a vote for an election timeout after each sign of life.
func TestThesis_4_2_3_DisruptiveMembers(t *testing.T) {
	for _, typ := range []pb.MessageType{pb.MsgVote, pb.MsgPreVote} {
		c := newVoters(t, 3, withCheckQuorum)
		letLeasesPass(c)
		c.elect(1)
		for _, id := range c.ids {
			m := askFrom(typ, 9, id, 50, at(40, 40))
			require.Empty(t, replies(c, m), "member %d", id)
			require.Equal(t, uint64(2), c.raft(id).term)
			require.Equal(t, uint64(1), c.raft(id).lead)
		}
		c.tick(9, 2)
		require.Empty(t, replies(c, askFrom(typ, 9, 2, 50, at(40, 40))))
		c.tick(1, 2)
		require.NotEmpty(t, replies(c, askFrom(typ, 9, 2, 50, at(40, 40))), "the leader has been silent for an election timeout")
	}
}

// Thesis §4.3: entering and leaving takes two entries, and proposals go on meanwhile.
func TestThesis_4_3_ProposalsDuringAJointConfiguration(t *testing.T) {
	c := jointLeader(t)
	c.propose(1, "a")
	c.stabilize()
	require.Contains(t, c.data(4), "a")
	require.NoError(t, leave(c))
	c.propose(1, "b")
	c.stabilize()
	require.Contains(t, c.data(4), "b")
	require.False(t, c.raft(1).membership.Joint())
}

// A membership takes effect when its change is applied, on every member alike.
func TestMembershipTakesEffectWhenApplied(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	require.NoError(t, c.members[1].rn.ProposeConfChange(changeOf(t, "r3")))
	outOf(c, 1)
	require.Equal(t, "(1 2 3)", incomingVoters(c, 1), "appended")
	require.NoError(t, c.step(ackFrom(2, 1, 2, 3)))
	require.Equal(t, uint64(3), c.raft(1).log.committed)
	require.Equal(t, "(1 2 3)", incomingVoters(c, 1), "committed")
	outOf(c, 1)
	require.Equal(t, "(1 2)", incomingVoters(c, 1), "applied")
}

// Removing a voter may be what commits the entries after it.
func TestRemovalMayCommit(t *testing.T) {
	c := newVoters(t, 4)
	c.elect(1)
	require.NoError(t, c.members[1].rn.ProposeConfChange(changeOf(t, "r4")))
	c.propose(1, "a")
	outOf(c, 1)
	require.NoError(t, c.step(ackFrom(2, 1, 2, 4)))
	require.NoError(t, c.step(ackFrom(3, 1, 2, 3)))
	require.Equal(t, uint64(3), c.raft(1).log.committed, "two of four hold 2/4")
	outOf(c, 1)
	require.Equal(t, uint64(4), c.raft(1).log.committed, "two of three do")
}

// Without validation the application may propose what it likes; what cannot be made is passed over when it is applied.
func TestDisabledChangeValidation(t *testing.T) {
	c := newVoters(t, 3, func(c *Config) { c.DisableConfChangeValidation = true })
	c.elect(1)
	require.NoError(t, c.members[1].rn.ProposeConfChange(changeOf(t, "r3")))
	require.NoError(t, leave(c))
	c.stabilize()
	require.Equal(t, []uint64{1, 2}, c.members[1].conf.Voters)
	require.Equal(t, tracker.Role(0), c.raft(1).membership.Role(3))
}
