package tracker

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// The transitions that programs of the lineage make by themselves: each in every state, and the rules that hold whatever
// they do (Raft §5.3). compat/apidiff runs such a program against the lineage too.

func lineageTransitions() []progressEvent {
	return []progressEvent{
		{"probe", func(p *Progress) { p.BecomeProbe() }, map[StateType]string{
			StateProbe:     "StateProbe match=5 next=6",
			StateReplicate: "StateProbe match=5 next=6",
			StateSnapshot:  "StateProbe match=5 next=9",
		}},
		{"replicate", func(p *Progress) { p.BecomeReplicate() }, map[StateType]string{
			StateProbe:     "StateReplicate match=5 next=6",
			StateReplicate: "StateReplicate match=5 next=6",
			StateSnapshot:  "StateReplicate match=5 next=6",
		}},
		{"snapshot", func(p *Progress) { p.BecomeSnapshot(20) }, map[StateType]string{
			StateProbe:     "StateSnapshot match=5 next=21 paused pendingSnap=20",
			StateReplicate: "StateSnapshot match=5 next=21 paused pendingSnap=20",
			StateSnapshot:  "StateSnapshot match=5 next=21 paused pendingSnap=20",
		}},
		{"reset to probe", func(p *Progress) { p.ResetState(StateProbe) }, map[StateType]string{
			StateProbe:     "StateProbe match=5 next=8",
			StateReplicate: "StateProbe match=5 next=10",
			StateSnapshot:  "StateProbe match=5 next=9",
		}},
		{"reset to replicate", func(p *Progress) { p.ResetState(StateReplicate) }, map[StateType]string{
			StateProbe:     "StateReplicate match=5 next=8",
			StateReplicate: "StateReplicate match=5 next=10",
			StateSnapshot:  "StateReplicate match=5 next=9",
		}},
		{"reset to snapshot", func(p *Progress) { p.ResetState(StateSnapshot) }, map[StateType]string{
			StateProbe:     "StateSnapshot match=5 next=8 paused pendingSnap=7",
			StateReplicate: "StateSnapshot match=5 next=10 paused pendingSnap=9",
			StateSnapshot:  "StateSnapshot match=5 next=9 paused pendingSnap=8",
		}},
	}
}

func lineageReports() []progressEvent {
	return []progressEvent{
		{"sent 3", func(p *Progress) { p.SentEntries(3, 10) }, map[StateType]string{
			StateProbe:     "StateProbe match=5 next=8 paused",
			StateReplicate: "StateReplicate match=5 next=13 paused inflight=3[full]",
		}},
		{"sent none", func(p *Progress) { p.SentEntries(0, 0) }, map[StateType]string{
			StateProbe:     "StateProbe match=5 next=8",
			StateReplicate: "StateReplicate match=5 next=10 inflight=2",
		}},
		{"update 7", func(p *Progress) { p.MaybeUpdate(7) }, map[StateType]string{
			StateProbe:     "StateProbe match=7 next=8",
			StateReplicate: "StateReplicate match=7 next=10 inflight=2",
			StateSnapshot:  "StateSnapshot match=7 next=9 paused pendingSnap=8",
		}},
		{"update 12", func(p *Progress) { p.MaybeUpdate(12) }, map[StateType]string{
			StateProbe:     "StateProbe match=12 next=13",
			StateReplicate: "StateReplicate match=12 next=13 inflight=2",
			StateSnapshot:  "StateSnapshot match=12 next=13 paused pendingSnap=8",
		}},
		{"rejected 7, hint 5", func(p *Progress) { p.MaybeDecrTo(7, 5) }, map[StateType]string{
			StateProbe:     "StateProbe match=5 next=6",
			StateReplicate: "StateReplicate match=5 next=6 inflight=2",
			StateSnapshot:  "StateSnapshot match=5 next=9 paused pendingSnap=8",
		}},
		{"rejected 7, hint beyond it", func(p *Progress) { p.MaybeDecrTo(7, 70) }, map[StateType]string{
			StateProbe: "StateProbe match=5 next=7",
		}},
		{"rejected 5, stale", func(p *Progress) { p.MaybeDecrTo(5, 4) }, map[StateType]string{
			StateProbe:     "StateProbe match=5 next=8",
			StateReplicate: "StateReplicate match=5 next=10 inflight=2",
		}},
	}
}

func TestLineageTransitionsInEveryState(t *testing.T) {
	for _, event := range append(lineageTransitions(), lineageReports()...) {
		for state, want := range event.want {
			t.Run(fmt.Sprintf("%s/%s", state, event.name), func(t *testing.T) {
				p := progressIn(state)
				event.do(p)
				require.Equal(t, want, p.String())
				require.NoError(t, p.Check())
			})
		}
	}
}

func TestLineageTransitionsAnswerWhetherItWasNews(t *testing.T) {
	p := progressIn(StateReplicate)
	require.False(t, p.MaybeUpdate(5))
	require.True(t, p.MaybeUpdate(6))
	require.False(t, p.MaybeDecrTo(6, 5))
	require.True(t, p.MaybeDecrTo(7, 5))

	p = progressIn(StateProbe)
	require.False(t, p.MaybeDecrTo(6, 5), "not the append that was sent")
	require.True(t, p.MaybeDecrTo(7, 5))

	earlier := NewProgress(11, 11, false, NewInflights(3, 0))
	require.False(t, earlier.MaybeUpdate(10), "it may be the answer of an earlier life")
	require.True(t, earlier.MaybeUpdate(11))
}

func TestLineageNothingIsSentBesideASnapshot(t *testing.T) {
	require.PanicsWithValue(t,
		"progress in StateSnapshot was said to have sent 1 entries; send none in this state",
		func() { progressIn(StateSnapshot).SentEntries(1, 1) })
}

// What the follower was told of the commit index is as much as it can use, and is forgotten with what may be lost.
func TestLineageCommitIndexIsToldOnce(t *testing.T) {
	p := progressIn(StateReplicate) // up to 9, and told of 5
	require.True(t, p.CanBumpCommit(6))
	require.False(t, p.CanBumpCommit(5))
	p.SentCommit(7)
	require.False(t, p.CanBumpCommit(7))
	require.True(t, p.CanBumpCommit(100))
	p.SentCommit(9)
	require.False(t, p.CanBumpCommit(100), "it has no entry beyond")

	p.BecomeProbe()
	p.MaybeUpdate(9)
	require.True(t, p.CanBumpCommit(9), "the probe began after 5")

	p.BecomeSnapshot(20)
	require.False(t, p.CanBumpCommit(30), "the snapshot says so")

	p.MaybeDecrTo(20, 10)
	require.Equal(t, uint64(11), p.Next)
	require.NoError(t, p.Check())
}

// Whatever a program does, in whatever order and mixed with what happens: the rules hold.
func TestLineageRandomTransitions(t *testing.T) {
	for seed := range uint64(400) {
		rng := rand.New(rand.NewPCG(seed, 2))
		p := NewProgress(rng.Uint64N(6), rng.Uint64N(4), false, NewInflights(1+rng.IntN(3), 0))
		for range 60 {
			match := p.Match
			randomTransition(rng, &p)
			require.NoError(t, p.Check(), "%s", p.String())
			require.GreaterOrEqual(t, p.Match, match)
		}
	}
}

func randomTransition(rng *rand.Rand, p *Progress) {
	near := rng.Uint64N(p.Next + 3)
	switch rng.IntN(9) {
	case 0:
		p.ResetState(StateType(rng.IntN(3)))
	case 1:
		p.BecomeProbe()
	case 2:
		p.BecomeReplicate()
	case 3:
		p.BecomeSnapshot(near)
	case 4:
		p.MaybeUpdate(near)
	case 5:
		p.MaybeDecrTo(near, rng.Uint64())
	case 6:
		p.SentCommit(near)
	case 7:
		p.OnAppendAccepted(near, 1)
	default:
		if p.State != StateSnapshot {
			p.SentEntries(rng.IntN(3), near)
		}
	}
}
