package raft

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// What a leader, or a candidate, keeps of its members while the membership changes under it (Raft §6), and what it does
// when its storage fails it.

// A member that is removed and added again before anything else is appended is given an entry that only its new
// life can acknowledge. Without validation the two changes may be pending at once.
func TestReaddedMemberIsGivenAnEntryOfItsOwn(t *testing.T) {
	c := newVoters(t, 3, func(c *Config) { c.DisableConfChangeValidation = true })
	c.elect(1)
	require.NoError(t, c.members[1].rn.ProposeConfChange(changeOf(t, "r3")))
	require.NoError(t, c.members[1].rn.ProposeConfChange(changeOf(t, "v3")))
	outOf(c, 1)
	replies(c, ackFrom(2, 1, 2, 4))
	require.Equal(t, []uint64{1, 2, 3}, c.members[1].conf.Voters)
	i := c.raft(1).leading.find(3)
	require.Equal(t, uint64(5), c.raft(1).log.lastIndex(), "an empty entry")
	replies(c, ackFrom(3, 1, 2, 4))
	require.Zero(t, c.raft(1).leading.progress[i].Match, "of its earlier life")
	replies(c, ackFrom(3, 1, 2, 5))
	require.Equal(t, uint64(5), c.raft(1).leading.progress[i].Match)
}

// Each removal of the same member begins another life.
func TestFormerMembersAreRemembered(t *testing.T) {
	l := &leadership{}
	require.Zero(t, l.birthOf(3))
	l.bury(3, 10)
	l.bury(4, 12)
	l.bury(3, 20)
	require.Equal(t, uint64(21), l.birthOf(3))
	require.Equal(t, uint64(13), l.birthOf(4))
	require.Len(t, l.former, 2)
}

// The progress of those who stay is kept, with what is in flight, when others come and go.
func TestProgressSurvivesAMembershipChange(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	c.isolated[2] = true
	c.propose(1, "a")
	c.stabilize()
	before := *c.raft(1).leading.progress[1].Inflights
	c.members[1].rn.ApplyConfChange(changeOf(t, "l9"))
	require.Equal(t, before, *c.raft(1).leading.progress[1].Inflights)
	require.Equal(t, uint64(2), c.raft(1).leading.progress[1].Match)
	require.True(t, c.raft(1).leading.progress[3].IsLearner)
}

// Votes that were given count in the membership that is now in force, those of removed members do not.
func TestBallotsAreCarriedOver(t *testing.T) {
	c := newVoters(t, 5)
	require.NoError(t, c.members[1].rn.Campaign())
	outOf(c, 1)
	require.NoError(t, c.step(answerFrom(pb.MsgVoteResp, 4, 1, 2, true)))
	c.members[1].rn.ApplyConfChange(changeOf(t, "r4"))
	require.Equal(t, []ballot{ballotGranted, ballotMissing, ballotMissing, ballotMissing}, c.raft(1).ballots)
	require.NoError(t, c.step(answerFrom(pb.MsgVoteResp, 2, 1, 2, true)))
	require.Equal(t, StateCandidate, c.raft(1).state, "two of four")
	require.NoError(t, c.step(answerFrom(pb.MsgVoteResp, 5, 1, 2, true)))
	require.Equal(t, StateLeader, c.raft(1).state)
}

// Answers of members that are not in the leader's configuration any more are errors, and change nothing.
func TestAnswersOfRemovedMembers(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	c.change(1, "r3")
	before := fingerprint(c.raft(1))
	for _, m := range []pb.Message{ackFrom(3, 1, 2, 3), {Type: pb.MsgHeartbeatResp, From: 3, To: 1, Term: 2}} {
		require.ErrorIs(t, c.step(m), ErrStepPeerNotFound)
	}
	c.members[1].rn.ReportUnreachable(3)
	c.members[1].rn.ReportSnapshot(3, SnapshotFinish)
	require.Equal(t, before, fingerprint(c.raft(1)))
}

// Reports to a member that does not lead, and about itself, change nothing.
func TestReportsWithoutEffect(t *testing.T) {
	c := newVoters(t, 3)
	before := fingerprint(c.raft(2))
	c.members[2].rn.ReportUnreachable(1)
	c.members[2].rn.ReportSnapshot(1, SnapshotFailure)
	require.Equal(t, before, fingerprint(c.raft(2)))
	c.elect(1)
	before = fingerprint(c.raft(1))
	c.members[1].rn.ReportUnreachable(1)
	require.Equal(t, before, fingerprint(c.raft(1)))
}

// faultyLeader returns a group whose member 1 leads and reads from a storage that can be made to fail. Member 3 lacks
// entries that only storage holds.
func faultyLeader(t *testing.T) (*cluster, *faultyStorage) {
	c := newVoters(t, 3)
	faulty := &faultyStorage{Storage: c.members[1].cfg.Storage}
	c.members[1].cfg.Storage = faulty
	c.restart(1)
	c.isolated[3] = true
	c.elect(1)
	for range 3 {
		c.propose(1, "a")
		c.stabilize()
	}
	c.isolated[3] = false
	return c, faulty
}

// A leader that cannot read what a follower needs sends it nothing, goes on with the others, and tries again later.
func TestLeaderWhoseStorageFails(t *testing.T) {
	c, faulty := faultyLeader(t)
	faulty.entriesErr = errors.New("disk on fire")
	c.members[1].rn.ReportUnreachable(3)
	c.beat(1)
	require.Equal(t, uint64(1), c.raft(3).log.lastIndex())
	c.propose(1, "b")
	c.stabilize()
	require.Equal(t, StateLeader, c.raft(1).state)
	require.Equal(t, uint64(6), c.raft(2).log.lastIndex())
	faulty.entriesErr = nil
	c.beat(1)
	c.beat(1)
	require.Equal(t, uint64(6), c.raft(3).log.committed)
}

// A member that cannot tell whether a committed membership change is unapplied does not campaign.
func TestNoCampaignWhileStorageFails(t *testing.T) {
	c := newVoters(t, 3)
	faulty := &faultyStorage{Storage: c.members[1].cfg.Storage}
	seed(c, 1, pb.HardState{Term: 2, Commit: 1}, at(2, 2))
	c.members[1].cfg.Storage = faulty
	c.start(1)
	require.NoError(t, c.step(heartbeatFrom(2, 1, 2, 2)))
	faulty.entriesErr = errors.New("disk on fire")
	require.NoError(t, c.members[1].rn.Campaign())
	require.Equal(t, StateFollower, c.raft(1).state)
	faulty.entriesErr = nil
	require.NoError(t, c.members[1].rn.Campaign())
	require.Equal(t, StateCandidate, c.raft(1).state)
}

// A storage without any snapshot, or one that lies behind its own log, is of no use to a follower that needs one.
func TestLeaderWithoutASnapshot(t *testing.T) {
	c := newCluster(t)
	c.add(1, pb.ConfState{})
	require.NoError(t, c.members[1].rn.Bootstrap([]Peer{{ID: 1}}))
	c.stabilize()
	c.elect(1)
	require.NoError(t, c.members[1].storage.Compact(2))
	c.add(2, pb.ConfState{})
	c.change(1, "l2")
	for range 3 {
		c.beat(1)
	}
	require.Zero(t, c.raft(2).log.lastIndex())
	require.Equal(t, StateLeader, c.raft(1).state)
	c.snapshot(1, c.raft(1).log.applied)
	for range 3 {
		c.beat(1)
	}
	require.Equal(t, c.raft(1).log.lastIndex(), c.raft(2).log.lastIndex())
}

// A proposal whose membership change does not decode is refused before it goes anywhere.
func TestProposalsThatDoNotDecode(t *testing.T) {
	for _, role := range tableRoles() {
		c := memberIn(t, role)
		for _, typ := range []pb.EntryType{pb.EntryConfChange, pb.EntryConfChangeV2} {
			before := fingerprint(c.raft(1))
			require.ErrorContains(t, c.raft(1).proposeOne(pb.Entry{Type: typ, Data: []byte{0xff}}), "its data is not a ConfChange")
			require.Equal(t, before, fingerprint(c.raft(1)))
		}
		bad := pb.Message{Type: pb.MsgProp, From: 2, To: 1, Entries: []pb.Entry{{Type: 77}}}
		require.ErrorContains(t, c.step(bad), "unknown entry type 77")
	}
}

// Something that is due now is due at the next tick.
func TestUntilDueIsAtLeastOne(t *testing.T) {
	require.Equal(t, uint64(1), (&clock{now: 5, due: 5}).untilDue())
	require.Equal(t, uint64(1), (&clock{now: 5, due: 2}).untilDue())
	require.Equal(t, uint64(3), (&clock{now: 5, due: 8}).untilDue())
}
