package raft

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// A leader reads the log of a MemoryStorage page by page. Pages are slices of its segments where they can be, but one
// that ends at the end of a segment may be filled up from the next, by copying: once for a segment, however small the
// messages are that the pages are read for.
func TestSmallMessagesCopyNoPages(t *testing.T) {
	const n = 20_000
	storage := leanStorage(t, votersUpTo(3), n)
	l, err := newLog(storage)
	require.NoError(t, err)
	for _, limit := range []encodedSize{0, 200, 1 << 10, 16 << 10, 1 << 20, noEncodedLimit} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			next := uint64(2)
			read := func() {
				for next = 2; next <= n; {
					ents, _, err := l.entries(next, n+1, limit)
					if err != nil || ents[0].Index != next {
						t.Fatalf("index %d was read wrongly: %v", next, err)
					}
					next += uint64(len(ents))
				}
			}
			require.LessOrEqual(t, objectsPer(1, read), 2*n/float64(maxSegment))
			require.Equal(t, uint64(n+1), next)
		})
	}
}
