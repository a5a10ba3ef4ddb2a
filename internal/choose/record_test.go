package choose

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// shape is code whose choices depend on each other.
func shape(s Source) []int {
	var made []int
	for range 1 + s.Choose(10) {
		made = append(made, s.Choose(1+s.Choose(300)))
	}
	return made
}

func TestReplayRepeatsARecording(t *testing.T) {
	for seed := range uint64(200) {
		r := NewRecorder(NewSeeded(seed))
		want := shape(r)
		require.Equal(t, shape(NewSeeded(seed)), want, "recording must change nothing")
		replay := NewReplay(r.Choices())
		require.Equal(t, want, shape(replay))
		require.Equal(t, len(r.Choices()), replay.Asked())
		require.Zero(t, replay.Strayed())
		require.Equal(t, want, shape(NewBytes(Encode(r.Choices()))))
	}
}

func TestRecorderKeepsPairs(t *testing.T) {
	r := NewRecorder(NewReplay([]Choice{{4, 3}, {1, 0}, {9, 8}}))
	before := r.Choices()
	r.Choose(4)
	r.Choose(1)
	r.Choose(9)
	require.Empty(t, before)
	require.Equal(t, []Choice{{4, 3}, {1, 0}, {9, 8}}, r.Choices())
}

func TestReplayOfAnEditedListGoesOn(t *testing.T) {
	r := NewReplay([]Choice{{4, 3}, {10, 9}})
	require.Equal(t, 3, r.Choose(4))
	require.Zero(t, r.Strayed())
	require.Equal(t, 4, r.Choose(5), "9 modulo 5")
	require.Equal(t, 1, r.Strayed())
	require.Equal(t, 0, r.Choose(5))
	require.Equal(t, 2, r.Strayed())
	require.Equal(t, 3, r.Asked())
}
