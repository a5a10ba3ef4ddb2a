package server

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/examples/kvstore/store"
)

// An sseEvent is an event as a client gets it.
type sseEvent struct{ id, kind, data string }

// An sseReader reads a stream.
type sseReader struct {
	response *http.Response
	lines    *bufio.Scanner
	cancel   context.CancelFunc
}

// openStream begins a stream. An answer other than 200 is returned as an error of that status.
func (c *testCluster) openStream(id uint64, path string, headers ...string) (*sseReader, error) {
	ctx, cancel := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, "GET", c.members[id].url+path, nil)
	if err != nil {
		cancel()
		return nil, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := c.client.Do(r)
	if err != nil {
		cancel()
		return nil, err
	}
	s := &sseReader{response: response, lines: bufio.NewScanner(response.Body), cancel: cancel}
	s.lines.Buffer(nil, 16<<20)
	if response.StatusCode != http.StatusOK {
		s.close()
		return nil, fmt.Errorf("status %d", response.StatusCode)
	}
	return s, nil
}

func (s *sseReader) close() {
	s.cancel()
	s.response.Body.Close()
}

// next returns the next event, false at the end of the stream.
func (s *sseReader) next() (sseEvent, bool) {
	var e sseEvent
	for s.lines.Scan() {
		name, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch name {
		case "id":
			e.id = value
		case "event":
			e.kind = value
		case "data":
			e.data = value
		case "":
			if e.kind != "" {
				return e, true
			}
		}
	}
	return e, false
}

// change returns the next event that is no progress.
func (s *sseReader) change(t *testing.T) (sseEvent, watchEvent) {
	t.Helper()
	for {
		e, ok := s.next()
		require.True(t, ok, "the stream has ended: %v", s.lines.Err())
		if e.kind == "progress" {
			continue
		}
		var body watchEvent
		require.NoError(t, json.Unmarshal([]byte(e.data), &body))
		return e, body
	}
}

func TestWatchShowsChanges(t *testing.T) {
	c := newCluster(t, 3, nil)
	first := c.put(1, "a", "old")
	s, err := c.openStream(c.follower(), fmt.Sprintf("/watch?prefix=a&from=%d", first))
	require.NoError(t, err)
	defer s.close()
	e, body := s.change(t)
	require.Equal(t, sseEvent{id: fmt.Sprintf("%d.0", first), kind: "put", data: e.data}, e)
	require.Equal(t, "old", *body.Value)

	c.put(2, "b", "other")
	c.do(3, "POST", "/txn", `{"then":[{"put":{"key":"a","value":"new"}},{"put":{"key":"b","value":"x"}},{"put":{"key":"a2","value":"y"}},{"delete":{"key":"a"}}]}`)
	e, body = s.change(t)
	require.Equal(t, fmt.Sprintf("%d.0", first+2), e.id)
	require.Equal(t, first, body.PrevRev)
	e, body = s.change(t)
	require.Equal(t, fmt.Sprintf("%d.2", first+2), e.id)
	require.Equal(t, "a2", *body.Key)
	e, body = s.change(t)
	require.Equal(t, "delete", e.kind)
	require.Nil(t, body.Value)

	// Going on after an event in the middle of a transaction, by header or parameter.
	for _, how := range [][]string{{"/watch?prefix=a", "Last-Event-ID", fmt.Sprintf("%d.0", first+2)}, {fmt.Sprintf("/watch?prefix=a&after=%d.0", first+2)}} {
		again, err := c.openStream(c.leader(), how[0], how[1:]...)
		require.NoError(t, err)
		_, body := again.change(t)
		require.Equal(t, "a2", *body.Key)
		again.close()
	}
}

func TestWatchFromNowOn(t *testing.T) {
	c := newCluster(t, 3, nil)
	rev := c.put(c.leader(), "a", "before")
	s, err := c.openStream(c.follower(), "/watch")
	require.NoError(t, err)
	defer s.close()
	e, _ := s.next()
	require.Equal(t, sseEvent{id: fmt.Sprintf("%d.4294967295", rev), kind: "progress", data: fmt.Sprintf(`{"rev":%d}`, rev)}, e)
	c.put(c.leader(), "a", "after")
	_, body := s.change(t)
	require.Equal(t, "after", *body.Value)
}

func TestWatchTellsProgress(t *testing.T) {
	c := newCluster(t, 1, func(o *Options) { o.limits.keepAlive = 20 * time.Millisecond })
	s, err := c.openStream(1, "/watch?prefix=none")
	require.NoError(t, err)
	defer s.close()
	rev := c.put(1, "other", "1")
	for {
		e, ok := s.next()
		require.True(t, ok)
		require.Equal(t, "progress", e.kind)
		if e.data == fmt.Sprintf(`{"rev":%d}`, rev) {
			break
		}
	}
	require.True(t, s.lines.Scan())
	require.Equal(t, ": keep-alive", s.lines.Text())
}

func TestWatchOfCompactedHistory(t *testing.T) {
	c := newCluster(t, 1, func(o *Options) { o.Bounds = store.Bounds{MaxEvents: 5} })
	for i := range 20 {
		c.put(1, "a", fmt.Sprint(i))
	}
	a := c.do(1, "GET", "/watch?from=1", "")
	require.Equal(t, http.StatusGone, a.status, a.text())
	var body errorBody
	a.json(t, &body)
	require.Equal(t, "compacted", body.Error.Code)
	require.EqualValues(t, 16, body.Oldest)
	s, err := c.openStream(1, fmt.Sprintf("/watch?from=%d", body.Oldest))
	require.NoError(t, err)
	s.close()
}

// TestWatchGoesOnElsewhere kills leaders under a writer, and follows the changes across members: none is lost or doubled.
func TestWatchGoesOnElsewhere(t *testing.T) {
	c := newCluster(t, 3, nil)
	const writes = 90
	from := c.put(1, "w/begin", "x") + 1
	written := make(chan error, 1)
	go func() { written <- writeThrough(c.client, c.urls(), writes) }()

	var got []string
	after := fmt.Sprintf("%d.0", from-1)
	crashed := 0
	for len(got) < writes {
		s := c.openStreamPatiently(c.anyMember(len(got)), "/watch?prefix=w/k&after="+after)
		for len(got) < writes {
			e, ok := s.next()
			if !ok {
				break
			}
			after = e.id
			if e.kind == "progress" {
				continue
			}
			var body watchEvent
			require.NoError(t, json.Unmarshal([]byte(e.data), &body))
			got = append(got, *body.Key)
			if len(got)%30 == 0 && crashed < 2 {
				crashed++
				c.crashAndRestart(c.leader())
			}
			if len(got)%20 == 0 {
				break // and go on with another member
			}
		}
		s.close()
	}
	require.NoError(t, <-written)
	for i, key := range got {
		require.Equal(t, fmt.Sprintf("w/k%03d", i), key)
	}
}

// openStreamPatiently begins a stream with a member that may have to wait for a leader first, and gives up after some time.
func (c *testCluster) openStreamPatiently(id uint64, path string) *sseReader {
	c.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		s, err := c.openStream(id, path)
		if err == nil {
			return s
		}
		require.True(c.t, time.Now().Before(deadline), "%v", err)
	}
}

func (c *testCluster) urls() []string {
	var urls []string
	for _, p := range c.peers {
		urls = append(urls, p.Address)
	}
	return urls
}

func (c *testCluster) anyMember(n int) uint64 { return uint64(n)/20%uint64(len(c.peers)) + 1 }

// crashAndRestart stops a member without handing over, and starts it again.
func (c *testCluster) crashAndRestart(id uint64) {
	c.t.Helper()
	m := c.members[id]
	address := m.server.listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = m.server.Shutdown(ctx)
	require.NoError(c.t, <-m.served)
	c.start(id, listen(c.t, address), false)
}

// writeThrough writes keys in order, each once, through whichever member takes them.
func writeThrough(client *http.Client, urls []string, writes int) error {
	deadline := time.Now().Add(2 * patience)
	for i := range writes {
		for try := i; ; try++ {
			if time.Now().After(deadline) {
				return fmt.Errorf("write %d was never taken", i)
			}
			a, err := send(client, "PUT", fmt.Sprintf("%s/kv/w%%2Fk%03d", urls[try%len(urls)], i), "x", "Idempotency-Key", fmt.Sprint("write ", i))
			if err == nil && a.status == http.StatusOK {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return nil
}

func TestSlowWatchersAreCutOff(t *testing.T) {
	c := newCluster(t, 1, func(o *Options) { o.limits.writeStall = 50 * time.Millisecond })
	s, err := c.openStream(1, "/watch")
	require.NoError(t, err)
	defer s.close()
	value := strings.Repeat("v", 1<<20)
	require.Eventually(t, func() bool {
		c.put(1, "a", value)
		return c.members[1].server.api.streams.used.Load() == 0
	}, patience, time.Millisecond)
}

func TestStreamsAreBounded(t *testing.T) {
	c := newCluster(t, 1, func(o *Options) { o.limits.streams = 1 })
	s, err := c.openStream(1, "/watch")
	require.NoError(t, err)
	a := c.do(1, "GET", "/events", "")
	require.Equal(t, http.StatusTooManyRequests, a.status)
	require.Equal(t, "1", a.header.Get("Retry-After"))
	s.close()
	require.Eventually(t, func() bool {
		again, err := c.openStream(1, "/watch")
		if err == nil {
			again.close()
		}
		return err == nil
	}, patience, 10*time.Millisecond)
}

func TestEventsShowStatusAndLog(t *testing.T) {
	c := newCluster(t, 1, func(o *Options) { o.limits.status = 10 * time.Millisecond })
	s, err := c.openStream(1, "/events")
	require.NoError(t, err)
	defer s.close()
	seen := map[string]sseEvent{}
	var status clusterAnswer
	for seen["log"].id == "" || len(status.History) == 0 { // which comes a moment after who leads
		e, ok := s.next()
		require.True(t, ok)
		seen[e.kind] = e
		if e.kind == "status" {
			status = clusterAnswer{}
			require.NoError(t, json.Unmarshal([]byte(e.data), &status))
		}
	}
	require.Equal(t, "leader", status.Role)
	var line logLine
	require.NoError(t, json.Unmarshal([]byte(seen["log"].data), &line))
	require.NotEmpty(t, line.Text)

	// What was seen is not sent again.
	number := c.members[1].server.api.lastLine(seen["log"].id)
	require.NotZero(t, number)
	again, err := c.openStream(1, "/events", "Last-Event-ID", c.members[1].server.api.lineID(1_000_000))
	require.NoError(t, err)
	defer again.close()
	e, _ := again.next()
	require.Equal(t, "status", e.kind)
}
