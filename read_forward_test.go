package raft

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Reads that a follower passes to its leader (thesis §6.4, last paragraph): those made between two Readys travel under
// one token, and an answer is for the requests that travelled under the token it names, whatever else happens.

// followerOf returns a cluster of three in which 1 leads term 2, with nothing under way.
func followerOf(t testing.TB, configure ...func(*Config)) *cluster {
	c := newVoters(t, 3, configure...)
	c.elect(1)
	return c
}

// ask makes requests at member 2, one for each name.
func ask(c *cluster, names ...string) {
	for _, name := range names {
		c.members[2].rn.ReadIndex([]byte(name))
	}
}

// forwarded returns the one message by which member 2 passes its requests on.
func forwarded(c *cluster) pb.Message {
	c.t.Helper()
	out := ofType(outOf(c, 2), pb.MsgReadIndex)
	require.Len(c.t, out, 1)
	require.Equal(c.t, uint64(1), out[0].To)
	require.Len(c.t, out[0].Entries, 1)
	require.Len(c.t, out[0].Entries[0].Data, len(readToken{}))
	return out[0]
}

// answerTo is the leader's answer to a request, at the given commit index.
func answerTo(m pb.Message, index uint64) pb.Message {
	return pb.Message{Type: pb.MsgReadIndexResp, From: m.To, To: m.From, Term: 2, Index: index, Entries: m.Entries}
}

// refusalOf is the leader's refusal of a request.
func refusalOf(m pb.Message) pb.Message {
	return pb.Message{Type: pb.MsgReadIndexResp, From: m.To, To: m.From, Term: 2, Reject: true, Context: m.Entries[0].Data}
}

// give gives member 2 an answer, and returns what its application hears thereupon: what was answered, in the form
// context@index, and what was lost.
func give(c *cluster, m pb.Message) (answered, lost []string) {
	c.t.Helper()
	require.NoError(c.t, c.step(m))
	return heard(c)
}

// heard has member 2 hand out what it has for its application.
func heard(c *cluster) (answered, lost []string) {
	m := c.members[2]
	m.reads, m.lost = nil, nil
	outOf(c, 2)
	for _, read := range m.reads {
		answered = append(answered, fmt.Sprintf("%s@%d", read.RequestCtx, read.Index))
	}
	for _, read := range m.lost {
		lost = append(lost, string(read.RequestCtx))
	}
	return answered, lost
}

func TestForwardedReadsTravelAsOne(t *testing.T) {
	for _, configure := range []func(*Config){func(*Config) {}, withAsync} {
		c := followerOf(t, configure)
		ask(c, "a", "b", "b", "")
		m := forwarded(c)
		answered, lost := give(c, answerTo(m, 7))
		require.Equal(t, []string{"a@7", "b@7", "b@7", "@7"}, answered)
		require.Empty(t, lost)
		require.False(t, c.raft(2).awaitsRead())
	}
}

// What was asked for after the message was handed out is not answered by its answer, which may be older than the
// request: it travels under a token of its own, though nothing has changed since.
func TestForwardedReadsMadeLaterWaitForTheirOwnAnswer(t *testing.T) {
	for _, configure := range []func(*Config){func(*Config) {}, withAsync} {
		c := followerOf(t, configure)
		ask(c, "early")
		first := forwarded(c)
		ask(c, "late")
		answered, _ := give(c, answerTo(first, 2))
		require.Equal(t, []string{"early@2"}, answered)

		c = followerOf(t, configure)
		ask(c, "early")
		first = forwarded(c)
		ask(c, "late")
		second := forwarded(c)
		require.NotEqual(t, first.Entries[0].Data, second.Entries[0].Data)
		answered, _ = give(c, answerTo(second, 5))
		require.Equal(t, []string{"late@5"}, answered)
		answered, _ = give(c, answerTo(first, 2))
		require.Equal(t, []string{"early@2"}, answered)
	}
}

// An answer counts once; one that comes again, or that nobody waits for, or that names no token, changes nothing.
func TestForwardedReadsPassOverStrangeAnswers(t *testing.T) {
	c := followerOf(t)
	ask(c, "a")
	first := forwarded(c)
	give(c, answerTo(first, 2))
	ask(c, "b")
	second := forwarded(c)
	for _, data := range [][]byte{nil, {}, []byte("b"), second.Entries[0].Data[:15], make([]byte, 16), make([]byte, 40)} {
		strange := answerTo(second, 9)
		strange.Entries = []pb.Entry{{Data: data}}
		answered, lost := give(c, strange)
		require.Empty(t, append(answered, lost...), "answered by %x", data)
		refusal := refusalOf(second)
		refusal.Context = data
		answered, lost = give(c, refusal)
		require.Empty(t, append(answered, lost...), "refused by %x", data)
	}
	for _, m := range []pb.Message{answerTo(first, 9), refusalOf(first)} {
		answered, lost := give(c, m)
		require.Empty(t, append(answered, lost...), "an answer that came twice")
	}
	answered, _ := give(c, answerTo(second, 3))
	require.Equal(t, []string{"b@3"}, answered)
	answered, _ = give(c, pb.Message{Type: pb.MsgReadIndexResp, From: 1, To: 3, Term: 2, Entries: make([]pb.Entry, 1)})
	require.Empty(t, answered, "a member that has never asked")
}

func TestForwardedReadsAnsweredOutOfOrder(t *testing.T) {
	c := followerOf(t)
	var sent []pb.Message
	for i := range 4 {
		ask(c, fmt.Sprint(i, "a"), fmt.Sprint(i, "b"))
		sent = append(sent, forwarded(c))
	}
	for _, i := range []int{2, 0, 3, 1} {
		answered, lost := give(c, answerTo(sent[i], uint64(10+i)))
		require.Equal(t, []string{fmt.Sprintf("%da@%d", i, 10+i), fmt.Sprintf("%db@%d", i, 10+i)}, answered)
		require.Empty(t, lost)
	}
}

// Requests of one message that were made at different ticks are given up at different ticks. What is left of them is
// still answered.
func TestForwardedReadsExpireOneByOne(t *testing.T) {
	c := followerOf(t)
	alive := func() { require.NoError(t, c.step(heartbeatFrom(1, 2, 2, 1))) }
	ask(c, "first", "second")
	c.tick(4, 2)
	ask(c, "third")
	m := forwarded(c)
	alive()
	c.tick(5, 2)
	answered, lost := heard(c)
	require.Empty(t, append(answered, lost...))
	alive()
	c.tick(1, 2)
	_, lost = heard(c)
	require.Equal(t, []string{"first", "second"}, lost)
	answered, _ = give(c, answerTo(m, 6))
	require.Equal(t, []string{"third@6"}, answered)
}

// A batch whose requests have all expired before it left is not taken up again.
func TestForwardedReadsAfterAnExpiredBatch(t *testing.T) {
	c := followerOf(t)
	ask(c, "old")
	for range 10 {
		require.NoError(t, c.step(heartbeatFrom(1, 2, 2, 1)))
		c.tick(1, 2)
	}
	ask(c, "new")
	out := ofType(outOf(c, 2), pb.MsgReadIndex)
	require.Len(t, out, 2)
	answered, _ := give(c, answerTo(out[0], 2))
	require.Empty(t, answered)
	answered, _ = give(c, answerTo(out[1], 3))
	require.Equal(t, []string{"new@3"}, answered)
}

func TestForwardedReadsRefusedTogether(t *testing.T) {
	c := followerOf(t)
	ask(c, "a", "b")
	m := forwarded(c)
	ask(c, "c")
	forwarded(c)
	_, lost := give(c, refusalOf(m))
	require.Equal(t, []string{"a", "b"}, lost)
	require.Equal(t, ErrReadRefused, c.members[2].lost[0].Reason)
	require.Len(t, c.raft(2).reads.forwarded.pending, 1)
}

// The bound is on requests, not on messages; an answer makes room.
func TestForwardedReadsAreBounded(t *testing.T) {
	c := followerOf(t, func(c *Config) { c.MaxPendingReads = 3 })
	ask(c, "a", "b")
	m := forwarded(c)
	ask(c, "c", "d", "e")
	_, lost := heard(c)
	require.Equal(t, []string{"d", "e"}, lost)
	require.Equal(t, ErrTooManyReads, c.members[2].lost[0].Reason)
	give(c, answerTo(m, 2))
	ask(c, "f", "g", "h")
	_, lost = heard(c)
	require.Equal(t, []string{"h"}, lost)
}

// Whoever leads next knows nothing of what was asked for: it is lost, also what has not left yet, and nothing that is
// asked for afterwards is answered by the former leader.
func TestForwardedReadsAreLostWithTheirLeader(t *testing.T) {
	c := followerOf(t)
	ask(c, "sent")
	first := forwarded(c)
	ask(c, "waiting")
	require.NoError(t, c.step(heartbeatFrom(3, 2, 3, 1)))
	ask(c, "new")
	_, lost := heard(c)
	require.Equal(t, []string{"sent", "waiting"}, lost)
	require.Equal(t, ErrLeadershipLost, c.members[2].lost[0].Reason)
	late := answerTo(first, 9)
	late.Term = 3
	answered, _ := give(c, late)
	require.Empty(t, answered)
	require.Len(t, c.raft(2).reads.forwarded.pending, 1)
}

// Each life of a member draws its tokens anew, so that the answer to an earlier one's request is for nobody.
func TestForwardedReadsOfAnEarlierLife(t *testing.T) {
	c := followerOf(t)
	ask(c, "before")
	first := forwarded(c)
	c.restart(2)
	require.NoError(t, c.step(heartbeatFrom(1, 2, 2, 1)))
	ask(c, "after")
	second := forwarded(c)
	require.Equal(t, first.Entries[0].Data[10:], second.Entries[0].Data[10:], "the first message of a life")
	answered, _ := give(c, answerTo(first, 9))
	require.Empty(t, answered)
	answered, _ = give(c, answerTo(second, 2))
	require.Equal(t, []string{"after@2"}, answered)
}

// forwardRun is a follower whose leader, and the network to it, do whatever they may: lose, delay, repeat and reorder.
type forwardRun struct {
	c      *cluster
	rng    *rand.Rand
	commit uint64
	term   uint64
	lead   uint64
	// asked[i] is the commit index when request i was made; settled counts what was said of it.
	asked   []uint64
	settled []int
	sent    []pb.Message
	answers []pb.Message
	granted int
}

// pick returns one of the messages, and takes it out of the list unless it is to come again.
func (run *forwardRun) pick(list *[]pb.Message) (pb.Message, bool) {
	if len(*list) == 0 {
		return pb.Message{}, false
	}
	i := run.rng.IntN(len(*list))
	m := (*list)[i]
	if run.rng.IntN(4) > 0 {
		*list = slices.Delete(*list, i, i+1)
	}
	return m, true
}

func (run *forwardRun) step() {
	rn := run.c.members[2].rn
	switch run.rng.IntN(12) {
	case 0, 1, 2:
		context := binary.BigEndian.AppendUint64(nil, uint64(len(run.asked)))
		run.asked, run.settled = append(run.asked, run.commit), append(run.settled, 0)
		rn.ReadIndex(context)
	case 3:
		run.commit++
	case 4, 5:
		run.take()
	case 6, 7:
		if m, ok := run.pick(&run.sent); ok && m.To == run.lead {
			answer := answerTo(m, run.commit)
			if run.rng.IntN(8) == 0 {
				answer = refusalOf(m)
			}
			answer.Term = run.term
			run.answers = append(run.answers, answer)
		}
	case 8, 9, 10:
		if m, ok := run.pick(&run.answers); ok {
			require.NoError(run.c.t, run.c.step(m))
		}
	case 11:
		run.beat()
	}
}

// beat has a tick pass, and the leader, or now and then the next, give a sign of life.
func (run *forwardRun) beat() {
	if run.rng.IntN(20) == 0 {
		run.term++
		run.lead = 4 - run.lead
	}
	run.c.tick(1, 2)
	require.NoError(run.c.t, run.c.step(heartbeatFrom(run.lead, 2, run.term, 1)))
}

// take handles what the follower has for its application and for the network.
func (run *forwardRun) take() {
	m := run.c.members[2]
	m.reads, m.lost = nil, nil
	run.sent = append(run.sent, ofType(outOf(run.c, 2), pb.MsgReadIndex)...)
	for _, read := range m.reads {
		i := binary.BigEndian.Uint64(read.RequestCtx)
		require.GreaterOrEqual(run.c.t, read.Index, run.asked[i], "request %d was answered by what is older than it", i)
		run.settled[i]++
		run.granted++
	}
	for _, read := range m.lost {
		run.settled[binary.BigEndian.Uint64(read.RequestCtx)]++
	}
}

// Every request is answered or lost, exactly once, and never with an index from before it was made.
func TestForwardedReadsAreLinearizable(t *testing.T) {
	granted := 0
	for seed := range uint64(60) {
		configure := func(c *Config) {
			c.AsyncStorageWrites = seed%2 == 0
			c.MaxPendingReads = []int{0, 5}[seed/2%2]
		}
		run := &forwardRun{
			c: newVoters(t, 3, configure), rng: rand.New(rand.NewPCG(seed, 5)), commit: 1, term: 2, lead: 1,
		}
		require.NoError(t, run.c.step(heartbeatFrom(1, 2, 2, 1)))
		for range 400 {
			run.step()
		}
		for range run.c.members[2].cfg.ElectionTick {
			run.beat()
		}
		run.take()
		for i, n := range run.settled {
			require.Equal(t, 1, n, "seed %d: request %d was answered or lost so many times", seed, i)
		}
		granted += run.granted
	}
	require.Greater(t, granted, 1000)
}

// A follower keeps room for the requests that usually wait at a time, so that they cost no memory each, but no more than
// a bounded amount of it, and no references to what was answered.
func TestForwardedReadsReuseTheirRoom(t *testing.T) {
	var f forwardedReads
	context := []byte("r")
	fill := func(n int) {
		token := f.nextToken()
		for range n {
			f.push(forwardedRead{token: token, context: context})
		}
	}
	cycle := func() {
		fill(20)
		fill(20)
		for len(f.pending) > 0 {
			lo, hi := f.find(f.pending[len(f.pending)-1].token[:])
			f.remove(lo, hi)
		}
	}
	cycle()
	require.Zero(t, testing.AllocsPerRun(100, cycle))
	for _, read := range f.room[:cap(f.room)] {
		require.Zero(t, read)
	}
	fill(maxReadRoom + 1)
	f.remove(0, maxReadRoom+1)
	require.Nil(t, f.room)
	require.Zero(t, cap(f.pending))
}
