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
	// What follows is guarded by views.mu. readers counts who uses the view. usedAt is the tick at which it was last of use: when a
	// member received it, or more of it than before, which reached says of each. A retired view is of no use to anybody new.
	readers int
	usedAt  uint64
	reached map[uint64]uint64
	retired bool
}

// views are the views of one replica, one in general, in ascending order of their indexes.
type views struct {
	mu   sync.Mutex
	list []*capturedView
	// sent is how many bytes of a snapshot each member has received, while one is under way.
	sent map[uint64]uint64
	// term is that in which the replica leads, 0 if it does not; sending ends what is being sent in that term.
	term    uint64
	sending []*context.CancelFunc
}

// leads notes the term in which the replica leads, or 0. What it was sending as the leader of another term nobody wants: the members
// are sent what they need by those who lead now.
func (v *views) leads(term uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if term == v.term {
		return
	}
	v.term = term
	for _, cancel := range v.sending {
		(*cancel)()
	}
	v.sending = nil
}

// begin notes a snapshot that is to be sent. It reports whether the replica still leads in its term.
func (v *views) begin(term uint64, cancel *context.CancelFunc) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if term != v.term {
		return false
	}
	v.sending = append(v.sending, cancel)
	return true
}

func (v *views) end(cancel *context.CancelFunc) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sending = slices.DeleteFunc(v.sending, func(c *context.CancelFunc) bool { return c == cancel })
}

// newest returns the view to send, and nil if one has to be captured first. To ask for it is no use of it: a member that cannot take
// a snapshot has it asked for again and again, and the log behind it is kept.
func (v *views) newest() *capturedView {
	v.mu.Lock()
	defer v.mu.Unlock()
	if n := len(v.list); n > 0 && !v.list[n-1].retired {
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

func (v *views) release(c *capturedView) {
	v.mu.Lock()
	c.readers--
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

// expire closes what was not of use for long.
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

// progress notes how much of a view a member has.
func (v *views) progress(c *capturedView, to, bytes, now uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.sent == nil {
		v.sent = map[uint64]uint64{}
	}
	v.sent[to] = bytes
	if bytes <= c.reached[to] {
		return
	}
	if c.reached == nil {
		c.reached = map[uint64]uint64{}
	}
	c.reached[to], c.usedAt = bytes, now
}

// delivered notes that a member has received a view. It goes on from there.
func (v *views) delivered(c *capturedView, now uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	c.usedAt = now
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
	if r.views.newest() != nil || r.applying.index == 0 {
		return nil
	}
	c, err := r.captureView()
	if err != nil {
		return err
	}
	c.usedAt, _ = r.host.clock.read()
	r.views.add(c)
	return nil
}

func (r *Replica) captureView() (*capturedView, error) {
	a := &r.applying
	stream, err := randomNumber()
	if err != nil {
		return nil, err
	}
	var view View
	err = guarded("the state machine", func() (err error) { view, err = a.machine.Capture(); return err })
	if err != nil {
		return nil, fmt.Errorf("the state machine cannot be captured: %w", err)
	}
	return &capturedView{
		meta:   pb.SnapshotMetadata{Index: a.index, Term: a.term, ConfState: a.confState},
		stream: stream, view: &guardedView{view: view, fail: r.fail},
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
		r.views.release(c)
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
	defer r.views.release(c)
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	if !r.views.begin(m.Term, &cancel) {
		return // the progress that would wait for a report has ended with the term
	}
	defer r.views.end(&cancel)
	select {
	case r.host.sending <- struct{}{}:
		defer func() { <-r.host.sending }()
	case <-ctx.Done():
		return
	}
	err := r.deliverView(ctx, m, c)
	if err == nil {
		now, _ := r.host.clock.read()
		r.views.delivered(c, now)
	}
	bytes := r.views.ended(m.To)
	r.events.emit(SnapshotSent{To: m.To, Index: c.meta.Index, Bytes: bytes, Err: err})
	if ctx.Err() == nil { // otherwise the report would be taken for one of another term
		r.reportSnapshot(m.To, err)
	}
}

// deliverView has the transport send the view, and waits for the end of that.
func (r *Replica) deliverView(ctx context.Context, m pb.Message, c *capturedView) error {
	m.Snapshot = &pb.Snapshot{Metadata: m.Snapshot.Metadata}
	done := make(chan error, 1)
	r.host.transport.SendSnapshot(&OutgoingSnapshot{
		Header:  SnapshotHeader{Group: r.group, From: r.id, To: m.To, Stream: c.stream, Message: m},
		Context: ctx,
		Open:    func(offset uint64) (io.ReadCloser, error) { return r.openView(c, offset) },
		Progress: func(received uint64) {
			now, _ := r.host.clock.read()
			r.views.progress(c, m.To, received, now)
		},
		Done: func(err error) { done <- err },
	})
	return <-done
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
