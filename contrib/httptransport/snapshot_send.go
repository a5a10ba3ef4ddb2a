package httptransport

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/seed695671cb/raft/replica"
)

// Sending snapshots. The receiver is asked how much it has; then the contents follow in chunks, each of which is acknowledged
// with the offset where to go on. After any failure the receiver is asked again.

// maxRestarts bounds how often a receiver may go back to where it was before.
const maxRestarts = 100

// abandonTime is how long telling the receiver of a failure may take.
const abandonTime = time.Second

// finalError is one that no further attempt would mend.
type finalError struct{ error }

func (e finalError) Unwrap() error { return e.error }

// beginRequest is the body of the request that asks how much of a snapshot is there.
type beginRequest struct {
	Group   uint64 `json:"group"`
	Stream  uint64 `json:"stream"`
	Message []byte `json:"message"` // a raftpb.Message
	Attempt string `json:"attempt"` // another one for each call of SendSnapshot
}

// beginAnswer says where to go on, and how to name the snapshot.
type beginAnswer struct {
	Token  string `json:"token"`
	Offset uint64 `json:"offset"`
}

// An upload is a snapshot that is being sent.
type upload struct {
	transport *Transport
	peer      *peer
	snapshot  *replica.OutgoingSnapshot

	reader io.ReadCloser // at the end of chunk, nil if not open
	buffer []byte
	chunk  []byte // what was read last
	at     uint64 // its offset

	progressAt time.Time
	advanced   bool // since the last attempt
	restarts   int
	token      string
	attemptID  string
}

// SendSnapshot streams a snapshot. It is tried again after failures, from where the receiver is, until SnapshotTimeout has
// passed without progress. Done is given ErrUnknownPeer, ErrNoProgress, ErrClosed, the context's error, or a *RefusedError if the
// receiver does not want the snapshot.
func (t *Transport) SendSnapshot(snapshot *replica.OutgoingSnapshot) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	p := t.peers[snapshot.Header.To]
	switch {
	case t.closed:
		go snapshot.Done(fmt.Errorf("httptransport: send a snapshot: %w", ErrClosed))
	case p == nil:
		t.work.Go(func() {
			snapshot.Done(fmt.Errorf("httptransport: send a snapshot to host %d: %w", snapshot.Header.To, ErrUnknownPeer))
		})
	default:
		u := &upload{transport: t, peer: p, snapshot: snapshot, attemptID: rand.Text()}
		t.work.Go(func() { snapshot.Done(u.run()) })
	}
}

// run sends the snapshot, and returns why it could not be.
func (u *upload) run() error {
	ctx, end := context.WithCancelCause(u.snapshot.Context)
	defer end(nil)
	defer context.AfterFunc(u.peer.ctx, func() { end(context.Cause(u.peer.ctx)) })()
	err := u.untilDone(ctx)
	u.closeReader()
	if err != nil {
		u.abandon()
		return fmt.Errorf("httptransport: send a snapshot of group %d to host %d: %w", u.snapshot.Header.Group, u.peer.id, err)
	}
	return nil
}

// abandon has the receiver close what it has open, rather than wait for more, if it can be told at once.
func (u *upload) abandon() {
	if u.token == "" || u.peer.ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(u.peer.ctx, abandonTime)
	defer cancel()
	address, _ := u.peer.target()
	l, err := newLink(&u.transport.options, u.peer.id, address)
	if err != nil {
		return
	}
	defer l.close()
	if err := u.ask(ctx, l, pathAbandon, nil, u.naming(0), new(beginAnswer)); err != nil {
		u.transport.options.Logger.Debug("raft snapshot is abandoned unheard", "peer", u.peer.id, "error", err)
	}
}

func (u *upload) untilDone(ctx context.Context) error {
	select {
	case u.transport.sending <- struct{}{}:
		defer func() { <-u.transport.sending }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	o := &u.transport.options
	b := newBackoff(o, u.snapshot.Header.Stream)
	u.progressAt = time.Now()
	for {
		err := u.attempt(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case isFinal(err):
			return err
		case time.Since(u.progressAt) > o.SnapshotTimeout:
			return fmt.Errorf("%w for %v: %w", ErrNoProgress, o.SnapshotTimeout, err)
		}
		o.Logger.Debug("raft snapshot is interrupted", "peer", u.peer.id, "group", u.snapshot.Header.Group, "error", err)
		if u.advanced {
			b.reset()
		}
		u.advanced = false
		if err := sleep(ctx, b.delay()); err != nil {
			return err
		}
	}
}

// isFinal reports whether no further attempt is to be made.
func isFinal(err error) bool {
	if errors.As(err, new(finalError)) {
		return true
	}
	var refused *RefusedError
	if !errors.As(err, &refused) {
		return false
	}
	// The receiver knows nothing of the snapshot any more, or is busy: it can be asked again.
	again := refused.Status >= 500 || refused.Status == http.StatusNotFound || refused.Status == http.StatusConflict
	return refused.Final || !again
}

// attempt sends what the receiver does not have, until the first failure.
func (u *upload) attempt(ctx context.Context) error {
	address, moved := u.peer.target()
	l, err := newLink(&u.transport.options, u.peer.id, address)
	if err != nil {
		return err
	}
	defer l.close()
	offset, err := u.begin(ctx, l)
	for err == nil {
		if err := u.load(offset); err != nil {
			return finalError{err}
		}
		chunk := u.chunk[offset-u.at:]
		if len(chunk) == 0 {
			return u.finish(ctx, l, offset)
		}
		select {
		case <-moved:
			return errMoved
		default:
		}
		offset, err = u.send(ctx, l, chunk, offset)
	}
	return err
}

// begin asks how much is there.
func (u *upload) begin(ctx context.Context, l *link) (offset uint64, err error) {
	h := &u.snapshot.Header
	message, err := h.Message.Marshal()
	if err != nil {
		return 0, finalError{fmt.Errorf("encode the message: %w", err)}
	}
	body, err := json.Marshal(beginRequest{Group: h.Group, Stream: h.Stream, Message: message, Attempt: u.attemptID})
	if err != nil {
		return 0, finalError{fmt.Errorf("encode the header: %w", err)}
	}
	var answer beginAnswer
	if err := u.ask(ctx, l, pathSnapshot, body, nil, &answer); err != nil {
		return 0, err
	}
	u.token = answer.Token
	u.report(answer.Offset)
	return answer.Offset, nil
}

// load makes chunk hold what is at the offset: nothing if that is the end. What is in memory is not read again.
func (u *upload) load(offset uint64) error {
	end := u.at + uint64(len(u.chunk))
	if u.reader != nil && offset >= u.at && offset < end {
		return nil
	}
	if u.reader == nil || offset != end {
		u.closeReader()
		reader, err := u.snapshot.Open(offset)
		if err != nil {
			return fmt.Errorf("open the contents at %d: %w", offset, err)
		}
		u.reader = reader
	}
	if u.buffer == nil {
		u.buffer = make([]byte, u.transport.options.MaxSnapshotChunk)
	}
	u.at, u.chunk = offset, nil
	n, err := io.ReadFull(u.reader, u.buffer)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("read the contents at %d: %w", offset, err)
	}
	u.chunk = u.buffer[:n]
	return nil
}

func (u *upload) closeReader() {
	if u.reader == nil {
		return
	}
	if err := u.reader.Close(); err != nil {
		u.transport.options.Logger.Warn("raft snapshot: the contents are not closed", "group", u.snapshot.Header.Group, "error", err)
	}
	u.reader = nil
}

// send sends a chunk, and returns where to go on.
func (u *upload) send(ctx context.Context, l *link, chunk []byte, offset uint64) (next uint64, err error) {
	if err := sleep(ctx, u.transport.pace.wait(len(chunk), time.Now())); err != nil {
		return 0, err
	}
	extra := u.naming(offset)
	extra.Set(headerChecksum, strconv.FormatUint(uint64(crc32.Checksum(chunk, castagnoli())), 16))
	var answer beginAnswer
	err = u.ask(ctx, l, pathChunk, chunk, extra, &answer)
	var refused *RefusedError
	if errors.As(err, &refused) && refused.Status == http.StatusConflict {
		return u.resumed(offset, refused.offset)
	}
	if err != nil {
		return 0, err
	}
	return u.resumed(offset, answer.Offset)
}

// naming returns the headers that name the snapshot and an offset.
func (u *upload) naming(offset uint64) http.Header {
	extra := http.Header{}
	extra.Set(headerToken, u.token)
	extra.Set(headerOffset, strconv.FormatUint(offset, 10))
	return extra
}

// resumed takes note of where the receiver goes on after it was sent what is at offset.
func (u *upload) resumed(offset, next uint64) (uint64, error) {
	if next > offset {
		u.report(next)
		u.progressAt, u.advanced = time.Now(), true
		return next, nil
	}
	u.restarts++
	if u.restarts > maxRestarts {
		return 0, finalError{fmt.Errorf("the receiver went back %d times, lastly from %d to %d", u.restarts, offset, next)}
	}
	return next, nil
}

func (u *upload) report(offset uint64) {
	if u.snapshot.Progress != nil {
		u.snapshot.Progress(offset)
	}
}

// finish says that all is there, and waits for the receiver to have it restored. As long as that takes, it sends empty lines.
func (u *upload) finish(ctx context.Context, l *link, size uint64) error {
	idle := u.transport.options.StreamIdle
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	defer l.closeAfter(ctx)()
	timer := time.AfterFunc(idle, func() { end(fmt.Errorf("the receiver has not answered for %v", idle)) })
	defer timer.Stop()
	response, err := l.post(ctx, Prefix+pathFinish, http.NoBody, 0, u.naming(size))
	if err != nil {
		return causeOf(ctx, err)
	}
	defer response.Body.Close()
	lines := bufio.NewReaderSize(response.Body, maxErrorBytes)
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil {
			return causeOf(ctx, unexpected(err))
		}
		timer.Reset(idle)
		u.progressAt, u.advanced = time.Now(), true
		if len(line) <= 1 {
			continue
		}
		var answer errorAnswer
		if err := json.Unmarshal(line, &answer); err != nil {
			return fmt.Errorf("the receiver's answer: %w", err)
		}
		if answer.Error != "" {
			return &RefusedError{Status: http.StatusUnprocessableEntity, Reason: answer.Error, Final: true}
		}
		return nil
	}
}

// ask sends a request and decodes the answer. The body is not used any more when it returns.
func (u *upload) ask(ctx context.Context, l *link, path string, body []byte, extra http.Header, answer any) error {
	ctx, cancel := within(ctx, u.transport.options.allowance(len(body)), "a request")
	defer cancel()
	defer l.closeAfter(ctx)()
	reader := &borrowed{r: bytes.NewReader(body)}
	defer reader.Close()
	response, err := l.post(ctx, Prefix+path, reader, int64(len(body)), extra)
	if err != nil {
		return causeOf(ctx, err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(io.LimitReader(response.Body, maxErrorBytes)).Decode(answer); err != nil {
		return causeOf(ctx, fmt.Errorf("the receiver's answer: %w", err))
	}
	return nil
}

// borrowed is a body whose bytes are left alone once it is closed: net/http may go on to read after it has returned.
type borrowed struct {
	mu     sync.Mutex
	r      *bytes.Reader
	closed bool
}

func (b *borrowed) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, io.ErrClosedPipe
	}
	return b.r.Read(p)
}

func (b *borrowed) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return nil
}

// sleep waits, unless the context ends before.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// A pace keeps to a rate. Its methods may be called from any goroutine.
type pace struct {
	rate int64 // bytes a second, 0 for any
	mu   sync.Mutex
	free time.Time // when what was admitted before has been sent
}

// wait returns how long to wait before sending n bytes.
func (p *pace) wait(n int, now time.Time) time.Duration {
	if p.rate == 0 {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.free.Before(now) {
		p.free = now
	}
	wait := p.free.Sub(now)
	p.free = p.free.Add(time.Duration(float64(n) / float64(p.rate) * float64(time.Second)))
	return wait
}
