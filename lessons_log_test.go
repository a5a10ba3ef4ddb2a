package raft

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Lessons about the log, its replication and its compaction (Raft §5.3, §5.4.2, §7).

// generousStorage returns one entry more than it was asked for, whenever it has one.
type generousStorage struct{ Storage }

func (s generousStorage) Entries(lo, hi, size uint64) ([]pb.Entry, error) {
	if last, _ := s.LastIndex(); hi <= last {
		hi++
	}
	if ents, err := s.Storage.Entries(lo, hi, size); err != nil || len(ents) > 1 {
		return ents, err
	}
	return s.Storage.Entries(lo, min(lo+2, hi), noLimit)
}

// Storage that returns one entry more than asked neither takes the commit index back nor has an entry applied twice,
// skipped, or applied before it is committed.
func TestLesson10_CommitPaging(t *testing.T) {
	for _, limit := range []uint64{1, 40, noLimit} {
		c := newVoters(t, 1, func(c *Config) {
			c.Storage = generousStorage{c.Storage}
			c.MaxCommittedSizePerReady = limit
		})
		c.elect(1)
		for i := 0; i < 20; i++ {
			c.propose(1, fmt.Sprint(i))
			if i%3 == 0 {
				c.ready(1)
			}
		}
		for c.ready(1) {
			require.LessOrEqual(t, c.raft(1).log.applied, c.raft(1).log.committed)
		}
		for i, e := range c.members[1].applied {
			require.Equal(t, uint64(i+2), e.Index)
		}
		require.Len(t, c.members[1].applied, 21)
	}
}

// A page ends at the commit index even if storage goes on beyond it.
func TestLesson10_PageEndsAtTheCommitIndex(t *testing.T) {
	c := newVoters(t, 3, func(c *Config) { c.Storage = generousStorage{c.Storage} })
	replies(c, appendFrom(2, 1, 2, at(1, 1), 1, at(2, 2), at(2, 3), at(2, 4)))
	replies(c, heartbeatFrom(2, 1, 2, 3))
	require.Equal(t, []entryID{at(2, 2), at(2, 3)}, idsOf(c.members[1].applied))
	require.Equal(t, uint64(3), c.raft(1).log.applied)
}

// The payload that counts as uncommitted goes in and out with the same size, so the bound is never used up for good.
func TestLesson11_UncommittedQuotaDoesNotLeak(t *testing.T) {
	c := newVoters(t, 3, func(c *Config) { c.MaxUncommittedEntriesSize = 80 })
	c.elect(1)
	quota := &c.raft(1).leading.uncommitted
	for round := 0; round < 50; round++ {
		data := make([]byte, 30)
		require.NoError(t, c.members[1].rn.Propose(data))
		require.NoError(t, c.members[1].rn.Propose(data))
		require.ErrorIs(t, c.members[1].rn.Propose(data), ErrProposalDropped)
		cc := changeOf(t, "u2")
		require.NoError(t, c.members[1].rn.ProposeConfChange(pb.ConfChange{Type: pb.ConfChangeUpdateNode}))
		require.ErrorIs(t, c.members[1].rn.ProposeConfChange(cc), ErrProposalDropped)
		c.stabilize()
		require.Zero(t, quota.size, "round %d", round)
	}
}

// The bytes in flight are forgotten when what was in flight is.
func TestLesson11_InflightBytesAreReset(t *testing.T) {
	c := newVoters(t, 3, func(c *Config) {
		c.MaxSizePerMsg = 64
		c.MaxInflightBytes = 64
	})
	c.elect(1)
	for round := 0; round < 20; round++ {
		c.isolated[2] = true
		for i := 0; i < 4; i++ {
			require.NoError(t, c.members[1].rn.Propose(make([]byte, 50)))
			c.stabilize()
		}
		c.members[1].rn.ReportUnreachable(2)
		c.isolated[2] = false
		c.beat(1)
		c.beat(1)
		require.Equal(t, c.raft(1).log.lastIndex(), c.raft(2).log.committed, "round %d", round)
	}
}

// However acknowledgements come in, the commit index is what a majority holds, and nothing above it: compared with
// sorting all of them each time.
func TestLesson12_CommitIsWhatAMajorityHolds(t *testing.T) {
	rnd := rand.New(rand.NewPCG(12, 0))
	for run := 0; run < 200; run++ {
		n := 1 + rnd.IntN(7)
		c := newVoters(t, n)
		c.elect(1)
		for i := 0; i < 10; i++ {
			c.propose(1, "x")
		}
		for c.ready(1) {
			continue
		}
		last := c.raft(1).log.lastIndex()
		match := make([]uint64, n)
		match[0] = last
		for id := 2; id <= n; id++ {
			match[id-1] = 2
		}
		for i := 0; i < 20 && n > 1; i++ {
			id := 2 + rnd.IntN(n-1)
			index := 2 + rnd.Uint64N(last-1)
			require.NoError(t, c.step(ackFrom(uint64(id), 1, 2, index)))
			match[id-1] = max(match[id-1], index)
			sorted := slices.Sorted(slices.Values(match))
			require.Equal(t, sorted[(n-1)/2], c.raft(1).log.committed, "%v", match)
		}
	}
}

// What a rejection hints at, or a snapshot was sent for, or an old acknowledgement says, is not a match.
func TestLesson13_HintsAreNotMatches(t *testing.T) {
	c := newVoters(t, 3)
	seed(c, 1, pb.HardState{Term: 2, Commit: 1}, at(2, 2), at(2, 3), at(2, 4))
	c.isolated[2], c.isolated[3] = true, true
	require.NoError(t, c.members[1].rn.Campaign())
	outOf(c, 1)
	require.NoError(t, c.step(answerFrom(pb.MsgVoteResp, 2, 1, 3, true)))
	outOf(c, 1)
	p := &c.raft(1).leading.progress[1]
	require.NoError(t, c.step(rejectFrom(2, 1, 3, 4, at(2, 3))))
	require.Zero(t, p.Match)
	require.Equal(t, uint64(4), p.Next)
	require.NoError(t, c.step(ackFrom(2, 1, 3, 3)))
	require.NoError(t, c.step(ackFrom(2, 1, 3, 2)))
	require.Equal(t, uint64(3), p.Match)
	require.NoError(t, c.step(rejectFrom(2, 1, 3, 3, at(2, 2))))
	require.Equal(t, uint64(3), p.Match)
	require.NoError(t, c.step(ackFrom(2, 1, 2, 5)))
	require.Equal(t, uint64(3), p.Match, "an acknowledgement of an earlier term")
	p.OnSnapshotSent(5)
	c.members[1].rn.ReportSnapshot(2, SnapshotFinish)
	require.Equal(t, uint64(3), p.Match)
	require.Equal(t, uint64(1), c.raft(1).log.committed)
}

// An append that came late, or twice, does not remove the entries that match after it.
func TestLesson14_LateAppendKeepsAMatchingSuffix(t *testing.T) {
	c := newVoters(t, 3)
	replies(c, appendFrom(2, 1, 2, at(1, 1), 1, at(2, 2), at(2, 3), at(2, 4)))
	for _, late := range []pb.Message{
		appendFrom(2, 1, 2, at(1, 1), 1, at(2, 2)),
		appendFrom(2, 1, 2, at(1, 1), 1),
		appendFrom(2, 1, 2, at(2, 2), 1, at(2, 3)),
		appendFrom(2, 1, 3, at(2, 3), 1),
	} {
		reply := soleReply(c, late, pb.MsgAppResp)
		require.Equal(t, late.Index+uint64(len(late.Entries)), reply.Index, "acknowledges more than it was asked about")
		require.Equal(t, []entryID{at(2, 2), at(2, 3), at(2, 4)}, logOf(c, 1))
		require.Equal(t, uint64(4), c.raft(1).log.storedIndex(), "written once more")
	}
}

// A snapshot replaces a log that conflicts with it as a whole, so that replication goes on after it.
func TestLesson15_SnapshotRemovesAConflictingTail(t *testing.T) {
	c := newVoters(t, 3)
	replies(c, appendFrom(2, 1, 2, at(1, 1), 1, at(2, 2), at(2, 3), at(2, 4), at(2, 5), at(2, 6)))
	reply := soleReply(c, snapshotFrom(3, 1, 3, at(3, 4), voters(1, 2, 3)), pb.MsgAppResp)
	require.Equal(t, uint64(4), reply.Index)
	require.Empty(t, logOf(c, 1))
	require.Equal(t, at(3, 4), c.raft(1).log.lastID())
	reply = soleReply(c, appendFrom(3, 1, 3, at(3, 4), 4, at(3, 5)), pb.MsgAppResp)
	require.False(t, reply.Reject)
	require.Equal(t, uint64(5), reply.Index)
}

// The mirror: a snapshot that came late does not truncate a log that holds all it stands for.
func TestLesson15_StaleSnapshotKeepsTheLog(t *testing.T) {
	c := newVoters(t, 3)
	replies(c, appendFrom(2, 1, 2, at(1, 1), 2, at(2, 2), at(2, 3), at(2, 4)))
	for _, last := range []entryID{at(1, 1), at(2, 2), at(2, 3)} {
		soleReply(c, snapshotFrom(2, 1, 2, last, voters(1, 2, 3)), pb.MsgAppResp)
		require.Equal(t, []entryID{at(2, 2), at(2, 3), at(2, 4)}, logOf(c, 1), "snapshot at %s", last)
	}
	require.Equal(t, uint64(3), c.raft(1).log.committed)
}

// A leader whose log is wholly compacted finds out what a follower has, and sends it the snapshot.
func TestLesson22_WhollyCompactedLog(t *testing.T) {
	for _, async := range []bool{false, true} {
		c := newVoters(t, 3, func(c *Config) { c.AsyncStorageWrites = async })
		c.isolated[3] = true
		c.elect(1)
		c.propose(1, "a")
		c.stabilize()
		c.elect(2)
		for _, id := range []uint64{1, 2} {
			c.snapshot(id, c.raft(id).log.applied)
			first, last := c.raft(id).log.firstIndex(), c.raft(id).log.lastIndex()
			require.Equal(t, last+1, first, "wholly compacted")
		}
		c.isolated[3] = false
		for i := 0; i < 3; i++ {
			c.beat(2)
		}
		require.Equal(t, c.raft(2).log.committed, c.raft(3).log.committed)
		c.propose(2, "b")
		c.stabilize()
		require.Equal(t, []string{"b"}, c.data(3))
	}
}
