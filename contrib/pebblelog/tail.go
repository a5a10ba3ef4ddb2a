package pebblelog

import (
	"container/list"
	"sync"

	pb "github.com/seed695671cb/raft/raftpb"
)

// The newest entries of the groups, kept in memory so that replicating them (Raft §5.3) does not read the database.

// entryOverhead is how many bytes an entry counts besides its Data.
const entryOverhead = 56

// A tail is the newest entries of a log, contiguous up to its last one, possibly none. Its methods return another tail;
// what was handed out of the old one is never overwritten, except that only one tail may be made by appending to it.
type tail struct {
	entries []pb.Entry
	bytes   int
}

// holds reports whether the entry at an index is there; the index must not be above the last one's.
func (t tail) holds(index uint64) bool {
	return len(t.entries) > 0 && index >= t.entries[0].Index
}

// at returns the entry at an index, which it must hold.
func (t tail) at(index uint64) *pb.Entry {
	return &t.entries[index-t.entries[0].Index]
}

// slice returns the entries in [lo, hi), which it must hold, of at most maxSize encoded bytes, and at least the first.
func (t tail) slice(lo, hi, maxSize uint64) []pb.Entry {
	first := t.entries[0].Index
	out := t.entries[lo-first : hi-first : hi-first]
	size := uint64(0)
	for i := range out {
		size += uint64(out[i].Size())
		if size > maxSize && i > 0 {
			return out[:i:i]
		}
	}
	return out
}

// below returns the tail without the entries at an index and above.
func (t tail) below(index uint64) tail {
	if !t.holds(index) {
		return tail{}
	}
	n := min(index-t.entries[0].Index, uint64(len(t.entries)))
	return tail{entries: t.entries[:n:n], bytes: t.bytes - cost(t.entries[n:])}
}

// above returns the tail without the entries at an index and below.
func (t tail) above(index uint64) tail {
	if !t.holds(index) {
		return t
	}
	n := min(index-t.entries[0].Index+1, uint64(len(t.entries)))
	return tail{entries: moved(t.entries[n:]), bytes: t.bytes - cost(t.entries[:n])}
}

// plus returns the tail with entries after its last one.
func (t tail) plus(entries []pb.Entry) tail {
	return tail{entries: append(t.entries, entries...), bytes: t.bytes + cost(entries)}
}

// newest returns the longest end of the tail that is at most limit bytes.
func (t tail) newest(limit int) tail {
	from, bytes := len(t.entries), 0
	for from > 0 {
		more := entryOverhead + len(t.entries[from-1].Data)
		if bytes+more > limit {
			break
		}
		bytes += more
		from--
	}
	return tail{entries: moved(t.entries[from:]), bytes: bytes}
}

// moved returns entries in memory of their own, so that what was before them is let go of.
func moved(entries []pb.Entry) []pb.Entry {
	if len(entries) == 0 {
		return nil
	}
	return append(make([]pb.Entry, 0, len(entries)), entries...)
}

func cost(entries []pb.Entry) int {
	sum := entryOverhead * len(entries)
	for i := range entries {
		sum += len(entries[i].Data)
	}
	return sum
}

// A tailCache bounds the tails of all groups together.
//
// Invariant: a group is in the order if and only if its tail is not empty. The group that was written longest ago is first.
type tailCache struct {
	budget int // bytes

	mu    sync.Mutex
	total int
	order list.List
}

// setTail replaces the tail of a group, whose mu is held. If it has grown, the group was just written.
func (c *tailCache) setTail(g *group, t tail) {
	delta := t.bytes - g.tail.bytes
	g.tail = t
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total += delta
	switch {
	case len(t.entries) == 0 && g.inCache != nil:
		c.order.Remove(g.inCache)
		g.inCache = nil
	case len(t.entries) > 0 && g.inCache == nil:
		g.inCache = c.order.PushBack(g)
	case delta > 0:
		c.order.MoveToBack(g.inCache)
	}
}

// crowded returns the group that is to give up entries, nil if all fit.
func (c *tailCache) crowded() *group {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.total <= c.budget || c.order.Len() == 0 {
		return nil
	}
	return c.order.Front().Value.(*group)
}

// smallTail is how many bytes are given up at once.
const smallTail = 4 << 10

// trim takes entries from the groups that were written longest ago until the budget is kept. No lock of a group may be held.
func (c *tailCache) trim() {
	for g := c.crowded(); g != nil; g = c.crowded() {
		g.mu.Lock()
		limit := g.tail.bytes / 2
		if limit < smallTail {
			limit = 0
		}
		c.setTail(g, g.tail.newest(limit))
		g.mu.Unlock()
	}
}

func (c *tailCache) bytes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total
}
