package model

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// All named bounds are valid, and each is found by its name.
func TestNamedBounds(t *testing.T) {
	seen := map[string]bool{}
	for _, set := range []string{"short", "long"} {
		all, err := BoundsNamed(set)
		require.NoError(t, err)
		require.NotEmpty(t, all)
		for _, b := range all {
			require.NoError(t, b.Validate())
			require.NotEmpty(t, b.About)
			require.False(t, seen[b.Name], "two bounds named %s", b.Name)
			seen[b.Name] = true
			alone, err := BoundsNamed(b.Name)
			require.NoError(t, err)
			require.Equal(t, []Bounds{b}, alone)
		}
	}
	_, err := BoundsNamed("nothing")
	require.ErrorContains(t, err, "elections")
}

// The set-up of a script names all members and their settings.
func TestSetup(t *testing.T) {
	b := &Bounds{Voters: 3, Learners: 2, Joining: 1, Async: true, PreVote: true, CheckQuorum: true, Lease: true, NoForwarding: true}
	require.Equal(t, []string{
		"voters 3 learners=(4,5) async prevote checkquorum lease no-forwarding",
		"add 6 async prevote checkquorum lease no-forwarding",
		"reports-by-hand on",
	}, b.Setup())
}

// What one budget loses no other does, of the group or of a member, however many there are.
func TestBudgetsInAState(t *testing.T) {
	b := &Bounds{Voters: 3, MaxInFlight: 1, Changes: []string{"v4", "r4"}, Ticks: []uint8{1}}
	for l := range b.Budget {
		b.Budget[l] = maxBudget
	}
	b.Budget[Reads], b.Budget[Changes] = maxReads, 0
	b.PerMember = Budget{Timeouts: 3, Heartbeats: 2, Crashes: 15}
	require.NoError(t, b.Validate())
	y := newLayout(b)
	extras := append([]uint32(nil), y.start[:y.extras]...)
	type budget struct {
		limit    Limit
		position int
	}
	want := map[budget]uint32{}
	for l := Limit(0); l < limits; l++ {
		want[budget{l, -1}] = uint32(b.limit(l))
		for i := range 3 {
			want[budget{l, i}] = uint32(b.limit(l))
			if b.PerMember[l] > 0 {
				want[budget{l, i}] = uint32(b.PerMember[l])
			}
		}
	}
	check := func() {
		t.Helper()
		for of, left := range want {
			require.Equal(t, min(left, want[budget{of.limit, -1}]), y.left(extras, of.limit, of.position), "%v", of)
			require.Equal(t, uint32(b.limit(of.limit))-want[budget{of.limit, -1}], y.used(extras, of.limit))
		}
	}
	check()
	for l := Limit(0); l < limits; l++ {
		y.use(extras, l, 1)
		want[budget{l, -1}]--
		if b.PerMember[l] > 0 {
			want[budget{l, 1}]--
		}
		check()
		for read := range uint32(maxReads) {
			y.setFloor(extras, read, uint64(l)*7+uint64(read))
			require.Equal(t, uint64(l)*7+uint64(read), y.floor(extras, read))
		}
		check()
	}
}
