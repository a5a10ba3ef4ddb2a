package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// collect watches until it has so many events.
func collect(t *testing.T, c *Client, options WatchOptions, count int) []string {
	t.Helper()
	var got []string
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for event, err := range c.Watch(ctx, options) {
		require.NoError(t, err)
		got = append(got, fmt.Sprintf("%s %s %s=%s", event.ID, event.Type, event.Key, event.Value))
		if len(got) == count {
			return got
		}
	}
	t.Fatalf("the watch ended after %d events", len(got))
	return nil
}

func TestWatch(t *testing.T) {
	f := newFake(t, 1)
	c := f.client(t)
	for _, key := range []string{"a", "p/1", "p/\xff"} {
		_, err := c.Put(t.Context(), key, []byte("\xfe"))
		require.NoError(t, err)
	}
	_, err := c.Delete(t.Context(), "p/1")
	require.NoError(t, err)
	all := []string{"1.0 put a=\xfe", "2.0 put p/1=\xfe", "3.0 put p/\xff=\xfe", "4.0 delete p/1="}
	require.Equal(t, all, collect(t, c, WatchOptions{From: 1}, 4))
	require.Equal(t, all[1:], collect(t, c, WatchOptions{From: 1, Prefix: "p/"}, 3))
	require.Equal(t, all[2:], collect(t, c, WatchOptions{From: 3}, 2))
	require.Equal(t, all[3:], collect(t, c, WatchOptions{After: "3.0"}, 1))
	require.Equal(t, all, collect(t, c, WatchOptions{After: "0.0"}, 4))
}

// Each stream breaks off in the middle of an event after a few others, and the next one begins a little too early. Members die too.
func TestWatchIsResumedWithoutLossOrDoubling(t *testing.T) {
	t.Parallel()
	f := newFake(t, 3)
	c := f.client(t)
	const count = 60
	var want []string
	for i := range count {
		_, err := c.Put(t.Context(), "k", fmt.Append(nil, i))
		require.NoError(t, err)
		want = append(want, fmt.Sprintf("%d.0 put k=%d", i+1, i))
	}
	var streams atomic.Int64
	for _, m := range f.members {
		m.misbehave(func(w http.ResponseWriter, r *http.Request) bool {
			streams.Add(1)
			first := 0
			if last, err := parsePosition(r.Header.Get("Last-Event-ID")); err == nil {
				first = max(0, int(last.rev)-3)
			}
			f.mu.Lock()
			events := f.history[first:]
			f.mu.Unlock()
			for _, event := range events[:min(8, len(events))] {
				_, _ = io.WriteString(w, formatEvent(event))
			}
			if len(events) > 8 {
				half := formatEvent(events[8])
				_, _ = io.WriteString(w, half[:len(half)-1])
			}
			return true
		})
	}
	var cuts atomic.Int64
	got := collect(t, c, WatchOptions{From: 1, OnCut: func(err error) {
		if cuts.Add(1) == 3 {
			f.members[1].Close()
		}
	}}, count)
	require.Equal(t, want, got)
	require.Greater(t, streams.Load(), int64(5))
}

// The first stream is cut before anything came, and what is written before the second must not be lost.
func TestWatchFromNowOnMissesNothing(t *testing.T) {
	f := newFake(t, 2)
	c := f.client(t)
	_, err := c.Put(t.Context(), "old", []byte("0"))
	require.NoError(t, err)
	var once atomic.Bool
	for _, m := range f.members {
		m.misbehave(func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/watch" || once.Swap(true) {
				return false
			}
			for _, key := range []string{"b", "a"} {
				put := httptest.NewRequest(http.MethodPut, "/kv/"+key, strings.NewReader("1"))
				put.Header.Set("Idempotency-Key", key)
				m.serve(httptest.NewRecorder(), put)
			}
			cut(w)
			return true
		})
	}
	require.Equal(t, []string{"2.0 put b=1", "3.0 put a=1"}, collect(t, c, WatchOptions{}, 2))
}

func TestWatchGoesOnBehindProgress(t *testing.T) {
	f := newFake(t, 1)
	var requests []string
	f.members[0].misbehave(func(w http.ResponseWriter, r *http.Request) bool {
		requests = append(requests, r.URL.RawQuery+" "+r.Header.Get("Last-Event-ID"))
		switch len(requests) {
		case 1:
			fmt.Fprint(w, ": keep-alive\n\nid: 12.1\nevent: put\ndata: {\"rev\":12,\"key\":\"a\",\"value\":\"1\"}\n\n")
		case 2:
			fmt.Fprint(w, "event: progress\ndata: {\"rev\":20}\n\nevent: of a later version\ndata: {}\n\n")
		default:
			fmt.Fprint(w, "id: 21.0\nevent: put\ndata: {\"rev\":21,\ndata: \"key\":\"b\",\"value\":\"2\"}\n\n")
		}
		return true
	})
	got := collect(t, f.client(t), WatchOptions{From: 5, Progress: true}, 3)
	require.Equal(t, []string{"12.1 put a=1", " progress =", "21.0 put b=2"}, got)
	require.Equal(t, []string{"from=5 ", " 12.1", "from=21 "}, requests)
}

func TestWatchReportsCompaction(t *testing.T) {
	f := newFake(t, 2)
	f.oldest = 10
	watchError := func(options WatchOptions) error {
		for _, err := range f.client(t).Watch(t.Context(), options) {
			return err
		}
		return nil
	}
	err := watchError(WatchOptions{From: 9})
	require.ErrorIs(t, err, ErrCompacted)
	var refusal *Error
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, uint64(10), refusal.Oldest)

	f.members[0].misbehave(func(w http.ResponseWriter, _ *http.Request) bool {
		fmt.Fprint(w, "event: error\ndata: {\"error\":{\"code\":\"compacted\",\"message\":\"too far behind\"},\"oldest\":30}\n\n")
		return true
	})
	err = watchError(WatchOptions{From: 20})
	require.ErrorIs(t, err, ErrCompacted)
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, uint64(30), refusal.Oldest)
	require.ErrorIs(t, watchError(WatchOptions{After: "x"}), ErrBadRequest)

	f.members[0].misbehave(refuse(401, "unauthorized"))
	require.ErrorIs(t, watchError(WatchOptions{From: 20}), ErrUnauthorized)
}

func TestWatchThatNobodyAnswersFails(t *testing.T) {
	f := newFake(t, 1)
	f.members[0].Close()
	c := f.client(t, func(o *Options) { o.Timeout = 200 * time.Millisecond })
	for _, options := range []WatchOptions{{}, {From: 3}} {
		count := 0
		for _, err := range c.Watch(t.Context(), options) {
			require.Error(t, err)
			count++
		}
		require.Equal(t, 1, count)
	}
}

// A member that is frozen keeps its connections open and says nothing.
func TestWatchLeavesASilentMember(t *testing.T) {
	t.Parallel()
	f := newFake(t, 2)
	c := f.client(t)
	c.watchSilence = 2 * time.Second
	_, err := c.Put(t.Context(), "a", []byte("1"))
	require.NoError(t, err)
	f.members[0].misbehave(func(w http.ResponseWriter, r *http.Request) bool {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return true
	})
	var reason error
	got := collect(t, c, WatchOptions{From: 1, OnCut: func(err error) { reason = err }}, 1)
	require.Equal(t, []string{"1.0 put a=1"}, got)
	require.ErrorIs(t, reason, errSilence)
}

// TestWatchWaitsForASlowEvent has an event take longer than a member may be silent.
func TestWatchWaitsForASlowEvent(t *testing.T) {
	t.Parallel()
	f := newFake(t, 1)
	c := f.client(t)
	c.watchSilence = 4 * time.Second
	f.members[0].misbehave(func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Type", "text/event-stream")
		text := `id: 1.0` + "\nevent: put\n" + `data: {"rev":1,"key":"a","value":"` + strings.Repeat("v", 80) + `"}` + "\n\n"
		for ; len(text) > 0; text = text[min(len(text), 5):] {
			_, _ = io.WriteString(w, text[:min(len(text), 5)])
			w.(http.Flusher).Flush()
			time.Sleep(250 * time.Millisecond)
		}
		<-r.Context().Done()
		return true
	})
	cut := func(err error) { t.Errorf("the watch was cut: %v", err) }
	got := collect(t, c, WatchOptions{From: 1, OnCut: cut}, 1)
	require.Equal(t, []string{"1.0 put a=" + strings.Repeat("v", 80)}, got)
}

func TestCancelledWatchEndsWithoutError(t *testing.T) {
	f := newFake(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	c := f.client(t)
	f.members[0].misbehave(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/watch" {
			cancel()
		}
		return false
	})
	for event, err := range c.Watch(ctx, WatchOptions{}) {
		t.Fatalf("got %v, %v", event, err)
	}
	require.Error(t, ctx.Err())
}
