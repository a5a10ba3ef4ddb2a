package raft

// Memory that is handed out for good. What a Ready holds belongs to the application from then on, so nothing of it is
// ever used again: lists are built in blocks, each part is handed out once, and the rest of the block takes what comes
// next.

// blocks decides how large the next block of a list is. One that is used up within a tick is followed by one twice as
// large, so that a busy member allocates rarely; any other by one of just what is needed, so that an idle member holds
// nothing.
type blocks struct {
	size   int32
	madeAt uint32 // the tick, modulo 2^32
}

// maxBlock bounds the block that an empty list begins with, beyond what is needed at once.
const maxBlock = 64

// next returns the size of a block made at tick now that must hold need elements, held of which fill the one before.
// A list that goes on growing has its block doubled, however large: moving it costs each element a constant.
func (b *blocks) next(held, need int, now uint64) int {
	size := 0
	if b.madeAt == uint32(now) {
		size = min(2*int(b.size), maxBlock)
	}
	size = max(size, held+need)
	b.size, b.madeAt = int32(min(size, maxBlock)), uint32(now)
	return size
}

// withRoom returns list with room for n more elements, which are zero. What was handed out is not touched.
func withRoom[T any](b *blocks, list []T, n int, now uint64) []T {
	if cap(list)-len(list) >= n {
		return list
	}
	return append(make([]T, 0, b.next(len(list), len(list)+n, now)), list...)
}

// handOut parts a list into what is in it and what is left of its block.
func handOut[T any](list []T) (out, rest []T) {
	n := len(list)
	switch n {
	case 0:
		return nil, list
	case cap(list):
		return list, nil // an empty rest would keep the block
	}
	return list[:n:n], list[n:]
}

// carve returns n zero elements of a block, and what is left of it.
func carve[T any](b *blocks, free []T, n int, now uint64) (out, rest []T) {
	return handOut(withRoom(b, free, n, now)[:n])
}
