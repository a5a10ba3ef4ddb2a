package raftpb

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConfStateEquivalent(t *testing.T) {
	cases := []struct {
		name string
		a, b ConfState
		// The fields that the error names; empty if the two are equivalent.
		differ string
	}{
		{name: "both zero"},
		{
			name: "nil and empty lists",
			b: ConfState{
				Voters: []uint64{}, Learners: []uint64{}, VotersOutgoing: []uint64{}, LearnersNext: []uint64{},
			},
		},
		{
			name: "another order in every list",
			a: ConfState{
				Voters: []uint64{1, 2, 3}, Learners: []uint64{4, 5}, VotersOutgoing: []uint64{1, 6, 7},
				LearnersNext: []uint64{6, 7}, AutoLeave: true,
			},
			b: ConfState{
				Voters: []uint64{3, 1, 2}, Learners: []uint64{5, 4}, VotersOutgoing: []uint64{7, 6, 1},
				LearnersNext: []uint64{7, 6}, AutoLeave: true,
			},
		},
		{name: "another voter", a: ConfState{Voters: []uint64{1, 2}}, b: ConfState{Voters: []uint64{1, 3}}, differ: "voters"},
		{name: "one voter less", a: ConfState{Voters: []uint64{1, 2}}, b: ConfState{Voters: []uint64{1}}, differ: "voters"},
		{name: "no voters", b: ConfState{Voters: []uint64{1}}, differ: "voters"},
		{
			name:   "another voter is listed twice",
			a:      ConfState{Voters: []uint64{1, 1, 2}},
			b:      ConfState{Voters: []uint64{1, 2, 2}},
			differ: "voters",
		},
		{name: "learners", a: ConfState{Learners: []uint64{1}}, differ: "learners"},
		{name: "outgoing voters", a: ConfState{VotersOutgoing: []uint64{1}}, differ: "voters_outgoing"},
		{name: "next learners", a: ConfState{LearnersNext: []uint64{1}}, differ: "learners_next"},
		{name: "automatic leave", a: ConfState{AutoLeave: true}, differ: "auto_leave"},
		{
			name:   "the same member in another list",
			a:      ConfState{Voters: []uint64{1, 2}},
			b:      ConfState{Voters: []uint64{1}, Learners: []uint64{2}},
			differ: "voters, learners",
		},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			for _, err := range []error{tc.a.Equivalent(tc.b), tc.b.Equivalent(tc.a)} {
				if tc.differ == "" {
					require.NoError(t, err)
					continue
				}
				require.ErrorContains(t, err, "memberships differ in "+tc.differ+": ")
			}
		})
	}
}

func TestConfStateEquivalentShowsBothSides(t *testing.T) {
	a := ConfState{Voters: []uint64{3, 1}, AutoLeave: true}
	b := ConfState{Voters: []uint64{2, 1}, Learners: []uint64{9, 8}}
	require.EqualError(t, a.Equivalent(b), "memberships differ in voters, learners, auto_leave: "+
		"{Voters:[1 3] Learners:[] VotersOutgoing:[] LearnersNext:[] AutoLeave:true} against "+
		"{Voters:[1 2] Learners:[8 9] VotersOutgoing:[] LearnersNext:[] AutoLeave:false}")
}

func TestConfStateEquivalentChangesNeitherSide(t *testing.T) {
	unordered := func() ConfState {
		return ConfState{
			Voters: []uint64{3, 1, 2}, Learners: []uint64{6, 5}, VotersOutgoing: []uint64{9, 7},
			LearnersNext: []uint64{9, 8},
		}
	}
	a, b := unordered(), unordered()
	slices.Reverse(b.Voters)
	reversed := slices.Clone(b.Voters)
	require.NoError(t, a.Equivalent(b))
	require.Equal(t, unordered(), a)
	require.Equal(t, reversed, b.Voters)

	b.Learners = append(b.Learners, 1)
	require.Error(t, a.Equivalent(b))
	require.Equal(t, unordered(), a)
	require.Equal(t, []uint64{6, 5, 1}, b.Learners)
}
