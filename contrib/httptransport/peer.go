package httptransport

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/seed695671cb/raft/replica"
)

// A peer: a host that is talked to. One goroutine keeps a stream to it, another reports what was lost.

// lossPause is how often the loss of messages is reported, at most.
const lossPause = time.Second

// logPause is how often failures to reach a peer are logged, at most.
const logPause = 10 * time.Second

// errMoved ends a stream to an address that the peer has no more.
var errMoved = errors.New("the address has changed")

type peer struct {
	id        uint64
	transport *Transport
	queue     *queue
	losses    chan struct{}
	received  *received

	ctx    context.Context // ends when the peer is removed, or the transport closed
	cancel context.CancelCauseFunc

	mu      sync.Mutex
	address string
	moved   chan struct{}           // closed when address changes
	end     context.CancelCauseFunc // of the attempt that is being made
	stream  *outStream              // nil if not connected
	since   time.Time
	lastErr string
	rtt     time.Duration
	// logged is the failure that was logged last, empty once the peer has answered again, and loggedAt when.
	logged   string
	loggedAt time.Time
}

func newPeer(t *Transport, id uint64, address string) *peer {
	p := &peer{id: id, transport: t, address: address, moved: make(chan struct{}), losses: make(chan struct{}, 1)}
	p.ctx, p.cancel = context.WithCancelCause(context.Background())
	p.queue = newQueue(t.options.ID, id, &t.options, p.lose)
	return p
}

// lose takes note that messages may have been lost. It does not wait.
func (p *peer) lose() {
	select {
	case p.losses <- struct{}{}:
	default:
	}
}

// report tells the handler of losses, until the peer is removed.
func (p *peer) report(handler replica.Handler) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-pause.C:
		}
		select {
		case <-p.ctx.Done():
			return
		case <-p.losses:
		}
		handler.HandleUnreachable(p.id)
		pause.Reset(lossPause)
	}
}

// setAddress has the peer reached elsewhere, at once.
func (p *peer) setAddress(address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if address == p.address {
		return
	}
	p.address = address
	p.logged, p.loggedAt = "", time.Time{}
	close(p.moved)
	p.moved = make(chan struct{})
	if p.end != nil {
		p.end(errMoved)
	}
}

// target returns where the peer is, and a channel that is closed when it is not there any more.
func (p *peer) target() (address string, moved <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.address, p.moved
}

// run keeps a stream to the peer until it is removed.
func (p *peer) run() {
	b := newBackoff(&p.transport.options, p.id)
	for p.ctx.Err() == nil {
		address, moved := p.target()
		err := p.attempt(address, b)
		if p.ctx.Err() != nil {
			return
		}
		p.failed(address, err)
		delay := time.NewTimer(b.delay())
		select {
		case <-p.ctx.Done():
		case <-moved:
			b.reset()
		case <-delay.C:
		}
		delay.Stop()
	}
}

// failed takes note of the end of a stream, or of an attempt at one.
func (p *peer) failed(address string, err error) {
	if !p.queue.isEmpty() {
		p.lose()
	}
	text := brief(err)
	if p.isNews(text, time.Now()) && !errors.Is(err, errMoved) {
		p.transport.options.Logger.Warn("raft peer is not reached", "peer", p.id, "address", address, "error", text)
	}
}

// isNews reports whether a failure is to be logged: once until the peer has answered again, and not every moment.
func (p *peer) isNews(text string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lastErr = text
	if text == p.logged || now.Sub(p.loggedAt) < logPause {
		return false
	}
	p.logged, p.loggedAt = text, now
	return true
}

// attempt connects to the peer, and returns why the stream to it has ended.
func (p *peer) attempt(address string, b *backoff) error {
	l, err := newLink(&p.transport.options, p.id, address)
	if err != nil {
		return err
	}
	defer l.close()
	ctx, end := context.WithCancelCause(p.ctx)
	defer end(nil)
	defer l.closeAfter(ctx)()
	if !p.begin(address, end) {
		return errMoved
	}
	body := &outStream{queue: p.queue}
	defer body.Close()
	timer := time.AfterFunc(p.transport.options.StreamIdle, func() {
		end(fmt.Errorf("connecting took longer than %v", p.transport.options.StreamIdle))
	})
	response, err := l.post(ctx, Prefix+pathStream, body, -1, nil)
	if !timer.Stop() && err == nil {
		err = errors.Join(context.Cause(ctx), response.Body.Close())
	}
	if err != nil {
		return causeOf(ctx, err)
	}
	defer response.Body.Close()
	p.connected(body)
	defer p.disconnected()
	stop := p.watch(body, end)
	defer stop()
	return causeOf(ctx, p.listen(response, body, b))
}

// begin registers an attempt, unless the peer has moved meanwhile.
func (p *peer) begin(address string, end context.CancelCauseFunc) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end = end
	return p.address == address
}

func (p *peer) connected(body *outStream) {
	now := time.Now()
	p.mu.Lock()
	p.stream, p.since = body, now
	address := p.address
	p.mu.Unlock()
	p.transport.options.Logger.Debug("raft peer is connected", "peer", p.id, "address", address)
	body.open(now)
}

func (p *peer) disconnected() {
	p.mu.Lock()
	p.rtt = p.stream.probe.roundTrip()
	p.stream = nil
	p.mu.Unlock()
	p.lose() // what was written lately may not have arrived
}

// watch probes a stream, and ends it when the peer does not answer. The function that it returns ends the watching.
func (p *peer) watch(body *outStream, end context.CancelCauseFunc) (stop func()) {
	o := &p.transport.options
	var mu sync.Mutex
	stopped := false
	var timer *time.Timer
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(o.Keepalive, func() {
		mu.Lock()
		defer mu.Unlock()
		if stopped {
			return
		}
		if body.probe.isDead(time.Now(), o) {
			end(fmt.Errorf("the peer has not answered for %v", o.StreamIdle))
			return
		}
		body.ping()
		timer.Reset(o.Keepalive)
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		stopped = true
		timer.Stop()
	}
}

// listen reads what comes back on a stream until it ends.
func (p *peer) listen(response *http.Response, body *outStream, b *backoff) error {
	frames := frameReader{r: bufio.NewReaderSize(response.Body, 512), max: maxErrorBytes}
	for {
		kind, text, err := frames.next()
		switch {
		case errors.Is(err, io.EOF):
			return errors.New("the peer has ended the stream")
		case err != nil:
			return err
		case kind == kindEnd:
			return fmt.Errorf("the peer has ended the stream: %q", text)
		case kind != kindPong || !body.probe.answered(text, time.Now()):
			return fmt.Errorf("%w: a frame of kind %d in an answer", errMalformed, kind)
		}
		b.reset()
		p.mu.Lock()
		p.logged, p.lastErr = "", ""
		p.mu.Unlock()
	}
}

// describe returns the peer's part of a status.
func (p *peer) describe() PeerStatus {
	s := PeerStatus{ID: p.id}
	p.queue.describe(&s)
	p.mu.Lock()
	defer p.mu.Unlock()
	s.Address = p.address
	s.LastError = p.lastErr
	s.RTT = p.rtt
	if p.stream != nil {
		s.Connected = true
		s.ConnectedSince = p.since
		s.RTT = p.stream.probe.roundTrip()
	}
	return s
}
