package httptransport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed695671cb/raft/replica"
	"github.com/stretchr/testify/require"
)

func smallChunks(o *Options) { o.MaxSnapshotChunk = 64 << 10 }

func TestSnapshotArrives(t *testing.T) {
	checkLeaks(t)
	a, b := pair(t, smallChunks)
	contents := someBytes(1<<20 + 17)
	s, done := outgoing(1, 2, 7, 99, contents)
	var progress []uint64
	s.Progress = func(received uint64) { progress = append(progress, received) }
	a.SendSnapshot(s)
	require.NoError(t, outcome(t, done))
	sink := b.sink(99)
	require.True(t, bytes.Equal(contents, sink.contents()))
	require.Equal(t, 1, sink.finished)
	require.False(t, sink.isOpen())
	require.Equal(t, s.Header, sink.header)
	require.Equal(t, uint64(0), progress[0])
	require.Equal(t, uint64(len(contents)), progress[len(progress)-1])
	require.IsIncreasing(t, progress)
	eventually(t, "it is not counted any more", func() bool { return b.Stats().Snapshots == 0 })

	// One that is empty, and the same one again: there must be a reason to send it.
	s, done = outgoing(1, 2, 7, 100, nil)
	a.SendSnapshot(s)
	require.NoError(t, outcome(t, done))
	a.SendSnapshot(s)
	require.NoError(t, outcome(t, done))
	require.Equal(t, 2, b.sink(100).finished)
}

// flakyConn fails after some bytes were written.
type flakyConn struct {
	net.Conn
	left *atomic.Int64
}

func (c flakyConn) Write(p []byte) (int, error) {
	left := c.left.Add(-int64(len(p)))
	if left >= 0 {
		return c.Conn.Write(p)
	}
	n, _ := c.Conn.Write(p[:max(0, left+int64(len(p)))])
	_ = c.Conn.Close()
	return n, errors.New("the connection is cut")
}

func TestSnapshotGoesOnAfterItsConnectionIsCut(t *testing.T) {
	checkLeaks(t)
	const cuts, bytesEach = 6, 700 << 10
	var dials atomic.Int64
	oa := quickOptions(1)
	oa.MaxSnapshotChunk = 64 << 10
	oa.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil || dials.Add(1) > cuts {
			return conn, err
		}
		left := new(atomic.Int64)
		left.Store(bytesEach)
		return flakyConn{Conn: conn, left: left}, nil
	}
	a := newHost(t, oa)
	b := newHost(t, quickOptions(2))
	a.SetPeer(2, b.address)
	contents := someBytes(8 << 20)
	s, done := outgoing(1, 2, 7, 99, contents)
	var opened, read atomic.Int64
	s.Open = func(offset uint64) (io.ReadCloser, error) {
		opened.Add(1)
		return io.NopCloser(io.TeeReader(bytes.NewReader(contents[offset:]), counter{&read})), nil
	}
	a.SendSnapshot(s)
	require.NoError(t, outcome(t, done))
	sink := b.sink(99)
	require.True(t, bytes.Equal(contents, sink.contents()))
	require.Equal(t, 1, sink.finished)
	require.Equal(t, len(contents), sink.written, "nothing is written twice")
	require.EqualValues(t, 1, opened.Load(), "what was not acknowledged is sent again from memory")
	require.EqualValues(t, len(contents), read.Load())
	require.Greater(t, dials.Load(), int64(cuts-1))
}

type counter struct{ n *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return len(p), nil
}

// A receiver that is started again has what was written before, or a part of it.
func TestSnapshotGoesOnAfterTheReceiverIsRestarted(t *testing.T) {
	checkLeaks(t)
	oa, ob := quickOptions(1), quickOptions(2)
	oa.MaxSnapshotChunk = 64 << 10
	a, b := newHost(t, oa), newHost(t, ob)
	a.SetPeer(2, b.address)
	contents := someBytes(4 << 20)
	s, done := outgoing(1, 2, 7, 99, contents)
	var offsets []uint64
	proceed := make(chan struct{}) // until it is closed there is a half only
	release := sync.OnceFunc(func() { close(proceed) })
	t.Cleanup(release)
	s.Open = func(offset uint64) (io.ReadCloser, error) {
		offsets = append(offsets, offset)
		first, rest := contents[offset:2<<20], contents[2<<20:]
		return io.NopCloser(io.MultiReader(bytes.NewReader(first), waiting(proceed), bytes.NewReader(rest))), nil
	}
	a.SendSnapshot(s)
	eventually(t, "a part is there", func() bool { sink := b.sink(99); return sink != nil && sink.size() > 1<<20 })
	require.NoError(t, b.Close())
	b.stopServer()
	require.False(t, b.sink(99).isOpen(), "Close closes the sinks")

	kept := 1<<20 - 4567
	again := newHost(t, ob)
	again.recorder.mu.Lock()
	again.recorder.sinks = map[uint64]*memorySink{99: {}}
	again.recorder.sinks[99].data.Write(contents[:kept])
	again.recorder.mu.Unlock()
	a.SetPeer(2, again.address)
	release()
	require.NoError(t, outcome(t, done))
	require.True(t, bytes.Equal(contents, again.sink(99).contents()))
	require.Equal(t, []uint64{0, uint64(kept)}, offsets)
}

func TestSnapshotIsRefused(t *testing.T) {
	checkLeaks(t)
	a, b := pair(t, smallChunks)
	b.recorder.mu.Lock()
	b.refuse = errors.New("this group is not here")
	b.recorder.mu.Unlock()
	s, done := outgoing(1, 2, 7, 99, someBytes(1000))
	a.SendSnapshot(s)
	err := outcome(t, done)
	var refused *RefusedError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "this group is not here", refused.Reason)
	require.Equal(t, 1, b.opened, "a refusal is not asked for again")
	require.Zero(t, b.Stats().Snapshots)
}

func TestSnapshotFails(t *testing.T) {
	broken := errors.New("broken")
	for _, test := range []struct {
		name  string
		setUp func(s *replica.OutgoingSnapshot, b *host)
		want  string
	}{
		{"opening", func(s *replica.OutgoingSnapshot, _ *host) {
			s.Open = func(uint64) (io.ReadCloser, error) { return nil, broken }
		}, "open the contents at 0: broken"},
		{"reading", func(s *replica.OutgoingSnapshot, _ *host) {
			s.Open = func(uint64) (io.ReadCloser, error) {
				return io.NopCloser(io.MultiReader(bytes.NewReader(make([]byte, 70<<10)), failing{broken})), nil
			}
		}, "read the contents at 65536: broken"},
		{"writing", func(_ *replica.OutgoingSnapshot, b *host) {
			b.sinks = map[uint64]*memorySink{99: {failAt: 100 << 10}}
		}, "write the snapshot at 65536: the disk is full"},
		{"finishing", func(_ *replica.OutgoingSnapshot, b *host) {
			b.sinks = map[uint64]*memorySink{99: {finish: func() error { return broken }}}
		}, "broken"},
		{"an unknown host", func(s *replica.OutgoingSnapshot, _ *host) { s.Header.To = 9 }, ErrUnknownPeer.Error()},
		{"a message for another host", func(s *replica.OutgoingSnapshot, _ *host) { s.Header.Message.To = 9 }, "for host 9, this is host 2"},
		{"a message with data", func(s *replica.OutgoingSnapshot, _ *host) { s.Header.Message.Snapshot.Data = []byte("x") }, "without its data"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, b := pair(t, smallChunks)
			s, done := outgoing(1, 2, 7, 99, someBytes(200<<10))
			test.setUp(s, b)
			a.SendSnapshot(s)
			require.ErrorContains(t, outcome(t, done), test.want)
			eventually(t, "no sink is open", func() bool { return b.Stats().Snapshots == 0 })
			if sink := b.sink(99); sink != nil {
				require.False(t, sink.isOpen())
				require.Zero(t, sink.finished)
			}
		})
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestSnapshotIsCancelled(t *testing.T) {
	checkLeaks(t)
	a, b := pair(t, smallChunks, func(o *Options) { o.MaxSnapshotBytesPerSecond = 256 << 10 })
	s, done := outgoing(1, 2, 7, 99, someBytes(8<<20))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.Context = ctx
	a.SendSnapshot(s)
	eventually(t, "it is under way", func() bool { sink := b.sink(99); return sink != nil && sink.size() > 0 })
	cancel()
	require.ErrorIs(t, outcome(t, done), context.Canceled)

	s, done = outgoing(1, 2, 8, 100, someBytes(8<<20))
	a.SendSnapshot(s)
	eventually(t, "it is under way", func() bool { return b.sink(100) != nil })
	a.RemovePeer(2)
	require.ErrorIs(t, outcome(t, done), ErrUnknownPeer)

	a.SetPeer(2, b.address)
	s, done = outgoing(1, 2, 9, 101, someBytes(8<<20))
	a.SendSnapshot(s)
	eventually(t, "it is under way", func() bool { return b.sink(101) != nil })
	require.NoError(t, a.Close())
	require.Len(t, done, 1, "Done is called before Close returns")
	require.ErrorIs(t, outcome(t, done), ErrClosed)
	a.SendSnapshot(s)
	require.ErrorIs(t, outcome(t, done), ErrClosed)
}

func TestSnapshotWithoutProgressIsGivenUp(t *testing.T) {
	o := quickOptions(1)
	o.SnapshotTimeout = 300 * time.Millisecond
	a := newHost(t, o)
	a.SetPeer(2, "http://127.0.0.1:1")
	s, done := outgoing(1, 2, 7, 99, someBytes(1000))
	a.SendSnapshot(s)
	err := outcome(t, done)
	require.ErrorIs(t, err, ErrNoProgress)
	require.ErrorContains(t, err, "refused")
}

func TestSinkIsClosedWhenItsSenderIsSilent(t *testing.T) {
	oa, ob := quickOptions(1), quickOptions(2)
	oa.MaxSnapshotChunk = 64 << 10
	ob.SnapshotTimeout = 200 * time.Millisecond
	a, b := newHost(t, oa), newHost(t, ob)
	a.SetPeer(2, b.address)
	contents := someBytes(150 << 10)
	s, done := outgoing(1, 2, 7, 99, contents)
	proceed := make(chan struct{})
	s.Open = func(offset uint64) (io.ReadCloser, error) {
		first, rest := contents[offset:64<<10], contents[64<<10:]
		return io.NopCloser(io.MultiReader(bytes.NewReader(first), waiting(proceed), bytes.NewReader(rest))), nil
	}
	a.SendSnapshot(s)
	eventually(t, "a chunk is there", func() bool { sink := b.sink(99); return sink != nil && sink.size() > 0 })
	eventually(t, "the sink is closed", func() bool { return !b.sink(99).isOpen() })
	close(proceed)
	require.NoError(t, outcome(t, done), "the sender begins again where it was")
	require.True(t, bytes.Equal(contents, b.sink(99).contents()))
	require.Greater(t, b.opened, 1)
	require.Equal(t, len(contents), b.sink(99).written)
}

// waiting is a reader that ends when the channel is closed.
type waiting chan struct{}

func (w waiting) Read([]byte) (int, error) {
	<-w
	return 0, io.EOF
}

func TestSnapshotsAreBoundedInNumber(t *testing.T) {
	checkLeaks(t)
	oa, ob := quickOptions(1), quickOptions(2)
	oa.MaxSnapshotChunk, ob.MaxSnapshotChunk = 64<<10, 64<<10
	ob.MaxSnapshots = 2
	a, b := newHost(t, oa), newHost(t, ob)
	a.SetPeer(2, b.address)
	var most atomic.Int64
	var wg sync.WaitGroup
	contents := someBytes(300 << 10)
	for g := uint64(1); g <= 8; g++ {
		s, done := outgoing(1, 2, g, 1000+g, contents)
		s.Progress = func(uint64) { most.Store(max(most.Load(), int64(b.Stats().Snapshots))) }
		a.SendSnapshot(s)
		wg.Go(func() {
			if err := <-done; err != nil {
				t.Errorf("group %d: %v", g, err)
			}
		})
	}
	wg.Wait()
	require.LessOrEqual(t, most.Load(), int64(2))
	for g := uint64(1); g <= 8; g++ {
		require.True(t, bytes.Equal(contents, b.sink(1000+g).contents()))
		require.Equal(t, 1, b.sink(1000+g).finished)
	}
}

// A newer snapshot of a group from the same host takes the place of that before.
func TestNewSnapshotReplacesThatBefore(t *testing.T) {
	oa := quickOptions(1)
	oa.MaxSnapshotChunk = 64 << 10
	oa.MaxSnapshotBytesPerSecond = 128 << 10 // half a second from one chunk to the next
	a, b := newHost(t, oa), newHost(t, quickOptions(2))
	a.SetPeer(2, b.address)
	first, firstDone := outgoing(1, 2, 7, 99, someBytes(8<<20))
	ctx, cancel := context.WithCancel(context.Background())
	first.Context = ctx
	var acknowledged atomic.Uint64
	first.Progress = acknowledged.Store
	a.SendSnapshot(first)
	// With the answer to a chunk the receiver is done with it: it can be told to close what it has.
	eventually(t, "it is under way", func() bool { return acknowledged.Load() > 0 })
	cancel()
	require.ErrorIs(t, outcome(t, firstDone), context.Canceled)
	eventually(t, "the receiver is told", func() bool { return !b.sink(99).isOpen() })
	second, secondDone := outgoing(1, 2, 7, 100, someBytes(100<<10))
	a.SendSnapshot(second)
	require.NoError(t, outcome(t, secondDone))
	require.False(t, b.sink(99).isOpen())
	require.Equal(t, 1, b.sink(100).finished)
}

// A sender gives up while a chunk is being written, which takes longer than the sender waits for an answer. The sink was once left open
// until it had been idle for long, and nothing else could be received for the group.
func TestASinkIsClosedWhenItsSenderGivesUpDuringAWrite(t *testing.T) {
	a, b := pair(t, smallChunks, func(o *Options) { o.SnapshotTimeout = time.Hour })
	writing, proceed := make(chan struct{}, 1000), make(chan struct{})
	t.Cleanup(func() { close(proceed) })
	sink := &memorySink{write: func() { writing <- struct{}{}; <-proceed }}
	b.recorder.mu.Lock()
	b.sinks = map[uint64]*memorySink{99: sink}
	b.recorder.mu.Unlock()
	s, done := outgoing(1, 2, 7, 99, someBytes(1<<20))
	ctx, cancel := context.WithCancel(context.Background())
	s.Context = ctx
	a.SendSnapshot(s)
	<-writing
	cancel()
	require.ErrorIs(t, outcome(t, done), context.Canceled)
	require.True(t, sink.isOpen())
	proceed <- struct{}{}
	eventually(t, "the sink is closed", func() bool { return !sink.isOpen() && b.receiver.count() == 0 })
}

// Restoring may take longer than anything else may: the sender waits, and asks again if its connection is cut meanwhile.
func TestFinishMayTakeLong(t *testing.T) {
	checkLeaks(t)
	var conns sync.Map
	oa, ob := quickOptions(1), quickOptions(2)
	oa.StreamIdle, ob.StreamIdle = 200*time.Millisecond, 200*time.Millisecond
	oa.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil {
			conns.Store(conn, true)
		}
		return conn, err
	}
	a, b := newHost(t, oa), newHost(t, ob)
	a.SetPeer(2, b.address)
	proceed := make(chan struct{})
	var finishing atomic.Bool
	b.sinks = map[uint64]*memorySink{99: {finish: func() error {
		finishing.Store(true)
		<-proceed
		return nil
	}}}
	s, done := outgoing(1, 2, 7, 99, someBytes(1000))
	a.SendSnapshot(s)
	eventually(t, "it finishes", finishing.Load)
	time.Sleep(500 * time.Millisecond) // longer than StreamIdle
	require.Empty(t, done)
	conns.Range(func(conn, _ any) bool { _ = conn.(net.Conn).Close(); return true })
	time.Sleep(300 * time.Millisecond)
	require.Empty(t, done)
	close(proceed)
	require.NoError(t, outcome(t, done))
	require.Equal(t, 1, b.sink(99).finished)
	require.Equal(t, 1, b.opened)
}

func TestPaceKeepsToItsRate(t *testing.T) {
	p := pace{rate: 1000}
	now := time.Now()
	require.Zero(t, p.wait(500, now))
	require.Equal(t, 500*time.Millisecond, p.wait(1000, now))
	require.Equal(t, 1500*time.Millisecond, p.wait(1, now))
	require.Zero(t, p.wait(1, now.Add(time.Hour)))
	require.Zero(t, (&pace{}).wait(1<<40, now))
}

func TestChunksAreChecked(t *testing.T) {
	b := newHost(t, quickOptions(2))
	good := func() map[string]string {
		return map[string]string{headerVersion: "1", headerCluster: "test", headerFrom: "1", headerTo: "2"}
	}
	ask := func(path string, body []byte, more ...string) *answer {
		header := good()
		for i := 0; i < len(more); i += 2 {
			header[more[i]] = more[i+1]
		}
		w := newAnswer()
		b.Handler().ServeHTTP(w, httptestRequest(path, header, body))
		return w
	}
	require.Equal(t, 400, ask(pathSnapshot, []byte("{")).status)
	require.Equal(t, 400, ask(pathChunk, []byte("x")).status)
	require.Equal(t, 404, ask(pathChunk, []byte("x"), headerOffset, "0", headerChecksum, "0", headerToken, "1-2-3").status)
	require.Equal(t, 404, ask(pathFinish, nil, headerOffset, "0", headerToken, "1-2-3").status)

	s, _ := outgoing(1, 2, 7, 99, nil)
	message, err := s.Header.Message.Marshal()
	require.NoError(t, err)
	w := ask(pathSnapshot, []byte(fmt.Sprintf(`{"group":7,"stream":99,"message":%q}`, base64Of(message))))
	require.Equal(t, 200, w.status, w.text())
	token := tokenOf(t, w)
	for _, test := range []struct {
		name, offset, sum, from string
		body                    []byte
		status                  int
		want                    string
	}{
		{"a wrong checksum", "0", "1", "1", []byte("abc"), 409, `"offset":0`},
		{"a wrong offset", "5", "364b3fb7", "1", []byte("abc"), 409, `"offset":0`},
		{"another sender", "0", "364b3fb7", "3", []byte("abc"), 404, "not known"},
		{"nothing", "0", "0", "1", nil, 413, "1 to 1048576"},
		{"too much", "0", "0", "1", make([]byte, 1<<20+1), 413, "1 to 1048576"},
		{"good", "0", "364b3fb7", "1", []byte("abc"), 200, `"offset":3`},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := ask(pathChunk, test.body, headerOffset, test.offset, headerChecksum, test.sum, headerToken, token, headerFrom, test.from)
			require.Equal(t, test.status, w.status, w.text())
			require.Contains(t, w.text(), test.want)
		})
	}
	require.Equal(t, 409, ask(pathFinish, nil, headerOffset, "2", headerToken, token).status)
	require.Equal(t, 200, ask(pathFinish, nil, headerOffset, "3", headerToken, token).status)
	require.Equal(t, []byte("abc"), b.sink(99).contents())
	require.Equal(t, 1, b.sink(99).finished)
}
