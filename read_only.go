package raft

import (
	"encoding/binary"
	"errors"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Linearizable reads (Raft §8, thesis §6.4): a leader notes its commit index, makes sure by a round of heartbeats, or
// by its lease (thesis §6.4.1), that it still leads, and hands the index out: a state machine that has applied it may
// be read. Followers pass requests to the leader (thesis §6.4, last paragraph).
//
// A request's context is the application's and may be used again. It is never compared. What a heartbeat carries and a
// follower's answer returns is the number of the round; what a forwarded request carries is a token that no other
// request bears.

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
	return req, true
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

// readFromLeader answers the request at once if a lease is held, and otherwise queues it for the next round.
func (r *raft) readFromLeader(from uint64, context []byte) {
	if from == r.id {
		from = None
	}
	req := readRequest{context: context, from: from, index: r.log.committed}
	switch q := &r.leading.reads; {
	case r.leaseHeld():
		r.answerRead(req)
	case len(q.pending) >= r.maxPendingReads:
		r.refuseRead(req)
	default:
		q.pending = append(q.pending, req)
	}
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
		r.readStates = append(r.readStates, ReadState{Index: req.index, RequestCtx: req.context})
		return
	}
	r.send(pb.Message{
		Type: pb.MsgReadIndexResp, To: req.from, Index: req.index,
		Entries: []pb.Entry{{Data: req.context}},
	})
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
	r.lostReads = append(r.lostReads, LostRead{RequestCtx: context, Reason: reason})
}

func (r *raft) loseReads(reqs []readRequest, reason error) {
	for _, req := range reqs {
		r.loseRead(req.context, reason)
	}
}

// readToken tells a forwarded request from every other, of this member's earlier lives too.
type readToken [16]byte

// forwardedRead is a request that was passed to the leader.
type forwardedRead struct {
	token    readToken
	context  []byte
	deadline uint64
}

// forwardedReads are requests passed to the leader and not yet answered, oldest first.
type forwardedReads struct {
	pending []forwardedRead
	// life is drawn at random, once in a life of this member; count numbers its requests.
	life  uint64
	count uint64
}

func (f *forwardedReads) nextToken() readToken {
	f.count++
	var t readToken
	binary.BigEndian.PutUint64(t[:8], f.life)
	binary.BigEndian.PutUint64(t[8:], f.count)
	return t
}

// take removes and returns the request that data, which begins with its token, stands for.
func (f *forwardedReads) take(data []byte) (forwardedRead, bool) {
	if len(data) < len(readToken{}) {
		return forwardedRead{}, false
	}
	token := readToken(data)
	for i := range f.pending {
		if f.pending[i].token == token {
			read := f.pending[i]
			f.pending = append(f.pending[:i], f.pending[i+1:]...)
			return read, true
		}
	}
	return forwardedRead{}, false
}

// forwardRead passes a request of the application to the leader, under a token.
func (r *raft) forwardRead(context []byte) {
	f := &r.forwarded
	switch {
	case r.lead == None:
		r.loseRead(context, ErrNoLeader)
		return
	case len(f.pending) >= r.maxPendingReads:
		r.loseRead(context, ErrTooManyReads)
		return
	}
	if f.count == 0 {
		f.life = r.rand.Uint64()
	}
	read := forwardedRead{token: f.nextToken(), context: context, deadline: r.clock.now + r.clock.electionTick}
	f.pending = append(f.pending, read)
	data := append(read.token[:len(read.token):len(read.token)], context...)
	r.send(pb.Message{Type: pb.MsgReadIndex, To: r.lead, Entries: []pb.Entry{{Data: data}}})
	r.reschedule()
}

// forwardForeignRead passes on a request that reached this follower. Another member's keeps its sender, so that the
// leader answers that one.
func (r *raft) forwardForeignRead(m *pb.Message) {
	if m.From == None || m.From == r.id {
		r.forwardRead(m.Entries[0].Data)
		return
	}
	if r.lead == None || r.lead == m.From {
		return
	}
	r.pass(pb.Message{Type: pb.MsgReadIndex, To: r.lead, From: m.From, Entries: m.Entries})
}

// handleReadIndexResponse gives the leader's answer to the application, if the request is still waiting for it.
func (r *raft) handleReadIndexResponse(m *pb.Message) {
	if m.Reject {
		if read, ok := r.forwarded.take(m.Context); ok {
			r.loseRead(read.context, ErrReadRefused)
		}
		return
	}
	if read, ok := r.forwarded.take(m.Entries[0].Data); ok {
		r.readStates = append(r.readStates, ReadState{Index: m.Index, RequestCtx: read.context})
	}
}

// expireForwardedReads gives up the requests that the leader has not answered in time.
func (r *raft) expireForwardedReads() {
	f := &r.forwarded
	for len(f.pending) > 0 && f.pending[0].deadline <= r.clock.now {
		r.loseRead(f.pending[0].context, ErrReadTimeout)
		f.pending = f.pending[1:]
	}
}

func (r *raft) loseForwardedReads(reason error) {
	for _, read := range r.forwarded.pending {
		r.loseRead(read.context, reason)
	}
	r.forwarded.pending = nil
}
