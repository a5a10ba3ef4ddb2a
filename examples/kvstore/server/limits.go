package server

// Bounds on what requests hold at the same time.

import "sync/atomic"

// A budget is a number that can be taken from as long as there is enough. One that asks for more than all of it gets it if
// nobody else has any.
type budget struct {
	bound int64
	used  atomic.Int64
}

func (b *budget) acquire(n int64) bool {
	used := b.used.Add(n)
	if used > b.bound && used != n {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *budget) release(n int64) { b.used.Add(-n) }

// A reservation is what one request has taken from a budget, bit by bit.
type reservation struct {
	budget *budget
	held   int64
}

// grow takes more, as acquire does; what is held stays held if there is not enough.
func (r *reservation) grow(n int64) bool {
	used := r.budget.used.Add(n)
	if used > r.budget.bound && used != r.held+n {
		r.budget.used.Add(-n)
		return false
	}
	r.held += n
	return true
}

// release gives back all that is held.
func (r *reservation) release() {
	r.budget.release(r.held)
	r.held = 0
}
