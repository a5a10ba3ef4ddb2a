package chaos

import (
	"time"

	"github.com/seed695671cb/raft/examples/kvstore/proxy"
)

// Faults of the network, by slot. Members that have left the cluster but still run are on nobody's side.

// ids returns the members in slots.
func (c *cluster) ids(slots []int) []uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	var ids []uint64
	for _, slot := range slots {
		ids = append(ids, c.members[slot].id)
	}
	return ids
}

// isolate stops everything between a member and all others.
func (c *cluster) isolate(slot int, mode proxy.Mode) {
	c.network.Isolate(c.ids([]int{slot})[0], proxy.Rule{Mode: mode})
}

// separate stops everything between two sides.
func (c *cluster) separate(a, b []int) {
	c.oneWay(a, b)
	c.oneWay(b, a)
}

// oneWay stops what the members in some slots send to those in others.
func (c *cluster) oneWay(from, to []int) {
	for _, sender := range c.ids(from) {
		for _, receiver := range c.ids(to) {
			c.network.Set(sender, receiver, proxy.Rule{Mode: proxy.Hold})
		}
	}
}

// delay slows down everything that the members in slots send and receive.
func (c *cluster) delay(slots []int, by time.Duration) {
	for _, id := range c.ids(slots) {
		c.network.Isolate(id, proxy.Rule{Delay: by})
	}
}
