package model

import (
	"math/bits"
	"sync"
	"unsafe"
)

// visited is the set of the fingerprints of all states seen. It is divided into parts by the top bits of the
// fingerprint; each is a table with open addressing and linear probing, has its own lock and grows by itself, so that
// the search never has to stop for it, and never holds more than one part twice. With many more parts than workers the
// locks are as good as never contended, and cost little beside the cache miss that each look-up is.
//
// A place in a part is a multiple of the fingerprint's size (fast range), so that a part may have any capacity and
// grow by half: at least half of its memory is in use.
type visited struct {
	parts [visitedParts]visitedPart
}

const (
	visitedPartBits = 9
	visitedParts    = 1 << visitedPartBits
	// firstCapacity is the capacity with which a part begins.
	firstCapacity = 256
)

// visitedPart is padded to a cache line, so that workers do not slow each other down by neighbouring locks.
type visitedPart struct {
	mu    sync.Mutex
	slots []uint64 // zero where there is none
	used  int
	_     [cacheLine - unsafe.Sizeof(sync.Mutex{}) - unsafe.Sizeof([]uint64(nil)) - unsafe.Sizeof(0)]byte
}

const cacheLine = 64

func newVisited() *visited {
	v := &visited{}
	for i := range v.parts {
		v.parts[i].slots = make([]uint64, firstCapacity)
	}
	return v
}

// add puts the fingerprint into the set and reports whether it was not there.
func (v *visited) add(fp uint64) bool {
	if fp == 0 {
		fp = 1
	}
	p := &v.parts[fp>>(64-visitedPartBits)]
	p.mu.Lock()
	if p.used+p.used/4 >= len(p.slots) { // four fifths are in use
		p.grow()
	}
	added := insert(p.slots, fp)
	if added {
		p.used++
	}
	p.mu.Unlock()
	return added
}

func (p *visitedPart) grow() {
	slots := make([]uint64, len(p.slots)+len(p.slots)/2)
	for _, fp := range p.slots {
		if fp != 0 {
			insert(slots, fp)
		}
	}
	p.slots = slots
}

func insert(slots []uint64, fp uint64) bool {
	at, _ := bits.Mul64(fp<<visitedPartBits, uint64(len(slots)))
	for i := int(at); ; i++ {
		if i == len(slots) {
			i = 0
		}
		if slots[i] == fp {
			return false
		}
		if slots[i] == 0 {
			slots[i] = fp
			return true
		}
	}
}

// usage returns how many fingerprints there are and how many there is room for.
func (v *visited) usage() (used, capacity int) {
	for i := range v.parts {
		p := &v.parts[i]
		p.mu.Lock()
		used += p.used
		capacity += len(p.slots)
		p.mu.Unlock()
	}
	return used, capacity
}
