package raft

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Reads that wait at the leader for a round of heartbeats (thesis §6.4): the queue against a plain list, and the order
// and the rounds in which a leader answers.

// queuedRead is a request as the slow twin of the queue remembers it.
type queuedRead struct {
	readRequest
	assigned bool
}

// queueTwin is the queue and its slow twin.
type queueTwin struct {
	t         *testing.T
	rng       *rand.Rand
	q         readQueue
	model     []queuedRead
	index     uint64
	round     uint64
	confirmed uint64
	popped    int
}

func (w *queueTwin) step() {
	switch w.rng.IntN(8) {
	case 0, 1, 2:
		w.index += w.rng.Uint64N(2)
		req := readRequest{context: []byte{byte(w.rng.Uint64())}, from: w.rng.Uint64N(3), index: w.index}
		w.q.push(req)
		w.model = append(w.model, queuedRead{readRequest: req})
	case 3:
		w.round++
		w.q.assign(w.index, w.round)
		for i := range w.model {
			if m := &w.model[i]; !m.assigned {
				m.assigned, m.index, m.round = true, w.index, w.round
			}
		}
	case 4:
		w.confirmed += w.rng.Uint64N(w.round - w.confirmed + 1)
	case 5, 6:
		w.pop()
	case 7:
		if w.rng.IntN(30) == 0 {
			w.drain()
		}
	}
}

func (w *queueTwin) pop() {
	got, ok := w.q.pop(w.confirmed)
	want := len(w.model) > 0 && w.model[0].assigned && w.model[0].round <= w.confirmed
	require.Equal(w.t, want, ok)
	if ok {
		require.Equal(w.t, w.model[0].readRequest, got)
		w.model = w.model[1:]
		w.popped++
	}
}

// drain requires that the requests of this member's own are returned, and that nothing is left.
func (w *queueTwin) drain() {
	var want []readRequest
	for _, m := range w.model {
		if m.from == None {
			want = append(want, m.readRequest)
		}
	}
	require.Equal(w.t, want, w.q.drain())
	require.Equal(w.t, readQueue{}, w.q)
	w.model = nil
}

func TestReadQueueAgreesWithAPlainList(t *testing.T) {
	popped := 0
	for seed := range uint64(30) {
		w := &queueTwin{t: t, rng: rand.New(rand.NewPCG(seed, 6))}
		for range 400 {
			w.step()
			require.Equal(t, len(w.model), len(w.q.pending))
			assigned := 0
			for i, m := range w.model {
				require.Equal(t, m.readRequest, w.q.pending[i])
				if m.assigned {
					assigned++
				}
			}
			require.Equal(t, assigned, w.q.assigned)
		}
		popped += w.popped
	}
	require.Greater(t, popped, 1000)
}

// The queue keeps room for the requests that usually wait at a time: they cost no memory each. It keeps a bounded amount
// of it, and no references to what was answered.
func TestReadQueueReusesItsRoom(t *testing.T) {
	var q readQueue
	context := []byte("r")
	cycle := func(n int) {
		for range n {
			q.push(readRequest{context: context})
		}
		q.assign(5, 1)
		for {
			if _, ok := q.pop(1); !ok {
				return
			}
		}
	}
	cycle(64)
	require.Zero(t, testing.AllocsPerRun(100, func() { cycle(64) }))
	require.Zero(t, testing.AllocsPerRun(100, func() { cycle(3) }))
	for _, req := range q.room[:cap(q.room)] {
		require.Zero(t, req)
	}
	cycle(maxReadRoom + 1)
	require.Nil(t, q.room)
	require.Zero(t, cap(q.pending))
}

// A queue that is never empty, because requests come while others wait, does not grow with what has passed through it.
func TestReadQueueThatIsNeverEmptyStaysSmall(t *testing.T) {
	var q readQueue
	for round := range uint64(10_000) {
		q.push(readRequest{})
		q.assign(1, round)
		if round > 10 {
			_, ok := q.pop(round)
			require.True(t, ok)
		}
	}
	require.Len(t, q.pending, 11)
	require.Less(t, cap(q.room), 100)
}

// readRounds is a leader of five whose followers answer its heartbeats late, twice, or never.
type readRounds struct {
	c   *cluster
	rng *rand.Rand
	// asked[i] is the number of heartbeat rounds begun before request i was made.
	asked []uint64
	beats []pb.Message
	// acknowledged is the last round that each follower was seen to answer.
	acknowledged map[uint64]uint64
	answered     int
}

func (run *readRounds) step() {
	switch run.rng.IntN(8) {
	case 0, 1:
		context := binary.BigEndian.AppendUint64(nil, uint64(len(run.asked)))
		run.asked = append(run.asked, run.c.raft(1).leading.rounds.current)
		run.c.members[1].rn.ReadIndex(context)
	case 2, 3:
		run.take()
	case 4:
		run.c.tick(1, 1)
	default:
		if len(run.beats) == 0 {
			return
		}
		beat := run.beats[run.rng.IntN(len(run.beats))]
		answer := pb.Message{Type: pb.MsgHeartbeatResp, From: beat.To, To: 1, Term: beat.Term, Context: beat.Context}
		require.NoError(run.c.t, run.c.step(answer))
		if len(beat.Context) > 0 {
			round := binary.BigEndian.Uint64(beat.Context)
			run.acknowledged[beat.To] = max(run.acknowledged[beat.To], round)
		}
	}
}

// take handles a Ready: answers come in the order of the requests, and each only when two of four followers have
// acknowledged a round that began after the request was made.
func (run *readRounds) take() {
	m := run.c.members[1]
	m.reads = nil
	run.beats = append(run.beats, ofType(outOf(run.c, 1), pb.MsgHeartbeat)...)
	for _, read := range m.reads {
		require.Equal(run.c.t, uint64(run.answered), binary.BigEndian.Uint64(read.RequestCtx), "out of order")
		later := 0
		for _, round := range run.acknowledged {
			if round > run.asked[run.answered] {
				later++
			}
		}
		require.GreaterOrEqual(run.c.t, later, 2, "request %d was confirmed by what is older than it", run.answered)
		run.answered++
	}
}

func TestReadsAreAnsweredInOrderAndByALaterRound(t *testing.T) {
	answered := 0
	for seed := range uint64(30) {
		c := newVoters(t, 5)
		c.elect(1)
		run := &readRounds{c: c, rng: rand.New(rand.NewPCG(seed, 7)), acknowledged: map[uint64]uint64{}}
		for range 300 {
			run.step()
		}
		answered += run.answered
	}
	require.Greater(t, answered, 300)
}
