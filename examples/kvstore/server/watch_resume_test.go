package server

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/examples/kvstore/store"
)

// Going on after a cut connection, as browsers do it.

// An eventSource follows a watch as the specification of EventSource says: the ID of the last event that was dispatched is what the
// next connection begins with, whatever kind of event it was.
type eventSource struct {
	t      *testing.T
	c      *testCluster
	path   string
	lastID string
	events []string // IDs of changes
	// told is what the last progress event has said.
	told uint64
}

// follow connects once, and reads until cut says so or the stream ends.
func (s *eventSource) follow(id uint64, cut func(e sseEvent) bool) {
	s.t.Helper()
	var headers []string
	if s.lastID != "" {
		headers = []string{"Last-Event-ID", s.lastID}
	}
	stream, err := s.c.openStream(id, s.path, headers...)
	require.NoError(s.t, err)
	defer stream.close()
	for {
		e, ok := stream.next()
		if !ok {
			return
		}
		s.take(e)
		if cut(e) {
			return
		}
	}
}

func (s *eventSource) take(e sseEvent) {
	s.t.Helper()
	if e.id != "" {
		require.False(s.t, idLess(s.t, e.id, s.lastID), "the ID moves back from %s to %s", s.lastID, e.id)
		s.lastID = e.id
	}
	if e.kind != "progress" {
		require.Equal(s.t, "put", e.kind, e.data)
		s.events = append(s.events, e.id)
		return
	}
	var body progressEvent
	require.NoError(s.t, json.Unmarshal([]byte(e.data), &body))
	require.GreaterOrEqual(s.t, body.Rev, s.told)
	s.told = body.Rev
}

func idLess(t *testing.T, a, b string) bool {
	t.Helper()
	if b == "" {
		return false
	}
	first, err := positionAfter(a)
	require.NoError(t, err)
	second, err := positionAfter(b)
	require.NoError(t, err)
	return first.Rev < second.Rev || first.Rev == second.Rev && first.Sub < second.Sub
}

// TestEventSourceMissesNothing cuts connections after changes and after progress, at random, while transactions change several keys.
func TestEventSourceMissesNothing(t *testing.T) {
	c := newCluster(t, 1, func(o *Options) { o.limits.keepAlive = 2 * time.Millisecond })
	first := c.put(1, "x", "0")
	const txns = 60
	var want []string
	var bodies []string
	rng := rand.New(rand.NewPCG(1, 7))
	for i := range txns {
		var ops []string
		for sub := range 1 + rng.IntN(5) {
			prefix := []string{"w/", "w/", "x/"}[rng.IntN(3)]
			ops = append(ops, fmt.Sprintf(`{"put":{"key":"%s%d","value":"v"}}`, prefix, sub))
			if prefix == "w/" {
				want = append(want, fmt.Sprintf("%d.%d", first+1+uint64(i), sub))
			}
		}
		bodies = append(bodies, `{"then":[`+strings.Join(ops, ",")+`]}`)
	}
	written := make(chan error, 1)
	go func() {
		for _, body := range bodies {
			if a, err := send(c.client, "POST", c.members[1].url+"/txn", body); err != nil || a.status != 200 {
				written <- fmt.Errorf("%+v, %w", a, err)
				return
			}
			time.Sleep(time.Millisecond)
		}
		written <- nil
	}()
	s := &eventSource{t: t, c: c, path: fmt.Sprintf("/watch?prefix=w/&from=%d", first+1)}
	for len(s.events) < len(want) || s.told < first+txns {
		s.follow(1, func(sseEvent) bool { return rng.IntN(2) == 0 || s.told == first+txns })
	}
	require.NoError(t, <-written)
	require.Equal(t, want, s.events)
}

// TestProgressInTheMiddleOfARevision looks at the first event after each ID of a transaction.
func TestProgressInTheMiddleOfARevision(t *testing.T) {
	c := newCluster(t, 1, nil)
	rev := c.put(1, "a", "1") + 1
	c.do(1, "POST", "/txn", `{"then":[{"put":{"key":"a","value":"2"}},{"put":{"key":"b","value":"2"}},{"put":{"key":"c","value":"2"}}]}`)
	for _, id := range []string{fmt.Sprintf("%d.4294967295", rev-1), fmt.Sprintf("%d.0", rev), fmt.Sprintf("%d.1", rev), fmt.Sprintf("%d.2", rev)} {
		s, err := c.openStream(1, "/watch", "Last-Event-ID", id)
		require.NoError(t, err)
		e, ok := s.next()
		require.True(t, ok)
		require.Equal(t, sseEvent{id: id, kind: "progress", data: fmt.Sprintf(`{"rev":%d}`, rev-1)}, e)
		s.close()
	}
}

func TestWatchFromTheFutureIsRefused(t *testing.T) {
	c := newCluster(t, 3, nil)
	rev := c.put(1, "a", "1")
	for id := range c.members {
		for _, query := range []string{
			fmt.Sprintf("from=%d", rev+2), "from=1000000", "from=9223372036854775807", fmt.Sprintf("after=%d.0", rev+1),
			fmt.Sprintf("after=%d.4294967295", rev+1), "after=9223372036854775807.4294967295",
		} {
			a := c.do(id, "GET", "/watch?"+query, "")
			require.Equal(t, 400, a.status, "%s: %s", query, a.text())
			require.Contains(t, a.text(), fmt.Sprintf("the newest revision is %d", rev))
		}
		s, err := c.openStream(id, fmt.Sprintf("/watch?from=%d", rev+1))
		require.NoError(t, err)
		e, _ := s.next()
		require.Equal(t, fmt.Sprintf(`{"rev":%d}`, rev), e.data)
		s.close()
	}
}

// TestWatchWaitsForWhatOthersHave asks a member for a position that it has not reached yet.
func TestWatchWaitsForWhatOthersHave(t *testing.T) {
	a, member := newFakeAPI(t)
	s, err := store.Open(t.TempDir(), store.Options{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer s.Close()
	for _, path := range []string{"/watch?from=8", "/watch?after=7.0", "/watch?after=7.4294967295"} {
		late := &lateStore{Store: s}
		a.keys = late
		stopping, cancel := context.WithCancel(t.Context())
		a.stopping = stopping
		member.read = func(context.Context) {
			late.caughtUp = true
			cancel() // so that the stream ends after its first event
		}
		got := ask(a, "GET "+path, "")
		require.Equal(t, 200, got.status, "%s: %s", path, got.text())
		require.True(t, late.caughtUp, "it was read linearizably")
		cancel()
	}
}

// A lateStore is at revision 7 when it has caught up.
type lateStore struct {
	*store.Store
	caughtUp bool
}

func (s *lateStore) Rev() uint64 {
	if !s.caughtUp {
		return 0
	}
	return 7
}

// TestWatchIsBoundedByItsTimeout asks a cluster that does not answer.
func TestWatchIsBoundedByItsTimeout(t *testing.T) {
	a, member := newFakeAPI(t)
	a.limits.timeout = 10 * patience
	member.err = context.DeadlineExceeded
	member.read = func(ctx context.Context) { <-ctx.Done() }
	for _, path := range []string{"/watch", "/watch?from=1000"} {
		got := ask(a, "GET "+path, "", "X-Request-Timeout", "20ms")
		require.Equal(t, "timeout", got.code(), got.text())
	}
	require.Equal(t, 400, ask(a, "GET /watch?from=1", "", "X-Request-Timeout", "soon").status)
}
