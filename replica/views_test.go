package replica

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// A gatedView is a view that stops half-way until its gate is opened, and notices when it is closed too early.
type gatedView struct {
	entered chan struct{}
	gate    chan struct{}
	closes  atomic.Int32
	// misused is set if it was read after it was closed.
	misused atomic.Bool
}

func newGatedView() *gatedView {
	return &gatedView{entered: make(chan struct{}, 8), gate: make(chan struct{})}
}

func (v *gatedView) WriteTo(w io.Writer) (int64, error) {
	first, err := w.Write(bytes.Repeat([]byte{1}, streamChunk))
	if err != nil {
		return int64(first), err
	}
	v.entered <- struct{}{}
	<-v.gate
	if v.closed() {
		v.misused.Store(true)
	}
	second, err := w.Write(bytes.Repeat([]byte{2}, streamChunk))
	return int64(first + second), err
}

func (v *gatedView) Close() error {
	v.closes.Add(1)
	return nil
}

func (v *gatedView) closed() bool { return v.closes.Load() > 0 }

// addView has the member hold a view of an entry.
func (m *testMember) addView(index uint64, view View) *capturedView {
	now, _ := m.host.clock.read()
	c := &capturedView{
		meta: pb.SnapshotMetadata{Index: index, Term: 1}, view: view, usedAt: now,
		header: contentsHeader{applied: index, term: 1, sessions: newSessionTable().encode()},
	}
	m.views.add(c)
	return c
}

// messageOf returns the message by which the member, when it leads, sends member 2 the view of an entry.
func (m *testMember) messageOf(t *testing.T, index uint64) pb.Message {
	message := pb.Message{Type: pb.MsgSnap, To: 2, Snapshot: &pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: index}}}
	require.Eventually(t, func() bool {
		m.views.mu.Lock()
		defer m.views.mu.Unlock()
		message.Term = m.views.term
		return message.Term > 0
	}, time.Minute, time.Millisecond)
	return message
}

// A transport may close the contents, and say that it is done, while WriteTo runs on: an HTTP client closes a request's body so.
// The view was once closed then.
func TestAViewIsNotClosedWhileItIsRead(t *testing.T) {
	g := newTestGroup(t, 1, nil).startAll()
	m := g.leader()
	v := newGatedView()
	c := m.addView(5, v)
	require.Same(t, c, m.views.use(5))
	contents, err := m.openView(c, 0)
	require.NoError(t, err)
	go func() { _, _ = io.Copy(io.Discard, contents) }()
	<-v.entered
	require.NoError(t, contents.Close())
	m.views.release(c)
	m.views.closeAll()
	require.False(t, v.closed(), "WriteTo is at work")
	close(v.gate)
	m.background.Wait()
	m.views.closeAll()
	require.EqualValues(t, 1, v.closes.Load())
	require.False(t, v.misused.Load())
}

// An abruptTransport ends snapshots when they are not wanted any more, whoever reads them.
type abruptTransport struct{ Transport }

func (a abruptTransport) SendSnapshot(s *OutgoingSnapshot) {
	go func() {
		contents, err := s.Open(0)
		if err != nil {
			s.Done(err)
			return
		}
		go func() { _, _ = io.Copy(io.Discard, contents) }()
		<-s.Context.Done()
		_ = contents.Close()
		s.Done(s.Context.Err())
	}()
}

// The same, of a replica that stops: its state machine may be closed when Stop returns.
func TestStopWaitsForWhoReadsAView(t *testing.T) {
	g := newTestGroup(t, 0, nil)
	sent := make(chan struct{})
	r, err := Run(HostConfig{
		ID: 1, Store: NewMemoryLogStore(), Transport: abruptTransport{g.network.Transport(1)}, Tick: testTick,
		Logger: slog.New(slog.DiscardHandler),
	}, Config{StateMachine: newRegister(), Peers: []Member{{ID: 1}}, OnEvent: func(e Event) {
		if _, is := e.(SnapshotSent); is {
			close(sent)
		}
	}})
	require.NoError(t, err)
	m := &testMember{Replica: r}
	message := m.messageOf(t, 5)
	v := newGatedView()
	m.addView(5, v)
	m.sendSnapshot(message)
	<-v.entered
	ctx, stopped := patient(t), make(chan error, 1)
	go func() { stopped <- m.Stop(ctx) }()
	<-sent
	require.Never(t, func() bool { return v.closed() || len(stopped) > 0 }, 10*testTick, time.Millisecond)
	close(v.gate)
	require.NoError(t, <-stopped)
	require.EqualValues(t, 1, v.closes.Load())
	require.False(t, v.misused.Load())
}

// A view that a step was about to send when the replica stopped once stayed open.
func TestAViewIsClosedAlthoughTheReplicaStopsMeanwhile(t *testing.T) {
	g := newTestGroup(t, 1, nil).startAll()
	m := g.leader()
	v := newGatedView()
	m.addView(5, v)
	message := m.messageOf(t, 5)
	m.call(t.Context(), func() {
		go m.finish()
		<-m.stop
		m.sendSnapshot(message)
	})
	<-m.Done()
	require.EqualValues(t, 1, v.closes.Load())
}

func TestARetiredViewIsOfUseToItsReadersAlone(t *testing.T) {
	var views views
	low, high := newGatedView(), newGatedView()
	views.add(&capturedView{meta: pb.SnapshotMetadata{Index: 5}, view: low})
	views.add(&capturedView{meta: pb.SnapshotMetadata{Index: 9}, view: high})
	reader := views.use(5)
	require.NotNil(t, reader)
	views.retireBelow(9)
	require.False(t, low.closed(), "it is read")
	require.Nil(t, views.use(5))
	oldest, some := views.oldest()
	require.True(t, some)
	require.EqualValues(t, 9, oldest, "the log is kept behind those that are of use")
	require.EqualValues(t, 9, views.newest().meta.Index)
	views.release(reader)
	require.True(t, low.closed())
	require.False(t, high.closed())

	views.retireBelow(10)
	require.True(t, high.closed())
	require.Nil(t, views.newest())
	require.False(t, views.held())
}

// The log begins behind a view only when a snapshot has replaced it. A follower that was sent such a view could not go on from
// it, and was sent it once more, for ever.
func TestNoViewIsSentBehindWhichTheLogDoesNotGoOn(t *testing.T) {
	g := newTestGroup(t, 1, nil).startAll()
	m := g.leader()
	storage := &groupStorage{Log: m.log, r: m.Replica}
	available := func() (index uint64) {
		require.Eventually(t, func() bool {
			s, err := storage.Snapshot()
			index = s.Metadata.Index
			return !errors.Is(err, raft.ErrSnapshotTemporarilyUnavailable)
		}, time.Minute, time.Millisecond)
		return index
	}
	g.write(m, "k", 5)
	old := available()
	require.Equal(t, m.Applied(), old)
	g.write(m, "k", 5)
	require.Equal(t, old, available(), "one view is enough for all followers")
	require.NoError(t, m.log.Compact(old+3))
	_, err := storage.Snapshot()
	require.ErrorIs(t, err, raft.ErrSnapshotTemporarilyUnavailable)
	require.Greater(t, available(), old+2)
	require.Nil(t, m.views.use(old), "it is closed")
}

// The same, of a group: a member leads, and sends a view; others lead meanwhile, and it gets a snapshot of theirs; it leads again
// while it still holds its view.
func TestALeaderSendsNoViewFromBeforeItsOwnSnapshot(t *testing.T) {
	g := newCalmGroup(t, 5, func(c *Config) { c.TrailingEntries, c.ElectionTicks = 1, 50 }).startAll()
	leader, behind := g.leader(), g.follower()
	rest := g.except(leader.id, behind.id)
	g.network.Isolate(behind.id)
	g.write(leader, "k", 30)
	_, err := leader.Compact(patient(t))
	require.NoError(t, err)
	g.network.Heal()
	g.catchUp(behind, leader)
	g.receivesSnapshot(behind, "it has caught up otherwise")

	g.network.Isolate(leader.id)
	g.network.Isolate(behind.id)
	other := g.leader(rest...)
	g.write(other, "k", 60)
	for _, id := range rest {
		g.catchUp(g.members[id], other)
		_, err := g.members[id].Compact(patient(t))
		require.NoError(t, err)
	}
	g.network.Heal()
	g.network.Isolate(behind.id)
	g.catchUp(leader, other)
	g.leadBy(leader.id, append(rest, leader.id)...)
	g.network.Heal()
	g.catchUp(behind, leader)
}
