package raft

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Raft §5.3, one test for each sentence that says what leader or follower does with the log.

// leaderOf returns a group of n in which member 1 has just been elected by the messages given, nothing else delivered.
// Its log ends in 2/2, its empty entry.
func leaderOf(t *testing.T, n int, configure ...func(*Config)) *cluster {
	c := newVoters(t, n, configure...)
	electByHand(c, n)
	return c
}

// electByHand has member 1 of n win an election without anything being delivered to the others.
func electByHand(c *cluster, n int) {
	require.NoError(c.t, c.members[1].rn.Campaign())
	outOf(c, 1)
	for id := 2; id <= n/2+1; id++ {
		require.NoError(c.t, c.step(answerFrom(pb.MsgVoteResp, uint64(id), 1, c.raft(1).term, true)))
	}
	require.Equal(c.t, StateLeader, c.raft(1).state)
}

// §5.3: the leader appends a command to its log as a new entry, and sends it to all others at once.
func TestPaper_5_3_LeaderAppendsAndSendsToAll(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	c.propose(1, "a")
	out := outOf(c, 1)
	require.Len(t, out, 2)
	for i, m := range out {
		require.Equal(t, pb.MsgApp, m.Type)
		require.Equal(t, uint64(i+2), m.To)
		require.Equal(t, at(2, 2), at(m.LogTerm, m.Index), "the entry before")
		require.Equal(t, []pb.Entry{{Term: 2, Index: 3, Data: []byte("a")}}, m.Entries)
		require.Equal(t, uint64(2), m.Commit)
	}
	require.Equal(t, at(2, 3), c.raft(1).log.lastID())
}

// §5.3: an entry is committed once the leader has replicated it on a majority, and applied then.
func TestPaper_5_3_EntryIsCommittedOnAMajority(t *testing.T) {
	for n := 1; n <= 7; n++ {
		c := newVoters(t, n)
		c.elect(1)
		c.propose(1, "a")
		outOf(c, 1)
		for id := 2; id <= n; id++ {
			committed := c.raft(1).log.committed >= 3
			require.Equal(t, 2*(id-1) > n, committed, "%d of %d hold it", id-1, n)
			require.NoError(t, c.step(ackFrom(uint64(id), 1, 2, 3)))
		}
		outOf(c, 1)
		require.Equal(t, []string{"a"}, c.data(1))
	}
}

// §5.3: a slow, crashed or disconnected follower does not hold up the others, and is sent the entries until it has
// them.
func TestPaper_5_3_LeaderRetriesUntilAllHaveTheEntries(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	c.isolated[3] = true
	for _, data := range []string{"a", "b", "c"} {
		c.propose(1, data)
		c.stabilize()
		c.beat(1)
	}
	require.Equal(t, []string{"a", "b", "c"}, c.data(1))
	require.Empty(t, c.data(3))
	c.restart(3)
	c.isolated[3] = false
	c.beat(1)
	c.beat(1)
	require.Equal(t, []string{"a", "b", "c"}, c.data(3))
}

// §5.3: committing an entry commits all before it, those of earlier leaders too.
func TestPaper_5_3_CommitIncludesEntriesOfEarlierLeaders(t *testing.T) {
	c := newVoters(t, 3)
	seed(c, 1, pb.HardState{Term: 3, Commit: 1}, at(2, 2), at(3, 3))
	electByHand(c, 3)
	outOf(c, 1)
	replies(c, ackFrom(2, 1, 4, 4))
	require.Equal(t, []entryID{at(2, 2), at(3, 3), at(4, 4)}, idsOf(c.members[1].applied))
}

// §5.3: appends and heartbeats carry the highest index known to be committed, and a follower that learns of it applies
// the entries in the order of the log.
func TestPaper_5_3_FollowersLearnOfCommits(t *testing.T) {
	for _, typ := range []pb.MessageType{pb.MsgApp, pb.MsgHeartbeat} {
		c := newVoters(t, 3)
		replies(c, appendFrom(2, 1, 2, at(1, 1), 1, at(2, 2), at(2, 3), at(2, 4)))
		require.Empty(t, c.members[1].applied)
		m := heartbeatFrom(2, 1, 2, 3)
		if typ == pb.MsgApp {
			m = appendFrom(2, 1, 2, at(2, 4), 3)
		}
		replies(c, m)
		require.Equal(t, []entryID{at(2, 2), at(2, 3)}, idsOf(c.members[1].applied))
	}
}

// Fig. 2: the commit index of an append counts only as far as its own last entry.
func TestPaper_5_3_CommitIsBoundedByTheLastNewEntry(t *testing.T) {
	c := newVoters(t, 3)
	replies(c, appendFrom(2, 1, 2, at(1, 1), 1, at(2, 2), at(2, 3)))
	replies(c, appendFrom(3, 1, 3, at(1, 1), 9, at(2, 2)))
	require.Equal(t, uint64(2), c.raft(1).log.committed, "2/3 may diverge from the log of the new leader")
}

// §5.3: a follower that does not hold the entry before the new ones, of that term at that index, refuses them.
func TestPaper_5_3_ConsistencyCheck(t *testing.T) {
	for prev, accepted := range map[entryID]bool{
		at(1, 1): true, at(2, 2): true, at(3, 3): true, at(2, 3): false, at(3, 2): false, at(3, 4): false, at(1, 2): false,
	} {
		c := newVoters(t, 3)
		seed(c, 1, pb.HardState{Term: 3, Commit: 1}, at(2, 2), at(3, 3))
		reply := soleReply(c, appendFrom(2, 1, 4, prev, 1, at(4, prev.index+1)), pb.MsgAppResp)
		require.Equal(t, accepted, !reply.Reject, "after %s", prev)
		if accepted {
			require.Equal(t, at(4, prev.index+1), c.raft(1).log.lastID())
			require.Equal(t, prev.index+1, reply.Index)
			continue
		}
		require.Equal(t, []entryID{at(2, 2), at(3, 3)}, logOf(c, 1))
		require.Equal(t, prev.index, reply.Index)
	}
}

// figure7 are the logs of the followers of Fig. 7, moved up by one index for the group's snapshot.
func figure7() map[string][]uint64 {
	return map[string][]uint64{
		"a": {1, 1, 1, 4, 4, 5, 5, 6, 6},
		"b": {1, 1, 1, 4},
		"c": {1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6},
		"d": {1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7},
		"e": {1, 1, 1, 4, 4, 4, 4},
		"f": {1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3},
	}
}

func idsOfTerms(terms []uint64) []entryID {
	var ids []entryID
	for i, term := range terms {
		ids = append(ids, at(term, uint64(i+2)))
	}
	return ids
}

// §5.3, Fig. 7: a leader brings the logs of its followers into line with its own, removing what diverges, whatever they
// lack or have too much.
func TestPaper_5_3_Figure7(t *testing.T) {
	leads := []uint64{1, 1, 1, 4, 4, 5, 5, 6, 6, 6}
	for name, follower := range figure7() {
		t.Run(name, func(t *testing.T) {
			c := newVoters(t, 3)
			seed(c, 1, pb.HardState{Term: 7, Commit: 1}, idsOfTerms(leads)...)
			seed(c, 2, pb.HardState{Term: 7, Commit: 1}, idsOfTerms(follower)...)
			c.isolated[3] = true
			electByHandWithVoteOf3(c)
			c.stabilize()
			c.beat(1)
			require.Equal(t, append(idsOfTerms(leads), at(8, 12)), logOf(c, 1))
			require.Equal(t, logOf(c, 1), logOf(c, 2))
			require.Equal(t, c.raft(1).log.committed, c.raft(2).log.committed)
		})
	}
}

// electByHandWithVoteOf3 has 1 win with the vote of 3, which is given by hand.
func electByHandWithVoteOf3(c *cluster) {
	require.NoError(c.t, c.members[1].rn.Campaign())
	outOf(c, 1)
	require.NoError(c.t, c.step(answerFrom(pb.MsgVoteResp, 3, 1, c.raft(1).term, true)))
	require.Equal(c.t, StateLeader, c.raft(1).state)
}

// §5.3: a new leader takes it that followers have its whole log: it begins with the entry after its last.
func TestPaper_5_3_NextIndexBeginsAfterTheLastEntry(t *testing.T) {
	c := newVoters(t, 3)
	seed(c, 1, pb.HardState{Term: 3, Commit: 1}, at(2, 2), at(3, 3))
	electByHand(c, 3)
	for _, m := range ofType(outOf(c, 1), pb.MsgApp) {
		require.Equal(t, at(3, 3), at(m.LogTerm, m.Index))
		require.Equal(t, []entryID{at(4, 4)}, idsOf(m.Entries))
	}
}

// §5.3: after a rejection the leader goes back and tries again.
func TestPaper_5_3_GoesBackAfterARejection(t *testing.T) {
	c := newVoters(t, 3)
	seed(c, 1, pb.HardState{Term: 3, Commit: 1}, at(2, 2), at(3, 3))
	electByHand(c, 3)
	outOf(c, 1)
	out := replies(c, rejectFrom(2, 1, 4, 3, at(2, 2)))
	require.Len(t, out, 1)
	require.Equal(t, at(2, 2), at(out[0].LogTerm, out[0].Index))
	out = replies(c, rejectFrom(2, 1, 4, 2, at(1, 1)))
	require.Equal(t, at(1, 1), at(out[0].LogTerm, out[0].Index))
	require.Equal(t, []entryID{at(2, 2), at(3, 3), at(4, 4)}, idsOf(out[0].Entries))
	out = replies(c, rejectFrom(2, 1, 4, 1, at(0, 0)))
	require.Len(t, ofType(out, pb.MsgSnap), 1, "the log begins there")
}

// randomTerms returns n terms that never decrease and never exceed limit.
func randomTerms(rnd *rand.Rand, n int, limit uint64) []uint64 {
	terms := make([]uint64, n)
	term := uint64(1)
	for i := range terms {
		if rnd.IntN(5) == 0 && term < limit {
			term++
		}
		terms[i] = term
	}
	return terms
}

// §5.3, the accelerated search: the point where two logs diverge is found with a number of probes that is bounded
// by the number of terms in which they differ, however long they are. Compared with logs of every kind.
func TestPaper_5_3_ProbesAreBoundedByTerms(t *testing.T) {
	rnd := rand.New(rand.NewPCG(53, 0))
	for range 150 {
		n := 1 + rnd.IntN(150)
		common := randomTerms(rnd, rnd.IntN(n), 5)
		a := append(common[:len(common):len(common)], tailAfter(common, rnd, n, 0)...)
		b := append(common[:len(common):len(common)], tailAfter(common, rnd, n, 1)...)
		c := newVoters(t, 3)
		seed(c, 1, pb.HardState{Term: 40, Commit: 1}, idsOfTerms(a)...)
		seed(c, 2, pb.HardState{Term: 40, Commit: 1}, idsOfTerms(b)...)
		c.isolated[3] = true
		electByHandWithVoteOf3(c)
		rejections := 0
		c.lose = func(m pb.Message) bool {
			if m.Type == pb.MsgAppResp && m.Reject {
				rejections++
			}
			return false
		}
		c.stabilize()
		c.beat(1)
		require.Equal(t, logOf(c, 1), logOf(c, 2))
		bound := min(distinct(a[len(common):]), distinct(b[len(common):])) + 2
		require.LessOrEqual(t, rejections, bound, "%v against %v", a, b)
	}
}

// tailAfter returns up to n terms after common, all odd or all even beyond it, so that two tails of different
// parity share none.
func tailAfter(common []uint64, rnd *rand.Rand, n int, parity uint64) []uint64 {
	term := uint64(6) + parity
	var tail []uint64
	for range rnd.IntN(n + 1 - len(common)) {
		if rnd.IntN(6) == 0 && term < 36 {
			term += 2
		}
		tail = append(tail, term)
	}
	return tail
}

func distinct(terms []uint64) int {
	seen := map[uint64]bool{}
	for _, term := range terms {
		seen[term] = true
	}
	return len(seen)
}

// §5.3, Leader Append-Only: a leader never overwrites or removes entries of its own log, whatever it is sent.
func TestPaper_5_3_LeaderAppendOnly(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	c.propose(1, "a")
	c.stabilize()
	before := logOf(c, 1)
	for _, m := range []pb.Message{
		appendFrom(2, 1, 2, at(1, 1), 1, at(2, 2)),
		appendFrom(2, 1, 1, at(1, 1), 1, at(1, 2)),
		rejectFrom(2, 1, 2, 3, at(1, 1)),
		snapshotFrom(2, 1, 2, at(2, 9), voters(1, 2, 3)),
	} {
		_ = c.step(m)
		outOf(c, 1)
		require.Equal(t, before, logOf(c, 1)[:len(before)])
	}
}

// §5.3, Log Matching: two logs that hold an entry of one term at one index are the same up to there, throughout random
// elections and losses.
func TestPaper_5_3_LogMatching(t *testing.T) {
	for seed := uint64(0); seed < 10; seed++ {
		c := newVoters(t, 5)
		rnd := rand.New(rand.NewPCG(seed, 8))
		c.lose = func(pb.Message) bool { return rnd.IntN(5) == 0 }
		for i := range 150 {
			id := c.ids[rnd.IntN(5)]
			c.tick(1, id)
			_ = c.members[id].rn.Propose([]byte(fmt.Sprint(i)))
			c.stabilize()
			checkLogsMatch(t, c)
		}
		require.NotZero(t, c.leader(), "seed %d elected nobody", seed)
		require.Greater(t, c.raft(c.leader()).log.committed, uint64(10), "seed %d committed next to nothing", seed)
	}
}

// checkLogsMatch compares every pair of logs.
func checkLogsMatch(t *testing.T, c *cluster) {
	logs := map[uint64][]entryID{}
	for _, id := range c.ids {
		logs[id] = logOf(c, id)
	}
	for _, a := range c.ids {
		for _, b := range c.ids {
			n := min(len(logs[a]), len(logs[b]))
			for n > 0 && logs[a][n-1] != logs[b][n-1] {
				n--
			}
			require.True(t, slices.Equal(logs[a][:n], logs[b][:n]), "%v and %v", logs[a], logs[b])
		}
	}
}
