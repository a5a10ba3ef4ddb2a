package server

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/replica"
)

// serveVariable has this test binary be a member instead: its value is the data directory, and that of
// addressVariable where it listens. The disk fails as the file
// fault beside it says.
const (
	serveVariable   = "KVSTORE_TEST_SERVE"
	addressVariable = "KVSTORE_TEST_ADDRESS"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(serveVariable); dir != "" {
		os.Exit(serveAlone(dir))
	}
	os.Exit(m.Run())
}

// serveAlone is a cluster of one, in a process of its own.
func serveAlone(dir string) int {
	address := os.Getenv(addressVariable)
	server, err := New(Options{
		ID: 1, Cluster: "test", Dir: dir, Listen: address, Tick: 10 * time.Millisecond,
		Peers:     []replica.Member{{ID: 1, Address: "http://" + address}},
		FaultFile: filepath.Join(filepath.Dir(dir), "fault"), Logger: slog.New(slog.DiscardHandler),
	})
	if err == nil {
		err = server.Serve()
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// TestStopLeavesNothing counts goroutines, and opens the directory again.
func TestStopLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	dir := t.TempDir()
	for range 2 {
		o := alone(t, dir)
		server, err := New(o)
		require.NoError(t, err)
		served := make(chan error, 1)
		go func() { served <- server.Serve() }()
		client := &http.Client{Transport: &http.Transport{}}
		require.Eventually(t, func() bool {
			a, err := send(client, "PUT", server.URL()+"/kv/a", "1")
			return err == nil && a.status == http.StatusOK
		}, patience, 10*time.Millisecond)
		stream, err := client.Get(server.URL() + "/watch")
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		require.NoError(t, server.Shutdown(ctx))
		require.NoError(t, server.Shutdown(ctx), "stopping twice is stopping once")
		cancel()
		require.NoError(t, <-served)
		lines := bufio.NewScanner(stream.Body)
		for lines.Scan() {
			require.NotContains(t, lines.Text(), "event: error")
		}
		require.NoError(t, lines.Err(), "the stream ends in order")
		stream.Body.Close()
		client.CloseIdleConnections()
	}
	for deadline := time.Now().Add(patience); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines were there before, and now:\n%s", before, stacks())
		}
	}
}

func stacks() string {
	buffer := make([]byte, 1<<20)
	return string(buffer[:runtime.Stack(buffer, true)])
}

// alone are the options of a cluster of one.
func alone(t *testing.T, dir string) Options {
	listener := listen(t, "127.0.0.1:0")
	return Options{
		ID: 1, Cluster: "test", Dir: dir, Listener: listener, Tick: 10 * time.Millisecond,
		Peers:  []replica.Member{{ID: 1, Address: "http://" + listener.Addr().String()}},
		Logger: slog.New(slog.DiscardHandler),
	}
}

// TestStopFinishesRequests stops a member while it is being written to: what was answered with success is there.
func TestStopFinishesRequests(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	url := c.members[leader].url
	acknowledged := make(chan int, 1)
	go func() {
		n := 0
		for ; ; n++ {
			a, err := send(c.client, "PUT", fmt.Sprintf("%s/kv/k%d", url, n), "x")
			if err != nil || a.status != http.StatusOK {
				break
			}
		}
		acknowledged <- n
	}()
	require.Eventually(t, func() bool { return c.do(leader, "GET", "/kv/k20", "").status == http.StatusOK }, patience, time.Millisecond)
	c.stop(leader)
	n := <-acknowledged
	rest := c.leader()
	for i := range n {
		require.Equal(t, http.StatusOK, c.do(rest, "GET", fmt.Sprintf("/kv/k%d", i), "").status)
	}
}

func TestDirectoryBelongsToOneMember(t *testing.T) {
	dir := t.TempDir()
	server, err := New(alone(t, dir))
	require.NoError(t, err)
	_, err = New(alone(t, dir))
	require.ErrorContains(t, err, "in use by another process")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(t, server.Shutdown(ctx))

	wrongID := alone(t, dir)
	wrongID.ID, wrongID.Peers[0].ID = 2, 2
	_, err = New(wrongID)
	require.ErrorContains(t, err, "start with --id 1")
	wrongCluster := alone(t, dir)
	wrongCluster.Cluster = "other"
	_, err = New(wrongCluster)
	require.ErrorContains(t, err, "start with --cluster test")

	path := filepath.Join(dir, identityFile)
	require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
	_, err = New(alone(t, dir))
	require.ErrorContains(t, err, "damaged")
	require.NoError(t, os.WriteFile(path, []byte(`{"version":2,"id":1,"cluster":"test"}`), 0o600))
	_, err = New(alone(t, dir))
	require.ErrorContains(t, err, "version 2")
	require.NoError(t, os.Remove(path))
	_, err = New(alone(t, dir))
	require.ErrorContains(t, err, "holds data and no member.json")
}

// TestDiskFailureEndsTheProcess breaks the disk of a member in a process of its own.
func TestDiskFailureEndsTheProcess(t *testing.T) {
	dir := t.TempDir()
	listener := listen(t, "127.0.0.1:0")
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	process := exec.Command(os.Args[0])
	process.Env = append(os.Environ(), serveVariable+"="+filepath.Join(dir, "data"), addressVariable+"="+address)
	var said strings.Builder
	process.Stderr = &said
	require.NoError(t, process.Start())
	ended := make(chan error, 1)
	go func() { ended <- process.Wait() }()
	t.Cleanup(func() { _ = process.Process.Kill() })

	client := newTestClient(t)
	put := func() int {
		a, err := send(client, "PUT", "http://"+address+"/kv/a", "1", "X-Request-Timeout", "5s")
		if err != nil {
			return 0
		}
		return a.status
	}
	require.Eventually(t, func() bool { return put() == http.StatusOK }, patience, 10*time.Millisecond)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "fault"), []byte("fail"), 0o600))
	go func() {
		for put() != 0 {
			time.Sleep(10 * time.Millisecond)
		}
	}()
	unhealthy := false
	for deadline := time.After(patience); ; {
		if a, err := send(client, "GET", "http://"+address+"/healthz", ""); err == nil && a.status == http.StatusServiceUnavailable {
			unhealthy = unhealthy || a.code() == "disk_failed"
		}
		select {
		case err := <-ended:
			require.ErrorContains(t, err, "exit status 1")
			require.Contains(t, said.String(), "has failed and cannot go on")
			require.Contains(t, said.String(), "input/output error")
			require.True(t, unhealthy, "the member did not tell that it is ill")
			return
		case <-deadline:
			t.Fatal("the process did not end")
		case <-time.After(5 * time.Millisecond):
		}
	}
}
