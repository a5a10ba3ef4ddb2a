package client

// A double of the cluster: the contract of API.md in small, over as many HTTP servers as a test wants, each of which can be
// made to misbehave.

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type fakeItem struct {
	value        []byte
	rev, created uint64
	version      uint64
}

type fakeCluster struct {
	mu      sync.Mutex
	rev     uint64
	items   map[string]fakeItem
	history []Event
	answers map[string]func(http.ResponseWriter) // by Idempotency-Key
	applied map[string]int                       // how often each key was written
	oldest  uint64
	leader  uint64
	changed chan struct{} // closed when something is written, and replaced
	members []*fakeMember
}

type fakeMember struct {
	*httptest.Server
	id      uint64
	cluster *fakeCluster
	// before sees each request first, and tells whether it has dealt with it.
	before   atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]
	requests atomic.Int64
	dialled  atomic.Int64
}

func newFake(t *testing.T, members int) *fakeCluster {
	f := &fakeCluster{
		items: map[string]fakeItem{}, answers: map[string]func(http.ResponseWriter){}, applied: map[string]int{},
		leader: 1, changed: make(chan struct{}),
	}
	for i := range members {
		m := &fakeMember{id: uint64(i + 1), cluster: f}
		m.Server = httptest.NewUnstartedServer(m)
		m.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				m.dialled.Add(1)
			}
		}
		m.Start()
		t.Cleanup(func() {
			m.CloseClientConnections()
			m.Close()
		})
		f.members = append(f.members, m)
	}
	return f
}

func (f *fakeCluster) urls() []string {
	var urls []string
	for _, m := range f.members {
		urls = append(urls, m.URL)
	}
	return urls
}

func (f *fakeCluster) client(t *testing.T, change ...func(*Options)) *Client {
	options := Options{Endpoints: f.urls(), Timeout: 30 * time.Second, AttemptTimeout: 10 * time.Second}
	for _, c := range change {
		c(&options)
	}
	c, err := New(options)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// unhurried makes calls, and makes them again if an attempt may have been cut: that leads to another member, and rightly so.
func unhurried(t *testing.T, calls func()) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; {
		began := time.Now()
		calls()
		if time.Since(began) < firstBound {
			return
		}
		require.True(t, time.Now().Before(deadline), "this machine is too slow")
	}
}

// timesApplied is how often a key was written.
func (f *fakeCluster) timesApplied(key string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.applied[key]
}

// misbehave puts a function in front of a member; nil takes it away.
func (m *fakeMember) misbehave(before func(http.ResponseWriter, *http.Request) bool) {
	if before == nil {
		m.before.Store(nil)
		return
	}
	m.before.Store(&before)
}

func (m *fakeMember) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.requests.Add(1)
	if before := m.before.Load(); before != nil && (*before)(w, r) {
		return
	}
	m.serve(w, r)
}

func (m *fakeMember) serve(w http.ResponseWriter, r *http.Request) {
	f := m.cluster
	f.mu.Lock()
	w.Header().Set("X-Raft-Leader", strconv.FormatUint(f.leader, 10))
	f.mu.Unlock()
	switch path := r.URL.EscapedPath(); {
	case strings.HasPrefix(path, "/kv/"):
		key, err := url.PathUnescape(strings.TrimPrefix(path, "/kv/"))
		if err != nil {
			fail(w, 400, "bad_request", err.Error(), nil)
			return
		}
		f.key(w, r, key)
	case path == "/kv":
		f.list(w, r)
	case path == "/watch":
		f.watch(w, r)
	case path == "/cluster/members" && r.Method == http.MethodGet:
		f.listMembers(w)
	case path == "/cluster":
		f.status(w, m.id)
	default:
		fail(w, 404, "not_found", "no such path: "+path, nil)
	}
}

func fail(w http.ResponseWriter, status int, code, message string, more map[string]any) {
	body := map[string]any{"error": map[string]string{"code": code, "message": message}}
	for name, value := range more {
		body[name] = value
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the connection may be gone, which is the client's affair
}

func (f *fakeCluster) key(w http.ResponseWriter, r *http.Request, key string) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	item, exists := f.items[key]
	if r.Method == http.MethodGet {
		if !exists {
			fail(w, 404, "not_found", "there is no such key", nil)
			return
		}
		w.Header().Set("ETag", fmt.Sprintf(`"%d"`, item.rev))
		w.Header().Set("X-Raft-Applied", "77")
		_, _ = w.Write(item.value)
		return
	}
	id := r.Header.Get("Idempotency-Key")
	if answer := f.answers[id]; answer != nil {
		w.Header().Set("Idempotency-Replayed", "true")
		answer(w)
		return
	}
	answer := f.write(r, key, body, item, exists)
	f.answers[id] = answer
	answer(w)
}

func (f *fakeCluster) write(r *http.Request, key string, body []byte, item fakeItem, exists bool) func(http.ResponseWriter) {
	match := strings.Trim(r.Header.Get("If-Match"), `"`)
	if match == "*" && !exists || match != "" && match != "*" && match != strconv.FormatUint(item.rev, 10) ||
		r.Header.Get("If-None-Match") == "*" && exists {
		return func(w http.ResponseWriter) {
			fail(w, 412, "precondition_failed", "it is otherwise", map[string]any{"rev": item.rev, "exists": exists})
		}
	}
	if r.Method == http.MethodDelete && !exists {
		return func(w http.ResponseWriter) { fail(w, 404, "not_found", "there is no such key", nil) }
	}
	f.rev++
	rev := f.rev
	f.applied[key]++
	event := Event{ID: fmt.Sprintf("%d.0", rev), Type: EventPut, Rev: rev, Key: key, Value: body, PrevRev: item.rev}
	if r.Method == http.MethodDelete {
		delete(f.items, key)
		event.Type, event.Value = EventDelete, nil
	} else {
		if !exists {
			item = fakeItem{created: rev}
		}
		f.items[key] = fakeItem{value: body, rev: rev, created: item.created, version: item.version + 1}
	}
	f.history = append(f.history, event)
	close(f.changed)
	f.changed = make(chan struct{})
	return func(w http.ResponseWriter) {
		if event.Type == EventDelete {
			fmt.Fprintf(w, `{"rev":%d,"deleted":true}`, rev)
			return
		}
		fmt.Fprintf(w, `{"rev":%d,"created":%v}`, rev, !exists)
	}
}

func (f *fakeCluster) list(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	query := r.URL.Query()
	limit, err := strconv.Atoi(query.Get("limit"))
	if err != nil {
		limit = 100
	}
	var keys []string
	for key := range f.items {
		if strings.HasPrefix(key, query.Get("prefix")) && key > query.Get("after") {
			keys = append(keys, key)
		}
	}
	sort.Strings(keys)
	more := len(keys) > limit
	keys = keys[:min(limit, len(keys))]
	items := []map[string]any{}
	for _, key := range keys {
		item := f.items[key]
		wire := map[string]any{"rev": item.rev, "created": item.created, "version": item.version}
		putText(wire, "key", key)
		if query.Get("keys_only") != "true" {
			text, encoded := wireValue(item.value)
			wire["value"] = text
			if encoded {
				wire["base64"] = true
			}
		}
		items = append(items, wire)
	}
	answer := map[string]any{"rev": f.rev, "items": items, "more": more}
	if more {
		answer["next"] = keys[len(keys)-1]
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func putText(wire map[string]any, name, text string) {
	plain, key64 := wireKey(text)
	if key64 != nil {
		wire[name+"64"] = key64
		return
	}
	wire[name] = plain
}

func (f *fakeCluster) listMembers(w http.ResponseWriter) {
	var members []Member
	for _, m := range f.members {
		members = append(members, Member{ID: m.id, URL: m.URL})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"members": members})
}

func (f *fakeCluster) status(w http.ResponseWriter, id uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	status := Status{ID: id, Role: "follower", Term: 3, Leader: f.leader}
	if id == f.leader {
		status.Role = "leader"
	}
	for _, m := range f.members {
		member := MemberStatus{ID: m.id, URL: m.URL}
		if m.id == id {
			member.Lag = new(uint64)
		}
		status.Members = append(status.Members, member)
	}
	_ = json.NewEncoder(w).Encode(status)
}

func (f *fakeCluster) watch(w http.ResponseWriter, r *http.Request) {
	from, _ := strconv.ParseUint(r.URL.Query().Get("from"), 10, 64)
	after := position{}
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		after, _ = parsePosition(id)
	} else if from == 0 {
		f.mu.Lock()
		from = f.rev + 1
		f.mu.Unlock()
	}
	f.mu.Lock()
	oldest := f.oldest
	f.mu.Unlock()
	if from != 0 && from < oldest || after.rev != 0 && after.rev < oldest {
		fail(w, 410, "compacted", "that is no longer kept", map[string]any{"oldest": oldest})
		return
	}
	w.WriteHeader(http.StatusOK)
	flush := w.(http.Flusher).Flush
	flush()
	for next := 0; ; {
		f.mu.Lock()
		events, changed := f.history[next:], f.changed
		next += len(events)
		f.mu.Unlock()
		for _, event := range events {
			at, _ := parsePosition(event.ID)
			if event.Rev >= from && after.before(at) && strings.HasPrefix(event.Key, r.URL.Query().Get("prefix")) {
				_, _ = io.WriteString(w, formatEvent(event))
			}
		}
		flush()
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

func formatEvent(event Event) string {
	wire := map[string]any{"rev": event.Rev, "prev_rev": event.PrevRev}
	putText(wire, "key", event.Key)
	if event.Type == EventPut {
		text, encoded := wireValue(event.Value)
		wire["value"], wire["base64"] = text, encoded
	}
	data, err := json.Marshal(wire)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf("id: %s\nevent: %s\ndata: %s\n\n", event.ID, event.Type, data)
}

// cut ends the connection of a request without an answer.
func cut(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	_ = conn.Close()
}
