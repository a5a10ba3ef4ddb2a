package quorum

import "math/bits"

// Finding the index that a majority has reached (Raft §5.3) without putting all of them in order.

// placeAt moves the elements of s so that s[k] is what it would be if s were sorted, 0 <= k < len(s).
//
// As long as many are in question it parts them by the highest bit in which any two of them differ, and goes on with the
// side that holds k. So no order of the elements is a bad one, it takes at most one round for each bit, and few where
// they are near each other: one for members of which some are up to date and the others one entry behind, none where
// all are equal. There is no pivot to be chosen, and nothing is drawn at random.
func placeAt(s []uint64, k int) {
	lo, hi := 0, len(s)
	for hi-lo > insertionSortMax {
		differ := uint64(0)
		for _, v := range s[lo:hi] {
			differ |= v ^ s[lo]
		}
		if differ == 0 {
			return
		}
		if mid := lo + partByBit(s[lo:hi], bits.Len64(differ)-1); k < mid {
			hi = mid
		} else {
			lo = mid
		}
	}
	sortIndexes(s[lo:hi])
}

// partByBit moves the elements without the bit before those with it, and returns how many there are without. It always
// swaps and never branches on a value: which way an element goes is as good as random.
func partByBit(s []uint64, bit int) (without int) {
	for i, v := range s {
		s[i] = s[without]
		s[without] = v
		without += 1 - int(v>>uint(bit)&1)
	}
	return without
}
