package model

import (
	"slices"
	"strconv"
	"strings"
)

// Symmetry. The initial voters begin alike, with the same settings, and the core treats IDs as names: it compares them
// for equality only. (It keeps members in the order of their IDs; that order decides in which order messages to
// different members leave, which the network does not keep, and nothing else.) So a behaviour with the voters
// interchanged is a behaviour too, and one of the two need be explored.
//
// Data is not renamed. It holds IDs where an entry is a membership change: symmetry is given up if the bounds have a
// change that names an initial voter, or a clock that is slow; of other members the IDs stay. Tokens of reads name no member (see source), and the
// state in a snapshot is made of digests of such data.

// maxSymmetric is the largest number of voters whose renamings are used: there are 120 of five.
const maxSymmetric = 5

// renamingsOf returns the renamings under which the bounds stay the same, the identity first.
func renamingsOf(b *Bounds) [][]uint64 {
	identity := make([]uint64, b.Members())
	for i := range identity {
		identity[i] = uint64(i) + 1
	}
	if b.Voters > maxSymmetric || b.Slow > 0 || slices.ContainsFunc(b.Changes, b.namesVoter) {
		return [][]uint64{identity}
	}
	var all [][]uint64
	permute(identity, b.Voters, 0, func(names []uint64) { all = append(all, slices.Clone(names)) })
	return all
}

// namesVoter reports whether the text of a membership change names one of the initial voters.
func (b *Bounds) namesVoter(change string) bool {
	for _, word := range strings.Fields(change) {
		if id, err := strconv.ParseUint(strings.TrimLeft(word, "vlru"), 10, 64); err == nil && id <= uint64(b.Voters) {
			return true
		}
	}
	return false
}

// permute calls visit with every order of the first n names, from position at on.
func permute(names []uint64, n, at int, visit func([]uint64)) {
	if at >= n {
		visit(names)
		return
	}
	for i := at; i < n; i++ {
		names[at], names[i] = names[i], names[at]
		permute(names, n, at+1, visit)
		names[at], names[i] = names[i], names[at]
	}
}
