package tracker

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/quorum"
	"github.com/seed695671cb/raft/raftpb"
)

// mustMembership reads a ConfState that is expected to be legal.
func mustMembership(t *testing.T, cs raftpb.ConfState) Membership {
	m, err := NewMembership(cs)
	require.NoError(t, err)
	require.NoError(t, m.Check())
	return m
}

var legalRoles = [...]Role{Voter, VoterOutgoing, Voter | VoterOutgoing, Learner, VoterOutgoing | LearnerNext}

// everyMembership calls f with each legal membership of servers out of 1..4.
func everyMembership(t *testing.T, f func(m Membership)) {
	const servers = 4
	n := 0
	for code := range 6 * 6 * 6 * 6 * 2 {
		m := Membership{AutoLeave: code%2 == 1}
		rest := code / 2
		for id := uint64(1); id <= servers; id++ {
			if digit := rest % 6; digit < 5 {
				m.Members = append(m.Members, Member{ID: id, Role: legalRoles[digit]})
			}
			rest /= 6
		}
		if m.Check() == nil {
			n++
			f(m)
		}
	}
	require.Greater(t, n, 500)
}

func TestMembershipOfAJointConfiguration(t *testing.T) {
	m := mustMembership(t, raftpb.ConfState{
		Voters:         []uint64{3, 1, 2},
		VotersOutgoing: []uint64{5, 4, 1},
		LearnersNext:   []uint64{5},
		Learners:       []uint64{7, 6},
		AutoLeave:      true,
	})
	require.Equal(t, Membership{
		Members: []Member{
			{1, Voter | VoterOutgoing},
			{2, Voter},
			{3, Voter},
			{4, VoterOutgoing},
			{5, VoterOutgoing | LearnerNext},
			{6, Learner},
			{7, Learner},
		},
		AutoLeave: true,
	}, m)
	require.Equal(t, "voters=(1 2 3)&&(1 4 5) learners=(6 7) learners_next=(5) autoleave", m.String())
	require.Equal(t, raftpb.ConfState{
		Voters:         []uint64{1, 2, 3},
		VotersOutgoing: []uint64{1, 4, 5},
		LearnersNext:   []uint64{5},
		Learners:       []uint64{6, 7},
		AutoLeave:      true,
	}, m.ConfState())
	require.Equal(t, Config{
		Voters:       quorum.JointConfig{ids(1, 2, 3), ids(1, 4, 5)},
		Learners:     ids(6, 7),
		LearnersNext: ids(5),
		AutoLeave:    true,
	}, m.Config())

	require.True(t, m.Joint())
	require.True(t, m.HasVoters())
	require.Equal(t, 3, m.Voters())
	require.Equal(t, 3, m.VotersOutgoing())
	for id, want := range map[uint64]struct{ voter, learner bool }{
		0: {}, 1: {voter: true}, 2: {voter: true}, 4: {voter: true}, 5: {voter: true}, 6: {learner: true}, 8: {},
	} {
		require.Equal(t, want.voter, m.IsVoter(id), "member %d", id)
		require.Equal(t, want.learner, m.IsLearner(id), "member %d", id)
	}
}

func TestMembershipWithoutMembers(t *testing.T) {
	m := mustMembership(t, raftpb.ConfState{})
	require.Equal(t, Membership{}, m)
	require.Equal(t, Membership{}, mustMembership(t, raftpb.ConfState{Voters: []uint64{}, Learners: []uint64{}}))
	require.Equal(t, raftpb.ConfState{}, m.ConfState())
	require.Equal(t, Config{Voters: quorum.JointConfig{quorum.MajorityConfig{}}}, m.Config())
	require.Equal(t, "voters=()", m.String())
	require.False(t, m.Joint())
	require.False(t, m.HasVoters())
	require.Zero(t, m.Voters())
	require.Zero(t, m.VotersOutgoing())
	require.Equal(t, -1, m.Find(1))
	require.False(t, m.IsVoter(1))
}

func TestMembershipSurvivesTheConfState(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 9))
	everyMembership(t, func(m Membership) {
		cs := m.ConfState()
		for _, list := range [][]uint64{cs.Voters, cs.VotersOutgoing, cs.Learners, cs.LearnersNext} {
			rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		}
		back, err := NewMembership(cs)
		require.NoError(t, err)
		require.True(t, m.Equal(back), "%s became %s", m, back)
	})
}

func TestMembershipCountsAgreeWithItsMaps(t *testing.T) {
	everyMembership(t, func(m Membership) {
		c := m.Config()
		require.Equal(t, len(c.Voters[0]), m.Voters())
		require.Equal(t, len(c.Voters[1]), m.VotersOutgoing())
		require.Equal(t, len(c.Voters[1]) > 0, m.Joint())
		require.Equal(t, len(c.Voters.IDs()) > 0, m.HasVoters())
		for id := uint64(0); id <= 5; id++ {
			_, votes := c.Voters.IDs()[id]
			require.Equal(t, votes, m.IsVoter(id))
			_, learns := c.Learners[id]
			require.Equal(t, learns, m.IsLearner(id))
		}
	})
}

func TestFindAgreesWithAPlainSearch(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 9))
	for n := range 2*linearSearchMax + 3 {
		m := Membership{}
		id := uint64(0)
		for range n {
			id += 1 + rng.Uint64N(3)
			m.Members = append(m.Members, Member{ID: id, Role: Voter})
		}
		for candidate := uint64(0); candidate <= id+2; candidate++ {
			want := slices.IndexFunc(m.Members, func(mb Member) bool { return mb.ID == candidate })
			require.Equal(t, want, m.Find(candidate), "%d of %s", candidate, m)
		}
		require.Equal(t, -1, m.Find(math.MaxUint64))
	}
}

func TestEqualLooksAtEverything(t *testing.T) {
	a := Membership{Members: []Member{{1, Voter | VoterOutgoing}, {2, Voter}}}
	require.True(t, a.Equal(Membership{Members: slices.Clone(a.Members)}))
	require.False(t, a.Equal(Membership{Members: a.Members, AutoLeave: true}))
	require.False(t, a.Equal(Membership{Members: a.Members[:1]}))
	require.False(t, a.Equal(Membership{Members: []Member{{1, Voter}, {2, Voter}}}))
	require.True(t, Membership{}.Equal(Membership{Members: []Member{}}))
}

func TestTheQuestionsAboutAMembershipAllocateNothing(t *testing.T) {
	m := mustMembership(t, raftpb.ConfState{Voters: []uint64{1, 2, 3}, Learners: []uint64{4}})
	require.Zero(t, testing.AllocsPerRun(20, func() {
		_ = m.Find(3)
		_ = m.IsVoter(4) || m.IsLearner(3) || m.Joint() || !m.HasVoters()
		_ = m.Voters() + m.VotersOutgoing()
	}))
}

func TestRolesHaveNames(t *testing.T) {
	for r, want := range map[Role]string{
		0:                           "none",
		Voter:                       "voter",
		Voter | VoterOutgoing:       "voter+outgoing",
		VoterOutgoing | LearnerNext: "outgoing+learner-next",
		Learner:                     "learner",
	} {
		require.Equal(t, want, fmt.Sprint(r))
	}
}
