package raft

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/tracker"
)

// The checks themselves: each rule is broken by hand, and must be named (Raft Fig. 3; docs/INVARIANTS.md).

// brokenFollower breaks a rule of a follower, brokenCandidate one of a candidate, brokenLeader one of a leader.
func brokenFollower() map[string]func(r *raft) {
	return map[string]func(r *raft){
		"role: StateFollower with 3 ballots":            func(r *raft) { r.ballots = make([]ballot, 3) },
		"role: StateFollower with leadership false":     func(r *raft) { r.lead = r.id },
		"clock: election timeout 3 is outside [10, 20)": func(r *raft) { r.clock.electionTimeout = 3 },
		"clock: timers started at 9 and 0":              func(r *raft) { r.clock.electionStart = 9 },
		"vote: term 1 is below the durable 7":           func(r *raft) { r.persisted.term = 7 },
		"log: log: applied":                             func(r *raft) { r.log.applied = 9 },
		"reads: 1 forwarded reads, bound is 0": func(r *raft) {
			r.maxPendingReads = 0
			r.ownReads().forwarded.pending = make([]forwardedRead, 1)
		},
		"membership: ": func(r *raft) { r.membership.Members = append(r.membership.Members, tracker.Member{}) },
	}
}

func brokenCandidate() map[string]func(r *raft) {
	return map[string]func(r *raft){
		"role: StateCandidate with 0 ballots":           func(r *raft) { r.ballots = nil },
		"role: StateCandidate knows leader 2":           func(r *raft) { r.lead = 2 },
		"role: 1 ballots for 3 members":                 func(r *raft) { r.ballots = r.ballots[:1] },
		"vote: StateCandidate of term 5 voted for 2":    func(r *raft) { r.vote = 2 },
		"role: StateCandidate with leadership true":     func(r *raft) { r.leading = r.newLeadership() },
		"vote: StateLeader of term 5 voted for 3":       func(r *raft) { r.becomeLeader(); r.vote = 3 },
		"vote: leader of term 5 before term and vote":   func(r *raft) { r.becomeLeader(); r.persisted.term = 4 },
		"leadership: progress of 1 members, configurat": func(r *raft) { r.becomeLeader(); r.leading.progress = r.leading.progress[:1] },
	}
}

func brokenLeader() map[string]func(r *raft) {
	return map[string]func(r *raft){
		"member 2: progress match 99 is not below":       func(r *raft) { r.leading.progress[1].Match = 99 },
		"member 2: match 90 is above the last index 4":   func(r *raft) { p := &r.leading.progress[1]; p.Match, p.Next = 90, 91 },
		"member 2 is owed an append that is not noted":   func(r *raft) { r.leading.progress[1].OnHeartbeatResponse(4) },
		"0 members owed an append, counted 7":            func(r *raft) { r.leading.owed = 7 },
		"own match 4 is above what is durable, 3":        func(r *raft) { r.log.unstable.offset--; r.log.unstable.entries = runsOf(entriesAt(at(5, 4))) },
		"2 reads assigned of 0 pending":                  func(r *raft) { r.leading.reads.assigned = 2 },
		"round 9 confirmed, 0 begun":                     func(r *raft) { r.leading.rounds.confirmed = 9 },
		"reads: 0 reads assigned of 1 pending, bound is": func(r *raft) { r.maxPendingReads = 0; r.leading.reads.pending = make([]readRequest, 1) },
	}
}

func TestInvariantsAreNamed(t *testing.T) {
	for role, broken := range map[StateType]map[string]func(r *raft){
		StateFollower: brokenFollower(), StateCandidate: brokenCandidate(), StateLeader: brokenLeader(),
	} {
		for words, spoil := range broken {
			c := newVoters(t, 3)
			if role != StateFollower {
				c = memberIn(t, role)
			}
			require.NoError(t, c.raft(1).checkState())
			spoil(c.raft(1))
			require.ErrorContains(t, c.raft(1).checkState(), words)
		}
	}
}

// With the checks on, a broken invariant stops the program at the next call, and says which member it was.
func TestInvariantViolationPanics(t *testing.T) {
	c := newVoters(t, 3)
	c.raft(1).log.applied = 9
	defer func() {
		require.Contains(t, recover(), "raft 1: invariant violated, which is a bug in this library or in its Storage: log: ")
	}()
	_ = c.members[1].rn.ForgetLeader()
	t.Fatal("nothing was noticed")
}

// A step that is not legal is found by comparing the states before and after it.
func TestInvariantsOfSteps(t *testing.T) {
	for words, change := range map[string]func(r *raft){
		"term went back from 2 to 1":            func(r *raft) { r.term = 1 },
		"vote of term 2 changed from 1 to 3":    func(r *raft) { r.vote = 3 },
		"commit index went back from 3 to 2":    func(r *raft) { r.log.committed = 2 },
		"applied index went back from 3 to 2":   func(r *raft) { r.log.applied = 2 },
		"confirmed round went back from 1 to 0": func(r *raft) { r.leading.rounds.confirmed = 0 },
		"leader's entry 2/4 was lost":           func(r *raft) { r.log.append(entriesAt(at(3, 4))) },
		"committed entry 2/3 was lost":          func(r *raft) { r.log.terms.reset(at(9, 3)) },
	} {
		c := newVoters(t, 3)
		c.elect(1)
		c.propose(1, "a")
		c.stabilize()
		c.members[1].rn.ReadIndex(nil)
		c.stabilize()
		c.propose(1, "b")
		before := c.raft(1).digest()
		require.NoError(t, c.raft(1).checkStep(before))
		change(c.raft(1))
		require.ErrorContains(t, c.raft(1).checkStep(before), words)
	}
}

// A leader comes of a candidate, and of nothing else.
func TestInvariantLeaderWithoutACampaign(t *testing.T) {
	c := newVoters(t, 3)
	before := c.raft(1).digest()
	c.raft(1).vote = 1
	c.raft(1).becomeLeader()
	require.ErrorContains(t, c.raft(1).checkStep(before), "leader of term 1 without a campaign")
}
