package httptransport

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed695671cb/raft/replica"
	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

func TestMessagesArriveInOrderAndAsTheyWere(t *testing.T) {
	checkLeaks(t)
	a, b := pair(t)
	var want []replica.Message
	for i := uint64(1); i <= 3000; i++ {
		m := appendOf(1, 2, i%7, i, int(i)%500)
		want = append(want, m)
		require.NoError(t, a.Send(2, []replica.Message{m}))
	}
	big := appendOf(1, 2, 1, 4000, 5<<20)
	want = append(want, big)
	require.NoError(t, a.Send(2, []replica.Message{big}))
	eventually(t, "all have arrived", func() bool { return b.received() == len(want) })
	require.Equal(t, want, b.all())
	for _, from := range b.from {
		require.EqualValues(t, 1, from)
	}
	s := a.status(2)
	require.EqualValues(t, len(want), s.SentMessages)
	require.Zero(t, s.DroppedMessages)
	eventually(t, "the receiver has counted", func() bool { return b.status(1).ReceivedMessages == uint64(len(want)) })
	require.Equal(t, b.status(1).ReceivedMessages, s.SentMessages)
}

// A tick of a host with many groups is one Send: it must not become a frame for each.
func TestHeartbeatsOfManyGroupsTravelInFewFrames(t *testing.T) {
	a, b := pair(t)
	const groups = 10_000
	var tick []replica.Message
	for g := uint64(1); g <= groups; g++ {
		tick = append(tick, heartbeat(1, 2, g))
	}
	before := a.status(2)
	require.NoError(t, a.Send(2, tick))
	eventually(t, "all have arrived", func() bool { return b.received() == groups })
	after := a.status(2)
	require.LessOrEqual(t, after.SentFrames-before.SentFrames, uint64(2))
	require.LessOrEqual(t, after.SentBytes-before.SentBytes, uint64(groups*3), "heartbeats take 2 bytes here")
	require.Equal(t, tick, b.all())
}

func TestReconnectsAfterTheServerIsRestarted(t *testing.T) {
	checkLeaks(t)
	a, b := pair(t)
	b.stopServer()
	eventually(t, "the stream is seen to have ended", func() bool { return !a.status(2).Connected })
	eventually(t, "the loss is reported", func() bool { return a.lossReports() > 0 })
	require.NoError(t, a.Send(2, []replica.Message{heartbeat(1, 2, 7)}), "waits for the connection")
	b.serve(t, b.address[len("http://"):], nil)
	eventually(t, "what was sent meanwhile arrives", func() bool { return b.received() == 1 })
	eventually(t, "the error is gone", func() bool { return a.status(2).LastError == "" })
}

func TestSetPeerMovesTheStreamAtOnce(t *testing.T) {
	checkLeaks(t)
	o := quickOptions(1)
	o.BackoffMin, o.BackoffMax = time.Hour, time.Hour // only the change of address lets it try again
	a := newHost(t, o)
	b, c := newHost(t, quickOptions(2)), newHost(t, quickOptions(2))
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, nobody.Close())
	a.SetPeer(2, "http://"+nobody.Addr().String())
	eventually(t, "the first attempt fails", func() bool { return a.status(2).LastError != "" })
	a.SetPeer(2, b.address)
	a.connects(t, 2)
	require.NoError(t, a.Send(2, []replica.Message{heartbeat(1, 2, 1)}))
	eventually(t, "b has it", func() bool { return b.received() == 1 })
	a.SetPeer(2, c.address)
	eventually(t, "c is connected to", func() bool { return c.Stats().Streams == 1 && a.status(2).Connected })
	require.NoError(t, a.Send(2, []replica.Message{heartbeat(1, 2, 2)}))
	eventually(t, "c has it", func() bool { return c.received() == 1 })
	require.Equal(t, 1, b.received())
}

// stalledServer accepts connections and never reads.
func stalledServer(t testing.TB) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var mu sync.Mutex
	var conns []net.Conn
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		mu.Lock()
		defer mu.Unlock()
		for _, conn := range conns {
			_ = conn.Close()
		}
	})
	return "http://" + listener.Addr().String()
}

func TestPeerThatNeverReadsNeitherBlocksNorFillsMemory(t *testing.T) {
	checkLeaks(t)
	o := quickOptions(1)
	o.StreamIdle = 200 * time.Millisecond
	a := newHost(t, o)
	a.SetPeer(2, stalledServer(t))
	m := appendOf(1, 2, 1, 1, 100<<10)
	for range 2000 {
		require.NoError(t, a.Send(2, []replica.Message{m}), "old messages make room")
	}
	s := a.status(2)
	require.LessOrEqual(t, s.QueueBytes, offlineBytes)
	require.Greater(t, s.DroppedMessages, uint64(1900))
	// On a busy machine, an attempt may end before it has connected, for another reason.
	eventually(t, "the peer is given up", func() bool { return strings.Contains(a.status(2).LastError, "longer than 200ms") })
}

// gate is a handler that does not return from HandleMessages until it is opened.
type gate struct {
	recorder
	open chan struct{}
}

func (g *gate) HandleMessages(from uint64, batch []replica.Message) {
	<-g.open
	g.recorder.HandleMessages(from, batch)
}

func TestQueueOfAConnectedPeerIsBounded(t *testing.T) {
	checkLeaks(t)
	o := quickOptions(1)
	o.MaxFrameBytes, o.MaxQueueBytes = 1<<20, 2<<20
	o.StreamIdle = time.Second
	a := newHost(t, o)
	b := newHost(t, quickOptions(2))
	g := &gate{open: make(chan struct{})}
	release := sync.OnceFunc(func() { close(g.open) })
	t.Cleanup(release)
	b.Transport.mu.Lock()
	b.Transport.handler = g
	b.Transport.mu.Unlock()
	a.SetPeer(2, b.address)
	a.connects(t, 2)
	m := appendOf(1, 2, 1, 1, 200<<10)
	// If the machine stalls for so long that the stream is given up meanwhile, there is another one soon.
	eventually(t, "the queue is full", func() bool {
		var full error
		for i := 0; i < 100 && full == nil; i++ {
			full = a.Send(2, []replica.Message{m})
			require.LessOrEqual(t, a.status(2).QueueBytes, 2<<20)
		}
		if full != nil {
			require.ErrorIs(t, full, ErrQueueFull)
		}
		return full != nil
	})
	require.NoError(t, a.Send(2, []replica.Message{heartbeat(1, 2, 1)}), "heartbeats have room of their own")
	eventually(t, "the full queue is reported", func() bool { return a.lossReports() > 0 })
	eventually(t, "the silent stream is given up", func() bool { return a.logs.count("has not answered") > 0 })
	release()
	eventually(t, "a new stream", func() bool { return a.status(2).LastError == "" })
}

func TestHeartbeatsOvertakeAppends(t *testing.T) {
	o := quickOptions(1)
	transport, err := New(o)
	require.NoError(t, err)
	p := newPeer(transport, 2, "")
	p.queue.online = true
	for i := uint64(1); i <= 10; i++ {
		require.NoError(t, p.queue.add([]replica.Message{appendOf(1, 2, 1, i, 512<<10), heartbeat(1, 2, i)}))
	}
	p.queue.mu.Lock()
	defer p.queue.mu.Unlock()
	f := p.queue.take()
	require.Equal(t, 10, f.messages, "all heartbeats first")
	f = p.queue.take()
	require.LessOrEqual(t, len(f.data), frameTarget+frameHeaderBytes)
	require.Equal(t, 1, f.messages)
}

func TestSendSaysWhatItDrops(t *testing.T) {
	o := quickOptions(1)
	o.MaxFrameBytes = 64 << 10
	a := newHost(t, o)
	b := newHost(t, quickOptions(2))
	ok := heartbeat(1, 2, 1)
	require.ErrorIs(t, a.Send(2, []replica.Message{ok}), ErrUnknownPeer)
	a.SetPeer(2, b.address)
	err := a.Send(2, []replica.Message{appendOf(1, 2, 1, 1, 64<<10), ok})
	require.ErrorIs(t, err, ErrTooLarge)
	require.ErrorContains(t, err, "1 of 2 messages to host 2")
	require.ErrorIs(t, a.Send(2, []replica.Message{heartbeat(1, 3, 1)}), ErrNotForPeers)
	local := replica.Message{Message: pb.Message{Type: pb.MsgStorageAppend, From: 1, To: 2}}
	require.ErrorIs(t, a.Send(2, []replica.Message{local}), ErrNotForPeers)
	eventually(t, "the one that fits arrives", func() bool { return b.received() == 1 })
	a.RemovePeer(2)
	require.ErrorIs(t, a.Send(2, []replica.Message{ok}), ErrUnknownPeer)
	require.NoError(t, a.Close())
	require.ErrorIs(t, a.Send(2, []replica.Message{ok}), ErrClosed)
	require.ErrorIs(t, a.Start(a.recorder), ErrClosed)
}

func TestLossIsReportedAtMostOnceASecond(t *testing.T) {
	a := newHost(t, quickOptions(1))
	a.SetPeer(2, "http://127.0.0.1:1")
	for start := time.Now(); time.Since(start) < 1500*time.Millisecond; time.Sleep(time.Millisecond) {
		require.NoError(t, a.Send(2, []replica.Message{heartbeat(1, 2, 1)}))
	}
	eventually(t, "two reports", func() bool { return a.lossReports() >= 2 })
	a.mu2().Lock()
	defer a.mu2().Unlock()
	for i := 1; i < len(a.unreachable); i++ {
		require.GreaterOrEqual(t, a.unreachable[i].Sub(a.unreachable[i-1]), lossPause-10*time.Millisecond)
	}
}

func (h *host) mu2() *sync.Mutex { return &h.recorder.mu }

func TestAStreamReplacesThatBefore(t *testing.T) {
	checkLeaks(t)
	first, second := newHost(t, quickOptions(1)), newHost(t, quickOptions(1)) // two with the same ID
	b := newHost(t, quickOptions(2))
	first.SetPeer(2, b.address)
	first.connects(t, 2)
	second.SetPeer(2, b.address)
	eventually(t, "the first is told", func() bool { return first.logs.count("another stream") > 0 })
	require.LessOrEqual(t, b.Stats().Streams, 1)
}

func TestStreamsAreBounded(t *testing.T) {
	o := quickOptions(9)
	o.MaxStreams = 2
	b := newHost(t, o)
	var hosts []*host
	for id := uint64(1); id <= 3; id++ {
		h := newHost(t, quickOptions(id))
		h.SetPeer(9, b.address)
		hosts = append(hosts, h)
		if id < 3 {
			h.connects(t, 9)
		}
	}
	eventually(t, "the third is refused", func() bool { return strings.Contains(hosts[2].status(9).LastError, "MaxStreams") })
	require.NoError(t, hosts[0].Close())
	hosts[2].connects(t, 9)
	require.Equal(t, 2, b.Stats().Streams)
}

func TestCloseEndsEverything(t *testing.T) {
	checkLeaks(t)
	a, b := pair(t)
	var sending sync.WaitGroup
	for range 4 {
		sending.Go(func() {
			for a.Send(2, []replica.Message{appendOf(1, 2, 1, 1, 1000)}) == nil {
				runtime.Gosched()
			}
		})
	}
	eventually(t, "traffic", func() bool { return b.received() > 100 })
	require.NoError(t, b.Close())
	after := b.received()
	time.Sleep(50 * time.Millisecond)
	require.Equal(t, after, b.received(), "nothing is delivered after Close")
	require.NoError(t, a.Close())
	require.NoError(t, a.Close(), "a second time")
	sending.Wait()
	require.Empty(t, a.Peers())
}

func TestPeersAreSortedAndDescribed(t *testing.T) {
	a, b := pair(t)
	a.SetPeer(9, "http://127.0.0.1:1")
	a.SetPeer(4, "not an address")
	a.SetPeer(1, "http://127.0.0.1:1") // itself
	eventually(t, "a round trip", func() bool { return a.status(2).RTT > 0 })
	eventually(t, "errors", func() bool { return a.status(9).LastError != "" && a.status(4).LastError != "" })
	var ids []uint64
	for _, s := range a.Peers() {
		ids = append(ids, s.ID)
	}
	require.Equal(t, []uint64{2, 4, 9}, ids)
	s := a.status(2)
	require.Equal(t, b.address, s.Address)
	require.True(t, s.Connected && s.Incoming)
	require.False(t, s.ConnectedSince.IsZero())
	require.Contains(t, a.status(4).LastError, "http://host:port")
	b.RemovePeer(1)
	eventually(t, "a stream from a host without an address", func() bool {
		s := b.status(1)
		return s.Incoming && s.Address == ""
	})
}

func TestPeerThatIsSilentIsDropped(t *testing.T) {
	o := quickOptions(2)
	o.StreamIdle = 200 * time.Millisecond
	b := newHost(t, o)
	l, err := newLink(ptr(quickOptions(1).withDefaults()), 2, b.address)
	require.NoError(t, err)
	defer l.close()
	body := &outStream{queue: newQueue(1, 2, ptr(quickOptions(1).withDefaults()), func() {})}
	defer body.Close()
	response, err := l.post(context.Background(), Prefix+pathStream, body, -1, nil) // sends nothing, as it is never opened
	require.NoError(t, err)
	defer response.Body.Close()
	eventually(t, "the stream is gone", func() bool { return b.Stats().Streams == 0 })
	frames := readAllFrames(t, response.Body)
	require.Equal(t, errIdle.Error(), frames)
}

func ptr[T any](v T) *T { return &v }

// blackHole is a connection that can be made to take everything and to give nothing, as one whose other end has vanished.
type blackHole struct {
	net.Conn
	mu     sync.Mutex
	gone   bool
	closed chan struct{}
	once   sync.Once
}

func (c *blackHole) isGone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gone
}

func (c *blackHole) vanish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
}

func (c *blackHole) Write(p []byte) (int, error) {
	if c.isGone() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func (c *blackHole) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.isGone() {
		<-c.closed
		return 0, net.ErrClosed
	}
	return n, err
}

func (c *blackHole) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

func TestPeerThatVanishesIsNoticed(t *testing.T) {
	checkLeaks(t)
	b := newHost(t, quickOptions(2))
	o := quickOptions(1)
	o.StreamIdle = 300 * time.Millisecond
	var mu sync.Mutex
	var conns []*blackHole
	o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c := &blackHole{Conn: conn, closed: make(chan struct{})}
		mu.Lock()
		defer mu.Unlock()
		conns = append(conns, c)
		return c, nil
	}
	a := newHost(t, o)
	a.SetPeer(2, b.address)
	eventually(t, "an answer", func() bool { return a.status(2).RTT > 0 })
	mu.Lock()
	before := len(conns) // more than one if the machine is too slow for the first
	for _, c := range conns {
		c.vanish()
	}
	mu.Unlock()
	require.NoError(t, a.Send(2, []replica.Message{heartbeat(1, 2, 1)}), "is lost")
	eventually(t, "the loss is reported", func() bool { return a.lossReports() > 0 })
	eventually(t, "another connection", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(conns) > before
	})
	require.NoError(t, a.Send(2, []replica.Message{heartbeat(1, 2, 2)}))
	eventually(t, "what is sent then arrives", func() bool { return b.received() > 0 })
}

func TestDialIsUsed(t *testing.T) {
	b := newHost(t, quickOptions(2))
	o := quickOptions(1)
	var asked []string
	var mu sync.Mutex
	o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, address)
		return new(net.Dialer).DialContext(ctx, network, b.address[len("http://"):])
	}
	a := newHost(t, o)
	a.SetPeer(2, "http://b.invalid:80")
	a.connects(t, 2)
	require.Equal(t, fmt.Sprint([]string{"b.invalid:80"}), fmt.Sprint(asked))
}
