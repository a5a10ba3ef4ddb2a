package confchange

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/tracker"
)

const servers = 3

// everyList returns every list of changes that names each server once at most.
func everyList(t *testing.T) [][]raftpb.ConfChangeSingle {
	lists := [][]raftpb.ConfChangeSingle{nil}
	for id := 1; id <= servers; id++ {
		for _, list := range lists {
			for _, letter := range "vlr" {
				cc, err := raftpb.ConfChangesFromString(fmt.Sprintf("%c%d", letter, id))
				require.NoError(t, err)
				lists = append(lists, append(slices.Clone(list), cc...))
			}
		}
	}
	return lists
}

// step is a change of a configuration that was not refused.
type step struct{ from, to tracker.Membership }

// everyStep follows every list of changes, made in every way, from the empty configuration on, until nothing new
// comes up. It returns the configurations, and the steps between them.
func everyStep(t *testing.T) (map[string]tracker.Membership, []step) {
	lists := everyList(t)
	var steps []step
	seen := map[string]tracker.Membership{"voters=()": {}}
	queue := []tracker.Membership{{}}
	visit := func(from, to tracker.Membership, err error) {
		if err != nil {
			require.Equal(t, tracker.Membership{}, to, "an error comes with nothing else")
			return
		}
		steps = append(steps, step{from, to})
		if _, known := seen[to.String()]; !known {
			seen[to.String()] = to
			queue = append(queue, to)
		}
	}
	for len(queue) > 0 {
		m := queue[0]
		queue = queue[1:]
		next, err := LeaveJoint(m)
		visit(m, next, err)
		for _, ccs := range lists {
			next, err = Simple(m, ccs...)
			visit(m, next, err)
			next, err = EnterJoint(m, true, ccs...)
			visit(m, next, err)
			next, err = EnterJoint(m, false, ccs...)
			visit(m, next, err)
		}
	}
	return seen, steps
}

// everyLegal returns the configurations of up to three servers that Check accepts.
func everyLegal() map[string]tracker.Membership {
	legal := map[string]tracker.Membership{}
	for code := range 16 * 16 * 16 * 2 {
		m := tracker.Membership{AutoLeave: code%2 == 1}
		rest := code / 2
		for id := uint64(1); id <= servers; id++ {
			if role := tracker.Role(rest % 16); role != 0 {
				m.Members = append(m.Members, tracker.Member{ID: id, Role: role})
			}
			rest /= 16
		}
		if m.Check() == nil {
			legal[m.String()] = m
		}
	}
	return legal
}

func TestTheReachableConfigurationsAreTheLegalOnes(t *testing.T) {
	reached, _ := everyStep(t)
	legal := everyLegal()
	require.Equal(t, slices.Sorted(maps.Keys(legal)), slices.Sorted(maps.Keys(reached)))
	for name, m := range reached {
		require.True(t, legal[name].Equal(m), "%s was changed after it was made", name)
		back, err := tracker.NewMembership(m.ConfState())
		require.NoError(t, err)
		require.True(t, m.Equal(back), "%s was read back as %s", m, back)
	}
}

// TestEveryStepKeepsTheOldAndNewDecidersOverlapping shows Raft §6 and thesis §4.1: nobody can be elected, and nothing
// committed, by servers that decide before a step and others that decide after it, with none in common.
func TestEveryStepKeepsTheOldAndNewDecidersOverlapping(t *testing.T) {
	_, steps := everyStep(t)
	require.NotEmpty(t, steps)
	for _, s := range steps {
		if !s.from.HasVoters() {
			continue // nobody decided anything before
		}
		for some := range 1 << servers {
			if decide(s.from, some) && decide(s.to, ^some) {
				t.Fatalf("%s -> %s: servers %03b decide before, the others after", s.from, s.to, some)
			}
		}
	}
}

// decide reports whether the servers whose bits are set can elect a leader together.
func decide(m tracker.Membership, bits int) bool {
	in, out := 0, 0
	for _, mb := range m.Members {
		if bits>>(mb.ID-1)&1 == 0 {
			continue
		}
		if mb.Role&tracker.Voter != 0 {
			in++
		}
		if mb.Role&tracker.VoterOutgoing != 0 {
			out++
		}
	}
	return 2*in > m.Voters() && (!m.Joint() || 2*out > m.VotersOutgoing())
}

// random returns changes of IDs from 0 to 9, now and then none at all.
func random(rng *rand.Rand) []raftpb.ConfChangeSingle {
	ccs := make([]raftpb.ConfChangeSingle, rng.IntN(7))
	for i := range ccs {
		ccs[i].Type = raftpb.ConfChangeType(rng.IntN(4))
		ccs[i].NodeID = rng.Uint64N(10)
	}
	return ccs
}

// slowOutcome is the slow twin of change, for a configuration that is not joint: it asks for each server which of the
// changes spoke of it last. It returns who is a voter and who a learner in the end.
func slowOutcome(m tracker.Membership, ccs []raftpb.ConfChangeSingle) (voters, learners []uint64) {
	for id := uint64(1); id <= 9; id++ {
		voter, learner := m.IsVoter(id), m.IsLearner(id)
		for _, cc := range ccs {
			if cc.NodeID == id && cc.Type != raftpb.ConfChangeUpdateNode {
				voter = cc.Type == raftpb.ConfChangeAddNode
				learner = cc.Type == raftpb.ConfChangeAddLearnerNode
			}
		}
		if voter {
			voters = append(voters, id)
		}
		if learner {
			learners = append(learners, id)
		}
	}
	return voters, learners
}

func difference(a, b []uint64) []uint64 {
	var d []uint64
	for _, id := range a {
		if !slices.Contains(b, id) {
			d = append(d, id)
		}
	}
	return d
}

func copyOf(m tracker.Membership) tracker.Membership {
	return tracker.Membership{Members: slices.Clone(m.Members), AutoLeave: m.AutoLeave}
}

// TestRandomChangesAgreeWithTheirDefinition walks from configuration to configuration by random changes, and compares
// each of them with slowOutcome.
func TestRandomChangesAgreeWithTheirDefinition(t *testing.T) {
	simple, joint := 0, 0
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 1))
		m := tracker.Membership{}
		for range 60 {
			ccs := random(rng)
			before, ccsBefore := copyOf(m), slices.Clone(ccs)
			next, ok := checkSimple(t, m, ccs)
			if ok {
				simple++
			}
			if left, entered := checkJoint(t, m, rng.IntN(2) == 0, ccs); entered {
				joint++
				if ok {
					require.True(t, next.Equal(left), "simple gives %s, joint gives %s", next, left)
				}
				next, ok = left, true
			}
			require.True(t, before.Equal(m), "%s was changed into %s", before, m)
			require.Equal(t, ccsBefore, ccs)
			if ok {
				m = next
			}
		}
	}
	require.Greater(t, simple, 500)
	require.Greater(t, joint, 3000)
}

// checkSimple makes the changes at once, and reports whether that was allowed.
func checkSimple(t *testing.T, m tracker.Membership, ccs []raftpb.ConfChangeSingle) (tracker.Membership, bool) {
	voters, learners := slowOutcome(m, ccs)
	old := m.ConfState().Voters
	changed := len(difference(old, voters)) + len(difference(voters, old))
	noVoters := len(voters) == 0 && (len(old) > 0 || len(learners) > 0)

	next, err := Simple(m, ccs...)
	switch {
	case noVoters:
		require.ErrorIs(t, err, ErrNoVoters)
	case changed > 1:
		require.ErrorIs(t, err, ErrTooManyVoters)
	default:
		require.NoError(t, err)
		require.NoError(t, next.Check())
		require.Equal(t, raftpb.ConfState{Voters: voters, Learners: learners}, next.ConfState())
	}
	return next, err == nil
}

// checkJoint makes the changes by way of a joint configuration, and reports whether that was allowed.
func checkJoint(
	t *testing.T, m tracker.Membership, autoLeave bool, ccs []raftpb.ConfChangeSingle,
) (tracker.Membership, bool) {
	voters, learners := slowOutcome(m, ccs)
	old := m.ConfState().Voters

	joint, err := EnterJoint(m, autoLeave, ccs...)
	if len(old) == 0 || len(voters) == 0 {
		require.ErrorIs(t, err, ErrNoVoters)
		return tracker.Membership{}, false
	}
	require.NoError(t, err)
	require.NoError(t, joint.Check())
	require.Equal(t, raftpb.ConfState{
		Voters:         voters,
		VotersOutgoing: old,
		Learners:       difference(learners, old),
		LearnersNext:   difference(learners, difference(learners, old)),
		AutoLeave:      autoLeave,
	}, joint.ConfState())

	before := copyOf(joint)
	left, err := LeaveJoint(joint)
	require.NoError(t, err)
	require.NoError(t, left.Check())
	require.Equal(t, raftpb.ConfState{Voters: voters, Learners: learners}, left.ConfState())
	require.True(t, before.Equal(joint), "%s was changed into %s", before, joint)
	return left, true
}

func TestChangesThatMeanNothingAreRefused(t *testing.T) {
	m, err := tracker.NewMembership(raftpb.ConfState{Voters: []uint64{1, 2}})
	require.NoError(t, err)
	for _, cc := range []raftpb.ConfChangeSingle{
		{Type: 4, NodeID: 3},
		{Type: -1, NodeID: 1},
		{Type: math.MaxInt32, NodeID: 0},
		{Type: raftpb.ConfChangeAddNode, NodeID: math.MaxUint64},
		{Type: raftpb.ConfChangeAddLearnerNode, NodeID: math.MaxUint64 - 1},
	} {
		_, err := Simple(m, cc)
		require.ErrorIs(t, err, ErrInvalid)
		_, err = EnterJoint(m, false, cc)
		require.ErrorIs(t, err, ErrInvalid)
		_, err = Apply(m, raftpb.ConfChangeV2{Changes: []raftpb.ConfChangeSingle{cc}})
		require.ErrorIs(t, err, ErrInvalid)
	}
	for _, transition := range []raftpb.ConfChangeTransition{-1, 3} {
		_, err := Apply(m, raftpb.ConfChangeV2{Transition: transition})
		require.ErrorIs(t, err, ErrInvalid)
	}
}

func TestARefusalSaysWhy(t *testing.T) {
	joint, err := tracker.NewMembership(raftpb.ConfState{Voters: []uint64{1}, VotersOutgoing: []uint64{2}})
	require.NoError(t, err)
	_, err = Simple(joint)
	require.ErrorIs(t, err, ErrJoint)
	_, err = EnterJoint(joint, false)
	require.ErrorIs(t, err, ErrJoint)
	_, err = LeaveJoint(tracker.Membership{})
	require.ErrorIs(t, err, ErrNotJoint)
	_, err = EnterJoint(tracker.Membership{}, false)
	require.ErrorIs(t, err, ErrNoVoters)
}
