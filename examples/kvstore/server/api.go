package server

// The frame around every request: who may come in, how long it may take, how its error is answered, and what is counted.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// api serves the HTTP API of one member.
type api struct {
	options *Options
	limits  *limits
	logger  *slog.Logger
	started time.Time

	member  consensus
	writes  proposer
	keys    keyspace
	hub     *hub
	tokens  *tokenFile
	leaders *leaderClient
	routes  *routeTable
	metrics *metrics
	// transport takes the requests of other members, dashboard those for the page; nil if there is none.
	transport, dashboard http.Handler
	// logBytes returns the size of the log's files.
	logBytes func() uint64
	// appliedAtStart is the index that the state had when the process began.
	appliedAtStart uint64

	// stopping ends when the member is to be stopped: streams end, and new requests are refused.
	stopping context.Context
	// broken is why the member cannot go on, apart from what the replica says.
	broken *atomic.Pointer[error]

	working atomic.Int64 // requests at work, streams included
	budgets
	ready   readiness
	totals  totals
	latency [operations]latencyRecorder
}

// totals count since the process began.
type totals struct {
	done              [operations]atomic.Uint64
	errors            atomic.Uint64
	bytesIn, bytesOut atomic.Uint64
}

// A request is one that is being handled.
type request struct {
	*http.Request
	endpoint *endpoint
	// argument is what the path names: a key, or a member's ID.
	argument string
}

// unnamed is the endpoint of requests that have not found theirs.
func unnamed() *endpoint { return &endpoint{name: "other"} }

// ServeHTTP serves clients, the dashboard and the other members.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/raft/") && a.transport != nil {
		a.transport.ServeHTTP(w, r)
		return
	}
	a.working.Add(1)
	defer a.working.Add(-1)
	answer := &recorder{ResponseWriter: w, hub: a.hub}
	req := &request{Request: r, endpoint: unnamed()}
	begin := time.Now()
	if r.ContentLength != 0 {
		// Whether a handler reads the body or net/http what is left of it, before it answers: that must not take for ever.
		_ = http.NewResponseController(w).SetReadDeadline(begin.Add(a.limits.bodyTimeout))
	}
	defer func() {
		a.survive(recover(), answer, req)
		a.count(answer, req, begin)
	}()
	if err := a.serve(answer, req); err != nil {
		a.answerError(answer, req, err)
	}
}

// serve finds the endpoint and has it answer.
func (a *api) serve(w *recorder, r *request) error {
	preflight, err := a.admitPage(w, r)
	if preflight || err != nil {
		return err
	}
	if err := a.routes.find(r); err != nil {
		return err
	}
	if err := a.tokens.authorize(r); err != nil {
		return err
	}
	if r.ContentLength != 0 && !r.endpoint.body {
		return refuseBody(w, r)
	}
	if !r.endpoint.always && (a.stopping.Err() != nil || a.failure() != nil) {
		return a.stopped()
	}
	if r.endpoint.stream {
		return a.serveStream(w, r)
	}
	slots := &a.waiting
	if r.endpoint.right == rightNone {
		slots = &a.public // so that those who have no token cannot keep others out
	}
	if !slots.acquire(1) {
		return busy("%d requests are at work, which is the bound: try again later", slots.bound)
	}
	defer slots.release(1)
	timeout, err := requestTimeout(r.Header, a.limits)
	if err != nil {
		return err
	}
	// A client that does not read its answer must not keep it in memory. The next request on the connection begins anew.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(a.limits.answerTime))
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	r.Request = r.WithContext(ctx)
	return r.endpoint.handle(a, w, r)
}

// refuseBody refuses a request for its body, of which nothing is read: where none is expected, nobody looks after how slowly it comes.
func refuseBody(w *recorder, r *request) error {
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
	return badRequest("%s takes no body here: send the request without one", r.Method)
}

// serveStream serves an answer without an end: until the client goes, or the member.
func (a *api) serveStream(w *recorder, r *request) error {
	if !a.streams.acquire(1) {
		return busy("%d streams are open, which is the bound: close some, or ask another member", a.streams.bound)
	}
	defer a.streams.release(1)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(a.stopping, cancel)()
	r.Request = r.WithContext(ctx)
	return r.endpoint.handle(a, w, r)
}

// answerError answers with an error, unless the answer has begun already.
func (a *api) answerError(w *recorder, r *request, err error) {
	if errors.Is(err, errAnswerCut) {
		a.logger.Debug("an answer was cut", "route", r.endpoint.name, "error", err)
		return
	}
	answer := a.asAPIError(err)
	if answer.status == http.StatusInternalServerError {
		a.logger.Error("a request has failed", "route", r.endpoint.name, "error", err)
	}
	if w.status != 0 {
		a.logger.Warn("a stream has ended with an error", "route", r.endpoint.name, "error", err)
		return
	}
	if err := answer.write(w); err != nil {
		a.logger.Debug("an answer was cut", "route", r.endpoint.name, "error", err)
	}
}

// survive makes a panic of a handler the answer to one request.
func (a *api) survive(cause any, w *recorder, r *request) {
	if cause == nil {
		return
	}
	if cause == http.ErrAbortHandler {
		panic(cause)
	}
	a.logger.Error("a handler has panicked", "route", r.endpoint.name, "panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
	if w.status != 0 {
		panic(http.ErrAbortHandler) // the client must not take what it got for the whole
	}
	a.answerError(w, r, newError(http.StatusInternalServerError, codeInternal, "the member has failed to do this: its log says why"))
}

func (a *api) count(w *recorder, r *request, begin time.Time) {
	now := time.Now()
	status := w.status
	if status == 0 {
		status = http.StatusOK
	}
	a.totals.bytesOut.Add(w.bytes)
	if status >= http.StatusInternalServerError || status == http.StatusTooManyRequests {
		a.totals.errors.Add(1)
	}
	op := r.endpoint.op
	if op != opNone && status < http.StatusInternalServerError {
		a.totals.done[op].Add(1)
	}
	if !r.endpoint.stream {
		a.latency[op].record(now, now.Sub(begin))
	}
	a.metrics.observe(r.endpoint, status, now.Sub(begin))
}

// failure returns why the member cannot go on, nil if it can.
func (a *api) failure() error {
	if err := a.broken.Load(); err != nil {
		return *err
	}
	return a.member.Err()
}

// A recorder notes what is answered, and says in each answer who leads.
type recorder struct {
	http.ResponseWriter
	hub    *hub
	status int
	bytes  uint64
}

// Unwrap lets http.ResponseController find the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
		if leader := w.hub.leader.Load(); leader != 0 {
			w.Header().Set("X-Raft-Leader", strconv.FormatUint(leader, 10))
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += uint64(n)
	return n, err
}
