package chaos

import (
	"context"
	"sync/atomic"
	"time"
)

// A stallMeter measures how long the chaos test itself was kept from running. A machine that has too much to do, or a disk
// that hangs, delays the members in the same way, and outages then say little about the cluster.
type stallMeter struct {
	longest atomic.Int64
	stalls  atomic.Int64 // longer than stallAfter
}

const (
	stallProbe = 20 * time.Millisecond
	stallAfter = 200 * time.Millisecond
)

// run measures until the context ends.
func (m *stallMeter) run(ctx context.Context) {
	for ctx.Err() == nil {
		start := time.Now()
		sleep(ctx, stallProbe)
		late := time.Since(start) - stallProbe
		if late > stallAfter {
			m.stalls.Add(1)
		}
		m.longest.Store(max(m.longest.Load(), int64(late)))
	}
}
