package quorum

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// ackMap is an AckedIndexer for tests: a voter that is missing is unknown.
type ackMap map[uint64]Index

func (m ackMap) AckedIndex(id uint64) (Index, bool) {
	idx, found := m[id]
	return idx, found
}

// noisy answers "not found" together with an index that must then be ignored.
type noisy struct{}

func (noisy) AckedIndex(uint64) (Index, bool) { return 99, false }

func set(ids ...uint64) MajorityConfig {
	c := MajorityConfig{}
	for _, id := range ids {
		c[id] = struct{}{}
	}
	return c
}

// everyJoint calls f with every joint configuration of voters out of 1..4. digits[id-1] is 0 for none, 1 for incoming,
// 2 for outgoing, 3 for both.
func everyJoint(f func(c JointConfig)) {
	digits := make([]uint64, 4)
	for more := true; more; more = increment(digits, 4) {
		c := JointConfig{set(), set()}
		for i, d := range digits {
			if d&1 != 0 {
				c[0][uint64(i+1)] = struct{}{}
			}
			if d&2 != 0 {
				c[1][uint64(i+1)] = struct{}{}
			}
		}
		f(c)
	}
}

// slowHeld reports whether a majority of the voters holds the index.
func slowHeld(c MajorityConfig, acked ackMap, index Index) bool {
	n := 0
	for id := range c {
		if acked[id] >= index {
			n++
		}
	}
	return len(c) == 0 || 2*n > len(c)
}

func TestJointCommitAgreesWithItsDefinition(t *testing.T) {
	everyJoint(func(c JointConfig) {
		digits := make([]uint64, 4) // 0 for unknown, otherwise the index
		for more := true; more; more = increment(digits, 3) {
			acked := ackMap{}
			for i, d := range digits {
				if d > 0 {
					acked[uint64(i+1)] = Index(d)
				}
			}
			want := Index(0)
			for _, candidate := range []Index{1, 2, math.MaxUint64} {
				if slowHeld(c[0], acked, candidate) && slowHeld(c[1], acked, candidate) {
					want = candidate
				}
			}
			if got := c.CommittedIndex(acked); got != want {
				require.Equal(t, want, got, "%s with %v", c, acked)
			}
		}
	})
}

// slowJointVote lets the voters that have not answered do so in every way.
func slowJointVote(c JointConfig, votes map[uint64]bool) VoteResult {
	var open []uint64
	for id := uint64(1); id <= 4; id++ {
		if _, answered := votes[id]; !answered {
			open = append(open, id)
		}
	}
	won, lost := false, false
	for bits := range 1 << len(open) {
		acked := ackMap{}
		for id, granted := range votes {
			if granted {
				acked[id] = 1
			}
		}
		for i, id := range open {
			acked[id] = Index(bits >> i & 1)
		}
		if slowHeld(c[0], acked, 1) && slowHeld(c[1], acked, 1) {
			won = true
		} else {
			lost = true
		}
	}
	switch {
	case won && lost:
		return VotePending
	case won:
		return VoteWon
	default:
		return VoteLost
	}
}

func TestJointVoteAgreesWithItsDefinition(t *testing.T) {
	everyJoint(func(c JointConfig) {
		digits := make([]uint64, 4) // 0 for no answer, 1 for no, 2 for yes
		for more := true; more; more = increment(digits, 3) {
			votes := map[uint64]bool{}
			for i, d := range digits {
				if d > 0 {
					votes[uint64(i+1)] = d == 2
				}
			}
			if want, got := slowJointVote(c, votes), c.VoteResult(votes); got != want {
				require.Equal(t, want, got, "%s with %v", c, votes)
			}
		}
	})
}

func TestJointOfOneMajorityTwiceIsThatMajority(t *testing.T) {
	acked := ackMap{1: 4, 2: 9, 3: 6}
	c := set(1, 2, 3, 4)
	require.Equal(t, c.CommittedIndex(acked), JointConfig{c, c}.CommittedIndex(acked))
	votes := map[uint64]bool{1: true, 2: true, 3: true}
	require.Equal(t, c.VoteResult(votes), JointConfig{c, c}.VoteResult(votes))
}

func TestTheEmptyMajorityHoldsNothingBack(t *testing.T) {
	for _, c := range []MajorityConfig{nil, {}} {
		require.Equal(t, Index(math.MaxUint64), c.CommittedIndex(ackMap{}))
		require.Equal(t, VoteWon, c.VoteResult(nil))
		require.Nil(t, c.Slice())
		require.Equal(t, "()", c.String())
	}
	require.Equal(t, "()", JointConfig{}.String())
	require.Equal(t, map[uint64]struct{}{}, JointConfig{}.IDs())
	require.Equal(t, Index(7), JointConfig{set(1), nil}.CommittedIndex(ackMap{1: 7}))
}

func TestAnUnknownVoterHoldsNothing(t *testing.T) {
	require.Equal(t, Index(0), set(1).CommittedIndex(noisy{}))
	require.Contains(t, set(1).Describe(noisy{}), "committed 0")
}

func TestVotesOfStrangersDoNotCount(t *testing.T) {
	votes := map[uint64]bool{1: true, 7: true, 8: true, 9: true}
	require.Equal(t, VotePending, set(1, 2, 3).VoteResult(votes))
}

func TestVotersAreListedInOrder(t *testing.T) {
	c := JointConfig{set(10, 9, 2, 1), set(7, 1)}
	require.Equal(t, []uint64{1, 2, 9, 10}, c[0].Slice())
	require.Equal(t, "(1 2 9 10)", c[0].String())
	require.Equal(t, "(1 2 9 10)&&(1 7)", c.String())
	require.Equal(t, map[uint64]struct{}(set(1, 2, 7, 9, 10)), c.IDs())

	c.IDs()[77] = struct{}{}
	require.NotContains(t, c[0], uint64(77), "IDs must be the caller's own")
}

func TestResultsDoNotDependOnTheOrderOfMaps(t *testing.T) {
	acked, votes := ackMap{}, map[uint64]bool{}
	for id := uint64(1); id <= 25; id++ {
		acked[id] = Index(id * id % 17)
		votes[id] = id%3 == 0
	}
	ascending, descending := set(), set()
	for id := uint64(1); id <= 30; id++ {
		ascending[id] = struct{}{}
		descending[31-id] = struct{}{}
	}
	first := JointConfig{ascending, set(3, 4, 5)}
	// Every round iterates over the maps in another order.
	for range 50 {
		c := JointConfig{descending, set(5, 4, 3)}
		require.Equal(t, first.CommittedIndex(acked), c.CommittedIndex(acked))
		require.Equal(t, first.VoteResult(votes), c.VoteResult(votes))
		require.Equal(t, first.String(), c.String())
		require.Equal(t, first.Describe(acked), c.Describe(acked))
	}
}

func TestNamesOfIndexesAndResults(t *testing.T) {
	require.Equal(t, "12", Index(12).String())
	require.Equal(t, "\u221e", Index(math.MaxUint64).String())
	require.Equal(t, "VotePending", VotePending.String())
	require.Equal(t, "VoteLost", VoteLost.String())
	require.Equal(t, "VoteWon", VoteWon.String())
	require.Equal(t, "VoteResult(0)", VoteResult(0).String())
}

func TestCommittedIndexOfAUsualGroupAllocatesNothing(t *testing.T) {
	c, acked := JointConfig{set(1, 2, 3, 4, 5), set(4, 5, 6)}, ackMap{1: 3, 2: 4, 3: 5, 6: 1}
	var l AckedIndexer = acked
	require.Zero(t, testing.AllocsPerRun(20, func() { c.CommittedIndex(l) }))
}
