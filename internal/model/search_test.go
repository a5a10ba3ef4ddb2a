package model

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func search1(t *testing.T, m Machine, b *Bounds, workers int) *Result {
	t.Helper()
	r, err := Search(context.Background(), m, b, Options{Workers: workers})
	require.NoError(t, err)
	return r
}

// spaces are small spaces of the toy in which all kinds of moves happen.
func spaces() []*Bounds {
	return []*Bounds{
		{Name: "loss", Voters: 3, MaxInFlight: 3, Budget: Budget{Timeouts: 2, Proposals: 1, Drops: 1}},
		{Name: "copies", Voters: 3, MaxInFlight: 5, Budget: Budget{Timeouts: 1, Proposals: 1, Duplicates: 1}},
		{Name: "crash", Voters: 3, MaxInFlight: 3, Budget: Budget{Timeouts: 2, Proposals: 1, Crashes: 1}},
		{
			Name: "each", Voters: 3, MaxInFlight: 3, Budget: Budget{Timeouts: 2, Heartbeats: 1, Crashes: 1},
			PerMember: Budget{Timeouts: 1, Heartbeats: 1, Crashes: 1},
		},
		{Name: "two", Voters: 2, MaxInFlight: 3, Budget: Budget{Timeouts: 2, Proposals: 1, Crashes: 1, Heartbeats: 1}},
		{Name: "one", Voters: 1, MaxInFlight: 1, Budget: Budget{Timeouts: 2, Proposals: 3, Reads: 3, Crashes: 2}},
		{
			Name: "clocks", Voters: 2, MaxInFlight: 3, Lease: true, Ticks: []uint8{1, 2},
			Budget: Budget{Timeouts: 2, Passes: 2, Proposals: 1},
		},
	}
}

// The search counts what the plain search counts, with symmetry and without, whatever the number of workers.
func TestSearchAgreesWithPlainSearch(t *testing.T) {
	for _, b := range spaces() {
		for _, symmetric := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/symmetric=%t", b.Name, symmetric), func(t *testing.T) {
				plain := newPlainSearch(newToy(b, sound, symmetric), b)
				plain.run()
				require.Empty(t, plain.violated)
				for _, workers := range []int{1, 3} {
					r := search1(t, newToy(b, sound, symmetric), b, workers)
					require.True(t, r.Exhausted(), r.CutOff)
					require.Equal(t, plain.states, r.States, "states with %d workers", workers)
					require.Equal(t, plain.transitions, r.Transitions, "transitions")
					require.Equal(t, plain.pruned, r.Pruned, "pruned")
					require.Equal(t, plain.depth, r.Depth, "depth")
				}
				t.Logf("%d states, %d transitions, depth %d", plain.states, plain.transitions, plain.depth)
			})
		}
	}
}

// Symmetry merges what differs in names alone: of one candidate among three members there is one state, not three.
func TestSymmetryMergesRenamings(t *testing.T) {
	b := &Bounds{Name: "one timeout", Voters: 3, MaxInFlight: 2, MaxDepth: 1, Budget: Budget{Timeouts: 1}}
	require.Equal(t, 4, search1(t, newToy(b, sound, false), b, 1).States)
	require.Equal(t, 2, search1(t, newToy(b, sound, true), b, 1).States)
}

// Each breakage is found, by the property that it breaks, as near as the plain search finds it; and the way there is a
// script whose positions in the network are right.
func TestBrokenToysAreFound(t *testing.T) {
	for _, c := range []struct {
		breakage   toyBreakage
		properties []string
		bounds     Bounds
	}{
		{votesTwice, []string{"election safety"}, Bounds{MaxInFlight: 4, Budget: Budget{Timeouts: 2}}},
		{
			ignoresLogs, []string{"leader completeness", "committed entries stay durable"},
			Bounds{MaxInFlight: 4, Budget: Budget{Timeouts: 2, Proposals: 1}},
		},
		{commitsAlone, []string{"commit durable on a quorum"}, Bounds{MaxInFlight: 4, Budget: Budget{Timeouts: 1, Proposals: 1}}},
		{
			forgetsLog, []string{"committed entries stay durable"},
			Bounds{MaxInFlight: 4, Budget: Budget{Timeouts: 1, Proposals: 1, Crashes: 1}},
		},
		{
			readsAtOnce, []string{"linearizable reads"},
			Bounds{MaxInFlight: 4, Budget: Budget{Timeouts: 2, Proposals: 1, Reads: 1}},
		},
		{sameTermOtherLog, []string{"log matching"}, Bounds{MaxInFlight: 4, Budget: Budget{Timeouts: 1, Proposals: 1}}},
		{
			ownMembership, []string{"membership agreement"},
			Bounds{MaxInFlight: 4, Budget: Budget{Timeouts: 1, Proposals: 1, Heartbeats: 1}},
		},
		{breaksByItself, []string{"a step of its own"}, Bounds{MaxInFlight: 4, Budget: Budget{Timeouts: 2}}},
	} {
		t.Run(string(c.breakage), func(t *testing.T) {
			b := c.bounds
			b.Name, b.Voters = string(c.breakage), 3
			plain := newPlainSearch(newToy(&b, c.breakage, true), &b)
			plain.run()
			require.NotEmpty(t, plain.violated)
			for _, workers := range []int{1, 2} {
				m := newToy(&b, c.breakage, true)
				r := search1(t, m, &b, workers)
				require.NotNil(t, r.Counterexample, "not found")
				require.Contains(t, c.properties, r.Violation().Property)
				require.Equal(t, plain.depth, r.Counterexample.Events)
				requireReplays(t, m, &b, r.Counterexample)
			}
		})
	}
}

// A leader that commits an entry of an older term by counting can lose it again (Raft §5.4.2).
func TestCommitOfOlderTermsIsFound(t *testing.T) {
	b := &Bounds{
		Name: "figure 8", Voters: 3, MaxInFlight: 3,
		Budget:    Budget{Timeouts: 4, Proposals: 2, Heartbeats: 1},
		PerMember: Budget{Timeouts: 2},
	}
	r := search1(t, newToy(b, commitsOld, true), b, 2)
	require.NotNil(t, r.Counterexample)
	require.Contains(t, []string{"leader completeness", "committed entries stay durable"}, r.Violation().Property)
	require.Nil(t, search1(t, newToy(b, sound, true), b, 2).Counterexample)
}

// requireReplays goes the way of a counterexample with a network of its own, as a script would.
func requireReplays(t *testing.T, m *toy, b *Bounds, c *Counterexample) {
	t.Helper()
	require.Equal(t, len(c.Steps), len(c.Trace.Events))
	locals := map[uint64]LocalID{}
	for id := uint64(1); id <= uint64(b.Members()); id++ {
		locals[id] = m.Initial(id)
	}
	var network []MessageID
	for i, step := range c.Steps {
		require.Equal(t, locals[step.Member], step.Before)
		command, _, _ := strings.Cut(c.Trace.Events[i].Script, "\n")
		at := 0
		var verb string
		if step.Kind != StepInput {
			_, err := fmt.Sscanf(strings.NewReplacer("=(", " ", ")", "").Replace(command), "%s at %d", &verb, &at)
			require.NoError(t, err, command)
			require.Equal(t, step.Message, network[at-1], command)
		}
		switch verb {
		case "duplicate":
			network = append(network, network[at-1])
			continue
		case "deliver", "drop":
			network = append(network[:at-1:at-1], network[at:]...)
		}
		if verb == "drop" || step.Kind == StepLost {
			continue
		}
		out := m.Step(step.Before, step.Input)
		require.Equal(t, out.Next, step.After)
		require.Equal(t, out.Sent, step.Sent)
		locals[step.Member] = out.Next
		network = append(network, out.Sent...)
		require.Contains(t, c.Trace.Events[i].Script, fmt.Sprintf(" %d", step.Member))
	}
}

// What ends a search early is told.
func TestSearchIsCutOff(t *testing.T) {
	b := spaces()[0]
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	deep := *b
	deep.MaxDepth = 3
	r := search1(t, newToy(&deep, sound, true), &deep, 1)
	require.Equal(t, "depth 3", r.CutOff)
	require.Equal(t, 3, r.Depth)

	r, err := Search(context.Background(), newToy(b, sound, true), b, Options{MaxStates: 100})
	require.NoError(t, err)
	require.Equal(t, "100 states", r.CutOff)
	require.False(t, r.Exhausted())

	endless := Bounds{Name: "endless", Voters: 3, MaxInFlight: 9, Budget: Budget{Timeouts: 9, Proposals: 9, Drops: 9}}
	r, err = Search(ctx, newToy(&endless, sound, true), &endless, Options{})
	require.NoError(t, err)
	require.Equal(t, "an interruption", r.CutOff)

	var progress bytes.Buffer
	r, err = Search(context.Background(), newToy(&endless, sound, true), &endless,
		Options{MaxTime: time.Second, Progress: &progress, Every: time.Millisecond})
	require.NoError(t, err)
	require.Equal(t, "time (1s)", r.CutOff)
	require.Contains(t, progress.String(), "endless: ")
	require.Contains(t, r.String(), "ended by time")
}

// A machine built for another group is refused, and so are bounds that a state has no room for.
func TestSearchRefusesWrongBounds(t *testing.T) {
	three := &Bounds{Name: "three", Voters: 3, MaxInFlight: 1}
	two := &Bounds{Name: "two", Voters: 2, MaxInFlight: 1}
	_, err := Search(context.Background(), newToy(two, sound, false), three, Options{})
	require.ErrorContains(t, err, "2 members")
	for want, b := range map[string]*Bounds{
		"8 members":           {Voters: 5, Learners: 3, MaxInFlight: 1},
		"16 drops":            {Voters: 1, MaxInFlight: 1, Budget: Budget{Drops: 16}},
		"5 reads":             {Voters: 1, MaxInFlight: 1, Budget: Budget{Reads: 5}},
		"in flight":           {Voters: 1},
		"more crashes":        {Voters: 1, MaxInFlight: 1, PerMember: Budget{Crashes: 1}},
		"passes, but no tick": {Voters: 1, MaxInFlight: 1, Budget: Budget{Passes: 1}},
		"of the group":        {Voters: 1, MaxInFlight: 1, Budget: Budget{Drops: 2}, PerMember: Budget{Drops: 1}},
		"with leases":         {Voters: 1, MaxInFlight: 1, Lease: true, Budget: Budget{Heartbeats: 1}},
		"list the changes":    {Voters: 1, MaxInFlight: 1, Budget: Budget{Changes: 1}},
		"budget of 16 change": {Voters: 1, MaxInFlight: 1, Changes: make([]string, 20)},
	} {
		require.ErrorContains(t, b.Validate(), want)
	}
}
