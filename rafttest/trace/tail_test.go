package trace

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTailBeginsWithHowMembersStood(t *testing.T) {
	full := &Trace{
		Title: "all", Members: []uint64{1, 2, 3}, Start: []MemberState{{ID: 1, Term: 1}, {ID: 2, Term: 1}},
		Events: []Event{
			{N: 1, After: &MemberState{ID: 1, Term: 2}}, {N: 2}, {N: 3, After: &MemberState{ID: 1, Term: 3}},
			{N: 4, After: &MemberState{ID: 3, Term: 3}},
		},
	}
	require.Same(t, full, Tail(full, 4))
	tail := Tail(full, 2)
	require.Equal(t, []MemberState{{ID: 1, Term: 2}, {ID: 2, Term: 1}}, tail.Start)
	require.Equal(t, full.Events[2:], tail.Events)
	require.Len(t, full.Events, 4)
	require.Equal(t, "all", tail.Title)
}
