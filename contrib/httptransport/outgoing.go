package httptransport

import (
	"encoding/binary"
	"io"
	"sync"
	"time"
)

// An outgoing stream: the body of a request that ends when the stream does. net/http reads from it, so that what waits is
// written as fast as the connection and the receiver take it, without a goroutine in between.

// An outStream is the body of one request. Nothing is read from it before it is opened: until the receiver has said who it is
// and that it takes the stream, messages wait.
//
// All but the queue and the probe is guarded by queue.mu.
type outStream struct {
	queue *queue
	probe probe

	opened, closed, pingDue bool
	// busy is set while Read copies from rest without the lock.
	busy    bool
	current *frame // that rest is a part of, nil for a ping
	rest    []byte
}

// A probe keeps track of pings, and so of whether the receiver is alive.
type probe struct {
	mu       sync.Mutex
	number   uint64
	sentAt   time.Time
	aliveAt  time.Time
	sentThen int // bytes since aliveAt
	rtt      time.Duration
}

// open lets the stream take what waits, from now until it is closed.
func (s *outStream) open(now time.Time) {
	s.probe.begin(now)
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	s.opened, s.pingDue = true, true
	s.queue.online = true
	s.queue.wake.Broadcast()
}

// ping has a ping written.
func (s *outStream) ping() {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	s.pingDue = true
	s.queue.wake.Broadcast()
}

// Read is called by net/http, from one goroutine.
func (s *outStream) Read(p []byte) (int, error) {
	fresh, err := s.await()
	if err != nil {
		return 0, err
	}
	if fresh {
		sealFrame(s.rest, kindMessages)
	}
	n := copy(p, s.rest)
	s.advance(n)
	return n, nil
}

// await waits until there is something to be read, which is then the reader's until advance is called. It reports whether
// that is a frame that was not sealed yet.
func (s *outStream) await() (fresh bool, err error) {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	for !s.closed {
		if fresh = s.fetch(); len(s.rest) > 0 {
			s.busy = true
			return fresh, nil
		}
		s.queue.wake.Wait()
	}
	return false, io.EOF
}

// fetch fills rest if it is empty and something is due. It reports whether that is a frame of messages.
func (s *outStream) fetch() bool {
	if len(s.rest) > 0 || !s.opened {
		return false
	}
	if s.pingDue {
		s.pingDue = false
		s.rest = s.probe.next(time.Now())
		return false
	}
	s.current = s.queue.take()
	if s.current == nil {
		return false
	}
	s.rest = s.current.data
	return true
}

// advance takes note of n bytes that were read.
func (s *outStream) advance(n int) {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	s.rest = s.rest[n:]
	s.busy = false
	if s.current != nil {
		s.probe.wrote(n)
	}
	if s.current != nil && len(s.rest) == 0 {
		s.queue.done(s.current)
		s.current = nil
	}
	if s.closed {
		s.queue.wake.Broadcast()
	}
}

// Close ends the stream, if it has not ended. When it returns, nothing is read from the queue any more.
func (s *outStream) Close() error {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	s.closed = true
	s.queue.wake.Broadcast()
	for s.busy {
		s.queue.wake.Wait()
	}
	if s.current != nil {
		s.queue.abandon(s.current)
	}
	if s.opened {
		s.queue.online = false
		s.queue.trim()
	}
	s.current, s.rest, s.opened = nil, nil, false
	return nil
}

// begin takes the receiver for alive.
func (p *probe) begin(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.aliveAt = now
}

// next returns a ping.
func (p *probe) next(now time.Time) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.number++
	p.sentAt = now
	return smallFrame(kindPing, binary.LittleEndian.AppendUint64(nil, p.number))
}

// answered takes note of a pong. It reports whether it is one.
func (p *probe) answered(body []byte, now time.Time) bool {
	if len(body) != pingBytes {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.aliveAt, p.sentThen = now, 0
	if binary.LittleEndian.Uint64(body) == p.number {
		p.rtt = now.Sub(p.sentAt)
	}
	return true
}

func (p *probe) wrote(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sentThen += n
}

// isDead reports whether the receiver has been silent for longer than it may, which depends on how much there is to take
// before the next ping.
func (p *probe) isDead(now time.Time, o *Options) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return now.Sub(p.aliveAt) > o.StreamIdle+time.Duration(p.sentThen/(4*minBytesPerSec))*time.Second
}

func (p *probe) roundTrip() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rtt
}
