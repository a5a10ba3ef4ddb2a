package raft

import (
	"encoding/binary"
	"sort"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Reads that reach a follower: it passes them to the leader under a token (thesis §6.4, last paragraph). All requests
// made between two Readys travel as one, which the leader hears of after the last of them was made.

// readToken tells a message that carries requests from every other, of this member's earlier lives too: readMark, 6 bytes
// of the life's random number, and a count in the last 6.
type readToken [16]byte

// readMark is how tokens begin, and contexts of applications do not, unless by intent.
const readMark = "read"

// count numbers the messages of one life.
func (t readToken) count() uint64 { return binary.BigEndian.Uint64(t[8:]) & (1<<48 - 1) }

// isReadToken reports whether the data of a request is a token.
func isReadToken(data []byte) bool {
	return len(data) == len(readToken{}) && string(data[:len(readMark)]) == readMark
}

// forwardedRead is a request that was passed to the leader.
type forwardedRead struct {
	token    readToken
	context  []byte
	deadline uint64
}

// forwardedReads are requests passed to the leader and not yet answered, oldest first.
//
// Invariant: the counts of their tokens never decrease.
type forwardedReads struct {
	pending []forwardedRead
	// open is set while the message that bears the newest token has not been handed out: it can take more requests.
	open bool
	// life is drawn at random, once in a life of this member; count numbers its messages.
	life  uint64
	count uint64
	// room is the array to go on with when nothing is pending.
	room []forwardedRead
}

func (f *forwardedReads) nextToken() readToken {
	f.count++
	var t readToken
	binary.BigEndian.PutUint64(t[8:], f.count)
	binary.BigEndian.PutUint64(t[2:], f.life)
	copy(t[:], readMark)
	return t
}

func (f *forwardedReads) push(read forwardedRead) {
	f.pending = append(f.pending, read)
	if cap(f.pending) > cap(f.room) {
		f.room = f.pending
	}
}

// find returns the bounds of the requests that travelled under the token that data holds: none if lo == hi.
func (f *forwardedReads) find(data []byte) (lo, hi int) {
	if len(data) < len(readToken{}) {
		return 0, 0
	}
	token := readToken(data)
	// Tokens of one life differ in their count, which ascends.
	lo = sort.Search(len(f.pending), func(i int) bool { return f.pending[i].token.count() >= token.count() })
	hi = lo
	for hi < len(f.pending) && f.pending[hi].token == token {
		hi++
	}
	return lo, hi
}

// remove removes the requests in [lo, hi). Those before, which have waited longer, move up.
func (f *forwardedReads) remove(lo, hi int) {
	copy(f.pending[hi-lo:hi], f.pending[:lo])
	clear(f.pending[:hi-lo])
	f.pending = f.pending[hi-lo:]
	if len(f.pending) > 0 {
		return
	}
	if cap(f.room) > maxReadRoom {
		f.room = nil
	}
	f.pending = f.room[:0]
}

// forwardRead passes a request of the application to the leader, with those that wait to leave.
func (r *raft) forwardRead(context []byte) {
	own := r.ownReads()
	f := &own.forwarded
	switch {
	case r.lead == None:
		r.loseRead(context, ErrNoLeader)
		return
	case len(f.pending) >= int(r.maxPendingReads):
		r.loseRead(context, ErrTooManyReads)
		return
	}
	read := forwardedRead{context: context, deadline: r.clock.now + r.clock.electionTick}
	if n := len(f.pending); f.open && n > 0 {
		read.token = f.pending[n-1].token
		f.push(read)
		return
	}
	if f.count == 0 {
		f.life = r.rand.Uint64()
	}
	read.token = f.nextToken()
	f.push(read)
	f.open = true
	data := own.content(len(read.token), r.clock.now)
	copy(data, read.token[:])
	r.send(pb.Message{Type: pb.MsgReadIndex, To: r.lead, Entries: own.envelope(data, r.clock.now)})
	r.reschedule()
}

// readsSent notes that what was to be passed on has been handed out.
func (r *raft) readsSent() {
	if r.reads != nil {
		r.reads.forwarded.open = false
	}
}

// handleReadIndex takes a request that the application, or another member, has passed on.
//
// One of this member's own may come back: followers of other implementations pass on what reaches them, whoever leads by
// then. It is nobody's request any more. Its application was told when the leader changed, or is told when the time is
// up.
func (r *raft) handleReadIndex(m *pb.Message) {
	data := m.Entries[0].Data
	switch {
	case m.From == r.id && isReadToken(data):
	case r.state == StateLeader:
		r.readFromLeader(m.From, data)
	default:
		r.forwardForeignRead(m)
	}
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

// handleReadIndexResponse gives the leader's answer to the application, for the requests that still wait for it.
func (r *raft) handleReadIndexResponse(m *pb.Message) {
	if r.reads == nil {
		return
	}
	f := &r.reads.forwarded
	token := m.Context
	if !m.Reject {
		token = m.Entries[0].Data
	}
	lo, hi := f.find(token)
	for _, read := range f.pending[lo:hi] {
		if m.Reject {
			r.loseRead(read.context, ErrReadRefused)
		} else {
			r.reads.answer(ReadState{Index: m.Index, RequestCtx: read.context}, r.clock.now)
		}
	}
	f.remove(lo, hi)
}

// awaitsRead reports whether a request was passed on and is not answered.
func (r *raft) awaitsRead() bool { return r.reads != nil && len(r.reads.forwarded.pending) > 0 }

// expireForwardedReads gives up the requests that the leader has not answered in time.
func (r *raft) expireForwardedReads() {
	if r.reads == nil {
		return
	}
	f := &r.reads.forwarded
	n := 0
	for n < len(f.pending) && f.pending[n].deadline <= r.clock.now {
		r.loseRead(f.pending[n].context, ErrReadTimeout)
		n++
	}
	f.remove(0, n)
}

func (r *raft) loseForwardedReads(reason error) {
	if r.reads == nil {
		return
	}
	f := &r.reads.forwarded
	for _, read := range f.pending {
		r.loseRead(read.context, reason)
	}
	f.remove(0, len(f.pending))
	f.open = false
}
