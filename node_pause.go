package raft

import (
	"runtime"
	"time"
)

// pause is how Advance lets proposals come together. A Ready that hands out committed entries wakes those who wait for
// them, and they will propose again. If the first of them had its Ready at once, each of the others would get one of
// its own; so Advance lets those run first who are ready to, and what they bring goes out as one.
//
// The scheduler gives no promise of when it comes back. Where it takes long, because the processors are busy with other
// work, pausing gains nothing and costs latency: then it is left out for a while, each time for longer.
type pause struct {
	// skip is how many pauses to leave out, penalty how many the last time.
	skip    int
	penalty int
}

const (
	// pauseBase and pausePerEntry are what a pause may take before it counts as long.
	pauseBase     = 20 * time.Microsecond
	pausePerEntry = 5 * time.Microsecond
	// maxPenalty bounds how many pauses are left out.
	maxPenalty = 1024
)

// due reports whether to pause after a Ready that handed out so many committed entries. One entry alone wakes nobody
// whose proposal could join the next one's.
func (p *pause) due(committed int) bool {
	if committed <= 1 {
		return false
	}
	if p.skip > 0 {
		p.skip--
		return false
	}
	return true
}

// timeToYield lets others run, and returns how long that took.
func timeToYield() time.Duration {
	start := time.Now()
	runtime.Gosched()
	return time.Since(start)
}

// took notes how long a pause was.
func (p *pause) took(d time.Duration, committed int) {
	if d <= pauseBase+time.Duration(committed)*pausePerEntry {
		p.penalty /= 2
		return
	}
	p.penalty = min(2*p.penalty+1, maxPenalty)
	p.skip = p.penalty
}
