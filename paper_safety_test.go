package raft

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Raft §5.4.2, §5.4.3, §5.5 and the properties of Fig. 3.

// §5.4.2, Fig. 8: an entry of an earlier term may be on a majority and still be overwritten, so it is not
// committed; with an entry of the leader's own term on a majority it is, and then cannot be overwritten any more.
func TestPaper_5_4_2_Figure8(t *testing.T) {
	for _, ownEntryReplicated := range []bool{false, true} {
		c := newVoters(t, 5)
		seed(c, 1, pb.HardState{Term: 3, Commit: 1}, at(2, 2))
		seed(c, 2, pb.HardState{Term: 3, Commit: 1}, at(2, 2))
		seed(c, 5, pb.HardState{Term: 3, Commit: 1}, at(3, 2))
		c.isolated[5] = true
		// (c): 1 leads in term 4 and replicates 2/2 on 3; its own entry reaches nobody, or 2 and 3.
		c.isolated[4] = true
		c.lose = func(m pb.Message) bool { return !ownEntryReplicated && carriesTerm(m, 4) }
		require.NoError(t, c.members[1].rn.Campaign())
		c.stabilize()
		require.Equal(t, StateLeader, c.raft(1).state)
		for range 3 {
			c.beat(1)
		}
		if !ownEntryReplicated {
			require.NoError(t, c.step(ackFrom(2, 1, 4, 2)))
			require.NoError(t, c.step(ackFrom(3, 1, 4, 2)))
			outOf(c, 1)
			require.Equal(t, uint64(1), c.raft(1).log.committed, "2/2 is on a majority, and not committed")
		}
		// (d) or (e): 1 crashes, 5 campaigns with the others.
		c.isolated[1], c.isolated[4], c.isolated[5], c.lose = true, false, false, nil
		for range 5 {
			require.NoError(t, c.members[5].rn.Campaign())
			c.stabilize()
		}
		require.Equal(t, !ownEntryReplicated, c.raft(5).state == StateLeader)
		if ownEntryReplicated {
			require.Equal(t, uint64(3), c.raft(1).log.committed)
		}
	}
}

// carriesTerm reports whether the message holds an entry of the term.
func carriesTerm(m pb.Message, term uint64) bool {
	for _, e := range m.Entries {
		if e.Term == term {
			return true
		}
	}
	return false
}

// §5.4.2: only entries of the leader's current term are committed by counting; those before are with them.
func TestPaper_5_4_2_CommitsByCountingOnlyItsOwnTerm(t *testing.T) {
	for acked, committed := range map[uint64]uint64{2: 1, 3: 1, 4: 4} {
		c := newVoters(t, 3)
		seed(c, 1, pb.HardState{Term: 3, Commit: 1}, at(2, 2), at(3, 3))
		electByHand(c, 3)
		outOf(c, 1)
		replies(c, ackFrom(2, 1, 4, acked))
		replies(c, ackFrom(3, 1, 4, min(acked, 3)))
		require.Equal(t, committed, c.raft(1).log.committed)
	}
}

// §5.4.2: the term of an entry stays as it was when it is replicated by a later leader.
func TestPaper_5_4_2_EntriesKeepTheirTerm(t *testing.T) {
	c := newVoters(t, 3)
	seed(c, 1, pb.HardState{Term: 3, Commit: 1}, at(2, 2), at(3, 3))
	c.elect(1)
	require.Equal(t, []entryID{at(2, 2), at(3, 3), at(4, 4)}, logOf(c, 2))
}

// history checks the properties of Fig. 3 as a group goes through random faults.
type history struct {
	t *testing.T
	*cluster
	rnd *rand.Rand
	// leaders names the leader of each term, committed the entry at each index that was committed, applied by anybody.
	leaders   map[uint64]uint64
	committed map[uint64]entryID
	applied   map[uint64]string
	seen      map[uint64]int
	// ended holds the highest term in which a member led, whose log was then looked at.
	checked map[uint64]bool
}

func newHistory(t *testing.T, seed uint64) *history {
	return &history{
		t: t, cluster: newVoters(t, 5), rnd: rand.New(rand.NewPCG(seed, 43)),
		leaders: map[uint64]uint64{}, committed: map[uint64]entryID{}, applied: map[uint64]string{},
		seen: map[uint64]int{}, checked: map[uint64]bool{},
	}
}

func (h *history) act(i int) {
	id := h.ids[h.rnd.IntN(len(h.ids))]
	switch h.rnd.IntN(12) {
	case 0:
		h.isolated[id] = !h.isolated[id]
	case 1:
		h.restart(id)
	case 2, 3, 4:
		_ = h.members[id].rn.Propose([]byte(fmt.Sprint(i)))
	case 5:
		clear(h.isolated)
	default:
		h.tick(1+h.rnd.IntN(4), id)
	}
	for range h.rnd.IntN(4) {
		for _, id := range h.ids {
			h.ready(id)
		}
		h.deliver()
	}
}

// check looks at every member: one leader in a term, its log holds what was committed, and all apply the same.
func (h *history) check() {
	for _, id := range h.ids {
		r := h.raft(id)
		if r.state == StateLeader {
			if h.leaders[r.term] == 0 {
				h.leaders[r.term] = id
			}
			require.Equal(h.t, h.leaders[r.term], id, "Election Safety: two leaders in term %d", r.term)
			h.checkComplete(id)
		}
		h.checkCommitted(id)
		for _, e := range h.members[id].applied {
			data, known := h.applied[e.Index]
			if !known {
				h.applied[e.Index] = string(e.Data)
			}
			require.True(h.t, !known || data == string(e.Data), "State Machine Safety: index %d of member %d", e.Index, id)
		}
	}
}

// checkComplete requires of a leader just elected that its log holds all that was committed in earlier terms.
func (h *history) checkComplete(id uint64) {
	term := h.raft(id).term
	if h.checked[term] {
		return
	}
	h.checked[term] = true
	for index, entry := range h.committed {
		require.True(h.t, entry.term >= term || holds(&h.raft(id).log, entry),
			"Leader Completeness: the leader of term %d lacks %s, committed at index %d", term, entry, index)
	}
}

func (h *history) checkCommitted(id uint64) {
	l := &h.raft(id).log
	for index := uint64(h.seen[id]) + 2; index <= l.committed; index++ {
		entry := l.identify(index)
		if former, known := h.committed[index]; known {
			require.Equal(h.t, former, entry, "two entries committed at index %d", index)
		}
		h.committed[index] = entry
		h.seen[id] = int(index) - 1
	}
}

// Fig. 3: Election Safety, Leader Completeness and State Machine Safety, throughout random crashes, partitions and
// elections.
func TestPaper_5_4_3_SafetyInRandomRuns(t *testing.T) {
	committed := 0
	for seed := uint64(0); seed < 12; seed++ {
		h := newHistory(t, seed)
		for i := range 600 {
			h.act(i)
			h.check()
		}
		committed += len(h.committed)
	}
	require.Greater(t, committed, 300, "too little happened to show anything")
}

// §5.5: appends that arrive twice do no harm, and are acknowledged again.
func TestPaper_5_5_AppendsAreIdempotent(t *testing.T) {
	c := newVoters(t, 3)
	m := appendFrom(2, 1, 2, at(1, 1), 3, at(2, 2), at(2, 3))
	first := soleReply(c, m, pb.MsgAppResp)
	for range 3 {
		require.Equal(t, first, soleReply(c, m, pb.MsgAppResp))
		require.Equal(t, []entryID{at(2, 2), at(2, 3)}, logOf(c, 1))
		require.Equal(t, []entryID{at(2, 2), at(2, 3)}, idsOf(c.members[1].applied))
	}
}

// §5.5: so do requests for votes.
func TestPaper_5_5_VoteRequestsAreIdempotent(t *testing.T) {
	c := newVoters(t, 3)
	m := askFrom(pb.MsgVote, 2, 1, 3, at(1, 1))
	first := soleReply(c, m, pb.MsgVoteResp)
	require.Equal(t, first, soleReply(c, m, pb.MsgVoteResp))
	require.False(t, first.Reject)
}

// §5.5: a follower that crashed before it answered is sent the same again when it is back.
func TestPaper_5_5_CrashedFollowerIsSentTheSameAgain(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	c.propose(1, "a")
	outOf(c, 1)
	c.restart(2)
	c.members[1].rn.ReportUnreachable(2)
	c.stabilize()
	c.beat(1)
	require.Equal(t, []string{"a"}, c.data(2))
}

// §5.6: safety does not depend on timing: a member whose clock runs fast costs elections, and nothing that was
// committed.
func TestPaper_5_6_FastClockLosesNothing(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	want := []string{}
	for i := range 30 {
		c.tick(25, 3)
		c.stabilize()
		lead := c.leader()
		data := fmt.Sprint(i)
		if lead != None && c.members[lead].rn.Propose([]byte(data)) == nil {
			want = append(want, data)
		}
		c.stabilize()
	}
	require.Len(t, want, 30)
	require.Equal(t, want, c.data(2))
}
