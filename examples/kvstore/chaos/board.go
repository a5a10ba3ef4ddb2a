package chaos

import (
	"math/rand/v2"
	"sync"

	"github.com/seed695671cb/raft/examples/kvstore/chaos/history"
)

// A group is a handful of keys that clients work on together, until it has had enough operations.
type group struct {
	id int

	mu      sync.Mutex
	ops     int
	unknown int
	known   [history.GroupSize]uint64 // the newest revision that an answer showed with a value, 0 if the key was gone
}

// A board has the groups of keys that are in use. Groups are replaced by fresh ones, so that the history of each stays
// short enough to be checked: the check's effort grows steeply with the number of operations that overlap, and with the
// number of those that have no answer.
type board struct {
	maxOps, maxUnknown int

	mu     sync.Mutex
	groups []*group
	next   int
}

func newBoard(groups, maxOps, maxUnknown int) *board {
	b := &board{maxOps: maxOps, maxUnknown: maxUnknown}
	for range groups {
		b.groups = append(b.groups, b.fresh())
	}
	return b
}

func (b *board) fresh() *group {
	b.next++
	return &group{id: b.next}
}

// used returns how many groups there have been.
func (b *board) used() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.next
}

// pick returns one of the groups in use.
func (b *board) pick(rng *rand.Rand) *group {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := rng.IntN(len(b.groups))
	if b.groups[i].spent(b.maxOps, b.maxUnknown) {
		b.groups[i] = b.fresh()
	}
	return b.groups[i]
}

// spent counts one more use.
func (g *group) spent(maxOps, maxUnknown int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ops++
	return g.ops > maxOps || g.unknown >= maxUnknown
}

// revOf returns the newest revision that is known of a key.
func (g *group) revOf(slot int) uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.known[slot]
}

// learn takes from an answer what is known of keys now.
func (g *group) learn(op *history.Op) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if op.Outcome == history.Unknown && !op.Reads() {
		g.unknown++
	}
	if op.Outcome != history.OK {
		return
	}
	for i, action := range op.Done() {
		_, slot, _ := history.ParseKey(action.Key)
		switch {
		case action.Kind == history.Put:
			g.known[slot] = max(g.known[slot], op.Rev)
		case i < len(op.Results) && op.Results[i].Value != "":
			g.known[slot] = max(g.known[slot], op.Results[i].Rev)
		}
	}
}
