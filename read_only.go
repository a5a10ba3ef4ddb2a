package raft

import (
	"errors"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Linearizable reads (Raft §8, thesis §6.4): a leader notes its commit index, makes sure by a round of heartbeats, or
// by its lease (thesis §6.4.1), that it still leads, and hands the index out: a state machine that has applied it may
// be read. Followers pass requests to the leader (thesis §6.4, last paragraph).
//
// A request's context is the application's and may be used again. It is never compared. What a heartbeat carries and a
// follower's answer returns is the number of the round; for requests that are passed on see read_forward.go.

// ReadState answers a ReadIndex request: once the state machine has applied Index, reading it is linearizable with
// respect to when the request was made.
type ReadState struct {
	// Index is the commit index at which the request was confirmed.
	Index uint64
	// RequestCtx is the context given to ReadIndex.
	RequestCtx []byte
}

// LostRead is a ReadIndex request that will not be answered. It is safe to make it again.
type LostRead struct {
	// RequestCtx is the context given to ReadIndex.
	RequestCtx []byte
	// Reason is one of ErrNoLeader, ErrLeadershipLost, ErrTooManyReads, ErrReadRefused and ErrReadTimeout.
	Reason error
}

// The reasons why a read is lost.
var (
	// ErrNoLeader: no leader is known to this member.
	ErrNoLeader = errors.New("no leader is known: read again when one is elected")
	// ErrLeadershipLost: this member led and does no longer, or the leader that the request was passed to changed.
	ErrLeadershipLost = errors.New("leadership changed before the read was confirmed: read again")
	// ErrTooManyReads: Config.MaxPendingReads requests are pending here.
	ErrTooManyReads = errors.New("too many reads are pending: read again later")
	// ErrReadRefused: the leader has too many pending requests.
	ErrReadRefused = errors.New("the leader refused the read: read again later")
	// ErrReadTimeout: the leader did not answer within an election timeout.
	ErrReadTimeout = errors.New("the leader did not answer the read in time: read again")
)

// reads is what a member keeps for its own application's reads, and for the messages that carry reads. A member that
// has to do with none keeps nothing.
type reads struct {
	// answered and lost are what the next Ready hands out.
	answered []ReadState
	lost     []LostRead
	// forwarded are reads passed to the leader and not yet answered.
	forwarded forwardedReads

	// What is left of the blocks that answers, the entries of messages, and their contents come from.
	answers, envelopes, contents blocks
	entries                      []pb.Entry
	bytes                        []byte
}

// ownReads returns r.reads, made if need be.
func (r *raft) ownReads() *reads {
	if r.reads == nil {
		r.reads = new(reads)
	}
	return r.reads
}

// empty reports whether there is nothing to hand out.
func (d *reads) empty() bool { return d == nil || len(d.answered) == 0 && len(d.lost) == 0 }

func (d *reads) answer(s ReadState, now uint64) {
	d.answered = append(withRoom(&d.answers, d.answered, 1, now), s)
}

// take hands out the answers, and what was lost.
func (d *reads) take() (answered []ReadState, lost []LostRead) {
	answered, d.answered = handOut(d.answered)
	lost, d.lost = d.lost, nil
	return answered, lost
}

// trim lets go of room that nothing was made of in this tick.
func (d *reads) trim(now uint64) {
	if d == nil {
		return
	}
	if len(d.answered) == 0 && d.answers.madeAt != uint32(now) {
		d.answered = nil
	}
	if d.envelopes.madeAt != uint32(now) {
		d.entries = nil
	}
	if d.contents.madeAt != uint32(now) {
		d.bytes = nil
	}
	if f := &d.forwarded; len(f.pending) == 0 {
		f.pending, f.room = nil, nil
	}
}

// envelope returns the entries of a message that carries a read: one, with data.
func (d *reads) envelope(data []byte, now uint64) (ents []pb.Entry) {
	ents, d.entries = carve(&d.envelopes, d.entries, 1, now)
	ents[0].Data = data
	return ents
}

// content returns n zero bytes to be filled in for good.
func (d *reads) content(n int, now uint64) (data []byte) {
	data, d.bytes = carve(&d.contents, d.bytes, n, now)
	return data
}

// readRequest is a request that this leader is to confirm. The index and the round are set when its round begins.
type readRequest struct {
	context []byte
	// from is the member that passed the request on, or None.
	from  uint64
	index uint64
	round uint64
}

// readQueue holds requests in the order in which they came.
//
// Invariant: the first assigned requests have a round, and rounds never decrease along the queue.
type readQueue struct {
	pending  []readRequest
	assigned int
	// room is the array to go on with when the queue has become empty.
	room []readRequest
}

func (q *readQueue) push(req readRequest) {
	q.pending = append(q.pending, req)
	if cap(q.pending) > cap(q.room) {
		q.room = q.pending
	}
}

// assign gives all requests that have no round this one and its index.
func (q *readQueue) assign(index, round uint64) {
	for i := q.assigned; i < len(q.pending); i++ {
		q.pending[i].index = index
		q.pending[i].round = round
	}
	q.assigned = len(q.pending)
}

// pop removes and returns the oldest request if its round is confirmed.
func (q *readQueue) pop(confirmed uint64) (readRequest, bool) {
	if q.assigned == 0 || q.pending[0].round > confirmed {
		return readRequest{}, false
	}
	req := q.pending[0]
	q.pending[0] = readRequest{}
	q.pending = q.pending[1:]
	q.assigned--
	if len(q.pending) == 0 {
		q.rewind()
	}
	return req, true
}

// maxReadRoom is how many requests a queue that has become empty keeps room for.
const maxReadRoom = 256

// trim lets go of the room for requests while there are none.
func (q *readQueue) trim() {
	if len(q.pending) == 0 {
		q.pending, q.room = nil, nil
	}
}

// rewind has the empty queue go on at the beginning of its room.
func (q *readQueue) rewind() {
	if cap(q.room) > maxReadRoom {
		q.room = nil
	}
	q.pending = q.room[:0]
}

// drain removes all requests and returns those of this member's own application.
func (q *readQueue) drain() []readRequest {
	var own []readRequest
	for _, req := range q.pending {
		if req.from == None {
			own = append(own, req)
		}
	}
	*q = readQueue{}
	return own
}

// readIndex takes a request of the application.
func (r *raft) readIndex(context []byte) {
	if r.state == StateLeader {
		r.readFromLeader(None, context)
		return
	}
	r.forwardRead(context)
}

// readFromLeader answers the request at once if a lease is held and may answer it, and otherwise queues it for the next round.
func (r *raft) readFromLeader(from uint64, context []byte) {
	if from == r.id {
		from = None
	}
	req := readRequest{context: context, from: from, index: r.log.committed}
	switch q := &r.leading.reads; {
	case !r.quorumReads && r.leaseHeld():
		r.answerRead(req)
	case len(q.pending) >= int(r.maxPendingReads):
		r.refuseRead(req)
	default:
		q.push(req)
	}
}

// readByLease returns the index at which a read is linearizable by the lease alone (thesis §6.4.1).
func (r *raft) readByLease() (index uint64, ok bool) {
	if r.state != StateLeader || !r.leaseHeld() {
		return 0, false
	}
	return r.log.committed, true
}

// readsNeedRound reports whether requests wait for a round that can begin: not before an entry of the leader's own
// term is committed, because until then it may not know of all that its predecessors committed (Raft §8).
func (r *raft) readsNeedRound() bool {
	q := &r.leading.reads
	return q.assigned < len(q.pending) && r.committedInTerm()
}

// startReadRound gives the waiting requests to the round that the next heartbeats will begin.
func (r *raft) startReadRound() {
	l := r.leading
	l.reads.assign(r.log.committed, l.rounds.current+1)
	if r.hasPeers() {
		l.beatDue = true
		return
	}
	r.beginRound()
	r.maybeConfirmRound()
}

// maybeConfirmRound answers the requests of all rounds that a quorum has acknowledged.
func (r *raft) maybeConfirmRound() {
	l := r.leading
	reached := min(l.quorumOf(roundOf), l.rounds.current)
	if reached <= l.rounds.confirmed {
		return
	}
	l.rounds.confirm(reached)
	for {
		req, ok := l.reads.pop(reached)
		if !ok {
			return
		}
		r.answerRead(req)
	}
}

func (r *raft) answerRead(req readRequest) {
	if req.from == None {
		r.ownReads().answer(ReadState{Index: req.index, RequestCtx: req.context}, r.clock.now)
		return
	}
	m := r.compose(pb.MsgReadIndexResp, req.from)
	m.Index = req.index
	m.Entries = r.ownReads().envelope(req.context, r.clock.now)
}

// refuseRead reports a request lost. To a follower it is said without an entry: an older member takes any answer
// that holds one for a confirmation.
func (r *raft) refuseRead(req readRequest) {
	if req.from == None {
		r.loseRead(req.context, ErrTooManyReads)
		return
	}
	r.send(pb.Message{Type: pb.MsgReadIndexResp, To: req.from, Reject: true, Context: req.context})
}

func (r *raft) loseRead(context []byte, reason error) {
	own := r.ownReads()
	own.lost = append(own.lost, LostRead{RequestCtx: context, Reason: reason})
}

func (r *raft) loseReads(reqs []readRequest, reason error) {
	for _, req := range reqs {
		r.loseRead(req.context, reason)
	}
}
