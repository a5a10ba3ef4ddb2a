package main

// The client commands against real members in this process.

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/examples/kvstore/bench"
	"github.com/seed695671cb/raft/examples/kvstore/client"
	"github.com/seed695671cb/raft/examples/kvstore/server"
	"github.com/seed695671cb/raft/replica"
)

const patience = 60 * time.Second

// cluster is members in this process.
type cluster struct {
	t         *testing.T
	dir       string
	listeners map[uint64]net.Listener
	peers     []replica.Member
	stops     map[uint64]func()
}

// startCluster starts members 1 to n, and points the commands at them.
func startCluster(t *testing.T, n int) *cluster {
	c := &cluster{t: t, dir: t.TempDir(), listeners: map[uint64]net.Listener{}, stops: map[uint64]func(){}}
	var urls []string
	for id := uint64(1); id <= uint64(n); id++ {
		urls = append(urls, c.listen(id))
		c.peers = append(c.peers, replica.Member{ID: id, Address: c.url(id)})
	}
	for id := uint64(1); id <= uint64(n); id++ {
		c.start(id, false)
	}
	t.Cleanup(func() {
		for id := range c.stops {
			c.stop(id)
		}
	})
	t.Setenv("KVSTORE_ENDPOINTS", strings.Join(urls, ","))
	t.Setenv("KVSTORE_TOKEN", "")
	require.Eventually(t, func() bool { return invoke(t, "", "put", "first", "1").code == 0 }, patience, 50*time.Millisecond)
	return c
}

func (c *cluster) listen(id uint64) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(c.t, err)
	c.listeners[id] = listener
	return c.url(id)
}

func (c *cluster) url(id uint64) string {
	return "http://" + c.listeners[id].Addr().String()
}

func (c *cluster) start(id uint64, join bool) {
	peers := c.peers
	if join {
		peers = append(append([]replica.Member(nil), peers...), replica.Member{ID: id, Address: c.url(id)})
	}
	member, err := server.New(server.Options{
		ID: id, Listener: c.listeners[id], Peers: peers, Join: join, Dir: filepath.Join(c.dir, fmt.Sprint(id)),
		Tick: 50 * time.Millisecond, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(c.t, err)
	served := make(chan error, 1)
	go func() { served <- member.Serve() }()
	c.stops[id] = func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := member.Shutdown(ctx); err != nil {
			c.t.Errorf("member %d: %v", id, err)
		}
		<-served
	}
}

func (c *cluster) stop(id uint64) {
	c.stops[id]()
	delete(c.stops, id)
}

// succeed runs a command that has to succeed, and returns what it wrote.
func succeed(t *testing.T, args ...string) string {
	t.Helper()
	got := invoke(t, "", args...)
	require.Zero(t, got.code, "%v: %s", args, got.errors)
	return got.out
}

func TestCommandsOnARealCluster(t *testing.T) {
	c := startCluster(t, 3)
	succeed(t, "put", "a", "1", "--if-none-match")
	require.Equal(t, exitPrecondition, invoke(t, "", "put", "a", "2", "--if-none-match").code)
	require.Equal(t, "1", succeed(t, "get", "a"))
	succeed(t, "put", "dir/\xff /..", "2")
	require.Equal(t, "2", succeed(t, "get", "dir/\xff /.."))
	require.Equal(t, "\"dir/\\xff /..\"\t2\n", succeed(t, "list", "--prefix", "dir/"))
	got := invoke(t, `{"compare":[{"key":"a","target":"value","value":"1"},{"key":"a","target":"version","version":1}],
		"then":[{"put":{"key":"a","value":"3"}},{"get":{"key":"a"}},{"delete":{"key":"first"}}]}`, "txn")
	require.Zero(t, got.code, got.errors)
	require.Contains(t, got.out, `"value":"3"`)
	require.Equal(t, exitNotFound, invoke(t, "", "get", "first").code)
	events := strings.Split(succeed(t, "watch", "--from", "1", "--count", "5", "--json"), "\n")
	require.Contains(t, events[0], `"key":"first"`)
	require.Contains(t, events[3], `"value":"3"`)
	require.Contains(t, events[4], `"event":"delete"`)
	require.Contains(t, succeed(t, "del", "a"), "deleted")

	c.addMember(4)
	eventually(t, "transfer", "2") // on a busy machine it may not take over in time
	require.Eventually(t, func() bool {
		return strings.Contains(invoke(t, "", "snapshot").out, "4: compacted")
	}, patience, 100*time.Millisecond)
	change(t, func(members string) bool { return !strings.Contains(members, c.url(1)) }, "remove", "1")
	require.Eventually(t, func() bool {
		got := invoke(t, "", "status")
		return got.code == 0 && strings.Contains(got.out, "leader")
	}, patience, 100*time.Millisecond)
}

// addMember adds a learner, starts it, and promotes it when it has caught up.
func (c *cluster) addMember(id uint64) {
	t := c.t
	c.listen(id)
	change(t, func(members string) bool { return strings.Contains(members, c.url(id)) }, "add", fmt.Sprint(id), c.url(id), "--learner")
	c.start(id, true)
	change(t, func(members string) bool {
		return strings.Contains(members, c.url(id)) && !strings.Contains(members, "learner")
	}, "promote", fmt.Sprint(id))
}

// change repeats a change of the members until they are listed as they should be. On a busy machine leaders come and go: the change may
// be refused, and it may be made although the answer does not say so.
func change(t *testing.T, made func(members string) bool, args ...string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		got := invoke(t, "", append([]string{"members"}, args...)...)
		listed := invoke(t, "", "members")
		if listed.code == 0 && made(listed.out) {
			return
		}
		require.True(t, time.Now().Before(deadline), "%v: %s%s", args, got.errors, listed.errors)
		time.Sleep(100 * time.Millisecond)
	}
}

// eventually repeats a command until it succeeds.
func eventually(t *testing.T, args ...string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		got := invoke(t, "", args...)
		if got.code == 0 {
			return
		}
		require.True(t, time.Now().Before(deadline), "%v: %s", args, got.errors)
		time.Sleep(100 * time.Millisecond)
	}
}

// One member after the other is stopped and started again under load, and a watch follows all of it.
func TestBenchAndWatchSurviveRestarts(t *testing.T) {
	c := startCluster(t, 3)
	kv, err := client.New(client.Options{Endpoints: []string{c.url(1), c.url(2), c.url(3)}, Timeout: patience})
	require.NoError(t, err)
	t.Cleanup(kv.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	watched := make(chan []client.Event)
	go func() {
		var events []client.Event
		for event, err := range kv.Watch(ctx, client.WatchOptions{From: 1}) {
			if err != nil || event.Key == "last" {
				break
			}
			events = append(events, event)
		}
		watched <- events
	}()
	done := make(chan outcome, 1)
	go func() {
		done <- invoke(t, "", "bench", "--clients", "8", "--duration", "6s", "--keys", "100", "--reads", "0.3", "--verify", "--json",
			"--timeout", "60s")
	}()
	for id := uint64(1); id <= 3; id++ {
		time.Sleep(500 * time.Millisecond) // some load in between; nothing depends on how much
		c.restart(id)
	}
	result := <-done
	require.Zero(t, result.code, result.errors+result.out)
	var report bench.Report
	require.NoError(t, json.Unmarshal([]byte(result.out), &report))
	require.True(t, report.Complete)
	require.Positive(t, report.Put.Count)

	put, err := kv.Put(ctx, "last", nil)
	require.NoError(t, err)
	events := <-watched
	require.Len(t, events, int(put.Rev-1), "one event for each revision before the last")
	for i, event := range events {
		require.Equal(t, uint64(i+1), event.Rev)
	}
}

// restart stops a member, and starts it again at its address when it has let go of it.
func (c *cluster) restart(id uint64) {
	address := c.listeners[id].Addr().String()
	c.stop(id)
	require.Eventually(c.t, func() bool {
		listener, err := net.Listen("tcp", address)
		if err == nil {
			c.listeners[id] = listener
		}
		return err == nil
	}, patience, 10*time.Millisecond)
	c.start(id, false)
}
