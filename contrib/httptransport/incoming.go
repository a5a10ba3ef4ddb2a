package httptransport

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed695671cb/raft/replica"
)

// Streams of messages that arrive: one from each host.

var (
	errReplaced = errors.New("the host has opened another stream")
	errIdle     = errors.New("nothing has arrived for too long")
)

// received counts what has arrived from a host.
type received struct{ messages, bytes, frames atomic.Uint64 }

func (r *received) describe(s *PeerStatus) {
	s.ReceivedMessages = r.messages.Load()
	s.ReceivedBytes = r.bytes.Load()
	s.ReceivedFrames = r.frames.Load()
}

// incoming are the streams that arrive.
type incoming struct {
	mu      sync.Mutex
	closed  bool
	streams map[uint64]*inStream
}

// An inStream is a stream that arrives.
type inStream struct {
	visit
	transport *Transport
	received  *received
	// deadline is what the server was told to wait for at most.
	deadline time.Time

	// mu guards what follows, and the use of control by others than the stream's goroutine.
	mu    sync.Mutex
	ended bool
	why   error // that it is to be ended
}

// add registers a stream, and ends the one that it replaces.
func (in *incoming) add(s *inStream, limit int) *refusal {
	in.mu.Lock()
	before := in.streams[s.from]
	if in.closed {
		in.mu.Unlock()
		return refuse(http.StatusServiceUnavailable, "%v", ErrClosed)
	}
	if before == nil && len(in.streams) >= limit {
		in.mu.Unlock()
		return refuse(http.StatusServiceUnavailable, "%d hosts have streams to this one, which is MaxStreams", limit)
	}
	if in.streams == nil {
		in.streams = map[uint64]*inStream{}
	}
	in.streams[s.from] = s
	in.mu.Unlock()
	if before != nil {
		before.stop(errReplaced)
	}
	return nil
}

func (in *incoming) remove(s *inStream) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.streams[s.from] == s {
		delete(in.streams, s.from)
	}
}

// close ends all streams, and has no more added.
func (in *incoming) close() {
	in.mu.Lock()
	in.closed = true
	var open []*inStream
	for _, s := range in.streams {
		open = append(open, s)
	}
	in.mu.Unlock()
	for _, s := range open {
		s.stop(ErrClosed)
	}
}

func (in *incoming) count() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.streams)
}

// all returns the counters of the hosts that have streams open.
func (in *incoming) all() map[uint64]*received {
	in.mu.Lock()
	defer in.mu.Unlock()
	out := map[uint64]*received{}
	for id, s := range in.streams {
		out[id] = s.received
	}
	return out
}

// receivedFrom returns the counters of a host: those of its stream, if it has one.
func (in *incoming) receivedFrom(id uint64) *received {
	in.mu.Lock()
	defer in.mu.Unlock()
	if s := in.streams[id]; s != nil {
		return s.received
	}
	return &received{}
}

// serveStream takes messages until the stream ends.
func (t *Transport) serveStream(v visit) *refusal {
	s := &inStream{visit: v, transport: t, received: &received{}}
	if p, err := t.peer(v.from); err == nil {
		s.received = p.received
	}
	if no := t.incoming.add(s, t.options.MaxStreams); no != nil {
		return no
	}
	defer t.incoming.remove(s)
	v.w.Header().Set("Content-Type", "application/octet-stream")
	v.w.WriteHeader(http.StatusOK)
	err := v.control.Flush()
	if err == nil {
		err = s.read()
	}
	s.finish(err)
	return nil
}

// read delivers what arrives until the stream ends.
func (s *inStream) read() error {
	t := s.transport
	frames := frameReader{r: bufio.NewReaderSize(s.r.Body, 32<<10), max: t.options.MaxFrameBytes, expect: s.expect}
	d := decoder{from: s.from, to: t.options.ID, deliver: s.deliver, refuse: s.refuse}
	for {
		kind, body, err := frames.next()
		if err != nil {
			return err
		}
		s.received.frames.Add(1)
		s.received.bytes.Add(uint64(frameHeaderBytes + len(body)))
		switch {
		case kind == kindMessages:
			kept, err := d.decode(body)
			if err != nil {
				return err
			}
			if kept {
				frames.keep()
			}
		case kind == kindPing && len(body) == pingBytes:
			if err := s.write(smallFrame(kindPong, body)); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%w: a frame of kind %d with %d bytes", errMalformed, kind, len(body))
		}
	}
}

func (s *inStream) deliver(batch []replica.Message) {
	s.received.messages.Add(uint64(len(batch)))
	s.handler.HandleMessages(s.from, batch)
}

func (s *inStream) refuse(err error) {
	t := s.transport
	t.counters.refusedMessages.Add(1)
	if t.quiet.admits(fmt.Sprintf("message of %d: %v", s.from, err), time.Now()) {
		t.options.Logger.Warn("raft message is refused", "peer", s.from, "error", err)
	}
}

// expect gives what comes next the time that it may take. The server is only told when it matters.
func (s *inStream) expect(length int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.why != nil {
		return s.why
	}
	o := &s.transport.options
	deadline := time.Now().Add(o.allowance(length))
	if slack := s.deadline.Sub(deadline); slack >= 0 && slack <= o.StreamIdle/4 {
		return nil
	}
	s.deadline = deadline.Add(o.StreamIdle / 4)
	return s.control.SetReadDeadline(s.deadline)
}

// write sends a frame back.
func (s *inStream) write(frame []byte) error {
	if err := s.limitWriting(time.Now().Add(s.transport.options.StreamIdle)); err != nil {
		return err
	}
	if _, err := s.w.Write(frame); err != nil {
		return err
	}
	if err := s.control.Flush(); err != nil {
		return err
	}
	return s.limitWriting(time.Time{})
}

func (s *inStream) limitWriting(deadline time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.why != nil {
		return s.why
	}
	return s.control.SetWriteDeadline(deadline)
}

// stop has a stream end. It does not wait for it.
func (s *inStream) stop(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.why != nil {
		return
	}
	s.why = why
	now := time.Now()
	err := errors.Join(s.control.SetReadDeadline(now.Add(-time.Second)), s.control.SetWriteDeadline(now.Add(time.Second)))
	if err != nil {
		s.transport.options.Logger.Debug("raft stream is not ended in time", "peer", s.from, "error", err)
	}
}

// finish tells the sender why its stream has ended, as far as it still listens.
func (s *inStream) finish(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	if s.why != nil {
		err = s.why
	}
	t := s.transport
	if errors.Is(err, errMalformed) || errors.Is(err, errChecksum) {
		t.counters.brokenStreams.Add(1)
		if t.quiet.admits(fmt.Sprintf("stream of %d: %v", s.from, err), time.Now()) {
			t.options.Logger.Warn("raft stream is broken", "peer", s.from, "error", err)
		}
	}
	if isTimeout(err) {
		err = errIdle
	}
	if s.control.SetWriteDeadline(time.Now().Add(time.Second)) != nil {
		return
	}
	if _, err := s.w.Write(smallFrame(kindEnd, []byte(brief(err)))); err != nil {
		t.options.Logger.Debug("raft stream ends unheard", "peer", s.from, "error", err)
	}
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}
