package httptransport

import (
	"math/rand/v2"
	"time"
)

// Waiting between attempts.

// A backoff tells how long to wait before an attempt. It is used by one goroutine at a time.
type backoff struct {
	min, max time.Duration
	next     time.Duration
	random   *rand.Rand
}

// newBackoff returns one whose jitter follows from seed.
func newBackoff(o *Options, seed uint64) *backoff {
	return &backoff{min: o.BackoffMin, max: o.BackoffMax, next: o.BackoffMin, random: rand.New(rand.NewPCG(o.ID, seed))}
}

// reset begins anew, after a success.
func (b *backoff) reset() { b.next = b.min }

// delay returns how long to wait this time: between a half of what the attempt's number gives, and all of it, so that hosts
// that lost a peer at the same time do not come back at the same time.
func (b *backoff) delay() time.Duration {
	d := b.next
	b.next = min(2*b.next, b.max)
	return d - time.Duration(b.random.Int64N(int64(d)/2+1))
}
