package replica

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// Sending snapshots (Raft §7). What is sent is a view of the state machine, captured when a follower needs one: no copy is written
// to disk first. Several followers can be sent the same view. While one is in use, and for some time after, the log behind it is
// kept, so that followers can go on from it.

// viewTicks is how many ticks a view is kept when nobody is sent it any more.
const viewTicks = 300

// A capturedView is a view with what a replica adds to it.
type capturedView struct {
	meta   pb.SnapshotMetadata
	stream uint64
	header contentsHeader
	view   View
	// What follows is guarded by views.mu. readers counts who uses the view; usedAt is the tick of the last use. A retired
	// view is of no use to anybody new.
	readers int
	usedAt  uint64
	retired bool
}

// views are the views of one replica, one in general, in ascending order of their indexes.
type views struct {
	mu   sync.Mutex
	list []*capturedView
	// sent is how many bytes of a snapshot each member has received, while one is under way.
	sent map[uint64]uint64
}

// newest returns the view to send, and nil if one has to be captured first. It is kept for a while: the caller may then use it.
func (v *views) newest(now uint64) *capturedView {
	v.mu.Lock()
	defer v.mu.Unlock()
	if n := len(v.list); n > 0 && !v.list[n-1].retired {
		v.list[n-1].usedAt = now
		return v.list[n-1]
	}
	return nil
}

// use takes part in the use of the view at an index.
func (v *views) use(index uint64) *capturedView {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, c := range v.list {
		if c.meta.Index == index && !c.retired {
			c.readers++
			return c
		}
	}
	return nil
}

// share takes part in the use of a view that the caller uses already.
func (v *views) share(c *capturedView) {
	v.mu.Lock()
	defer v.mu.Unlock()
	c.readers++
}

func (v *views) release(c *capturedView, now uint64) {
	v.mu.Lock()
	c.readers--
	c.usedAt = now
	v.mu.Unlock()
	v.closeIf(func(c *capturedView) bool { return c.retired })
}

// held reports whether there is a view, which is to be closed in time.
func (v *views) held() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.list) > 0
}

// oldest returns the index behind which the log is to be kept, or false if there is no view.
func (v *views) oldest() (index uint64, some bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, c := range v.list {
		if !c.retired {
			return c.meta.Index, true
		}
	}
	return 0, false
}

// add makes a view the newest.
func (v *views) add(c *capturedView) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.list = append(v.list, c)
}

// retireBelow has views with lower indexes be used by nobody new: the log behind them is gone.
func (v *views) retireBelow(index uint64) {
	v.mu.Lock()
	for _, c := range v.list {
		c.retired = c.retired || c.meta.Index < index
	}
	v.mu.Unlock()
	v.closeIf(func(c *capturedView) bool { return c.retired })
}

// expire closes what was not used for long.
func (v *views) expire(now uint64) {
	v.closeIf(func(c *capturedView) bool { return c.retired || now > c.usedAt+viewTicks })
}

func (v *views) closeAll() { v.closeIf(func(*capturedView) bool { return true }) }

// closeIf closes the views that nobody uses and of which over is true.
func (v *views) closeIf(over func(*capturedView) bool) {
	v.mu.Lock()
	var closed []*capturedView
	v.list = slices.DeleteFunc(v.list, func(c *capturedView) bool {
		if c.readers > 0 || !over(c) {
			return false
		}
		closed = append(closed, c)
		return true
	})
	v.mu.Unlock()
	for _, c := range closed {
		_ = c.view.Close() // nobody reads it, and nothing is left to be done about it
	}
}

func (v *views) progress(to, bytes uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.sent == nil {
		v.sent = map[uint64]uint64{}
	}
	v.sent[to] = bytes
}

func (v *views) progressOf(to uint64) uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.sent[to]
}

func (v *views) ended(to uint64) (bytes uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	bytes = v.sent[to]
	delete(v.sent, to)
	return bytes
}

// capture has the state machine capture a view. It runs on the applying goroutine.
func (r *Replica) capture() error {
	now, _ := r.host.clock.read()
	if r.views.newest(now) != nil || r.applying.index == 0 {
		return nil
	}
	c, err := r.captureView()
	if err != nil {
		return err
	}
	c.usedAt = now
	r.views.add(c)
	return nil
}

func (r *Replica) captureView() (*capturedView, error) {
	a := &r.applying
	stream, err := randomNumber()
	if err != nil {
		return nil, err
	}
	view, err := a.machine.Capture()
	if err != nil {
		return nil, fmt.Errorf("the state machine cannot be captured: %w", err)
	}
	return &capturedView{
		meta:   pb.SnapshotMetadata{Index: a.index, Term: a.term, ConfState: a.confState},
		stream: stream, view: view,
		header: contentsHeader{applied: a.index, term: a.term, confState: a.confState, members: a.members, sessions: a.sessions.encode()},
	}, nil
}

// writeTo writes the contents of the snapshot.
func (c *capturedView) writeTo(to io.Writer) (bytes uint64, err error) {
	out, err := newContentsWriter(to, c.header)
	if err != nil {
		return 0, err
	}
	if _, err := c.view.WriteTo(out); err != nil {
		return 0, err
	}
	if err := out.finish(); err != nil {
		return 0, err
	}
	return out.length(), nil
}

// openView returns the contents from an offset on. The caller uses the view.
func (r *Replica) openView(c *capturedView, offset uint64) (io.ReadCloser, error) {
	in, out := io.Pipe()
	contents := &viewContents{PipeReader: in}
	r.views.share(c)
	r.background.Add(1)
	go func() {
		defer r.background.Done()
		_, err := c.writeTo(&skipper{to: out, skip: offset, closed: &contents.closed})
		out.CloseWithError(err)
		now, _ := r.host.clock.read()
		r.views.release(c, now)
	}()
	return contents, nil
}

// viewContents are the contents of a view as they are read.
type viewContents struct {
	*io.PipeReader
	closed atomic.Bool
}

func (c *viewContents) Close() error {
	c.closed.Store(true)
	return c.PipeReader.Close()
}

// A skipper leaves out the first bytes. It ends when its reader has.
type skipper struct {
	to     io.Writer
	skip   uint64
	closed *atomic.Bool
}

func (s *skipper) Write(p []byte) (int, error) {
	if s.closed.Load() {
		return 0, io.ErrClosedPipe
	}
	n := int(min(s.skip, uint64(len(p))))
	s.skip -= uint64(n)
	if n == len(p) {
		return n, nil
	}
	m, err := s.to.Write(p[n:])
	return n + m, err
}

// sendSnapshot streams the view that a MsgSnap names. May be called from any goroutine of the host.
func (r *Replica) sendSnapshot(m pb.Message) {
	if r.stopping() {
		return
	}
	c := r.views.use(m.Snapshot.Metadata.Index)
	if c == nil {
		r.reportSnapshot(m.To, errors.New("the view is gone"))
		return
	}
	r.background.Add(1)
	go r.stream(m, c)
}

func (r *Replica) stream(m pb.Message, c *capturedView) {
	defer r.background.Done()
	defer func() {
		now, _ := r.host.clock.read()
		r.views.release(c, now)
	}()
	select {
	case r.host.sending <- struct{}{}:
		defer func() { <-r.host.sending }()
	case <-r.ctx.Done():
		return
	}
	m.Snapshot = &pb.Snapshot{Metadata: m.Snapshot.Metadata}
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	done := make(chan error, 1)
	r.host.transport.SendSnapshot(&OutgoingSnapshot{
		Header:   SnapshotHeader{Group: r.group, From: r.id, To: m.To, Stream: c.stream, Message: m},
		Context:  ctx,
		Open:     func(offset uint64) (io.ReadCloser, error) { return r.openView(c, offset) },
		Progress: func(received uint64) { r.views.progress(m.To, received) },
		Done:     func(err error) { done <- err },
	})
	err := <-done
	bytes := r.views.ended(m.To)
	r.events.emit(SnapshotSent{To: m.To, Index: c.meta.Index, Bytes: bytes, Err: err})
	r.reportSnapshot(m.To, err)
}

// reportSnapshot tells the RawNode how sending a snapshot has ended.
func (r *Replica) reportSnapshot(to uint64, err error) {
	status := raft.SnapshotFinish
	if err != nil {
		status = raft.SnapshotFailure
		r.logger.Info("a snapshot was not delivered", "to", to, "error", err)
	}
	r.later(func() { r.stepping.rn.ReportSnapshot(to, status) })
}
