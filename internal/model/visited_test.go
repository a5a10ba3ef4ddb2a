package model

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each fingerprint is new once, whoever adds it, also while the parts grow, and at the ends of the range.
func TestVisitedTakesEachFingerprintOnce(t *testing.T) {
	const n = 300_000
	v := newVisited()
	var added atomic.Int64
	var all sync.WaitGroup
	for range 4 {
		all.Add(1)
		go func() {
			defer all.Done()
			r := rand.New(rand.NewPCG(1, 2)) // all add the same
			for range n {
				if v.add(r.Uint64()) {
					added.Add(1)
				}
			}
		}()
	}
	all.Wait()
	require.EqualValues(t, n, added.Load())
	for _, fp := range []uint64{0, ^uint64(0), ^uint64(0) - 1, 2} {
		require.True(t, v.add(fp))
		require.False(t, v.add(fp))
	}
	used, capacity := v.usage()
	require.Equal(t, n+4, used)
	require.Less(t, capacity, 2*n)
}
