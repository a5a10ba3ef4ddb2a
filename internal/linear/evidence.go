package linear

import (
	"cmp"
	"fmt"
	"slices"
)

// How what contradicts each other is put into words.

// violation builds a violation of one key from the positions of operations in the history, which may repeat.
func (c *checker) violation(kind Kind, explanation string, positions ...int) *Violation {
	v := &Violation{Kind: kind, Key: c.history[positions[0]].Key, Explanation: explanation}
	slices.SortFunc(positions, func(i, j int) int {
		return cmp.Or(cmp.Compare(c.history[i].Call, c.history[j].Call), i-j)
	})
	for _, i := range slices.Compact(positions) {
		v.Operations = append(v.Operations, c.history[i])
	}
	return v
}

// cycle explains that the values of a and b must each have been in force before the other.
func (c *checker) cycle(a, b *zone) *Violation {
	valueA, valueB := c.history[a.first].Value, c.history[b.first].Value
	endedB, begunA := c.history[b.first].brief(), c.history[a.last].brief()
	if a.initial {
		explanation := fmt.Sprintf("key %d: %s ended before %s began, so %d was in force before the initial value %d; nothing "+
			"can be", a.key, endedB, begunA, valueB, valueA)
		return c.violation(Cycle, explanation, b.write, b.first, a.last)
	}
	explanation := fmt.Sprintf("key %d: %s ended before %s began, so %d was in force before %d; but %s ended before %s "+
		"began, so %d was in force before %d", a.key, c.history[a.first].brief(), c.history[b.last].brief(), valueA, valueB,
		endedB, begunA, valueB, valueA)
	return c.violation(Cycle, explanation, a.write, a.first, a.last, b.write, b.first, b.last)
}
