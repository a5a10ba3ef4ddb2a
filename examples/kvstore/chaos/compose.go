package chaos

import (
	"fmt"
	"math/rand/v2"

	"github.com/seed695671cb/raft/examples/kvstore/chaos/history"
)

// A composer thinks of operations. Each client has its own, with its own generator.
type composer struct {
	client int
	rng    *rand.Rand
	values int
}

// value returns a name that no other value of the run has.
func (c *composer) value() string {
	c.values++
	return fmt.Sprintf("c%d.%d", c.client, c.values)
}

// compose thinks of an operation on a group. Of a hundred operations, the table says how many are of which kind.
func (c *composer) compose(g *group) *history.Op {
	op := &history.Op{Client: c.client, Group: g.id}
	slot := c.rng.IntN(history.GroupSize)
	switch n := c.rng.IntN(100); {
	case n < 24:
		c.put(op, slot)
	case n < 38:
		c.put(op, slot)
		c.compareRev(op, g, slot)
	case n < 43:
		c.put(op, slot)
		c.compareExists(op, slot, false)
	case n < 46:
		c.put(op, slot)
		c.compareExists(op, slot, true)
	case n < 51:
		c.remove(op, slot)
	case n < 54:
		c.remove(op, slot)
		c.compareRev(op, g, slot)
	case n < 66:
		c.txn(op, g, slot)
	case n < 78:
		c.get(op, slot, history.Linearizable)
	case n < 86:
		c.get(op, slot, history.Lease)
	case n < 91:
		c.get(op, slot, history.Stale)
	default:
		c.list(op)
	}
	if !op.Reads() && c.rng.IntN(3) == 0 {
		op.Key = fmt.Sprintf("k%d.%d", c.client, c.rng.Uint64())
	}
	return op
}

func (c *composer) get(op *history.Op, slot int, consistency string) {
	op.Kind, op.Consistency = history.Get, consistency
	op.Then = []history.Action{{Kind: history.Get, Key: history.Key(op.Group, slot)}}
}

func (c *composer) list(op *history.Op) {
	op.Kind, op.Consistency = history.List, history.Linearizable
	if c.rng.IntN(3) == 0 {
		op.Consistency = history.Lease
	}
	for slot := range history.GroupSize {
		op.Then = append(op.Then, history.Action{Kind: history.Get, Key: history.Key(op.Group, slot)})
	}
}

func (c *composer) put(op *history.Op, slot int) {
	op.Kind = history.Put
	op.Then = []history.Action{{Kind: history.Put, Key: history.Key(op.Group, slot), Value: c.value()}}
}

func (c *composer) remove(op *history.Op, slot int) {
	op.Kind = history.Delete
	op.Then = []history.Action{{Kind: history.Delete, Key: history.Key(op.Group, slot)}}
}

// compareRev makes an operation on one key conditional on the newest revision that is known of it. It does nothing if
// none is known.
func (c *composer) compareRev(op *history.Op, g *group, slot int) {
	rev := g.revOf(slot)
	if rev == 0 {
		return
	}
	key := history.Key(op.Group, slot)
	op.Compare = []history.Compare{{Key: key, Target: history.TargetRev, Rev: rev}}
	op.Else = []history.Action{{Kind: history.Get, Key: key}}
}

func (c *composer) compareExists(op *history.Op, slot int, exists bool) {
	key := history.Key(op.Group, slot)
	op.Compare = []history.Compare{{Key: key, Target: history.TargetExists, Exists: exists}}
	op.Else = []history.Action{{Kind: history.Get, Key: key}}
}

// txn thinks of a transaction over both keys of a group: it compares one, and then writes both, or writes one, deletes
// the other and reads what came of it. Otherwise it reads both.
func (c *composer) txn(op *history.Op, g *group, slot int) {
	op.Kind = history.Txn
	key, other := history.Key(op.Group, slot), history.Key(op.Group, (slot+1)%history.GroupSize)
	op.Compare = []history.Compare{{Key: key, Target: history.TargetExists, Exists: c.rng.IntN(2) == 0}}
	if rev := g.revOf(slot); rev != 0 && c.rng.IntN(3) > 0 {
		op.Compare = []history.Compare{{Key: key, Target: history.TargetRev, Rev: rev}}
	}
	op.Then = []history.Action{{Kind: history.Put, Key: key, Value: c.value()}, {Kind: history.Put, Key: other, Value: c.value()}}
	if c.rng.IntN(4) == 0 {
		op.Then[1] = history.Action{Kind: history.Delete, Key: other}
		op.Then = append(op.Then, history.Action{Kind: history.Get, Key: key}, history.Action{Kind: history.Get, Key: other})
	}
	op.Else = []history.Action{{Kind: history.Get, Key: key}, {Kind: history.Get, Key: other}}
}
