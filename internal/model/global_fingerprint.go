package model

// The fingerprint of a state of the group. Under one renaming of the members it is a sum, so that that of a successor
// follows from its parent's: of each member's local state under its new name, of each message in flight, and of what
// is left of the budgets, each spread over 64 bits first. As a sum does not depend on order, nothing has to be
// sorted. The fingerprint is then the sum, over all renamings, of these sums, each spread again: the renamings are a
// group, so that all states which are renamings of each other have the same terms, in another order. In contrast to
// the least of the terms, their sum is spread evenly over 64 bits.

const (
	extrasSalt = 0x627564676574732f
	ownSalt    = 0x6d656d6265722d2f
)

// hide works out what the extras add to the fingerprint, under each renaming.
func (w *worker) hide(extras []uint32, into []uint64) {
	y := w.layout
	shared := y.extras
	if y.ownAt >= 0 {
		shared = y.ownAt
	}
	sum := uint64(0)
	for i := range shared {
		sum += spread(extrasSalt + uint64(i)<<32 + uint64(extras[i]))
	}
	for k := range into {
		into[k] = sum
		if y.ownAt < 0 {
			continue
		}
		for i, name := range w.renamings[k] {
			into[k] += spread(ownSalt + name<<32 + uint64(extras[y.ownAt+i]))
		}
	}
}

// fingerprint returns that of the successor.
func (w *worker) fingerprint() uint64 {
	s := &w.succ
	hidden := w.hidden
	if s.changed {
		hidden = w.scratch[:len(w.hidden)]
		w.hide(s.extras[:], hidden)
	}
	fp := uint64(0)
	for k, sum := range w.sums {
		sum += hidden[k]
		for _, c := range s.changes {
			sum += c.step.next.terms[k] - w.group[c.position].terms[k]
		}
		if s.removed >= 0 {
			sum -= w.bag[s.removed].terms[k]
		}
		for _, m := range s.added {
			sum += m.terms[k]
		}
		fp += spread(sum)
	}
	return fp
}
