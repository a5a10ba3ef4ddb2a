package linear

import (
	"cmp"
	"fmt"
	"slices"
)

// The decision for values that are written once (Gibbons and Korach, "Testing shared memories", SIAM Journal on
// Computing 26, 1997). Keys are independent of each other. On one key, a write and the reads that returned its value are
// a cluster; while its value is in force the operations of a cluster take effect, and no others, so a linearization is
// an order of clusters. A cluster must come before another if one of its operations precedes one of the other's, which
// is so exactly if its earliest return is less than the other's latest call. The history is linearizable if no read is
// older than its write and these demands on the order have no cycle.
//
// Two clusters suffice for a cycle, if there is one. Take the cluster X of a cycle whose earliest return is the
// earliest of all, and the cluster P before it in the cycle. Every cluster Y of the cycle has one before it, whose
// earliest return, and so that of X too, is less than the latest call of Y: X must come before every other, P included,
// while P must come before X.
//
// A zone is a cluster's earliest return and latest call. It is forward if the return comes first: its value was in
// force throughout. Else it is backward: one moment in it is enough. Two backward zones make no cycle, nor does a
// backward one with a forward one whose earliest return comes later. So the zones are looked at by earliest return, each
// against the forward ones before it; and as these do not overlap while no cycle is found, the latest of them will do.
//
// A pending write that was never read needs no attention: its cluster has no return, so it need not come before any
// other, and makes no cycle.

// A zone is what matters of a cluster. Operations are given by their position in the history.
type zone struct {
	key         int
	write       int    // the write; unwritten for the initial value
	first, last int    // the operations of the earliest return and of the latest call
	earliestEnd uint64 // Return of first; for the initial value it is not used: it was in force before everything
	latestBegin uint64 // Call of last
	initial     bool   // the cluster is that of the initial value
}

const unwritten = -1

// precedes reports whether the value of a must have been in force before that of b.
func (a *zone) precedes(b *zone) bool { return a.initial || a.earliestEnd < b.latestBegin }

func (a *zone) isForward() bool { return a.initial || a.earliestEnd < a.latestBegin }

// register is what a cluster is found by.
type register struct {
	key   int
	value uint64
}

// Check decides whether a history of reads and writes is linearizable. It returns nil if so. Else it returns a violation,
// the same one for the same history: the first operation that is malformed; else the first read that is impossible
// whatever the order of the values; else the earliest cycle on the lowest key that has one. The operations may be given
// in any order, and are not changed.
//
// A pending write has taken place if a completed read returned its value; if none did it may be left out. A pending read
// says nothing. Check takes O(n log n) time and O(n) memory.
func Check(history []Operation) *Violation {
	c := checker{history: history}
	if v := c.collectWrites(); v != nil {
		return v
	}
	if v := c.collectReads(); v != nil {
		return v
	}
	return c.order()
}

type checker struct {
	history []Operation
	zones   []zone
	byValue map[register]int // position in zones
}

func (c *checker) collectWrites() *Violation {
	writes := 0
	for i := range c.history {
		if c.history[i].Write {
			writes++
		}
	}
	c.zones = make([]zone, 0, writes+1)
	c.byValue = make(map[register]int, writes+1)
	for i := range c.history {
		o := &c.history[i]
		if o.Return < o.Call {
			return c.violation(Malformed, fmt.Sprintf("%v returned before its call", o), i)
		}
		if !o.Write {
			continue
		}
		if o.Value == Initial {
			return c.violation(Malformed, fmt.Sprintf("%v writes the initial value, which must not be written", o), i)
		}
		at := register{o.Key, o.Value}
		if same, found := c.byValue[at]; found {
			explanation := fmt.Sprintf("key %d: the value %d was written twice, so that it is unknown which of the two writes "+
				"its reads saw", o.Key, o.Value)
			return c.violation(Malformed, explanation, c.zones[same].write, i)
		}
		c.byValue[at] = len(c.zones)
		c.zones = append(c.zones,
			zone{key: o.Key, write: i, first: i, last: i, earliestEnd: o.Return, latestBegin: o.Call})
	}
	return nil
}

func (c *checker) collectReads() *Violation {
	for i := range c.history {
		o := &c.history[i]
		if o.Write || o.Return == Pending {
			continue
		}
		z := c.zoneOf(i)
		if z == nil {
			explanation := fmt.Sprintf("key %d: %s returned a value that was never written", o.Key, o.brief())
			return c.violation(NeverWritten, explanation, i)
		}
		if z.write != unwritten && o.Return < c.history[z.write].Call {
			explanation := fmt.Sprintf("key %d: %s ended before %s began", o.Key, o.brief(), c.history[z.write].brief())
			return c.violation(BeforeWrite, explanation, z.write, i)
		}
		z.include(i, o)
	}
	return nil
}

// zoneOf returns the zone that the read at position i belongs to, nil if its value was never written.
func (c *checker) zoneOf(i int) *zone {
	o := &c.history[i]
	at := register{o.Key, o.Value}
	position, found := c.byValue[at]
	if found {
		return &c.zones[position]
	}
	if o.Value != Initial {
		return nil
	}
	c.byValue[at] = len(c.zones)
	c.zones = append(c.zones, zone{
		key: o.Key, write: unwritten, first: i, last: i, earliestEnd: o.Return, latestBegin: o.Call, initial: true,
	})
	return &c.zones[len(c.zones)-1]
}

// include adds the read o, which stands at position i, to the zone.
func (a *zone) include(i int, o *Operation) {
	if o.Return < a.earliestEnd {
		a.first, a.earliestEnd = i, o.Return
	}
	if o.Call > a.latestBegin {
		a.last, a.latestBegin = i, o.Call
	}
}

// order looks for two clusters that must each come before the other.
func (c *checker) order() *Violation {
	slices.SortFunc(c.zones, byKeyAndEarliestEnd)
	var forward *zone // the latest forward zone on the current key
	for i := range c.zones {
		z := &c.zones[i]
		if forward != nil && forward.key != z.key {
			forward = nil
		}
		if forward != nil && forward.precedes(z) && z.precedes(forward) {
			return c.cycle(forward, z)
		}
		if z.isForward() {
			forward = z
		}
	}
	return nil
}

// byKeyAndEarliestEnd puts the zone of the initial value before the others of its key.
func byKeyAndEarliestEnd(a, b zone) int {
	if a.key != b.key {
		return cmp.Compare(a.key, b.key)
	}
	if a.initial != b.initial {
		return a.write - b.write // one of them is unwritten, which is less than any position
	}
	if a.earliestEnd != b.earliestEnd {
		return cmp.Compare(a.earliestEnd, b.earliestEnd)
	}
	return a.write - b.write
}
