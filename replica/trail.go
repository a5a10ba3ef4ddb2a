package replica

import (
	"slices"
	"sync"
)

// A trail knows how large the entries are that were applied lately, so that the log does not keep more of them for followers
// than it should. Of entries that were applied before the replica started it knows nothing.
type trail struct {
	mu sync.Mutex
	// points say how many bytes were applied up to an index, both ascending.
	points []trailPoint
	total  uint64
}

type trailPoint struct{ index, bytes uint64 }

// trailPoints is how many points there are for the bytes that are kept: so exact is the bound.
const trailPoints = 512

// note notes that so many bytes more were applied, up to an index. What is further back than keep bytes is forgotten.
func (t *trail) note(index, bytes, keep uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.total += bytes
	point := trailPoint{index: index, bytes: t.total}
	if n := len(t.points); n > 1 && t.total-t.points[n-2].bytes <= keep/trailPoints {
		t.points[n-1] = point
	} else {
		t.points = append(t.points, point)
	}
	gone := 0
	for gone < len(t.points)-1 && t.total-t.points[gone].bytes > keep {
		gone++
	}
	t.points = slices.Delete(t.points, 0, gone)
}

// beyond returns the first index that it knows after which there are at most so many bytes, no more than were to be kept, or 0.
func (t *trail) beyond(bytes uint64) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := slices.IndexFunc(t.points, func(p trailPoint) bool { return t.total-p.bytes <= bytes })
	if at < 0 || t.total <= bytes {
		return 0
	}
	return t.points[at].index
}
