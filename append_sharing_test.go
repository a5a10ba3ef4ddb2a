package raft

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/tracker"
)

// Appends are put together once for all followers that need the same part of the log (Raft §5.3). Who else is sent what
// must not show in what a follower is sent: it gets what it would get alone.

// appendsOf returns the appends to a member.
func appendsOf(msgs []pb.Message, to uint64) []pb.Message {
	var out []pb.Message
	for _, m := range msgs {
		if m.Type == pb.MsgApp && m.To == to {
			out = append(out, m)
		}
	}
	return out
}

// sentIDs returns the entries that the appends to a member hold, one list for each.
func sentIDs(msgs []pb.Message, to uint64) [][]entryID {
	var out [][]entryID
	for _, m := range appendsOf(msgs, to) {
		out = append(out, idsOf(m.Entries))
	}
	return out
}

func TestAppendsShareTheirEntries(t *testing.T) {
	c := newVoters(t, 4)
	c.elect(1)
	c.propose(1, "a")
	c.propose(1, "b")
	out := outOf(c, 1)
	first := appendsOf(out, 2)
	require.Len(t, first, 1)
	require.Equal(t, []entryID{at(2, 3), at(2, 4)}, idsOf(first[0].Entries))
	for id := uint64(3); id <= 4; id++ {
		other := appendsOf(out, id)
		require.Len(t, other, 1)
		require.Equal(t, first[0].Entries, other[0].Entries)
		require.Same(t, &first[0].Entries[0], &other[0].Entries[0], "put together for each follower")
		require.Equal(t, len(other[0].Entries), cap(other[0].Entries), "appending to one would write into the log")
	}
}

// countedStorage counts how often entries are read from it.
type countedStorage struct {
	Storage
	reads int
}

func (s *countedStorage) Entries(lo, hi, maxSize uint64) ([]pb.Entry, error) {
	s.reads++
	return s.Storage.Entries(lo, hi, maxSize)
}

// Storage is read once for all followers that are equally far behind.
func TestAppendsReadStorageOnce(t *testing.T) {
	var disk *countedStorage
	c := newVoters(t, 5, func(c *Config) {
		if c.ID == 1 {
			disk = &countedStorage{Storage: c.Storage}
			c.Storage = disk
		}
	})
	require.NoError(t, c.members[1].rn.Campaign())
	outOf(c, 1)
	for id := uint64(2); id <= 3; id++ {
		replies(c, answerFrom(pb.MsgVoteResp, id, 1, 2, true))
	}
	for id := uint64(2); id <= 5; id++ {
		require.NoError(t, c.step(ackFrom(id, 1, 2, 1)))
	}
	require.Equal(t, uint64(2), c.raft(1).log.storedIndex())
	disk.reads = 0
	out := outOf(c, 1)
	for id := uint64(2); id <= 5; id++ {
		require.Equal(t, [][]entryID{{at(2, 2)}}, sentIDs(out, id))
	}
	require.Equal(t, 1, disk.reads)
}

// Followers that have come to different ends are sent what each of them needs, whichever was served before.
func TestAppendsBeginWhereEachFollowerNeedsThem(t *testing.T) {
	c := leaderOf(t, 4)
	outOf(c, 1)
	for _, m := range []pb.Message{ackFrom(2, 1, 2, 2), rejectFrom(3, 1, 2, 1, at(0, 0)), ackFrom(4, 1, 2, 1)} {
		require.NoError(t, c.step(m))
	}
	c.propose(1, "a")
	out := outOf(c, 1)
	require.Equal(t, [][]entryID{{at(2, 3)}}, sentIDs(out, 2))
	require.Equal(t, []entryID{at(2, 2), at(2, 3)}, slices.Concat(sentIDs(out, 4)...))
	require.Equal(t, at(1, 1), entryID{term: appendsOf(out, 4)[0].LogTerm, index: appendsOf(out, 4)[0].Index})
	require.Equal(t, at(2, 2), entryID{term: appendsOf(out, 2)[0].LogTerm, index: appendsOf(out, 2)[0].Index})
}

// One follower has as much under way as it may: it alone is sent no entries, and when it has been heard of it is sent
// all that it has missed.
func TestAppendsPassOverAFullFollower(t *testing.T) {
	c := newVoters(t, 3, func(c *Config) { c.MaxInflightMsgs = 2 })
	c.elect(1)
	for index := uint64(3); index <= 4; index++ {
		c.propose(1, "x")
		require.Equal(t, [][]entryID{{at(2, index)}}, sentIDs(outOf(c, 1), 2))
		require.NoError(t, c.step(ackFrom(3, 1, 2, index)))
		outOf(c, 1)
	}
	c.propose(1, "x")
	out := outOf(c, 1)
	require.Empty(t, sentIDs(out, 2))
	require.Equal(t, [][]entryID{{at(2, 5)}}, sentIDs(out, 3))
	for range 2 {
		require.NoError(t, c.step(pb.Message{Type: pb.MsgHeartbeatResp, From: 2, To: 1, Term: 2}))
	}
	c.propose(1, "x")
	out = outOf(c, 1)
	require.Equal(t, [][]entryID{nil}, sentIDs(out, 2), "it is only asked where it is")
	require.Equal(t, [][]entryID{{at(2, 6)}}, sentIDs(out, 3))
	require.NoError(t, c.step(ackFrom(2, 1, 2, 4)))
	require.Equal(t, [][]entryID{{at(2, 5), at(2, 6)}}, sentIDs(outOf(c, 1), 2))
}

// Where one message may not carry all, a follower is sent several at once, and the next follower all of them again.
func TestAppendsInSeveralMessages(t *testing.T) {
	c := newVoters(t, 3, func(c *Config) { c.MaxSizePerMsg = 0; c.MaxInflightMsgs = 3 })
	c.elect(1)
	for range 5 {
		c.propose(1, "x")
	}
	out := outOf(c, 1)
	for id := uint64(2); id <= 3; id++ {
		require.Equal(t, [][]entryID{{at(2, 3)}, {at(2, 4)}, {at(2, 5)}}, sentIDs(out, id))
	}
}

// sharedRun is a leader whose followers do what they like. What it sends is compared with what each follower, looked at
// alone, is to be sent.
type sharedRun struct {
	c    *cluster
	rng  *rand.Rand
	sent int
	// asked counts appends that could carry no entries.
	asked int
}

func (run *sharedRun) step() {
	r := run.c.raft(1)
	id := 2 + run.rng.Uint64N(uint64(len(r.leading.members)-1))
	p := &r.leading.progress[id-1]
	switch run.rng.IntN(10) {
	case 0, 1, 2:
		run.c.propose(1, string(make([]byte, run.rng.IntN(60))))
	case 3, 4, 5:
		index := min(p.Match+run.rng.Uint64N(4), p.Next-1)
		require.NoError(run.c.t, run.c.step(ackFrom(id, 1, r.term, index)))
	case 6:
		if p.Next-1 > p.Match {
			hint := p.Match + run.rng.Uint64N(p.Next-1-p.Match)
			require.NoError(run.c.t, run.c.step(rejectFrom(id, 1, r.term, p.Next-1, entryID{index: hint})))
		}
	case 7:
		require.NoError(run.c.t, run.c.step(pb.Message{Type: pb.MsgHeartbeatResp, From: id, To: 1, Term: r.term}))
	case 8:
		run.c.members[1].rn.ReportUnreachable(id)
	case 9:
		run.flush()
	}
}

// flush has the leader send what its followers are owed, and checks it.
func (run *sharedRun) flush() {
	r := run.c.raft(1)
	log := make([]pb.Entry, 0, r.log.lastIndex()) // from index 2 on
	require.NoError(run.c.t, r.log.scan(2, r.log.lastIndex()+1, noEncodedLimit, func(ents []pb.Entry) bool {
		log = append(log, ents...)
		return true
	}))
	alone := make([]tracker.Progress, len(r.leading.progress))
	for i := range alone {
		alone[i] = r.leading.progress[i]
		alone[i].Inflights = alone[i].Inflights.Clone()
	}
	commit := r.log.committed
	r.flush()
	out := r.outbox.messages.list
	for i := 1; i < len(alone); i++ {
		run.follow(&alone[i], appendsOf(out, uint64(i+1)), log, commit)
		require.Equal(run.c.t, alone[i].String(), r.leading.progress[i].String(), "member %d", i+1)
		require.Equal(run.c.t, alone[i].Inflights.Bytes(), r.leading.progress[i].Inflights.Bytes(), "member %d", i+1)
	}
	outOf(run.c, 1)
}

// follow requires that the messages are what a follower with progress p is to be sent, and takes p to where they do.
func (run *sharedRun) follow(p *tracker.Progress, msgs []pb.Message, log []pb.Entry, commit uint64) {
	t, r := run.c.t, run.c.raft(1)
	last := r.log.lastIndex()
	for p.ShouldSend(last, commit) {
		require.NotEmpty(t, msgs, "it is owed more: %s", p)
		m := &msgs[0]
		prev := at(1, 1)
		if p.Next > 2 {
			prev = idOf(&log[p.Next-3])
		}
		require.Equal(t, prev, entryID{term: m.LogTerm, index: m.Index})
		require.Equal(t, commit, m.Commit)
		if p.MayCarryEntries() {
			require.Equal(t, p.Next <= last, len(m.Entries) > 0, "%s", p)
		} else {
			require.Empty(t, m.Entries)
			run.asked++
		}
		payload, size := uint64(0), uint64(0)
		for k, e := range m.Entries {
			require.Equal(t, log[p.Next-2+uint64(k)], e)
			payload += uint64(len(e.Data))
			size += uint64(e.Size())
		}
		require.True(t, len(m.Entries) <= 1 || size <= uint64(r.maxSizePerMsg), "%d bytes in one message", size)
		p.OnAppendSent(m.Index+uint64(len(m.Entries)), payload, commit)
		run.sent++
		msgs = msgs[1:]
	}
	require.Empty(t, msgs, "it is owed no more: %s", p)
}

func TestAppendsAreWhatEachFollowerWouldGetAlone(t *testing.T) {
	sent, asked := 0, 0
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			run := &sharedRun{rng: rand.New(rand.NewPCG(seed, 8))}
			run.c = newVoters(t, 5, func(c *Config) {
				c.MaxInflightMsgs = 1 + int(seed%4)
				c.MaxSizePerMsg = []uint64{0, 60, 200, noLimit}[seed/4%4]
				c.MaxInflightBytes = []uint64{0, 200, 0, 0}[seed/4%4]
			})
			run.c.elect(1)
			for range 150 {
				run.step()
			}
			sent, asked = sent+run.sent, asked+run.asked
		})
	}
	require.Greater(t, sent, 3000)
	require.Greater(t, asked, 20)
}
