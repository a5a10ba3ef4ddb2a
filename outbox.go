package raft

import (
	pb "github.com/seed695671cb/raft/raftpb"
)

// What goes out: the messages that the next Ready will hand out, and the ways to put one there.

// outbox holds the messages that the next Ready will hand out.
type outbox struct {
	// messages may leave as soon as Ready hands them out; with synchronous writes, which the application does first,
	// all may.
	messages messageQueue
	// held are the messages that rest on what is to be written, with asynchronous writes; otherwise nil.
	held *messageQueue
}

func newOutbox(asyncWrites bool) outbox {
	if !asyncWrites {
		return outbox{}
	}
	return outbox{held: new(messageQueue)}
}

// empty reports whether there is nothing to hand out.
func (o *outbox) empty() bool {
	return len(o.messages.list) == 0 && (o.held == nil || len(o.held.list) == 0)
}

// dropVoteRequests removes the messages that a new campaign makes pointless: the requests for votes of the one
// before. Without it, a member whose Readys are not taken would gather requests with every election timeout.
func (o *outbox) dropVoteRequests() {
	o.messages.dropVoteRequests()
	if o.held != nil {
		o.held.dropVoteRequests()
	}
}

// messageQueue is a list of messages, to be handed out for good.
type messageQueue struct {
	list   []pb.Message
	blocks blocks
	// heavy is set when messages in the list hold so much payload that the block is to go with them.
	heavy bool
}

// heavyPayload is how much payload in one message makes a block not worth keeping.
const heavyPayload payloadSize = 64 << 10

// add returns a new message, zero, at the end of the queue. It is to be filled in before the next one is added.
func (q *messageQueue) add(now uint64) *pb.Message {
	if len(q.list) == cap(q.list) {
		q.reserve(1, now)
	}
	q.list = q.list[:len(q.list)+1]
	return &q.list[len(q.list)-1]
}

// reserve makes room for n more messages.
func (q *messageQueue) reserve(n int, now uint64) {
	q.list = withRoom(&q.blocks, q.list, n, now)
}

// last returns the message added last, or nil. It may still be improved.
func (q *messageQueue) last() *pb.Message {
	if len(q.list) == 0 {
		return nil
	}
	return &q.list[len(q.list)-1]
}

// take hands out all messages.
func (q *messageQueue) take() (out []pb.Message) {
	out, q.list = handOut(q.list)
	if q.heavy {
		q.list, q.heavy = nil, false
	}
	return out
}

// weigh notes that a message in the list holds so much payload.
func (q *messageQueue) weigh(payload payloadSize) { q.heavy = q.heavy || payload > heavyPayload }

func (q *messageQueue) dropVoteRequests() {
	kept := q.list[:0]
	for _, m := range q.list {
		if m.Type != pb.MsgVote && m.Type != pb.MsgPreVote {
			kept = append(kept, m)
		}
	}
	clear(q.list[len(kept):])
	q.list = kept
}

// trim lets go of a block of which nothing was used in this tick.
func (q *messageQueue) trim(now uint64) {
	if len(q.list) == 0 && q.blocks.madeAt != uint32(now) {
		q.list = nil
	}
}

// queueOf returns where a message of the type and term is to wait.
func (r *raft) queueOf(t pb.MessageType, term uint64) *messageQueue {
	if r.outbox.held != nil && r.restsOnWrite(t, term) {
		return r.outbox.held
	}
	return &r.outbox.messages
}

// compose puts a message from this member, of its current term, into the outbox, and returns it to be filled in, before
// anything else is sent. It spares the hot path the copies that send makes.
func (r *raft) compose(t pb.MessageType, to uint64) *pb.Message {
	m := r.queueOf(t, r.term).add(r.clock.now)
	m.Type = t
	m.To = to
	m.From = r.id
	m.Term = r.term
	return m
}

// send puts a message from this member, of its current term unless it bears one, into the outbox.
func (r *raft) send(m pb.Message) {
	m.From = r.id
	if m.Term == 0 && !travelsWithoutTerm(m.Type) {
		m.Term = r.term
	}
	r.pass(m)
}

// pass puts a message into the outbox as it is: one that is passed on for another member, or complete.
func (r *raft) pass(m pb.Message) {
	*r.queueOf(m.Type, m.Term).add(r.clock.now) = m
}

// travelsWithoutTerm reports whether messages of the type are requests that any leader may serve, whatever its term.
func travelsWithoutTerm(t pb.MessageType) bool {
	return t == pb.MsgProp || t == pb.MsgReadIndex
}

// sendAppendResponse acknowledges the log up to index. Several acknowledgements between two Readys become one.
func (r *raft) sendAppendResponse(to, index uint64) {
	last := r.queueOf(pb.MsgAppResp, r.term).last()
	if last != nil && last.Type == pb.MsgAppResp && last.To == to && last.Term == r.term && !last.Reject {
		last.Index = max(last.Index, index)
		return
	}
	r.compose(pb.MsgAppResp, to).Index = index
}

// mayFlush reports whether flush has anything to do. That need not come to a message: a follower that is owed a
// snapshot may be away, or storage may have none.
func (r *raft) mayFlush() bool {
	l := r.leading
	return l != nil && (l.beatDue || l.owed > 0 || l.broadcast || r.readsNeedRound())
}

// flush turns what followers are owed into messages: heartbeats with the reads they confirm, then appends. All that has
// happened since the last time goes into as few as the limits allow.
func (r *raft) flush() {
	if r.leading == nil {
		return
	}
	r.flushHeartbeats()
	r.flushAppends()
}
