package model

import (
	"sync"
	"sync/atomic"
)

// registry numbers things by their fingerprints. Different things have different fingerprints but for a collision of 64
// bits: among ten million of them the chance that there is any is about one in 400,000.
type registry[T any] struct {
	things numbered[T]
	parts  [registryParts]registryPart
	count  atomic.Uint32
}

const registryParts = 64

type registryPart struct {
	mu      sync.Mutex
	numbers map[uint64]uint32
}

// part uses the high bits, the maps use the low ones.
func (r *registry[T]) part(fp uint64) *registryPart { return &r.parts[fp>>58] }

// find returns the number of the thing with the fingerprint.
func (r *registry[T]) find(fp uint64) (number uint32, ok bool) {
	p := r.part(fp)
	p.mu.Lock()
	defer p.mu.Unlock()
	number, ok = p.numbers[fp]
	return number, ok
}

// add gives the thing a number, unless there is one with this fingerprint, and returns the number.
func (r *registry[T]) add(fp uint64, t *T) uint32 {
	p := r.part(fp)
	p.mu.Lock()
	defer p.mu.Unlock()
	if number, ok := p.numbers[fp]; ok {
		return number
	}
	if p.numbers == nil {
		p.numbers = map[uint64]uint32{}
	}
	number := r.count.Add(1) - 1
	r.things.put(number, t)
	p.numbers[fp] = number
	return number
}

func (r *registry[T]) get(number uint32) *T { return r.things.get(number) }
