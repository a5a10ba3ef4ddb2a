package store

import (
	"hash/maphash"
	"math"
)

// Recollections find remembered results by their keys without a second index on the disk: most commands come once, and for those
// nothing is read at all.

// recollections has an entry for every remembered result, in order; dropped ones leave at the front. The hashes differ from
// process to process, but have no influence on what is found.
type recollections struct {
	seed    maphash.Seed
	mask    uint64            // the bits of a hash that count: all of them, but in tests that want collisions
	oldest  uint64            // sequence of the first entry
	entries []recollection    // in a slice that moves forward
	newest  map[uint64]uint64 // the last sequence with a hash; nil until it is loaded
}

// A recollection stands for one result.
type recollection struct {
	hash  uint64
	prior uint64 // the sequence before it that has the same hash, 0 if there was none
	size  uint64
}

func newRecollections(oldest uint64) recollections {
	return recollections{seed: maphash.MakeSeed(), mask: math.MaxUint64, oldest: oldest, newest: map[uint64]uint64{}}
}

func (r *recollections) loaded() bool { return r.newest != nil }

func (r *recollections) len() uint64 { return uint64(len(r.entries)) }

func (r *recollections) hash(key string) uint64 { return maphash.String(r.seed, key) & r.mask }

// add appends the entry of the next sequence.
func (r *recollections) add(key string, size uint64) {
	hash := r.hash(key)
	r.entries = append(r.entries, recollection{hash: hash, prior: r.newest[hash], size: size})
	r.newest[hash] = r.oldest + uint64(len(r.entries)) - 1
}

// drop forgets the oldest entry and returns its size.
func (r *recollections) drop() (size uint64) {
	e := r.entries[0]
	r.entries = r.entries[1:]
	if r.newest[e.hash] == r.oldest {
		delete(r.newest, e.hash)
	}
	r.oldest++
	return e.size
}

// last returns the newest sequence that may have a key, 0 if none has it.
func (r *recollections) last(key string) uint64 { return r.newest[r.hash(key)] }

// before returns the sequence before seq that has the same hash; what is below the oldest was dropped.
func (r *recollections) before(seq uint64) uint64 { return r.entries[seq-r.oldest].prior }
