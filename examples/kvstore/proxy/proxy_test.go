package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/examples/kvstore/proxy"
)

// patience bounds waits for what must happen; moment is how long a test looks for what must not.
const (
	patience = 30 * time.Second
	moment   = 100 * time.Millisecond
)

// echo answers every line with the same line, on every connection, until the test ends.
func echo(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var serving sync.WaitGroup
	t.Cleanup(func() {
		listener.Close()
		serving.Wait()
	})
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			})
		}
	})
	return listener.Addr().String()
}

// network is a proxy with members 1, 2 and 3, which echo.
type network struct {
	*proxy.Proxy
	t     *testing.T
	addrs map[uint64]string
}

func newNetwork(t *testing.T) *network {
	t.Helper()
	p, err := proxy.Listen("127.0.0.1:0")
	require.NoError(t, err)
	n := &network{Proxy: p, t: t, addrs: map[uint64]string{}}
	for id := uint64(1); id <= 3; id++ {
		n.addrs[id] = echo(t)
		p.Register(id, n.addrs[id])
	}
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return n
}

func (n *network) tryDial(ctx context.Context, from, to uint64) (net.Conn, error) {
	dial, err := proxy.Dialer(n.URL(from))
	require.NoError(n.t, err)
	return dial(ctx, "tcp", n.addrs[to])
}

func (n *network) dial(from, to uint64) net.Conn {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), patience)
	defer cancel()
	conn, err := n.tryDial(ctx, from, to)
	require.NoError(n.t, err)
	n.t.Cleanup(func() { conn.Close() })
	require.NoError(n.t, conn.SetDeadline(time.Now().Add(patience)))
	return conn
}

func send(t *testing.T, conn net.Conn, line string) {
	t.Helper()
	_, err := io.WriteString(conn, line+"\n")
	require.NoError(t, err)
}

func receive(t *testing.T, conn net.Conn, line string) {
	t.Helper()
	got := make([]byte, len(line)+1)
	_, err := io.ReadFull(conn, got)
	require.NoError(t, err)
	require.Equal(t, line+"\n", string(got))
}

// silent checks that nothing arrives for a little while.
func silent(t *testing.T, conn net.Conn) {
	t.Helper()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(moment)))
	_, err := conn.Read(make([]byte, 1))
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	require.True(t, timeout.Timeout())
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
}

// ended checks that the connection ends, in whatever manner.
func ended(t *testing.T, conn net.Conn) {
	t.Helper()
	_, err := io.Copy(io.Discard, conn)
	var timeout net.Error
	if err != nil && !strings.Contains(err.Error(), "reset") {
		require.NotErrorAs(t, err, &timeout)
	}
}

func TestBytesPassUnchanged(t *testing.T) {
	n := newNetwork(t)
	conn := n.dial(1, 2)
	data := make([]byte, 3<<20)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(data)
	var sending sync.WaitGroup
	sending.Go(func() {
		_, _ = conn.Write(data)
		_ = conn.(interface{ CloseWrite() error }).CloseWrite()
	})
	got, err := io.ReadAll(conn)
	sending.Wait()
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, got), "the bytes differ")
}

func TestHoldStallsAndHealDelivers(t *testing.T) {
	n := newNetwork(t)
	conn := n.dial(1, 2)
	send(t, conn, "before")
	receive(t, conn, "before")
	n.Set(1, 2, proxy.Rule{Mode: proxy.Hold})
	send(t, conn, "during")
	silent(t, conn)
	n.Heal(2)
	receive(t, conn, "during")
}

func TestHoldOfAnswers(t *testing.T) {
	n := newNetwork(t)
	conn := n.dial(1, 2)
	n.Set(2, 1, proxy.Rule{Mode: proxy.Hold})
	send(t, conn, "there")
	silent(t, conn)
	n.HealAll()
	receive(t, conn, "there")
}

func TestHoldHangsNewConnections(t *testing.T) {
	n := newNetwork(t)
	n.Isolate(3, proxy.Rule{Mode: proxy.Hold})
	ctx, cancel := context.WithTimeout(t.Context(), moment)
	defer cancel()
	_, err := n.tryDial(ctx, 1, 3)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	conns := make(chan net.Conn, 1)
	go func() {
		conn, err := n.tryDial(context.Background(), 3, 1)
		if err == nil {
			conns <- conn
		}
		close(conns)
	}()
	require.Never(t, func() bool { return len(conns) > 0 }, moment, moment/4)
	n.Heal(3)
	conn := <-conns
	require.NotNil(t, conn)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	send(t, conn, "late")
	receive(t, conn, "late")
}

func TestCutEndsAndRefuses(t *testing.T) {
	n := newNetwork(t)
	cut, kept := n.dial(1, 2), n.dial(1, 3)
	n.Set(2, 1, proxy.Rule{Mode: proxy.Cut})
	ended(t, cut)
	_, err := n.tryDial(t.Context(), 1, 2)
	require.ErrorContains(t, err, "the network between members 1 and 2 is cut")
	send(t, kept, "others are not concerned")
	receive(t, kept, "others are not concerned")
	n.Heal(1)
	again := n.dial(1, 2)
	send(t, again, "again")
	receive(t, again, "again")
}

func TestHeldConnectionsAreCut(t *testing.T) {
	n := newNetwork(t)
	conn := n.dial(1, 2)
	n.Set(1, 2, proxy.Rule{Mode: proxy.Hold})
	send(t, conn, "held")
	n.Set(1, 2, proxy.Rule{Mode: proxy.Cut})
	ended(t, conn)
}

func TestDelay(t *testing.T) {
	n := newNetwork(t)
	conn := n.dial(1, 2)
	n.Set(1, 2, proxy.Rule{Delay: 300 * time.Millisecond})
	begin := time.Now()
	for i := range 10 {
		send(t, conn, fmt.Sprintf("line %d", i))
	}
	for i := range 10 {
		receive(t, conn, fmt.Sprintf("line %d", i))
	}
	require.GreaterOrEqual(t, time.Since(begin), 300*time.Millisecond)
}

func TestALongDelayIsLifted(t *testing.T) {
	n := newNetwork(t)
	conn := n.dial(1, 2)
	n.Set(1, 2, proxy.Rule{Delay: time.Hour})
	send(t, conn, "slow")
	silent(t, conn)
	n.HealAll()
	receive(t, conn, "slow")
}

func TestCutAfter(t *testing.T) {
	n := newNetwork(t)
	conn := n.dial(1, 2)
	send(t, conn, "does not count")
	receive(t, conn, "does not count")
	n.Set(2, 1, proxy.Rule{CutAfter: 10})
	send(t, conn, "twelve bytes")
	got, _ := io.ReadAll(conn)
	require.LessOrEqual(t, len(got), 10)
	require.True(t, strings.HasPrefix("twelve bytes", string(got)), "got %q", got)
	next := n.dial(1, 2)
	send(t, next, "few")
	receive(t, next, "few")
}

func TestUnregisterEnds(t *testing.T) {
	n := newNetwork(t)
	conn := n.dial(1, 2)
	n.Unregister(2)
	ended(t, conn)
	_, err := n.tryDial(t.Context(), 1, 2)
	require.ErrorContains(t, err, "403")
	_, err = n.tryDial(t.Context(), 2, 1)
	require.ErrorContains(t, err, "407")
}

func TestCloseEndsEverything(t *testing.T) {
	n := newNetwork(t)
	open := n.dial(1, 2)
	n.Isolate(1, proxy.Rule{Mode: proxy.Hold})
	hung := make(chan error, 1)
	go func() {
		_, err := n.tryDial(context.Background(), 1, 3)
		hung <- err
	}()
	require.NoError(t, n.Close())
	ended(t, open)
	require.Error(t, <-hung)
}

func TestATargetThatDoesNotListen(t *testing.T) {
	n := newNetwork(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	n.addrs[4] = listener.Addr().String()
	n.Register(4, n.addrs[4])
	require.NoError(t, listener.Close())
	_, err = n.tryDial(t.Context(), 1, 4)
	require.ErrorContains(t, err, "502")
}

func TestListenIsForLoopback(t *testing.T) {
	_, err := proxy.Listen("0.0.0.0:0")
	require.ErrorContains(t, err, "not a loopback address")
}

func TestDialerRefusesOtherURLs(t *testing.T) {
	for _, bad := range []string{"", "127.0.0.1:1", "http://127.0.0.1:1", "https://1@127.0.0.1:1", "http://1@127.0.0.1", "http://1@h:1/path", "http://1@h:x"} {
		_, err := proxy.Dialer(bad)
		require.ErrorContains(t, err, "proxy URL", bad)
	}
}

// TestHostileRequests sends what no member would, and checks the status and that the proxy goes on.
func TestHostileRequests(t *testing.T) {
	n := newNetwork(t)
	other := echo(t) // listens, and is not registered
	connect := func(target, auth string) string {
		return "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\nProxy-Authorization: " + auth + "\r\n\r\n"
	}
	const one = "Basic MTo=" // 1:
	cases := []struct{ name, request, status string }{
		{"not registered", connect(other, one), "403"},
		{"itself", connect(n.addrs[1], one), "403"},
		{"the proxy", connect(n.Addr(), one), "403"},
		{"another name of the same", connect(strings.Replace(n.addrs[2], "127.0.0.1", "localhost", 1), one), "403"},
		{"no credentials", "CONNECT " + n.addrs[2] + " HTTP/1.1\r\nHost: x\r\n\r\n", "407"},
		{"not base64", connect(n.addrs[2], "Basic %%%"), "407"},
		{"not a number", connect(n.addrs[2], "Basic YWJjOg=="), "407"},
		{"an unknown member", connect(n.addrs[2], "Basic OTk6"), "407"},
		{"another scheme", connect(n.addrs[2], "Bearer MTo="), "407"},
		{"GET", "GET http://" + n.addrs[2] + "/ HTTP/1.1\r\nHost: x\r\n\r\n", "405"},
		{"a path", "CONNECT / HTTP/1.1\r\nHost: x\r\nProxy-Authorization: " + one + "\r\n\r\n", "40"},
		{"garbage", "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", "400"},
		{"a long header", "CONNECT " + n.addrs[2] + " HTTP/1.1\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n", "431"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", n.Addr())
			require.NoError(t, err)
			defer conn.Close()
			require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
			_, err = io.WriteString(conn, c.request)
			require.NoError(t, err)
			line, err := bufio.NewReader(conn).ReadString('\n')
			require.NoError(t, err)
			require.Contains(t, line, " "+c.status)
		})
	}
	conn := n.dial(1, 2)
	send(t, conn, "still serving")
	receive(t, conn, "still serving")
}

// TestEarlyBytes sends the first bytes together with the request for the tunnel, which is allowed.
func TestEarlyBytes(t *testing.T) {
	n := newNetwork(t)
	conn, err := net.Dial("tcp", n.Addr())
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = fmt.Fprintf(conn, "CONNECT %[1]s HTTP/1.1\r\nHost: %[1]s\r\nProxy-Authorization: Basic MTo=\r\n\r\nearly\n", n.addrs[2])
	require.NoError(t, err)
	reader := bufio.NewReader(conn)
	for _, want := range []string{"HTTP/1.1 200 Connection established\r\n", "\r\n", "early\n"} {
		line, err := reader.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, want, line)
	}
}

// TestRulesChangeWhileBytesFlow runs connections and changes of rules side by side, for the race detector, and checks
// that every connection delivers a prefix of what was sent.
func TestRulesChangeWhileBytesFlow(t *testing.T) {
	n := newNetwork(t)
	var flows sync.WaitGroup
	for i := range 6 {
		from, to := uint64(i%3+1), uint64((i+1)%3+1)
		flows.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			conn, err := n.tryDial(ctx, from, to)
			if err != nil {
				return
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(patience))
			data := bytes.Repeat([]byte("0123456789abcdef"), 16<<10)
			go func() { _, _ = conn.Write(data) }()
			got, _ := io.ReadAll(io.LimitReader(conn, int64(len(data))))
			if !bytes.HasPrefix(data, got) {
				t.Errorf("what arrived between %d and %d is not a prefix of what was sent", from, to)
			}
		})
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		rule := proxy.Rule{Mode: proxy.Mode(random.IntN(2)), Delay: time.Duration(random.IntN(2)) * time.Millisecond}
		if random.IntN(20) == 0 {
			rule = proxy.Rule{Mode: proxy.Cut}
		}
		n.Set(random.Uint64N(3)+1, random.Uint64N(3)+1, rule)
		time.Sleep(time.Millisecond)
	}
	n.HealAll()
	flows.Wait()
}
