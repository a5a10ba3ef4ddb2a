package rafttest

// byIndex holds a value for each of the newest indexes of the log. Old ones are forgotten now and then: a run may be
// long, and nobody asks for them any more.
type byIndex[T any] struct {
	base  uint64 // the index of items[0]
	items []T
}

const byIndexMax = 1 << 15

// at returns the place of the value for index, or nil if that is forgotten.
func (b *byIndex[T]) at(index uint64) *T {
	if index < b.base {
		return nil
	}
	for index-b.base >= uint64(len(b.items)) {
		if len(b.items) >= byIndexMax {
			b.items = append(b.items[:0], b.items[byIndexMax/2:]...)
			b.base += byIndexMax / 2
		}
		var zero T
		b.items = append(b.items, zero)
	}
	return &b.items[index-b.base]
}

// find returns the value for index; ok is false if there is none, or it is forgotten.
func (b *byIndex[T]) find(index uint64) (v T, ok bool) {
	if index < b.base || index-b.base >= uint64(len(b.items)) {
		return v, false
	}
	return b.items[index-b.base], true
}
