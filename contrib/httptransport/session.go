package httptransport

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/seed695671cb/raft/replica"
)

// Snapshots that arrive: the sinks that stay open from one chunk to the next, so that a snapshot goes on where it was after its
// connection is cut.

const (
	// keptResults is how many snapshots that are complete are remembered, for senders who have not heard of it.
	keptResults = 64
	// chunksAtOnce is how many chunks may arrive for each of MaxSnapshots: one, and one of a connection that has died.
	chunksAtOnce = 2
)

// A receiver holds the sessions.
type receiver struct {
	transport *Transport
	ctx       context.Context // ended by stop
	cancel    context.CancelFunc
	stopped   <-chan struct{}
	// buffers are for chunks: as many as may arrive at the same time. They are allocated when they are needed.
	buffers chan []byte
	// headers has an element for each header that is being read.
	headers chan struct{}

	mu       sync.Mutex
	sessions []*session // at most one for a group and sender
	opened   uint64
}

// A session is a snapshot of a group from a host. Another snapshot of the group from the host takes its place.
type session struct {
	group, from uint64
	// held has an element while a goroutine holds the session: sink is its alone then.
	held chan struct{}
	sink replica.SnapshotSink // nil if not open

	// Guarded by receiver.mu.
	live, gone bool // has a sink, or is about to; is not in the list
	usedAt     time.Time

	// mu guards what the session is about. It is changed only by who holds the session.
	mu         sync.Mutex
	token      string
	what       contents
	completion *completion // nil before finish
}

// contents are what a session is about.
type contents struct {
	stream  uint64
	message []byte
	// attempt tells a call of SendSnapshot from the others: only who has sent a snapshot hears that it is complete. Another
	// one for the same begins anew, since there must be a reason for it.
	attempt string
}

// same reports whether two are about the same bytes.
func (c contents) same(other contents) bool {
	return c.stream == other.stream && bytes.Equal(c.message, other.message)
}

// A completion is the finish of a snapshot.
type completion struct {
	size uint64
	done chan struct{} // closed at the end
	err  error         // valid then
}

func (c *completion) isDone() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// outcome is the answer to finish, once it is done.
func (c *completion) outcome() errorAnswer {
	if c.err == nil {
		return errorAnswer{}
	}
	text := c.err.Error()
	return errorAnswer{Error: text[:min(len(text), maxErrorBytes/2)], Final: true}
}

func (r *receiver) init(t *Transport) {
	r.transport = t
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.stopped = r.ctx.Done()
	n := chunksAtOnce * t.options.MaxSnapshots
	r.buffers = make(chan []byte, n)
	r.headers = make(chan struct{}, n)
	for range n {
		r.buffers <- nil
	}
}

// stop has requests end, and sessions be closed by closeAll once none is under way.
func (r *receiver) stop() { r.cancel() }

// claim returns the session for a snapshot. The caller holds it, unless there is an answer already: that the snapshot is being
// completed, or is complete.
func (r *receiver) claim(ctx context.Context, h replica.SnapshotHeader, what contents) (*session, *beginAnswer, *refusal) {
	for {
		s := r.register(h.Group, h.From)
		if answer := s.completing(what); answer != nil {
			return s, answer, nil
		}
		if no := s.acquire(ctx, r.stopped); no != nil {
			return nil, nil, no
		}
		answer := s.completing(what)
		if answer == nil && !r.isGone(s) {
			return s, nil, nil
		}
		s.release()
		if answer != nil {
			return s, answer, nil
		}
	}
}

// register returns the session of a group and sender, a new one if there is none.
func (r *receiver) register(group, from uint64) *session {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.sessions {
		if s.group == group && s.from == from {
			return s
		}
	}
	s := &session{group: group, from: from, held: make(chan struct{}, 1), usedAt: time.Now()}
	r.sessions = append(r.sessions, s)
	return s
}

// find returns the session that a token names, nil if there is none.
func (r *receiver) find(from uint64, token string) *session {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.sessions {
		if s.from == from && s.isNamed(token) {
			s.usedAt = time.Now()
			return s
		}
	}
	return nil
}

// makeRoom counts a session among those that have sinks, unless there are too many. Old results are forgotten.
func (r *receiver) makeRoom(s *session) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.live = false
	live := 0
	for _, other := range r.sessions {
		if other.live {
			live++
		}
	}
	if live >= r.transport.options.MaxSnapshots {
		return false
	}
	s.live = true
	if len(r.sessions) > keptResults+r.transport.options.MaxSnapshots {
		r.forgetOldest()
	}
	return true
}

// forgetOldest removes the session that is complete and was not used for the longest time.
func (r *receiver) forgetOldest() {
	oldest := -1
	for i, s := range r.sessions {
		if !s.live && s.isDone() && (oldest < 0 || s.usedAt.Before(r.sessions[oldest].usedAt)) {
			oldest = i
		}
	}
	if oldest >= 0 {
		r.removeAt(oldest)
	}
}

func (r *receiver) removeAt(i int) {
	r.sessions[i].gone, r.sessions[i].live = true, false
	r.sessions = append(r.sessions[:i], r.sessions[i+1:]...)
}

// begin takes note of a sink. The caller holds the session.
func (r *receiver) begin(s *session, sink replica.SnapshotSink, what contents) {
	r.mu.Lock()
	r.opened++
	token := fmt.Sprintf("%d-%d-%d", s.group, time.Now().UnixNano(), r.opened)
	s.usedAt = time.Now()
	r.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sink, s.token, s.what, s.completion = sink, token, what, nil
}

// touch keeps a session from being closed as idle for a while.
func (r *receiver) touch(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.usedAt = time.Now()
}

// completed ends a completion. Whoever hears of it finds that the session does not count as live any more.
func (r *receiver) completed(s *session, c *completion) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.usedAt, s.live = time.Now(), false
	close(c.done)
}

// forget removes a session.
func (r *receiver) forget(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, other := range r.sessions {
		if other == s {
			r.removeAt(i)
			return
		}
	}
}

func (r *receiver) isGone(s *session) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return s.gone
}

// count returns how many snapshots arrive.
func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, s := range r.sessions {
		if s.live {
			n++
		}
	}
	return n
}

// borrow returns a buffer for a chunk, unless all are in use.
func (r *receiver) borrow(n int) ([]byte, bool) {
	select {
	case buffer := <-r.buffers:
		if cap(buffer) < n {
			buffer = make([]byte, n)
		}
		return buffer[:n], true
	default:
		return nil, false
	}
}

func (r *receiver) giveBack(buffer []byte) { r.buffers <- buffer }

// closeIdle closes the sinks whose senders have gone silent, until stop.
func (r *receiver) closeIdle() {
	tick := time.NewTicker(max(r.transport.options.SnapshotTimeout/4, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-r.stopped:
			return
		case now := <-tick.C:
			r.closeUnused(now.Add(-r.transport.options.SnapshotTimeout))
		}
	}
}

// closeUnused closes what was last used before a time, and frees the buffers if nothing arrives.
func (r *receiver) closeUnused(before time.Time) {
	r.mu.Lock()
	var idle []*session
	for _, s := range r.sessions {
		if s.usedAt.Before(before) && s.tryAcquire() {
			idle = append(idle, s)
		}
	}
	r.mu.Unlock()
	for _, s := range idle {
		s.closeSink(r.transport.options.Logger)
		r.forget(s)
		s.release()
	}
	if r.count() == 0 {
		r.freeBuffers()
	}
}

func (r *receiver) freeBuffers() {
	for range cap(r.buffers) {
		if _, ok := r.borrow(0); !ok {
			return
		}
		r.giveBack(nil)
	}
}

// closeAll closes what is open, once no request is under way.
func (r *receiver) closeAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.sessions {
		s.closeSink(r.transport.options.Logger)
	}
	r.sessions = nil
}

// acquire holds the session for the caller, who releases it.
func (s *session) acquire(ctx context.Context, stopped <-chan struct{}) *refusal {
	select {
	case s.held <- struct{}{}:
		return nil
	case <-ctx.Done():
		return refuse(http.StatusServiceUnavailable, "%v", context.Cause(ctx))
	case <-stopped:
		return refuse(http.StatusServiceUnavailable, "%v", ErrClosed)
	}
}

func (s *session) tryAcquire() bool {
	select {
	case s.held <- struct{}{}:
		return true
	default:
		return false
	}
}

func (s *session) release() { <-s.held }

// closeSink closes the sink, if there is one. The caller holds the session, or nobody does.
func (s *session) closeSink(logger *slog.Logger) {
	if s.sink == nil {
		return
	}
	if err := s.sink.Close(); err != nil {
		logger.Warn("raft snapshot: a sink is not closed", "group", s.group, "peer", s.from, "error", err)
	}
	s.sink = nil
}

func (s *session) isNamed(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token != "" && s.token == token
}

// resume reports whether the session is about the same bytes, and takes note of who sends them now.
func (s *session) resume(what contents) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.what.same(what) {
		return false
	}
	s.what.attempt = what.attempt
	return true
}

// completing answers for a snapshot that is being completed, or complete; otherwise it returns nil.
func (s *session) completing(what contents) *beginAnswer {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.completion
	if !s.what.same(what) || c == nil || c.isDone() && (c.err != nil || s.what.attempt != what.attempt) {
		return nil
	}
	return &beginAnswer{Token: s.token, Offset: c.size}
}

// completionOf returns that of the snapshot that a token names, nil if it has not begun.
func (s *session) completionOf(token string) *completion {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token != token {
		return nil
	}
	return s.completion
}

// complete begins the completion. The caller holds the session.
func (s *session) complete(size uint64) *completion {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.completion = &completion{size: size, done: make(chan struct{})}
	return s.completion
}

func (s *session) isDone() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.completion != nil && s.completion.isDone()
}
