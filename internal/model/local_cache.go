package model

import "sync"

// Members that are alive, kept for the next step from the state that they are in. A step changes a member, and none is
// ever copied, so each serves once; where there is none, one is built up again by the inputs that led to the state.

const (
	cacheParts = 16
	// cachePart is how many members each part keeps. One takes ten thousand bytes or so.
	cachePart = 512
)

type liveCache struct{ parts [cacheParts]livePart }

type livePart struct {
	mu      sync.Mutex
	members map[LocalID]*member
	// order are the states in the order in which their members came, a ring.
	order [cachePart]LocalID
	next  int
}

func (c *liveCache) part(s LocalID) *livePart { return &c.parts[s%cacheParts] }

// put keeps the member for the next step from the state, unless there is one already.
func (c *liveCache) put(s LocalID, m *member) {
	p := c.part(s)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.members == nil {
		p.members = make(map[LocalID]*member, cachePart)
	}
	if p.members[s] != nil {
		return
	}
	delete(p.members, p.order[p.next])
	p.order[p.next] = s
	p.next = (p.next + 1) % cachePart
	p.members[s] = m
}

// take returns a member in the state, which now is the caller's, or nil.
func (c *liveCache) take(s LocalID) *member {
	p := c.part(s)
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.members[s]
	delete(p.members, s)
	return m
}
