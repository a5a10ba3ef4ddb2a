package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/replica"
)

const patience = 60 * time.Second

// A testCluster is members in this process, over real HTTP.
type testCluster struct {
	t       *testing.T
	dir     string
	change  func(*Options) // of the options of each member
	peers   []replica.Member
	members map[uint64]*testMember
	client  *http.Client
}

type testMember struct {
	server *Server
	served chan error
	url    string
}

// newCluster starts n members, and waits until one leads.
func newCluster(t *testing.T, n int, change func(*Options)) *testCluster {
	t.Helper()
	c := &testCluster{t: t, dir: t.TempDir(), change: change, members: map[uint64]*testMember{}, client: newTestClient(t)}
	listeners := map[uint64]net.Listener{}
	for id := uint64(1); id <= uint64(n); id++ {
		listeners[id] = listen(t, "127.0.0.1:0")
		c.peers = append(c.peers, replica.Member{ID: id, Address: c.urlOf(listeners[id])})
	}
	for id := uint64(1); id <= uint64(n); id++ {
		c.start(id, listeners[id], false)
	}
	t.Cleanup(func() {
		for id := range c.members {
			c.stop(id)
		}
	})
	c.leader()
	return c
}

func newTestClient(t *testing.T) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	var listener net.Listener
	require.Eventually(t, func() bool {
		var err error
		listener, err = net.Listen("tcp", address)
		return err == nil
	}, patience, 10*time.Millisecond)
	return listener
}

func (c *testCluster) options(id uint64) Options {
	o := Options{
		ID: id, Cluster: "test", Dir: filepath.Join(c.dir, fmt.Sprint(id)), Peers: c.peers,
		Tick: 20 * time.Millisecond, Logger: slog.New(slog.DiscardHandler),
	}
	if c.change != nil {
		c.change(&o)
	}
	return o
}

func (c *testCluster) urlOf(listener net.Listener) string {
	o := c.options(1)
	return o.scheme() + "://" + listener.Addr().String()
}

func (c *testCluster) start(id uint64, listener net.Listener, join bool) *testMember {
	c.t.Helper()
	o := c.options(id)
	o.Listener, o.Join = listener, join
	if join {
		o.Peers = append(append([]replica.Member(nil), c.peers...), replica.Member{ID: id, Address: c.urlOf(listener)})
	}
	server, err := New(o)
	require.NoError(c.t, err)
	m := &testMember{server: server, served: make(chan error, 1), url: server.URL()}
	go func() { m.served <- server.Serve() }()
	c.members[id] = m
	return m
}

// stop stops a member in order.
func (c *testCluster) stop(id uint64) {
	m := c.members[id]
	delete(c.members, id)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := m.server.Shutdown(ctx); err != nil {
		c.t.Errorf("member %d: %v", id, err)
	}
	if err := <-m.served; err != nil {
		c.t.Errorf("member %d: %v", id, err)
	}
}

// restart stops a member and starts it again, at the same address.
func (c *testCluster) restart(id uint64) {
	address := c.members[id].server.listener.Addr().String()
	c.stop(id)
	c.start(id, listen(c.t, address), false)
}

// leader waits until all running members, but those that were not added yet, know the same leader, and returns it.
func (c *testCluster) leader() uint64 {
	c.t.Helper()
	var leader uint64
	require.Eventually(c.t, func() bool {
		leader = 0
		for _, m := range c.members {
			s := m.server.replica.Status()
			if _, joined := findMember(s.Members, s.ID); !joined {
				continue
			}
			if s.Leader == 0 || leader != 0 && s.Leader != leader {
				return false
			}
			leader = s.Leader
		}
		_, runs := c.members[leader]
		return runs
	}, patience, 10*time.Millisecond)
	return leader
}

func (c *testCluster) follower() uint64 {
	c.t.Helper()
	leader := c.leader()
	for id := uint64(1); ; id++ {
		if _, runs := c.members[id]; runs && id != leader {
			return id
		}
	}
}

// An answer is one that was read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a *answer) text() string { return string(a.body) }

// json decodes the answer.
func (a *answer) json(t *testing.T, into any) {
	t.Helper()
	require.NoError(t, json.Unmarshal(a.body, into), a.text())
}

// code returns the code of an error.
func (a *answer) code() string {
	var body errorBody
	_ = json.Unmarshal(a.body, &body)
	return body.Error.Code
}

// do sends a request to a member. Headers are given as names and values.
func (c *testCluster) do(id uint64, method, path, body string, headers ...string) *answer {
	c.t.Helper()
	a, err := c.try(id, method, path, body, headers...)
	require.NoError(c.t, err)
	return a
}

func (c *testCluster) try(id uint64, method, path, body string, headers ...string) (*answer, error) {
	return send(c.client, method, c.members[id].url+path, body, headers...)
}

func send(client *http.Client, method, url, body string, headers ...string) (*answer, error) {
	var reader io.Reader
	if body != "" {
		reader = bytes.NewBufferString(body)
	}
	r, err := http.NewRequest(method, url, reader)
	if err != nil {
		return nil, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	response, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return &answer{status: response.StatusCode, header: response.Header, body: text}, err
}

// put writes a key and returns its revision.
func (c *testCluster) put(id uint64, key, value string) uint64 {
	c.t.Helper()
	a := c.do(id, "PUT", "/kv/"+key, value)
	require.Equal(c.t, http.StatusOK, a.status, a.text())
	var body putAnswer
	a.json(c.t, &body)
	return body.Rev
}

func TestClusterWritesAndReads(t *testing.T) {
	c := newCluster(t, 3, nil)
	rev := c.put(c.follower(), "a", "1")
	for id := range c.members {
		a := c.do(id, "GET", "/kv/a", "")
		require.Equal(t, http.StatusOK, a.status, a.text())
		require.Equal(t, "1", a.text())
		require.Equal(t, etag(rev), a.header.Get("ETag"))
	}
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	return conn
}

func peer(id uint64, address string) replica.Member { return replica.Member{ID: id, Address: address} }
