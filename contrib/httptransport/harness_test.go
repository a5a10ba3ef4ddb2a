package httptransport

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed695671cb/raft/replica"
	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Two hosts on the loopback, and a handler that remembers.

const patience = 60 * time.Second

func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if condition() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

// A recorder is a handler that keeps what it is given.
type recorder struct {
	mu          sync.Mutex
	messages    []replica.Message
	from        []uint64
	unreachable []time.Time
	sinks       map[uint64]*memorySink // by stream
	refuse      error
	opened      int
	onOpen      func(replica.SnapshotHeader) // before a sink is returned
	quiet       bool                         // counts instead of keeping
	count       int
}

func (r *recorder) HandleMessages(from uint64, batch []replica.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count += len(batch)
	if r.quiet {
		return
	}
	r.messages = append(r.messages, batch...)
	r.from = append(r.from, from)
}

func (r *recorder) HandleUnreachable(uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unreachable = append(r.unreachable, time.Now())
}

func (r *recorder) HandleSnapshot(h replica.SnapshotHeader) (replica.SnapshotSink, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opened++
	if r.onOpen != nil {
		r.onOpen(h)
	}
	if r.refuse != nil {
		return nil, r.refuse
	}
	if r.sinks == nil {
		r.sinks = map[uint64]*memorySink{}
	}
	s := r.sinks[h.Stream]
	if s == nil {
		s = &memorySink{}
		r.sinks[h.Stream] = s
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open {
		return nil, errors.New("the sink before was not closed")
	}
	s.open = true
	s.header = h
	return s, nil
}

func (r *recorder) received() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count
}

func (r *recorder) all() []replica.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.messages)
}

func (r *recorder) lossReports() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.unreachable)
}

func (r *recorder) sink(stream uint64) *memorySink {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sinks[stream]
}

// A memorySink keeps what is written, also when it is closed and opened again.
type memorySink struct {
	mu       sync.Mutex
	header   replica.SnapshotHeader
	data     bytes.Buffer
	open     bool
	finished int
	written  int
	busy     bool
	failAt   int // a write that goes beyond fails, if not zero
	finish   func() error
	write    func() // before each write
}

// use checks that one goroutine uses the sink at a time.
func (s *memorySink) use() func() {
	s.mu.Lock()
	if s.busy || !s.open {
		panic(fmt.Sprintf("sink is used: busy %v, open %v", s.busy, s.open))
	}
	s.busy = true
	s.mu.Unlock()
	return func() {
		s.mu.Lock()
		s.busy = false
		s.mu.Unlock()
	}
}

func (s *memorySink) Offset() uint64 { return uint64(s.size()) }

func (s *memorySink) size() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data.Len()
}

func (s *memorySink) Write(p []byte) (int, error) {
	defer s.use()()
	if s.write != nil {
		s.write()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failAt > 0 && s.data.Len()+len(p) > s.failAt {
		return 0, errors.New("the disk is full")
	}
	s.written += len(p)
	return s.data.Write(p)
}

func (s *memorySink) Finish() error {
	defer s.use()()
	if s.finish != nil {
		if err := s.finish(); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finished++
	return nil
}

func (s *memorySink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = false
	return nil
}

func (s *memorySink) isOpen() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

func (s *memorySink) contents() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.data.Bytes())
}

// A host is a transport with a server.
type host struct {
	*Transport
	*recorder
	server  *http.Server
	address string
	logs    *logBuffer
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func quickOptions(id uint64) Options {
	return Options{
		ID: id, ClusterID: "test", BackoffMin: 5 * time.Millisecond, BackoffMax: 50 * time.Millisecond,
		Keepalive: 50 * time.Millisecond, StreamIdle: 10 * time.Second, SnapshotTimeout: 20 * time.Second,
	}
}

// newHost makes a host that listens and has started.
func newHost(t testing.TB, o Options) *host { return newHostTLS(t, o, nil) }

func newHostTLS(t testing.TB, o Options, serverTLS *tls.Config) *host {
	t.Helper()
	h := &host{recorder: &recorder{}, logs: &logBuffer{}}
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(h.logs, nil))
	}
	transport, err := New(o)
	require.NoError(t, err)
	h.Transport = transport
	require.NoError(t, h.Start(h.recorder))
	h.serve(t, "127.0.0.1:0", serverTLS)
	t.Cleanup(func() {
		require.NoError(t, h.Close())
		h.stopServer()
	})
	return h
}

// serve starts the host's server at an address.
func (h *host) serve(t testing.TB, address string, config *tls.Config) {
	t.Helper()
	var listener net.Listener
	eventually(t, "listening at "+address, func() bool {
		var err error
		listener, err = net.Listen("tcp", address)
		return err == nil
	})
	mux := http.NewServeMux()
	mux.Handle(Prefix, h.Handler())
	server := &http.Server{Handler: mux, TLSConfig: config}
	ConfigureServer(server, slog.New(slog.NewTextHandler(h.logs, nil)))
	h.server = server
	h.address = "http://" + listener.Addr().String()
	serve := server.Serve
	if config != nil {
		h.address = "https://" + listener.Addr().String()
		serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") }
	}
	go func() {
		if err := serve(listener); !errors.Is(err, http.ErrServerClosed) {
			panic(err)
		}
	}()
}

func (h *host) stopServer() { _ = h.server.Close() }

func (h *host) status(id uint64) PeerStatus {
	for _, s := range h.Peers() {
		if s.ID == id {
			return s
		}
	}
	return PeerStatus{}
}

// connects waits for a stream that is in use: of one that is about to be opened, no more than the newest mebibyte is kept.
func (h *host) connects(t testing.TB, id uint64) {
	t.Helper()
	eventually(t, fmt.Sprintf("a stream to host %d", id), func() bool {
		s := h.status(id)
		return s.Connected && s.RTT > 0
	})
}

// pair returns two hosts that know each other.
func pair(t testing.TB, adapt ...func(*Options)) (a, b *host) {
	t.Helper()
	oa, ob := quickOptions(1), quickOptions(2)
	for _, f := range adapt {
		f(&oa)
		f(&ob)
	}
	a, b = newHost(t, oa), newHost(t, ob)
	a.SetPeer(2, b.address)
	b.SetPeer(1, a.address)
	a.connects(t, 2)
	b.connects(t, 1)
	return a, b
}

// checkLeaks has the test fail if goroutines of the transport or of its connections are left at the end. Call it first.
func checkLeaks(t testing.TB) {
	t.Cleanup(func() {
		var left string
		for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			if left = strayGoroutines(); left == "" {
				return
			}
		}
		t.Errorf("goroutines are left:\n%s", left)
	})
}

func strayGoroutines() string {
	b := make([]byte, 1<<20)
	b = b[:runtime.Stack(b, true)]
	var stray []string
	for _, g := range strings.Split(string(b), "\n\n") {
		ours := strings.Contains(g, "httptransport.(") || strings.Contains(g, "net/http.")
		if ours && !strings.Contains(g, "strayGoroutines") {
			stray = append(stray, g)
		}
	}
	return strings.Join(stray, "\n\n")
}

func heartbeat(from, to, group uint64) replica.Message {
	return replica.Message{Group: group, Message: pb.Message{Type: pb.MsgHeartbeat, From: from, To: to, Term: 3, Commit: 100}}
}

func appendOf(from, to, group, index uint64, size int) replica.Message {
	data := bytes.Repeat([]byte{byte(index)}, size)
	return replica.Message{Group: group, Message: pb.Message{
		Type: pb.MsgApp, From: from, To: to, Term: 3, LogTerm: 3, Index: index, Entries: []pb.Entry{{Term: 3, Index: index + 1, Data: data}},
	}}
}

// outgoing makes a snapshot of the contents given. done receives its outcome.
func outgoing(from, to, group, stream uint64, contents []byte) (s *replica.OutgoingSnapshot, done chan error) {
	done = make(chan error, 2)
	return &replica.OutgoingSnapshot{
		Header: replica.SnapshotHeader{Group: group, From: from, To: to, Stream: stream, Message: pb.Message{
			Type: pb.MsgSnap, From: from, To: to, Term: 3,
			Snapshot: &pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 10, Term: 3, ConfState: pb.ConfState{Voters: []uint64{1, 2}}}},
		}},
		Context: context.Background(),
		Open: func(offset uint64) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(contents[offset:])), nil
		},
		Done: func(err error) { done <- err },
	}, done
}

func outcome(t testing.TB, done chan error) error {
	t.Helper()
	select {
	case err := <-done:
		select {
		case <-done:
			t.Fatal("Done was called twice")
		case <-time.After(20 * time.Millisecond):
		}
		return err
	case <-time.After(patience):
		t.Fatal("Done was not called")
		return nil
	}
}

// someBytes returns bytes that differ from one place to another.
func someBytes(n int) []byte {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}
