package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft"
	"github.com/seed695671cb/raft/examples/kvstore/store"
	"github.com/seed695671cb/raft/replica"
)

// A fakeMember answers everything with one error, nil by default.
type fakeMember struct {
	err     error
	failed  error
	status  replica.Status
	read    func(ctx context.Context) // called by Read, unless nil
	propose func(ctx context.Context, command []byte) (replica.Result, error)
}

func (f *fakeMember) AddMember(context.Context, replica.Member) error  { return f.err }
func (f *fakeMember) PromoteMember(context.Context, uint64) error      { return f.err }
func (f *fakeMember) RemoveMember(context.Context, uint64) error       { return f.err }
func (f *fakeMember) TransferLeadership(context.Context, uint64) error { return f.err }
func (f *fakeMember) Compact(context.Context) (uint64, error)          { return 0, f.err }
func (f *fakeMember) Status() replica.Status                           { return f.status }
func (f *fakeMember) Members() []replica.Member                        { return f.status.Members }
func (f *fakeMember) Err() error                                       { return f.failed }

func (f *fakeMember) Read(ctx context.Context, _ replica.Consistency) (uint64, error) {
	if f.read != nil {
		f.read(ctx)
	}
	return 0, f.err
}

func (f *fakeMember) Propose(ctx context.Context, command []byte) (replica.Result, error) {
	return f.propose(ctx, command)
}

// newFakeAPI is an API over a fake member that leads, and an empty store.
func newFakeAPI(t *testing.T) (*api, *fakeMember) {
	t.Helper()
	s, err := store.Open(t.TempDir(), store.Options{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	member := &fakeMember{status: replica.Status{
		ID: 1, Leader: 1, Role: raft.StateLeader, Members: []replica.Member{{ID: 1, Address: "http://127.0.0.1:1"}},
	}}
	member.propose = func(context.Context, []byte) (replica.Result, error) { return replica.Result{}, member.err }
	a := &api{
		options: &Options{ID: 1, URL: "http://127.0.0.1:1"}, limits: &limits{}, logger: slog.New(slog.DiscardHandler),
		member: member, writes: member, keys: s, hub: newHub(), routes: newRouteTable(), metrics: newMetrics(),
		logBytes: func() uint64 { return 0 }, stopping: t.Context(), broken: &atomic.Pointer[error]{},
	}
	a.limits.setDefaults()
	a.limits.requests, a.limits.streams, a.limits.bodies, a.limits.answers = 10, 10, 100<<20, 100<<20
	a.budgets.set(a.limits)
	return a, member
}

// ask sends a request to the handlers, without a network.
func ask(a *api, request, body string, headers ...string) *answer {
	method, path, _ := strings.Cut(request, " ")
	r := httptest.NewRequest(method, "http://127.0.0.1"+path, strings.NewReader(body))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return &answer{status: w.Code, header: w.Header(), body: w.Body.Bytes()}
}

// TestErrorsOfTheLayersBelow says which answer each error becomes. For a client that writes, timeout alone leaves the outcome open.
func TestErrorsOfTheLayersBelow(t *testing.T) {
	unknown := func(err error) error { return fmt.Errorf("%w: %w", replica.ErrUnknownOutcome, err) }
	rows := []struct {
		err    error
		status int
		code   string
	}{
		{&replica.BusyError{Queue: "proposals", Bound: 1}, 429, "busy"},
		{replica.ErrTooLarge, 413, "too_large"},
		{replica.ErrNoLeader, 503, "no_leader"},
		{fmt.Errorf("%w: %w", replica.ErrNoLeader, context.DeadlineExceeded), 503, "no_leader"},
		{replica.ErrStopped, 503, "stopping"},
		{unknown(replica.ErrStopped), 503, "timeout"},
		{unknown(context.DeadlineExceeded), 503, "timeout"},
		{unknown(replica.ErrNoLeader), 503, "timeout"},
		{context.DeadlineExceeded, 503, "timeout"},
		{fmt.Errorf("why: %w", replica.ErrNotApplied), 503, "unavailable"},
		{store.ErrFailed, 503, "stopping"},
		{errors.New("something"), 500, "internal"},
	}
	a, member := newFakeAPI(t)
	for _, row := range rows {
		member.err = row.err
		for request, body := range map[string]string{"PUT /kv/a": "1", "DELETE /kv/a": "", "GET /kv/a": "", "GET /kv": "", "POST /txn": "{}"} {
			got := ask(a, request, body)
			require.Equal(t, row.status, got.status, "%s: %v: %s", request, row.err, got.text())
			require.Equal(t, row.code, got.code(), "%s: %v", request, row.err)
			require.NotContains(t, got.text(), "something", "what is internal is not shown")
			if row.status == 429 {
				require.Equal(t, "1", got.header.Get("Retry-After"))
			}
		}
	}
}

func TestErrorsOfChanges(t *testing.T) {
	refused := func(reason raft.DropReason) error {
		return fmt.Errorf("%w: %w", replica.ErrRefused, &raft.ProposalDroppedError{Reason: reason})
	}
	a, member := newFakeAPI(t)
	for _, row := range []struct {
		err    error
		status int
		code   string
	}{
		{refused(raft.DroppedChangePending), 409, "change_pending"},
		{refused(raft.DroppedChangeJoint), 409, "change_pending"},
		{refused(raft.DroppedChangeImpossible), 409, "conflict"},
		{refused(raft.DroppedTransferring), 503, "unavailable"},
		{replica.ErrRefused, 409, "conflict"},
		{fmt.Errorf("%w: late", replica.ErrUnknownOutcome), 503, "timeout"},
		{&replica.NotLeaderError{}, 503, "no_leader"},
	} {
		member.err = row.err
		got := ask(a, "POST /cluster/members", `{"id":2,"url":"http://127.0.0.1:2"}`, "X-Request-Timeout", "20ms")
		require.Equal(t, row.status, got.status, "%v: %s", row.err, got.text())
		require.Equal(t, row.code, got.code(), "%v", row.err)
	}
}

func TestAFailedMemberSaysSo(t *testing.T) {
	a, member := newFakeAPI(t)
	for err, code := range map[error]string{
		&fs.PathError{Op: "write", Path: "log", Err: syscall.EIO}: "503 disk_failed",
		fmt.Errorf("%w: %w", store.ErrFailed, syscall.ENOSPC):     "503 disk_failed",
		&diskError{errors.New("fsync")}:                           "503 disk_failed",
		errors.New("the term went back"):                          "500 internal",
		fmt.Errorf("%w: damaged", store.ErrFailed):                "500 internal",
	} {
		member.failed = err
		for _, request := range []string{"PUT /kv/a", "GET /kv/a", "GET /watch", "GET /healthz", "GET /readyz"} {
			got := ask(a, request, "")
			require.Equal(t, code, fmt.Sprint(got.status, " ", got.code()), request)
			require.Equal(t, got.status == 500, strings.Contains(got.text(), err.Error()), "%s: %s", request, got.text())
		}
		require.Equal(t, 200, ask(a, "GET /cluster", "").status)
	}
}

func TestAStoppingMemberTakesNothingNew(t *testing.T) {
	a, _ := newFakeAPI(t)
	stopping, cancel := context.WithCancel(context.Background())
	a.stopping = stopping
	require.Equal(t, 200, ask(a, "GET /readyz", "").status)
	cancel()
	for _, request := range []string{"PUT /kv/a", "GET /watch", "GET /events", "GET /readyz"} {
		require.Equal(t, "stopping", ask(a, request, "").code(), request)
	}
	require.Equal(t, 200, ask(a, "GET /healthz", "").status)
}

func TestPanicsAreAnswered(t *testing.T) {
	a, member := newFakeAPI(t)
	var log bytes.Buffer
	a.logger = slog.New(slog.NewTextHandler(&log, nil))
	member.propose = func(context.Context, []byte) (replica.Result, error) { panic("the reason") }
	got := ask(a, "PUT /kv/a", "1")
	require.Equal(t, 500, got.status)
	require.Equal(t, "internal", got.code())
	require.NotContains(t, got.text(), "the reason")
	require.Contains(t, log.String(), "the reason")
	require.Zero(t, a.working.Load())
	require.Zero(t, a.waiting.used.Load())
	require.Zero(t, a.bodies.used.Load())
}

func TestAPanicInTheMiddleCutsTheAnswer(t *testing.T) {
	a, _ := newFakeAPI(t)
	a.dashboard = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("half"))
		panic("the reason")
	})
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { ask(a, "GET /", "") })
}

// TestRequestsAreBounded holds requests up until there are too many, and too large ones.
func TestRequestsAreBounded(t *testing.T) {
	a, member := newFakeAPI(t)
	release, entered := make(chan struct{}), make(chan struct{}, 10)
	member.propose = func(context.Context, []byte) (replica.Result, error) {
		entered <- struct{}{}
		<-release
		return replica.Result{}, replica.ErrNoLeader
	}
	done := make(chan *answer, 10)
	a.bodies.bound = 95
	for range 9 {
		go func() { done <- ask(a, "PUT /kv/a", "0123456789") }()
		<-entered
	}
	refused := ask(a, "PUT /kv/a", "0123456789")
	require.Equal(t, 429, refused.status)
	require.Contains(t, refused.text(), "95 bytes")
	go func() { done <- ask(a, "PUT /kv/a", "01") }()
	<-entered
	refused = ask(a, "GET /kv/a", "")
	require.Equal(t, 429, refused.status)
	require.Contains(t, refused.text(), "10 requests")
	require.Equal(t, "1", refused.header.Get("Retry-After"))
	close(release)
	for range 10 {
		require.Equal(t, 503, (<-done).status)
	}
	require.Equal(t, 404, ask(a, "GET /kv/a", "").status)
	require.Zero(t, a.bodies.used.Load())
}

// TestAnswersAreBounded reads while the answers of others wait for their clients.
func TestAnswersAreBounded(t *testing.T) {
	c := newCluster(t, 1, func(o *Options) { o.limits.answers = 100 })
	c.put(1, "a", "0123456789")
	answers := &c.members[1].server.api.answers
	require.True(t, answers.acquire(95))
	for _, path := range []string{"/kv/a", "/kv"} {
		refused := c.do(1, "GET", path, "")
		require.Equal(t, 429, refused.status)
		require.Contains(t, refused.text(), "100 bytes")
	}
	answers.release(95)
	require.Equal(t, 200, c.do(1, "GET", "/kv/a", "").status)
	require.Eventually(t, func() bool { return answers.used.Load() == 0 }, patience, time.Millisecond)
}

func TestOneLargeRequestAlwaysFits(t *testing.T) {
	b := budget{bound: 10}
	require.True(t, b.acquire(20))
	require.False(t, b.acquire(1))
	b.release(20)
	require.True(t, b.acquire(10))
	require.False(t, b.acquire(1))
}

// TestDeadlinesReachTheCluster looks at the time that a write is given.
func TestDeadlinesReachTheCluster(t *testing.T) {
	a, member := newFakeAPI(t)
	var left time.Duration
	member.propose = func(ctx context.Context, _ []byte) (replica.Result, error) {
		deadline, _ := ctx.Deadline()
		left = time.Until(deadline)
		return replica.Result{}, replica.ErrNoLeader
	}
	for header, want := range map[string]time.Duration{"": 10 * time.Second, "30s": 30 * time.Second, "1h": time.Minute} {
		var headers []string
		if header != "" {
			headers = []string{"X-Request-Timeout", header}
		}
		ask(a, "PUT /kv/a", "1", headers...)
		require.LessOrEqual(t, left, want)
		require.Greater(t, left, want-5*time.Second)
	}
	for _, header := range []string{"0s", "-1s", "5", "x"} {
		require.Equal(t, 400, ask(a, "PUT /kv/a", "1", "X-Request-Timeout", header).status)
	}
}

// TestSessionsAreOpenedAgain follows a pool through errors.
func TestSessionsAreOpenedAgain(t *testing.T) {
	opened := 0
	var next error
	pool := newSessionPool(func(context.Context) (proposer, error) {
		opened++
		return &fakeMember{propose: func(context.Context, []byte) (replica.Result, error) { return replica.Result{Index: 7}, next }}, nil
	})
	for range 3 * poolSize {
		result, err := pool.Propose(t.Context(), nil)
		require.NoError(t, err)
		require.EqualValues(t, 7, result.Index)
	}
	require.Equal(t, poolSize, opened, "each session is opened once")
	next = replica.ErrSessionExpired
	_, err := pool.Propose(t.Context(), nil)
	require.ErrorIs(t, err, replica.ErrUnknownOutcome)
	next = nil
	for range poolSize {
		_, err = pool.Propose(t.Context(), nil)
		require.NoError(t, err)
	}
	require.Equal(t, poolSize+1, opened)
}

func TestAFullSessionIsPassedBy(t *testing.T) {
	opened := 0
	pool := newSessionPool(func(context.Context) (proposer, error) {
		opened++
		full := opened < poolSize
		return &fakeMember{propose: func(context.Context, []byte) (replica.Result, error) {
			if full {
				return replica.Result{}, &replica.BusyError{Queue: sessionQueue, Bound: 1}
			}
			return replica.Result{}, nil
		}}, nil
	})
	_, err := pool.Propose(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, poolSize, opened)
}

// TestAWriteWithoutSessionWasNotMade is about the outcome if no session could be opened.
func TestAWriteWithoutSessionWasNotMade(t *testing.T) {
	a, _ := newFakeAPI(t)
	var cause error
	a.writes = newSessionPool(func(context.Context) (proposer, error) { return nil, cause })
	for want, err := range map[string]error{
		"unavailable": fmt.Errorf("%w: %w", replica.ErrUnknownOutcome, context.DeadlineExceeded),
		"no_leader":   replica.ErrNoLeader, "stopping": replica.ErrStopped, "busy": &replica.BusyError{},
	} {
		cause = err
		require.Equal(t, want, ask(a, "PUT /kv/a", "1").code())
	}
}

// TestSlowBodiesAreGivenUp sends a part of a body and then nothing: to what reads it, and to what refuses it unread.
func TestSlowBodiesAreGivenUp(t *testing.T) {
	a, _ := newFakeAPI(t)
	server := httptest.NewServer(a)
	defer server.Close()
	for path, want := range map[string]string{"/kv/a": "came too slowly", "/kv/": "the key is empty"} {
		a.limits.bodyTimeout = 50 * time.Millisecond
		conn := dial(t, server.Listener.Addr().String())
		_, err := fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\nabc", path)
		require.NoError(t, err)
		text, err := io.ReadAll(conn)
		require.NoError(t, err, path)
		require.Contains(t, string(text), "400 Bad Request")
		require.Contains(t, string(text), want)
		require.NoError(t, conn.Close())
	}
}

func TestMetricsShowEverything(t *testing.T) {
	a, member := newFakeAPI(t)
	member.status.Progress = []replica.Progress{{ID: 2, Match: 3, Active: true}}
	a.metrics.registry.MustRegister(&collector{api: a})
	ask(a, "GET /kv/none", "")
	text := ask(a, "GET /metrics", "").text()
	for _, want := range []string{
		`kvstore_http_requests_total{code="404",route="get"} 1`, `kvstore_raft_is_leader 1`,
		`kvstore_raft_progress_match{member="2"} 3`, `kvstore_store_revision 0`, `go_goroutines`, `kvstore_http_request_duration_seconds_count{route="get"} 1`,
	} {
		require.Contains(t, text, want)
	}
}
