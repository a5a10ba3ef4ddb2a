// Package quorum answers the two questions of majority agreement, for one majority and for the two of a joint
// configuration: up to which index is the log agreed (Raft §5.3), and is an election won (Raft §5.2, §6).
//
// The arithmetic stands once, over plain numbers and slices, and allocates nothing. The types over maps are a
// convenience on top of it, for callers that hold a configuration by voter.
//
// Nothing in this package keeps state: every function may be called from any goroutine, provided that nobody changes
// the maps and slices it was given meanwhile.
package quorum

import "math"

// Majority returns the smallest number of voters, out of n, of which any two choices share a voter: n/2+1. It is 0
// for n = 0, because a configuration without voters constrains nothing, and for a negative n.
func Majority(n int) int {
	if n <= 0 {
		return 0
	}
	return n/2 + 1
}

// CommittedOf returns the largest index that a majority of voters has reached. acked holds one value for each voter,
// 0 for one that has not answered, in any order; it is scratch space, and is in another order afterwards.
//
// It returns math.MaxUint64 if there are no voters: the empty half of a joint configuration holds nothing back.
func CommittedOf(acked []uint64) uint64 {
	n := len(acked)
	if n == 0 {
		return math.MaxUint64
	}
	// This begins anew each time. An order that is kept from one call to the next, and repaired by moving the voter that
	// advanced, is easy to get wrong and gains nothing at the sizes that clusters have.
	placeAt(acked, n-Majority(n))
	return acked[n-Majority(n)]
}

// insertionSortMax is the largest number of indexes, inclusive, that is sorted by insertion.
const insertionSortMax = 16

// sortIndexes sorts by insertion, which is fastest for a few elements.
func sortIndexes(s []uint64) {
	for i := 1; i < len(s); i++ {
		v, j := s[i], i
		for ; j > 0 && s[j-1] > v; j-- {
			s[j] = s[j-1]
		}
		s[j] = v
	}
}

// ResultOf returns the state of a vote in which, out of the given number of voters, yes have granted it and no have
// refused it; the others have not answered. A vote among no voters is won.
func ResultOf(yes, no, voters int) VoteResult {
	need := Majority(voters)
	if yes >= need {
		return VoteWon
	}
	if voters-no < need {
		return VoteLost
	}
	return VotePending
}
