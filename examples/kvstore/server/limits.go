package server

// Bounds on what requests hold at the same time.

import (
	"context"
	"sync/atomic"
)

// A budget is a number that can be taken from as long as there is enough. One that asks for more than all of it gets it if
// nobody else has any.
type budget struct {
	bound int64
	used  atomic.Int64
}

func (b *budget) acquire(n int64) bool { return b.take(n, 0) }

// take is acquire for one that holds some already.
func (b *budget) take(n, held int64) bool {
	for {
		used := b.used.Load()
		if used+n > b.bound && used != held {
			return false
		}
		if b.used.CompareAndSwap(used, used+n) {
			return true
		}
	}
}

func (b *budget) release(n int64) { b.used.Add(-n) }

// A reservation is what one request has taken from a budget, bit by bit.
type reservation struct {
	budget *budget
	held   int64
}

// grow takes more, as acquire does; what is held stays held if there is not enough.
func (r *reservation) grow(n int64) bool {
	if !r.budget.take(n, r.held) {
		return false
	}
	r.held += n
	return true
}

// shrink gives back what is held beyond n.
func (r *reservation) shrink(n int64) {
	if excess := r.held - n; excess > 0 {
		r.held = n
		r.budget.release(excess)
	}
}

// release gives back all that is held.
func (r *reservation) release() { r.shrink(0) }

// A gate lets few in at a time, for short work that takes memory before it is known how much. The others wait.
type gate chan struct{}

func (g gate) enter(ctx context.Context) error {
	select {
	case g <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g gate) leave() { <-g }

const (
	readersAtOnce  = 32 // that read values of which nothing is reserved yet: 8 MiB each, if it is a list
	decodersAtOnce = 2  // of large bodies, each of which takes several times its size meanwhile
	// largeBody is what counts as one.
	largeBody = 256 << 10
)

// The budgets of a member.
type budgets struct {
	waiting budget // requests, without streams and those of public
	public  budget // requests that need no token
	streams budget
	bodies  budget
	answers budget
	watched budget // what watches have read and not sent

	reading, decoding gate
}

func (b *budgets) set(l *limits) {
	b.waiting.bound = int64(l.requests)
	b.public.bound = int64(l.public)
	b.streams.bound = int64(l.streams)
	b.bodies.bound = l.bodies
	b.answers.bound = l.answers
	b.watched.bound = l.watched
	b.reading, b.decoding = make(gate, readersAtOnce), make(gate, decodersAtOnce)
}
