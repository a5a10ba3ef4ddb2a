package dashboard_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/examples/kvstore/dashboard"
	"github.com/seed695671cb/raft/examples/kvstore/internal/ports"
)

// A fakeCluster is what the page talks to in the tests: members with made-up figures, and the demo's controls, each on a
// port of its own. It behaves as API.md says as far as the page can tell, without any raft: who leads is decided on the
// spot, and all members share one map of keys.
type fakeCluster struct {
	t    *testing.T
	demo *httptest.Server

	mu       sync.Mutex
	members  []*fakeMember
	leader   int
	term     int
	history  []map[string]any
	rev      int
	keys     map[string]*fakeKey
	changes  []change
	changed  chan struct{} // closed and replaced at every change
	token    string        // asked for, if there is one
	requests []string      // those that change something: METHOD PATH HEADERS
	broken   bool          // reads and writes answer that there is no leader

	pageKeys   int    // how many keys a page of a list has at the most, as if others did not fit; 0 is as many as are asked for
	valuesSent int    // bytes of the values in lists
	watches    int    // how often a watch was begun
	watchError string // the code of an error that ends the next stream of changes that is looked at
}

type fakeKey struct {
	value                 string
	rev, created, version int
}

// A change is an event of the watch.
type change struct {
	rev   int
	name  string
	event event
}

type event struct {
	Rev   int    `json:"rev"`
	Key   string `json:"key"`
	Value string `json:"value,omitempty"`
}

type fakeMember struct {
	c           *fakeCluster
	id          int
	addr        string
	server      *http.Server
	state       string
	partitioned bool
	born        time.Time
	oldLeader   bool // leads as far as it knows, behind a partition
	puts, gets  int
	logs        []string
	last        int
	resume      chan struct{} // closed when it is not paused
}

func newFakeCluster(t *testing.T, size int) *fakeCluster {
	t.Helper()
	c := &fakeCluster{t: t, keys: map[string]*fakeKey{}, changed: make(chan struct{}), term: 3}
	c.demo = httptest.NewServer(http.HandlerFunc(c.serveDemo))
	for id := 1; id <= size; id++ {
		c.addMember(id)
	}
	c.lead(1)
	t.Cleanup(func() {
		c.demo.Close()
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, m := range c.members {
			m.stop()
		}
	})
	return c
}

// listenLow takes a port that the system gives to nobody who asks for any. A member that is killed lets go of its own for seconds, and
// comes back there.
func listenLow(t *testing.T) net.Listener {
	t.Helper()
	var listener net.Listener
	require.Eventually(t, func() bool {
		addr, err := ports.Free()
		if err == nil {
			listener, err = net.Listen("tcp", addr)
		}
		return err == nil
	}, patience, time.Millisecond)
	return listener
}

func (c *fakeCluster) addMember(id int) {
	listener := listenLow(c.t)
	m := &fakeMember{c: c, id: id, addr: listener.Addr().String(), resume: make(chan struct{})}
	close(m.resume)
	m.start(listener)
	c.members = append(c.members, m)
}

func (m *fakeMember) url() string { return "http://" + m.addr }

func (m *fakeMember) start(listener net.Listener) {
	m.state, m.born, m.puts, m.gets = "running", time.Now(), 0, 0
	m.server = &http.Server{Handler: m.handler()}
	go func(server *http.Server) { _ = server.Serve(listener) }(m.server)
}

func (m *fakeMember) stop() {
	if m.state == "paused" {
		close(m.resume)
	}
	m.state = "dead"
	_ = m.server.Close()
}

// lead makes a member the leader of a new term; mu must be held, or nobody else use the cluster yet.
func (c *fakeCluster) lead(id int) {
	c.leader = id
	c.term++
	c.history = append(c.history, map[string]any{"time": time.Now().Format(time.RFC3339Nano), "term": c.term, "leader": id})
	for _, m := range c.members {
		m.logs = append(m.logs, fmt.Sprintf("member %d leads in term %d", id, c.term))
	}
	c.wake()
}

func (c *fakeCluster) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// elect finds another leader if the present one cannot lead any more; mu must be held.
func (c *fakeCluster) elect() {
	fit := func(m *fakeMember) bool { return m.state == "running" && !m.partitioned }
	for _, m := range c.members {
		if m.id == c.leader && fit(m) {
			return
		}
	}
	for _, m := range c.members {
		if m.id == c.leader {
			m.oldLeader = true
		}
	}
	c.leader = 0
	for _, m := range c.members {
		if fit(m) {
			c.lead(m.id)
			return
		}
	}
}

func (c *fakeCluster) note(r *http.Request, body []byte) {
	entry := r.Method + " " + r.URL.EscapedPath()
	for _, name := range []string{"If-Match", "If-None-Match", "X-Kvstore-Demo", "Authorization"} {
		if value := r.Header.Get(name); value != "" {
			entry += " " + name + "=" + value
		}
	}
	if len(body) > 0 {
		entry += " " + string(body)
	}
	c.requests = append(c.requests, entry)
}

// made waits until the page has made a request.
func (c *fakeCluster) made(entry string) {
	c.t.Helper()
	require.Eventually(c.t, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return slices.Contains(c.requests, entry)
	}, patience, 10*time.Millisecond, entry)
}

// put writes a key behind the page's back, or in its name; mu must be held.
func (c *fakeCluster) put(key, value string) *fakeKey {
	c.rev++
	k := c.keys[key]
	if k == nil {
		k = &fakeKey{created: c.rev}
		c.keys[key] = k
	}
	k.value, k.rev = value, c.rev
	k.version++
	c.publish("put", event{Rev: c.rev, Key: key, Value: value})
	return k
}

func (c *fakeCluster) set(key, value string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(key, value)
}

// endWatch has an error end the stream of changes.
func (c *fakeCluster) endWatch(code string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watchError = code
	c.wake()
}

func (c *fakeCluster) publish(name string, e event) {
	c.changes = append(c.changes, change{c.rev, name, e})
	for _, m := range c.members {
		if m.state == "running" && !m.partitioned {
			m.last = c.rev + 20
		}
	}
	c.wake()
}

// cors answers as every member and the demo do.
func (c *fakeCluster) cors(w http.ResponseWriter, r *http.Request) bool {
	origin := r.Header.Get("Origin")
	for _, m := range c.members {
		if m.url() == origin {
			w.Header().Set("Access-Control-Allow-Origin", origin)
		}
	}
	w.Header().Set("Access-Control-Expose-Headers", "ETag")
	if r.Method != http.MethodOptions {
		return false
	}
	w.Header().Set("Access-Control-Allow-Methods", "GET, PUT, POST, DELETE")
	w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, Last-Event-ID, X-Kvstore-Demo")
	w.WriteHeader(http.StatusNoContent)
	return true
}

func (c *fakeCluster) serveDemo(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cors(w, r) {
		return
	}
	if r.Method == http.MethodPost {
		c.note(r, nil)
		parts := strings.Split(r.URL.Path, "/") // "", demo, members, ID, ACTION
		id, _ := strconv.Atoi(parts[3])
		if parts[4] == "add" {
			c.addMember(id)
		} else {
			c.control(c.members[id-1], parts[4])
		}
	}
	members := []map[string]any{}
	for _, m := range c.members {
		members = append(members, map[string]any{"id": m.id, "url": m.url(), "state": m.state, "partitioned": m.partitioned, "pid": 100 + m.id})
	}
	answer(w, 200, map[string]any{"members": members})
}

func (c *fakeCluster) control(m *fakeMember, action string) {
	switch action {
	case "kill":
		m.stop()
	case "restart":
		listener, err := net.Listen("tcp", m.addr)
		require.NoError(c.t, err)
		m.resume = make(chan struct{})
		close(m.resume)
		m.oldLeader = false
		m.start(listener)
	case "pause":
		m.state, m.resume = "paused", make(chan struct{})
	case "resume":
		m.state = "running"
		close(m.resume)
	case "partition":
		m.partitioned = true
	case "heal":
		m.partitioned, m.oldLeader = false, false
	}
	c.elect()
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func fail(w http.ResponseWriter, status int, code, message string) {
	answer(w, status, map[string]any{"error": map[string]string{"code": code, "message": message}})
}

func (m *fakeMember) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", dashboard.Handler())
	mux.HandleFunc("GET /cluster", m.cluster)
	mux.HandleFunc("POST /cluster/leader", m.transfer)
	mux.HandleFunc("GET /kv", m.list)
	mux.HandleFunc("POST /txn", m.txn)
	mux.HandleFunc("/kv/{key}", m.key)
	mux.HandleFunc("GET /watch", m.watch)
	mux.HandleFunc("GET /events", m.events)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.c.mu.Lock()
		resume := m.resume
		handled := m.c.cors(w, r)
		token := m.c.token
		m.c.mu.Unlock()
		<-resume
		if handled {
			return
		}
		if token != "" && r.URL.Path != "/" && r.Header.Get("Authorization") != "Bearer "+token {
			fail(w, http.StatusUnauthorized, "unauthorized", "a token is needed")
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (m *fakeMember) cluster(w http.ResponseWriter, _ *http.Request) {
	c := m.c
	c.mu.Lock()
	defer c.mu.Unlock()
	role, term, leader := "follower", c.term, c.leader
	if c.leader == m.id {
		role = "leader"
	}
	if m.partitioned {
		role, term, leader = "pre-candidate", c.term-1, 0
	}
	if m.oldLeader {
		role, term, leader = "leader", c.term-1, m.id
	}
	answer(w, 200, map[string]any{
		"id": m.id, "name": strconv.Itoa(m.id), "cluster": "demo", "url": m.url(), "version": "dev",
		"uptime": time.Since(m.born).Seconds(), "time": time.Now().Format(time.RFC3339Nano),
		"role": role, "term": term, "leader": leader, "commit": m.last, "applied": m.last, "first": 1, "last": m.last,
		"rev": c.rev, "keys": len(c.keys), "db_bytes": 8 << 20, "log_bytes": 65536 + c.rev*300,
		"members": m.peers(role == "leader"), "receiving": nil, "history": c.history,
		"totals":     map[string]int{"puts": m.puts, "gets": m.gets, "deletes": 0, "txns": 0, "lists": 0, "watches": 1},
		"latency_ms": m.latency(), "demo": c.demo.URL,
	})
}

// peers is the leader's view of the others, or what the others know of each other.
func (m *fakeMember) peers(leads bool) []map[string]any {
	var peers []map[string]any
	for _, other := range m.c.members {
		peer := map[string]any{
			"id": other.id, "url": other.url(), "learner": false, "self": other == m, "leader": other.id == m.c.leader,
			"state": "unknown", "active": true, "match": other.last, "lag": nil, "inflight": 0, "snapshot_bytes": 0,
		}
		if leads {
			peer["state"], peer["lag"] = "replicate", m.last-other.last
			peer["active"] = other.state == "running" && !other.partitioned
		}
		if leads && peer["active"] == false {
			peer["state"] = "probe"
		}
		peers = append(peers, peer)
	}
	return peers
}

func (m *fakeMember) latency() map[string]any {
	wobble := float64(time.Now().UnixMilli()%7000) / 7000
	return map[string]any{
		"put": map[string]any{"p50": 1.1 + wobble*0.4, "p90": 2.2, "p99": 4.1 + wobble*2, "count": m.puts},
		"get": map[string]any{"p50": 0.4, "p90": 0.8, "p99": 1.7 + wobble, "count": m.gets},
	}
}

func (m *fakeMember) transfer(w http.ResponseWriter, r *http.Request) {
	m.c.mu.Lock()
	defer m.c.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	m.c.note(r, body)
	var to struct{ ID int }
	_ = json.Unmarshal(body, &to)
	m.c.lead(to.ID)
	answer(w, 200, map[string]int{"leader": to.ID, "term": m.c.term})
}

// traffic has the members serve requests until the test ends, for the figures to move.
func (c *fakeCluster) traffic() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ctx.Err() == nil; i++ {
			c.mu.Lock()
			if c.leader != 0 {
				c.put(fmt.Sprintf("sensor/%02d/reading", i%14), fmt.Sprintf(`{"celsius":%d.%d,"at":%d}`, 18+i%5, i%10, c.rev))
			}
			for _, m := range c.members {
				if m.state == "running" && !m.partitioned && c.leader != 0 {
					m.puts += 40 + i%9*3
					m.gets += 90 + i%13*8
				}
			}
			c.mu.Unlock()
			time.Sleep(300 * time.Millisecond)
		}
	}()
	c.t.Cleanup(func() {
		cancel()
		<-done
	})
}
