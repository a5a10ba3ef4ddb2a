package raft

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Memory that is handed out for good, and the queue of messages that is built of it: what was handed out is never
// written again and shared with nothing, an idle member keeps nothing, a busy one allocates rarely.

// handedList is a list as it was handed out, and what it held then.
type handedList struct {
	list []uint64
	then []uint64
}

// blockRun is a list that is built and handed out at random, as its users build and hand out theirs.
type blockRun struct {
	t      *testing.T
	rng    *rand.Rand
	b      blocks
	now    uint64
	list   []uint64
	model  []uint64 // what list must hold
	handed []handedList
	// owner is the list that an element was handed out in.
	owner map[*uint64]int
	count uint64
}

func (run *blockRun) add() {
	n := run.rng.IntN(4)
	run.list = withRoom(&run.b, run.list, n, run.now)
	require.GreaterOrEqual(run.t, cap(run.list)-len(run.list), n)
	for range n {
		run.list = run.list[:len(run.list)+1]
		last := &run.list[len(run.list)-1]
		require.Zero(run.t, *last, "a new element is not zero")
		run.count++
		*last = run.count
		run.model = append(run.model, run.count)
	}
}

// keep takes note of what was handed out, and has its owner append to it, as everybody may do with what is his.
func (run *blockRun) keep(out []uint64) {
	require.Equal(run.t, len(out), cap(out), "appending to what was handed out would write into the block")
	for i := range out {
		_, taken := run.owner[&out[i]]
		require.False(run.t, taken, "an element was handed out twice")
		run.owner[&out[i]] = len(run.handed)
	}
	run.handed = append(run.handed, handedList{list: out, then: slices.Clone(out)})
	_ = append(out, 99)
}

func (run *blockRun) step() {
	switch run.rng.IntN(8) {
	case 0, 1, 2:
		run.add()
	case 3, 4:
		var out []uint64
		out, run.list = handOut(run.list)
		require.Equal(run.t, run.model, out)
		run.model = nil
		require.Empty(run.t, run.list)
		run.keep(out)
	case 5, 6:
		if len(run.list) > 0 {
			return
		}
		var out []uint64
		out, run.list = carve(&run.b, run.list, 1+run.rng.IntN(3), run.now)
		for i := range out {
			require.Zero(run.t, out[i], "a carved element is not zero")
			run.count++
			out[i] = run.count
		}
		run.keep(out)
	case 7:
		run.now += run.rng.Uint64N(2)
	}
}

func TestBlocksAreHandedOutForGood(t *testing.T) {
	for seed := range uint64(100) {
		run := &blockRun{t: t, rng: rand.New(rand.NewPCG(seed, 3)), owner: map[*uint64]int{}}
		for range 300 {
			run.step()
			require.Equal(t, len(run.model), len(run.list))
			require.LessOrEqual(t, cap(run.list), 2*maxBlock)
		}
		for _, h := range run.handed {
			require.Equal(t, h.then, h.list, "seed %d: what was handed out was written again", seed)
		}
	}
}

// Within a tick each block that is used up is followed by one twice as large, up to a bound; the first block of a tick
// holds what is needed and no more.
func TestBlocksGrowWithinATickAndShrinkBetween(t *testing.T) {
	var b blocks
	sizesIn := func(now uint64, need, n int) (sizes []int) {
		for range n {
			sizes = append(sizes, cap(withRoom[byte](&b, nil, need, now)))
		}
		return sizes
	}
	require.Equal(t, []int{1, 2, 4, 8, 16, 32, 64, 64}, sizesIn(7, 1, 8))
	require.Equal(t, []int{1, 2}, sizesIn(8, 1, 2))
	require.Equal(t, []int{3, 6, 12}, sizesIn(9, 3, 3))
	require.Equal(t, []int{1}, sizesIn(11, 1, 1))
	require.Equal(t, []int{500, 500, 500}, sizesIn(12, 500, 3), "what is needed at once is not bounded")
	require.Equal(t, []int{64}, sizesIn(12, 1, 1))
	require.Equal(t, []int{1, 2}, sizesIn(12+1<<31, 1, 2), "a busy tick long ago")
}

// A list that needs room takes along what it holds, and leaves the old block as it is.
func TestBlocksMoveWhatIsNotHandedOut(t *testing.T) {
	b := blocks{size: 1, madeAt: 4}
	old := []int{1, 2}
	list := withRoom(&b, old, 3, 4)
	require.Equal(t, []int{1, 2}, list)
	require.Equal(t, 7, cap(list), "room for all of it in one block, and for as much again")
	require.Equal(t, make([]int, 5), list[2:7])
	list[0] = 9
	require.Equal(t, []int{1, 2}, old)
	same := withRoom(&b, list, 3, 4)
	require.Same(t, &list[0], &same[0], "there was room")
}

// A block that is used up is not kept by what is left of it, which would be nothing but a reference to it.
func TestHandOutKeepsNoUsedUpBlock(t *testing.T) {
	out, rest := handOut([]int{1, 2, 3}[:3:3])
	require.Equal(t, []int{1, 2, 3}, out)
	require.Nil(t, rest)
	out, rest = handOut([]int{1, 2, 3}[:2])
	require.Equal(t, []int{1, 2}, out)
	require.Equal(t, 1, cap(rest))
	free := make([]int, 0, 4)
	out, rest = handOut(free)
	require.Nil(t, out, "nothing to hand out is no empty list")
	require.Equal(t, 4, cap(rest))
	var b blocks
	_, rest = carve[int](&b, nil, 6, 1)
	require.Nil(t, rest)
	_, rest = carve(&b, rest, 2, 1)
	require.Equal(t, 10, cap(rest))
}

// queueRun is a message queue and the plain list that it must be equal to.
type queueRun struct {
	q     messageQueue
	model []pb.Message
	taken [][]pb.Message
	want  [][]pb.Message
	count uint64
}

func (run *queueRun) step(t *testing.T, rng *rand.Rand, now uint64) {
	types := []pb.MessageType{pb.MsgApp, pb.MsgVote, pb.MsgPreVote, pb.MsgHeartbeatResp, pb.MsgVoteResp}
	switch rng.IntN(10) {
	default:
		m := run.q.add(now)
		require.Zero(t, *m, "a new message is not zero")
		run.count++
		*m = pb.Message{Type: types[rng.IntN(len(types))], Index: run.count, Context: []byte{1}, Entries: make([]pb.Entry, 1)}
		run.model = append(run.model, *m)
		require.Same(t, m, run.q.last())
	case 0:
		run.q.reserve(rng.IntN(6), now)
	case 1:
		run.q.dropVoteRequests()
		run.model = slices.DeleteFunc(run.model, func(m pb.Message) bool {
			return m.Type == pb.MsgVote || m.Type == pb.MsgPreVote
		})
	case 2:
		run.taken, run.want = append(run.taken, run.q.take()), append(run.want, slices.Concat(run.model))
		run.model = nil
	case 3:
		run.q.weigh(heavyPayload + payloadSize(rng.IntN(2)))
	case 4:
		run.q.trim(now)
	}
	require.Equal(t, len(run.model), len(run.q.list))
	for i := range run.model {
		require.Equal(t, run.model[i], run.q.list[i])
	}
}

// Whatever is reserved, sealed, dropped, trimmed and taken in between, messages leave in the order in which they were added,
// each once, and stay as they left.
func TestMessageQueueAgreesWithAPlainList(t *testing.T) {
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 4))
		var run queueRun
		for step := range uint64(200) {
			run.step(t, rng, step/8)
		}
		for i := range run.want {
			require.Equal(t, run.want[i], run.taken[i], "seed %d: the list taken as number %d", seed, i)
		}
	}
}

// What is behind the messages that remain is cleared: later messages come out zero, and nothing of what was dropped is
// kept alive.
func TestDropVoteRequestsClearsWhatItDrops(t *testing.T) {
	var q messageQueue
	for _, typ := range []pb.MessageType{pb.MsgVote, pb.MsgAppResp, pb.MsgPreVote, pb.MsgVote} {
		*q.add(1) = pb.Message{Type: typ, Context: []byte("campaign"), Entries: make([]pb.Entry, 1)}
	}
	q.dropVoteRequests()
	require.Len(t, q.list, 1)
	require.Equal(t, pb.MsgAppResp, q.last().Type)
	require.Equal(t, make([]pb.Message, 3), q.list[1:4])
	require.Equal(t, pb.Message{}, *q.add(1))
	q = messageQueue{}
	q.dropVoteRequests()
	require.Nil(t, q.last())
	require.Nil(t, q.take())
}

// Room is let go of when a tick has passed in which nothing was made of it, and never while messages wait.
func TestMessageQueueIsTrimmed(t *testing.T) {
	var q messageQueue
	q.reserve(8, 5)
	q.trim(5)
	require.Equal(t, 8, cap(q.list), "made in this tick")
	q.add(6)
	q.trim(6)
	require.Len(t, q.list, 1)
	q.take()
	require.Equal(t, 7, cap(q.list))
	q.trim(6)
	require.Nil(t, q.list)
}

// A heavy block goes with all messages that it holds, and the next ones get another.
func TestMessageQueueKeepsNoHeavyBlock(t *testing.T) {
	var q messageQueue
	q.reserve(8, 5)
	q.add(5)
	q.weigh(heavyPayload + 1)
	require.Len(t, q.take(), 1)
	require.Nil(t, q.list)
	q.reserve(8, 5)
	first := q.add(5)
	q.weigh(heavyPayload + 1)
	first.Index = 1
	q.add(5).Index = 2
	require.Equal(t, []pb.Message{{Index: 1}, {Index: 2}}, q.take())
	require.Nil(t, q.list)
	q.reserve(8, 6)
	q.add(6)
	q.weigh(heavyPayload)
	q.take()
	require.Equal(t, 7, cap(q.list), "light again")
}

// Room is not kept in one block with appends and snapshots that hold much payload: while it waits for further messages
// it would keep that alive.
func TestHeavyMessagesLeaveWithTheirBlock(t *testing.T) {
	for _, tc := range []struct {
		payload payloadSize
		heavy   bool
	}{{heavyPayload, false}, {heavyPayload + 1, true}} {
		c := newVoters(t, 3)
		c.elect(1)
		q := &c.raft(1).outbox.messages
		c.propose(1, string(make([]byte, tc.payload)))
		q.reserve(50, c.raft(1).clock.now)
		require.Len(t, ofType(c.members[1].rn.Ready().Messages, pb.MsgApp), 2)
		require.Equal(t, tc.heavy, cap(q.list) == 0, "an append with %d bytes", tc.payload)

		c = newVoters(t, 3)
		c.elect(1)
		q = &c.raft(1).outbox.messages
		_, err := c.members[1].storage.CreateSnapshot(2, nil, make([]byte, tc.payload))
		require.NoError(t, err)
		q.reserve(50, c.raft(1).clock.now)
		c.raft(1).sendSnapshot(1)
		require.Len(t, c.members[1].rn.Ready().Messages, 1)
		require.Equal(t, tc.heavy, cap(q.list) == 0, "a snapshot of %d bytes", tc.payload)
	}
}

// A member that campaigns again and again while its Readys are not taken gathers no requests, neither among the messages
// that may leave at once nor among those that wait for a write.
func TestCampaignsLeaveOneSetOfRequests(t *testing.T) {
	for _, configure := range []func(*Config){withPreVote, withAsync, func(*Config) {}} {
		c := newVoters(t, 5, configure)
		require.NoError(t, c.step(appendFrom(2, 1, 1, at(1, 1), 1, at(1, 2))))
		for range 5 {
			require.NoError(t, c.members[1].rn.Campaign())
		}
		out := outOf(c, 1)
		requests := append(ofType(out, pb.MsgVote), ofType(out, pb.MsgPreVote)...)
		require.Len(t, requests, 4)
		for i, m := range requests {
			require.Equal(t, uint64(i+2), m.To)
			require.Nil(t, m.Context)
			require.Nil(t, m.Entries)
		}
		require.Len(t, ofType(out, pb.MsgAppResp), 1, "what else had been sent is still sent")
	}
}

// However long a list gets that nobody takes, an element costs a constant: it is moved less than twice on average.
func TestLongListsGrowGeometrically(t *testing.T) {
	const n = 1 << 16
	var b blocks
	var list []int
	moved := 0
	for i := range n {
		grown := withRoom(&b, list, 1, 7)
		if len(list) > 0 && &grown[0] != &list[0] {
			moved += len(list)
		}
		list = append(grown, i)
	}
	require.Less(t, moved, 2*n)
	require.LessOrEqual(t, cap(list), 2*n)
	_, rest := handOut(list)
	require.LessOrEqual(t, cap(withRoom(&b, rest[:0:0], 1, 7)), maxBlock, "the next list begins small")
}
