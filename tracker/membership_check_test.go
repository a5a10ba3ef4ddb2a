package tracker

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/raftpb"
)

func TestCheckNamesTheInvariantThatIsViolated(t *testing.T) {
	for _, tc := range []struct {
		name string
		m    Membership
		want string
	}{
		{"zero id", Membership{Members: []Member{{0, Voter}}}, "id 0 stands for no member"},
		{"append thread", Membership{Members: []Member{{1, Voter}, {math.MaxUint64, Voter}}}, "storage thread"},
		{"apply thread", Membership{Members: []Member{{math.MaxUint64 - 1, Voter}}}, "storage thread"},
		{"not ascending", Membership{Members: []Member{{2, Voter}, {1, Voter}}}, "member 1 follows member 2"},
		{"not distinct", Membership{Members: []Member{{2, Voter}, {2, Voter}}}, "member 2 follows member 2"},
		{"no role", Membership{Members: []Member{{2, 0}}}, "member 2 has the role none"},
		{"no voters", Membership{Members: []Member{{2, Learner}}}, "none of which is an incoming voter"},
		{"only outgoing voters", Membership{Members: []Member{{2, VoterOutgoing}}}, "incoming voter"},
		{"stray auto-leave", Membership{Members: []Member{{2, Voter}}, AutoLeave: true}, "auto_leave"},
		{"auto-leave of nobody", Membership{AutoLeave: true}, "auto_leave"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.ErrorContains(t, tc.m.Check(), tc.want)
		})
	}
	require.NoError(t, Membership{}.Check())
	require.NoError(t, Membership{Members: []Member{{1, Voter}, {math.MaxUint64 - 2, Voter}}}.Check())
}

// TestCheckKnowsTheLegalRoles compares the list of legal roles with the rules that it follows from.
func TestCheckKnowsTheLegalRoles(t *testing.T) {
	for r := range Role(64) {
		votes, next := r&(Voter|VoterOutgoing) != 0, r&LearnerNext != 0
		legal := r != 0 && r < 16
		legal = legal && (r&Learner == 0 || !votes && !next)
		legal = legal && (!next || r&VoterOutgoing != 0 && r&Voter == 0)
		m := Membership{Members: []Member{{1, Voter}, {2, r}}}
		require.Equal(t, legal, m.Check() == nil, "role %b (%s)", r, r)
	}
}

// refusal is a ConfState that is no configuration, and what the error says of it.
type refusal struct {
	name string
	cs   raftpb.ConfState
	want string
}

func requireRefused(t *testing.T, cases []refusal) {
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			m, err := NewMembership(tc.cs)
			require.ErrorContains(t, err, "conf state: "+tc.want)
			require.Equal(t, Membership{}, m)
		})
	}
}

func TestNewMembershipRefusesIDsThatNobodyHasOrThatAreRepeated(t *testing.T) {
	one, two, twice := []uint64{1}, []uint64{1, 2}, []uint64{2, 2}
	requireRefused(t, []refusal{
		{"zero voter", raftpb.ConfState{Voters: []uint64{1, 0}}, "voters: id 0 stands for no member"},
		{
			"zero learner", raftpb.ConfState{Voters: one, Learners: []uint64{0}},
			"learners: id 0 stands for no member",
		},
		{
			"append thread", raftpb.ConfState{Voters: []uint64{math.MaxUint64}},
			"voters: id 18446744073709551615 names a local storage thread",
		},
		{
			"apply thread", raftpb.ConfState{Voters: one, Learners: []uint64{math.MaxUint64 - 1}},
			"learners: id 18446744073709551614 names a local storage thread",
		},
		{"voter twice", raftpb.ConfState{Voters: []uint64{3, 1, 3}}, "voters: 3 is listed twice"},
		{
			"outgoing voter twice", raftpb.ConfState{Voters: one, VotersOutgoing: []uint64{1, 2, 1}},
			"voters_outgoing: 1 is listed twice",
		},
		{"learner twice", raftpb.ConfState{Voters: one, Learners: twice}, "learners: 2 is listed twice"},
		{
			"next learner twice", raftpb.ConfState{Voters: one, VotersOutgoing: two, LearnersNext: twice},
			"learners_next: 2 is listed twice",
		},
	})
}

func TestNewMembershipRefusesPartsThatExcludeOrRequireOneAnother(t *testing.T) {
	one, two := []uint64{1}, []uint64{2}
	requireRefused(t, []refusal{
		{"learner votes", raftpb.ConfState{Voters: []uint64{1, 2}, Learners: two}, "learners: 2 is also in voters;"},
		{
			"learner is an outgoing voter", raftpb.ConfState{Voters: one, VotersOutgoing: two, Learners: two},
			"learners: 2 is also in voters_outgoing;",
		},
		{
			"learner is one later",
			raftpb.ConfState{Voters: one, VotersOutgoing: two, LearnersNext: two, Learners: two},
			"learners: 2 is also in voters_outgoing;",
		},
		{
			"next learner is no outgoing voter",
			raftpb.ConfState{Voters: one, VotersOutgoing: one, LearnersNext: two},
			"learners_next: 2 is not in voters_outgoing",
		},
		{
			"next learner is only an incoming voter",
			raftpb.ConfState{Voters: []uint64{1, 2}, VotersOutgoing: one, LearnersNext: two},
			"learners_next: 2 is not in voters_outgoing",
		},
		{
			"next learner stays a voter",
			raftpb.ConfState{Voters: one, VotersOutgoing: one, LearnersNext: one},
			"learners_next: 1 is also in voters;",
		},
		{"no voters", raftpb.ConfState{Learners: one}, "there are members, none of which is an incoming voter"},
		{"no incoming voters", raftpb.ConfState{VotersOutgoing: one}, "there are members, none of which is an incoming"},
		{"stray auto-leave", raftpb.ConfState{Voters: one, AutoLeave: true}, "auto_leave is set"},
		{"auto-leave of nobody", raftpb.ConfState{AutoLeave: true}, "auto_leave is set"},
	})
}

// TestNewMembershipAcceptsExactlyTheLegal gives every combination of lists out of 1 and 2, each once at most, and
// compares the answer with the rules.
func TestNewMembershipAcceptsExactlyTheLegal(t *testing.T) {
	lists := [][]uint64{nil, {1}, {2}, {1, 2}, {2, 1}}
	accepted := 0
	for code := range 5 * 5 * 5 * 5 * 2 {
		cs := raftpb.ConfState{
			Voters:         lists[code%5],
			VotersOutgoing: lists[code/5%5],
			Learners:       lists[code/25%5],
			LearnersNext:   lists[code/125%5],
			AutoLeave:      code/625 == 1,
		}
		m, err := NewMembership(cs)
		require.Equal(t, legalByTheRules(cs), err == nil, "%+v: %v", cs, err)
		require.NoError(t, m.Check())
		if err == nil {
			accepted++
			got := m.ConfState()
			require.NoError(t, cs.Equivalent(got))
		}
	}
	require.Greater(t, accepted, 30)
}

func legalByTheRules(cs raftpb.ConfState) bool {
	empty := len(cs.Voters)+len(cs.VotersOutgoing)+len(cs.Learners)+len(cs.LearnersNext) == 0
	if len(cs.Voters) == 0 && !empty || cs.AutoLeave && len(cs.VotersOutgoing) == 0 {
		return false
	}
	for id := uint64(1); id <= 2; id++ {
		in, out := slices.Contains(cs.Voters, id), slices.Contains(cs.VotersOutgoing, id)
		learns, next := slices.Contains(cs.Learners, id), slices.Contains(cs.LearnersNext, id)
		if learns && (in || out || next) || next && (!out || in) {
			return false
		}
	}
	return true
}

func TestNewMembershipDoesNotChangeItsInput(t *testing.T) {
	cs := raftpb.ConfState{
		Voters: []uint64{3, 1}, VotersOutgoing: []uint64{5, 3}, LearnersNext: []uint64{5}, Learners: []uint64{9, 8},
	}
	m := mustMembership(t, cs)
	require.Equal(t, []uint64{3, 1}, cs.Voters)
	require.Equal(t, []uint64{5, 3}, cs.VotersOutgoing)
	require.Equal(t, []uint64{9, 8}, cs.Learners)
	cs.Voters[0] = 77
	require.True(t, m.IsVoter(3))
}
