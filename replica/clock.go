package replica

import (
	"sync"
	"time"
)

// A hostClock turns the monotonic clock into ticks.
//
// A process that did not run for a while, because it was stopped or its machine was busy, finds many ticks passed at once.
// Leaders must count them all: their leases rest on real time. Followers must not: they would find their leader silent
// although its messages wait in their queues. The clock therefore also counts the ticks that passed unnoticed.
type hostClock struct {
	tick  time.Duration
	start time.Time

	mu sync.Mutex
	// now is the last tick that was noticed; unnoticed is how many passed in jumps of more than maxJump.
	now       uint64
	unnoticed uint64
}

// maxJump is how many ticks may pass at once without a follower overlooking some of them.
const maxJump = 3

func newHostClock(tick time.Duration) *hostClock {
	return &hostClock{tick: tick, start: time.Now()}
}

// read returns the ticks that have passed, and how many of them followers are to overlook.
func (c *hostClock) read() (now, unnoticed uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// The time is taken under the lock, so that it never goes back from one reader to the next.
	now = uint64(time.Since(c.start) / c.tick)
	if jump := now - c.now; jump > maxJump {
		c.unnoticed += jump - maxJump
	}
	c.now = now
	return now, c.unnoticed
}
