package server

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
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

// serveVariable has this test binary be a member instead: its value is the data directory, and that of lingerVariable how long the member
// tells of a failure before it ends. The disk fails as the file fault beside the directory says.
const (
	serveVariable  = "KVSTORE_TEST_SERVE"
	lingerVariable = "KVSTORE_TEST_LINGER"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(serveVariable); dir != "" {
		os.Exit(serveAlone(dir))
	}
	os.Exit(m.Run())
}

// serveAlone is a cluster of one, in a process of its own. It says where it is.
func serveAlone(dir string) int {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fail(err)
	}
	url := "http://" + listener.Addr().String()
	o := Options{
		ID: 1, Cluster: "test", Dir: dir, Listener: listener, Tick: 10 * time.Millisecond,
		Peers:     []replica.Member{{ID: 1, Address: url}},
		FaultFile: filepath.Join(filepath.Dir(dir), "fault"), Logger: slog.New(slog.DiscardHandler),
	}
	if o.limits.linger, err = time.ParseDuration(os.Getenv(lingerVariable)); err != nil {
		return fail(err)
	}
	server, err := New(o)
	if err != nil {
		return fail(err)
	}
	fmt.Println(url)
	return fail(server.Serve())
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

// A process is a member in a process of its own, whose disk can fail.
type process struct {
	url, dir string
	said     strings.Builder // once it has ended
	ended    chan error
}

func startProcess(t *testing.T, linger time.Duration) *process {
	t.Helper()
	p := &process{dir: t.TempDir(), ended: make(chan error, 1)}
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), serveVariable+"="+filepath.Join(p.dir, "data"), lingerVariable+"="+linger.String())
	command.Stderr = &p.said
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	p.url = strings.TrimSpace(line)
	go func() { p.ended <- command.Wait() }()
	t.Cleanup(func() { _ = command.Process.Kill() })
	return p
}

// breakDisk writes until the disk has failed.
func (p *process) breakDisk(t *testing.T) {
	t.Helper()
	client := newTestClient(t)
	put := func() int {
		a, err := send(client, "PUT", p.url+"/kv/a", "1", "X-Request-Timeout", "5s")
		if err != nil {
			return 0
		}
		return a.status
	}
	require.Eventually(t, func() bool { return put() == http.StatusOK }, patience, 10*time.Millisecond)
	require.NoError(t, os.WriteFile(filepath.Join(p.dir, "fault"), []byte("fail"), 0o600))
	require.Eventually(t, func() bool { return put() != http.StatusOK }, patience, 10*time.Millisecond)
}

// TestDiskFailureEndsTheProcess breaks the disk of a member that lingers for a second.
func TestDiskFailureEndsTheProcess(t *testing.T) {
	p := startProcess(t, time.Second)
	p.breakDisk(t)
	select {
	case err := <-p.ended:
		require.ErrorContains(t, err, "exit status 1")
		require.Contains(t, p.said.String(), "has failed and cannot go on")
		require.Contains(t, p.said.String(), "input/output error")
	case <-time.After(patience):
		t.Fatal("the process did not end")
	}
}

// TestDiskFailureIsToldBeforeTheEnd breaks that of one that lingers for longer than the test.
func TestDiskFailureIsToldBeforeTheEnd(t *testing.T) {
	p := startProcess(t, 10*patience)
	p.breakDisk(t)
	client := newTestClient(t)
	require.Eventually(t, func() bool {
		a, err := send(client, "GET", p.url+"/healthz", "")
		return err == nil && a.status == http.StatusServiceUnavailable && a.code() == "disk_failed"
	}, patience, 10*time.Millisecond)
	require.Empty(t, p.ended)
}
