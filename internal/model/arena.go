package model

import (
	"sort"
	"sync"
)

// A level holds the states that are so many events from the first. Its states stand one after another in blocks of
// words, which are given back as soon as the states have been expanded; for each state its way here is kept for ever:
// the number of the state that it came from in the level before, and the number of the move, six bytes in all.

const (
	blockWords  = 1 << 15
	blockStates = 1 << 11
)

// block is a part of a level. A worker fills it alone, and a worker empties it alone.
type block struct {
	words []uint32
	// first is the number of its first state in the level.
	first   uint32
	parents []uint32
	moves   []uint16
}

// full reports whether a state of so many words has no room.
func (b *block) full(size int) bool {
	return len(b.parents) == blockStates || len(b.words)+size > cap(b.words)
}

// level is the blocks of a level, in order.
type level []*block

// find returns from which state of the level before, and by which of its moves, a state came.
func (l level) find(state uint32) (parent uint32, move uint16) {
	i := sort.Search(len(l), func(i int) bool { return l[i].first > state }) - 1
	b := l[i]
	return b.parents[state-b.first], b.moves[state-b.first]
}

// number numbers the states and returns how many there are.
func (l level) number() int {
	n := 0
	for _, b := range l {
		b.first = uint32(n)
		n += len(b.parents)
	}
	return n
}

// pool keeps the words of blocks that are done with.
type pool struct {
	mu    sync.Mutex
	words [][]uint32
	// made is how many there are in all.
	made int
}

func (p *pool) take() []uint32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.words); n > 0 {
		words := p.words[n-1]
		p.words = p.words[:n-1]
		return words
	}
	p.made++
	return make([]uint32, 0, blockWords)
}

func (p *pool) give(words []uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.words = append(p.words, words[:0])
}

// bytes returns the memory of all words.
func (p *pool) bytes() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.made * blockWords * 4
}

// writer fills blocks for one worker.
type writer struct {
	pool    *pool
	current block
	done    level
}

// add keeps a state, whose words are appended to what room returned.
func (w *writer) add(parent uint32, move uint16, words []uint32) {
	w.current.words = words
	w.current.parents = append(w.current.parents, parent)
	w.current.moves = append(w.current.moves, move)
}

// room returns words to which a state of the size may be appended.
func (w *writer) room(size int) []uint32 {
	if w.current.words != nil && w.current.full(size) {
		w.close()
	}
	if w.current.words == nil {
		w.current.words = w.pool.take()
	}
	return w.current.words
}

// close ends the block. What is kept for ever is copied to where it fits exactly.
func (w *writer) close() {
	if w.current.words == nil {
		return
	}
	b := &block{words: w.current.words}
	b.parents = append(make([]uint32, 0, len(w.current.parents)), w.current.parents...)
	b.moves = append(make([]uint16, 0, len(w.current.moves)), w.current.moves...)
	w.done = append(w.done, b)
	w.current.words, w.current.parents, w.current.moves = nil, w.current.parents[:0], w.current.moves[:0]
}

// take returns the blocks filled so far.
func (w *writer) take() level {
	w.close()
	done := w.done
	w.done = nil
	return done
}
