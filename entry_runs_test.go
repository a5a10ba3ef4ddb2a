package raft

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// The list of runs: what it joins and what it leaves apart. That its contents are right, TestUnstableAgainstAModel
// checks.

// runsOfOne returns a list of n entries from index 1 on, each in a run of its own.
func runsOfOne(n int) *entryRuns {
	l := &entryRuns{}
	for i := range n {
		l.takeSpare()
		copy(l.add(1), entriesAt(at(1, uint64(i+1))))
		l.runs[len(l.runs)-1] = l.runs[len(l.runs)-1][:1:1]
	}
	return l
}

// Only what is handed out is joined: a small message for a follower far behind does not copy the rest of the log.
func TestOnlyWhatIsHandedOutIsJoined(t *testing.T) {
	l := runsOfOne(100)
	u := unstable{offset: 1, fresh: 1, entries: *l}
	require.NoError(t, u.check())
	require.Len(t, u.entries.runs, 100)
	one := entrySize(u.entries.at(1))
	ents, size := u.limited(10, 101, 3*one)
	require.Equal(t, []entryID{at(1, 10), at(1, 11), at(1, 12)}, idsOf(ents))
	require.Equal(t, 3*one, size)
	require.Len(t, u.entries.runs, 98, "three became one")
	ents, _ = u.limited(50, 101, 0)
	require.Len(t, ents, 1)
	require.Len(t, u.entries.runs, 98)
	require.NoError(t, u.check())
}

// Runs that are released one by one are not moved each time: the array is used again only when little is left.
func TestRunsAreReleasedInPlace(t *testing.T) {
	l := runsOfOne(64)
	base := &l.runs[0]
	for range 30 {
		l.release(1)
	}
	require.NotSame(t, base, &l.runs[0], "34 runs were moved for one")
	for l.count > 2 {
		l.release(1)
	}
	require.Equal(t, uint64(63), l.runs[0][0].Index)
	require.NoError(t, l.check(63))
	l.release(2)
	require.Empty(t, l.runs)
}

// Programs decode into the same message again and again: Step is done with the entries when it returns.
func TestStepIsDoneWithTheEntries(t *testing.T) {
	for _, n := range []int{1, 3, 200} {
		c := newVoters(t, 3)
		scratch := make([]pb.Entry, n)
		index := uint64(1) // the log begins with an entry at 1
		for range 3 {
			m := appendFrom(2, 1, 1, at(1, index), 0)
			for i := range scratch {
				scratch[i] = pb.Entry{Term: 1, Index: index + uint64(i) + 1, Data: []byte{byte(index)}}
			}
			m.Entries = scratch
			require.NoError(t, c.members[1].rn.Step(m))
			index += uint64(n)
			clear(scratch)
		}
		rd := c.members[1].rn.Ready()
		require.Len(t, rd.Entries, 3*n)
		for i, e := range rd.Entries {
			require.Equal(t, pb.Entry{Term: 1, Index: uint64(i) + 2, Data: []byte{byte(i/n*n + 1)}}, e)
		}
	}
}

// A follower that may be sent no entries has none read for it.
func TestNoEntriesAreReadForAFullFollower(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	r := c.raft(1)
	s := r.emptySuffix(r.log.lastIndex())
	require.Nil(t, s.entries)
	require.True(t, s.empty)
	require.Equal(t, r.term, r.suffixFrom(r.log.lastIndex()).entries[0].Term)
}
