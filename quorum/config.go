package quorum

// This file holds configurations by voter, as maps: one majority (Raft §5.2), and the two of joint consensus
// (Raft §6). They gather numbers from the maps and leave the rest to arithmetic.go.

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// Index is the position of an entry in the log. math.MaxUint64 stands for "unbounded": it is what a configuration
// without voters has committed.
type Index uint64

// String returns the index in decimal, or the sign for infinity if it is unbounded.
func (i Index) String() string {
	if i == math.MaxUint64 {
		return "\u221e"
	}
	return strconv.FormatUint(uint64(i), 10)
}

// AckedIndexer knows how far each voter has followed the log.
type AckedIndexer interface {
	// AckedIndex returns the largest index that the voter is known to hold. found is false if nothing is known of it;
	// such a voter counts as holding nothing.
	AckedIndex(voterID uint64) (idx Index, found bool)
}

// MajorityConfig is a set of voters that decides by majority. The nil map is the empty set.
type MajorityConfig map[uint64]struct{}

// JointConfig is a pair of majorities, both of which must agree. The first is the incoming one; the second is the
// outgoing one, empty unless a membership change is on its way. A voter may be in both.
type JointConfig [2]MajorityConfig

// stackVoters is the number of voters, inclusive, for which CommittedIndex needs no memory from the heap.
const stackVoters = 16

// CommittedIndex returns the largest index that a majority of the voters holds, and math.MaxUint64 if there are none.
func (c MajorityConfig) CommittedIndex(l AckedIndexer) Index {
	var stack [stackVoters]uint64
	acked := stack[:0]
	for id := range c {
		idx, _ := ackedIndex(l, id)
		acked = append(acked, uint64(idx))
	}
	return Index(CommittedOf(acked))
}

// ackedIndex asks for the index of a voter, and takes an unknown one for 0, whatever came with the "not found".
func ackedIndex(l AckedIndexer, id uint64) (Index, bool) {
	idx, found := l.AckedIndex(id)
	if !found {
		return 0, false
	}
	return idx, true
}

// VoteResult returns the state of a vote. votes holds true for a voter that granted it and false for one that
// refused it; a voter that is missing has not answered. Votes of others than c's voters do not count.
func (c MajorityConfig) VoteResult(votes map[uint64]bool) VoteResult {
	yes, no := 0, 0
	for id := range c {
		granted, answered := votes[id]
		switch {
		case !answered:
		case granted:
			yes++
		default:
			no++
		}
	}
	return ResultOf(yes, no, len(c))
}

// Slice returns the voters in ascending order, in a slice of the caller's own. It is nil if there are none.
func (c MajorityConfig) Slice() []uint64 {
	if len(c) == 0 {
		return nil
	}
	ids := make([]uint64, 0, len(c))
	for id := range c {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// String returns the voters in ascending order, as in "(1 2 3)".
func (c MajorityConfig) String() string {
	var b strings.Builder
	b.WriteByte('(')
	for i, id := range c.Slice() {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(strconv.FormatUint(id, 10))
	}
	b.WriteByte(')')
	return b.String()
}

// CommittedIndex returns the largest index that both majorities hold.
func (c JointConfig) CommittedIndex(l AckedIndexer) Index {
	return min(c[0].CommittedIndex(l), c[1].CommittedIndex(l))
}

// VoteResult returns the state of a vote that both majorities must grant. votes is as for MajorityConfig.
func (c JointConfig) VoteResult(votes map[uint64]bool) VoteResult {
	return c[0].VoteResult(votes).And(c[1].VoteResult(votes))
}

// IDs returns the voters of both majorities, in a map of the caller's own that is never nil.
func (c JointConfig) IDs() map[uint64]struct{} {
	ids := make(map[uint64]struct{}, len(c[0])+len(c[1]))
	for _, half := range c {
		for id := range half {
			ids[id] = struct{}{}
		}
	}
	return ids
}

// String returns both majorities, as in "(1 2 3)&&(4 5)"; the outgoing one is left out if it is empty.
func (c JointConfig) String() string {
	if len(c[1]) == 0 {
		return c[0].String()
	}
	return c[0].String() + "&&" + c[1].String()
}
