package raft

import (
	pb "github.com/seed695671cb/raft/raftpb"
)

// outbox holds the messages that the next Ready will hand out. Those handed out before lie in the same arrays,
// ahead of it, and are never written again; the message that is last in the outbox may still be improved.
type outbox struct {
	messages []pb.Message
	// chunk is the capacity of the next array. It doubles with use, so that a busy member allocates rarely and an
	// idle one holds little.
	chunk int
	// heavy is set when the array holds much payload, to be let go with the messages.
	heavy bool
}

const (
	minOutboxChunk = 2
	maxOutboxChunk = 64
	// heavyPayload is how much payload in one message makes an array not worth keeping.
	heavyPayload = 64 << 10
)

// push adds m.
func (o *outbox) push(m pb.Message) {
	if len(o.messages) == cap(o.messages) {
		o.chunk = min(max(2*o.chunk, minOutboxChunk), maxOutboxChunk)
		grown := make([]pb.Message, len(o.messages), 2*len(o.messages)+o.chunk)
		copy(grown, o.messages)
		o.messages = grown
	}
	o.messages = append(o.messages, m)
}

// last returns the message pushed last, or nil.
func (o *outbox) last() *pb.Message {
	if len(o.messages) == 0 {
		return nil
	}
	return &o.messages[len(o.messages)-1]
}

// dropVoteRequests removes the messages that a new campaign makes pointless: the requests for votes of the one
// before. Without it, a member whose Readys are not taken would gather requests with every election timeout.
func (o *outbox) dropVoteRequests() {
	kept := o.messages[:0]
	for _, m := range o.messages {
		if m.Type != pb.MsgVote && m.Type != pb.MsgPreVote {
			kept = append(kept, m)
		}
	}
	o.messages = kept
}

// take hands out all messages.
func (o *outbox) take() []pb.Message {
	n := len(o.messages)
	if n == 0 {
		return nil
	}
	out := o.messages[:n:n]
	o.messages = o.messages[n:]
	if o.heavy {
		o.messages = nil
		o.heavy = false
	}
	return out
}

// send puts a message from this member, of its current term unless it bears one, into the outbox.
func (r *raft) send(m pb.Message) {
	m.From = r.id
	if m.Term == 0 && !travelsWithoutTerm(m.Type) {
		m.Term = r.term
	}
	r.outbox.push(m)
}

// travelsWithoutTerm reports whether messages of the type are requests that any leader may serve, whatever its term.
func travelsWithoutTerm(t pb.MessageType) bool {
	return t == pb.MsgProp || t == pb.MsgReadIndex
}

// sendAppendResponse acknowledges the log up to index. Several acknowledgements between two Readys become one.
func (r *raft) sendAppendResponse(to, index uint64) {
	last := r.outbox.last()
	if last != nil && last.Type == pb.MsgAppResp && last.To == to && last.Term == r.term && !last.Reject {
		last.Index = max(last.Index, index)
		return
	}
	r.send(pb.Message{Type: pb.MsgAppResp, To: to, Index: index})
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
