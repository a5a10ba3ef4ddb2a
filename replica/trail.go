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

// maxPoints bounds the points. If there are more, every other one is forgotten: the bound is then kept more coarsely.
const maxPoints = 1024

// note notes that so many bytes were applied up to an index.
func (t *trail) note(index, bytes uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.total += bytes
	if len(t.points) >= maxPoints {
		kept := t.points[:0]
		for i := 1; i < len(t.points); i += 2 {
			kept = append(kept, t.points[i])
		}
		t.points = kept
	}
	t.points = append(t.points, trailPoint{index: index, bytes: t.total})
}

// beyond returns an index after which there are at most so many bytes, or 0, and forgets what is before.
func (t *trail) beyond(bytes uint64) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := slices.IndexFunc(t.points, func(p trailPoint) bool { return t.total-p.bytes <= bytes })
	if at < 0 || t.total <= bytes {
		return 0
	}
	t.points = slices.Delete(t.points, 0, at)
	return t.points[0].index
}
