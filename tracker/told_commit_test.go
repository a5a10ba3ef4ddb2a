package tracker

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A commit index that went out with an append which was lost is told again.
func TestCommitIndexThatWasLostIsToldAgain(t *testing.T) {
	p := NewProgress(6, 0, false, NewInflights(8, 0))
	p.OnAppendSent(5, 0, 3)
	p.OnAppendAccepted(5, 0)
	p.OnAppendSent(5, 0, 5)
	require.False(t, p.ShouldSend(5, 5))
	p.OnAppendSent(7, 1, 7)
	p.OnUnreachable()
	p.OnAppendAccepted(7, 0)
	require.True(t, p.ShouldSend(7, 7), "the append that told it was reported lost")
}
