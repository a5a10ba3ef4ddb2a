package chaos

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheSameSeedGivesTheSamePlan(t *testing.T) {
	first, err := NewPlan(42, 5, AllFaults(), 10*time.Minute)
	require.NoError(t, err)
	second, err := NewPlan(42, 5, AllFaults(), 10*time.Minute)
	require.NoError(t, err)
	require.Equal(t, first, second)
	other, err := NewPlan(43, 5, AllFaults(), 10*time.Minute)
	require.NoError(t, err)
	require.NotEqual(t, first, other)
	again, err := json.Marshal(first)
	require.NoError(t, err)
	var decoded []Step
	require.NoError(t, json.Unmarshal(again, &decoded))
	require.Equal(t, first, decoded)
}

func TestPlansHaveEveryAct(t *testing.T) {
	steps, err := NewPlan(1, 5, AllFaults(), 10*time.Minute)
	require.NoError(t, err)
	counts := map[Act]int{}
	var total time.Duration
	for i, step := range steps {
		counts[step.Act]++
		total += step.Hold + step.Rest
		require.Equal(t, i+1, step.Number)
		require.Len(t, step.Order, 5)
		require.True(t, slices.Contains(AllFaults(), step.Act.fault()), step.Act)
	}
	require.GreaterOrEqual(t, total, 10*time.Minute)
	for _, act := range allActs() {
		require.GreaterOrEqual(t, counts[act], 2, act)
		require.InDelta(t, counts[KillOne], counts[act], 0, "the deck is dealt evenly: %s", act)
	}
}

func TestPlansKeepToTheFaultsThatAreWanted(t *testing.T) {
	steps, err := NewPlan(1, 3, []string{FaultPause, FaultDisk}, time.Minute)
	require.NoError(t, err)
	require.NotEmpty(t, steps)
	for _, step := range steps {
		require.Contains(t, []string{FaultPause, FaultDisk}, step.Act.fault())
	}
	steps, err = NewPlan(1, 3, AllFaults(), time.Minute)
	require.NoError(t, err)
	for _, step := range steps {
		require.NotEqual(t, FaultMixed, step.Act.fault(), "two faults at once need five members")
	}
	none, err := NewPlan(1, 3, nil, time.Minute)
	require.NoError(t, err)
	require.Empty(t, none)
	_, err = NewPlan(1, 3, []string{"flood"}, time.Minute)
	require.ErrorContains(t, err, `no fault "flood"`)
}

func TestOutages(t *testing.T) {
	const second = time.Second
	a := &availability{}
	for _, at := range []time.Duration{20, 4, 12, 8, 16, 90, 94, 200, 204} { // tenths of a second
		a.ack(at * second / 10)
	}
	a.begin(0, "calm")
	a.begin(3*second, "storm")
	a.gone(span{From: 11 * second, To: 14 * second})
	require.Equal(t, []Outage{
		{span: span{From: 2 * second, To: 9 * second}, During: "calm"},
		{span: span{From: 9400 * time.Millisecond, To: 11 * second}, During: "storm"},
		{span: span{From: 14 * second, To: 20 * second}, During: "storm"},
		{span: span{From: 20400 * time.Millisecond, To: 23 * second}, During: "storm"},
	}, a.outages(0, 23*second))
}

func TestValuesThatComeBackDamagedHaveNobodysName(t *testing.T) {
	lengths := map[int]bool{}
	for _, name := range []string{"c1.1", "c1.2", "c9.77", "c3.14", "c4.1000"} {
		text := textOf(name)
		lengths[len(text)] = true
		require.Equal(t, name, nameOf(text))
		require.Contains(t, nameOf(text+"x"), "damaged")
		require.Contains(t, nameOf("d"+text), "damaged")
		require.Contains(t, nameOf(""), "damaged")
	}
	require.Greater(t, len(lengths), 1)
}

func TestFiguresArePrinted(t *testing.T) {
	f := &Figures{Seed: 5, Members: 5, Duration: time.Minute, Faults: map[string]int{"kill/one": 2}, Elections: []time.Duration{time.Second},
		Outages: []Outage{{span: span{From: 0, To: 2 * time.Second}, During: "step 4"}}, Failures: []string{"member 3 ended by itself"}}
	f.conclude()
	var b strings.Builder
	require.NoError(t, f.Print(&b))
	for _, want := range []string{"kill/one", "the longest 2s (step 4)", "member 3 ended by itself", "1 failures", "median 1s"} {
		require.Contains(t, b.String(), want)
	}
	require.False(t, f.OK())
}
