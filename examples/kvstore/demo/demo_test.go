package demo_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/examples/kvstore/demo"
)

const patience = time.Minute

// transcript collects what the demo prints.
type transcript struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *transcript) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *transcript) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func config(t *testing.T, out io.Writer) demo.Config {
	return demo.Config{Members: 3, Dir: t.TempDir(), Env: []string{fakeMember + "=serve", fakeAccount + `={"leader":1}`}, Out: out}
}

// running is a demo with fake members whose controls serve.
type running struct {
	t       *testing.T
	dir     string
	out     *transcript
	control string
}

func start(t *testing.T) *running {
	t.Helper()
	return startIn(t, t.TempDir())
}

func startIn(t *testing.T, dir string) *running {
	t.Helper()
	r := &running{t: t, dir: dir, out: &transcript{}}
	c := config(t, r.out)
	c.Dir = dir
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- demo.Run(ctx, c) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
		for _, url := range memberURLs(r.out.String()) {
			require.False(t, listens(url), "%s still listens", url)
		}
	})
	r.eventually(func() bool { return strings.Contains(r.out.String(), "Dashboard: ") })
	log, err := os.ReadFile(filepath.Join(r.dir, "1", "log.txt"))
	require.NoError(t, err)
	r.control = regexp.MustCompile(`demo (http://\S+),`).FindStringSubmatch(string(log))[1]
	return r
}

func (r *running) eventually(what func() bool) {
	r.t.Helper()
	require.Eventually(r.t, what, patience, 20*time.Millisecond, "%s", r.out)
}

func memberURLs(out string) []string {
	var urls []string
	for _, match := range regexp.MustCompile(`member \d+  (http://\S+)`).FindAllStringSubmatch(out, -1) {
		urls = append(urls, match[1])
	}
	return urls
}

func listens(url string) bool {
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(url, "http://"), time.Second)
	if err == nil {
		conn.Close()
	}
	return err == nil
}

type status struct {
	ID          uint64 `json:"id"`
	URL         string `json:"url"`
	State       string `json:"state"`
	Partitioned bool   `json:"partitioned"`
	PID         int    `json:"pid"`
}

// ask makes a request to the controls and returns the members, if it has succeeded.
func (r *running) ask(method, path string, header http.Header) (int, []status, http.Header) {
	r.t.Helper()
	req, err := http.NewRequest(method, r.control+path, nil)
	require.NoError(r.t, err)
	req.Header = header
	if host := header.Get("Host"); host != "" {
		req.Host = host
	}
	client := http.Client{Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	require.NoError(r.t, err)
	defer resp.Body.Close()
	var body struct {
		Members []status `json:"members"`
		Error   struct{ Code, Message string }
	}
	if resp.StatusCode == http.StatusOK || resp.StatusCode >= 400 {
		require.NoError(r.t, json.NewDecoder(resp.Body).Decode(&body))
	}
	if resp.StatusCode >= 400 {
		require.NotEmpty(r.t, body.Error.Code)
		require.NotEmpty(r.t, body.Error.Message)
	}
	return resp.StatusCode, body.Members, resp.Header
}

func (r *running) list() []status {
	r.t.Helper()
	code, members, _ := r.ask("GET", "/demo", nil)
	require.Equal(r.t, 200, code)
	return members
}

func (r *running) post(path string) (int, []status) {
	r.t.Helper()
	code, members, _ := r.ask("POST", path, http.Header{"X-Kvstore-Demo": {"1"}})
	return code, members
}

func (r *running) act(id int, action string) []status {
	r.t.Helper()
	code, members := r.post(fmt.Sprintf("/demo/members/%d/%s", id, action))
	require.Equal(r.t, 200, code, action)
	return members
}

// connected waits until one member gets an answer of another: on a machine that is busy one may come too late.
func (r *running) connected(from, to status) {
	r.t.Helper()
	r.eventually(func() bool { return r.reaches(from, to) })
}

// reaches tells whether one member gets an answer of another through the network between them.
func (r *running) reaches(from, to status) bool {
	resp, err := http.Get(from.URL + "/reach?url=" + to.URL)
	require.NoError(r.t, err)
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func TestOnce(t *testing.T) {
	out := &transcript{}
	c := config(t, out)
	c.Once = true
	require.NoError(t, demo.Run(t.Context(), c), "%s", out)
	require.Contains(t, out.String(), "Wrote demo/greeting through member 2, a follower.")
	require.Contains(t, out.String(), `Read demo/greeting through member 1, the leader: "hello from a majority of disks".`)
	require.Len(t, memberURLs(out.String()), 3)
	for _, url := range memberURLs(out.String()) {
		require.False(t, listens(url))
	}
	require.DirExists(t, filepath.Join(c.Dir, "3"), "the directory was named, so it is kept")
}

func TestTemporaryDirectory(t *testing.T) {
	for _, keep := range []bool{false, true} {
		t.Run(fmt.Sprintf("keep %t", keep), func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			out := &transcript{}
			c := demo.Config{Members: 1, Keep: keep, Once: true, Env: config(t, out).Env, Out: out}
			require.NoError(t, demo.Run(t.Context(), c))
			dir := regexp.MustCompile(`data in (\S+)`).FindStringSubmatch(out.String())[1]
			_, err := os.Stat(dir)
			require.Equal(t, keep, err == nil, "%s", dir)
			require.Contains(t, out.String(), "through member 1, the leader")
		})
	}
}

func TestControls(t *testing.T) {
	r := start(t)
	first := r.list()
	require.Len(t, first, 3)
	require.Equal(t, "running", first[1].State)

	killed := r.act(2, "kill")
	require.Equal(t, status{ID: 2, URL: first[1].URL, State: "dead"}, killed[1])
	require.False(t, listens(first[1].URL))
	r.eventually(func() bool { return strings.Contains(r.out.String(), "member 2 has ended: signal: killed") })

	again := r.act(2, "restart")[1]
	require.Equal(t, "running", again.State)
	require.NotEqual(t, first[1].PID, again.PID)
	r.eventually(func() bool { return listens(again.URL) })

	require.Equal(t, "paused", r.act(3, "pause")[2].State)
	require.Equal(t, "running", r.act(3, "resume")[2].State)
	resp, err := http.Get(first[2].URL + "/readyz")
	require.NoError(t, err)
	resp.Body.Close()

	require.Equal(t, "paused", r.act(3, "pause")[2].State)
	require.Equal(t, "dead", r.act(3, "kill")[2].State, "a paused process can be killed")
	require.Equal(t, "running", r.act(3, "restart")[2].State)
	r.act(1, "pause") // and the demo ends it all the same
}

func TestPartition(t *testing.T) {
	r := start(t)
	m := r.list()
	r.connected(m[0], m[1])
	require.True(t, r.act(1, "partition")[0].Partitioned)
	require.False(t, r.reaches(m[0], m[1]))
	require.False(t, r.reaches(m[2], m[0]))
	r.connected(m[1], m[2]) // clients and the others are not concerned
	r.act(2, "partition")
	require.False(t, r.act(1, "heal")[0].Partitioned)
	require.False(t, r.reaches(m[0], m[1]), "the other end is still partitioned")
	r.connected(m[0], m[2])
	r.act(2, "heal")
	r.connected(m[0], m[1])
}

func TestAdd(t *testing.T) {
	r := start(t)
	members := r.act(4, "add")
	require.Len(t, members, 4)
	require.Equal(t, "running", members[3].State)
	r.eventually(func() bool { return listens(members[3].URL) })
	log, err := os.ReadFile(filepath.Join(r.dir, "4", "log.txt"))
	require.NoError(t, err)
	require.Contains(t, string(log), "join true")
	require.Contains(t, string(log), "4="+members[3].URL)
	r.connected(members[3], members[0])

	code, _ := r.post("/demo/members/5/add") // which the fake cluster refuses
	require.Equal(t, 503, code)
	require.Len(t, r.list(), 4)
}

func TestRefusals(t *testing.T) {
	r := start(t)
	r.act(3, "kill")
	for path, want := range map[string]int{
		"/demo/members/1/restart": 409,
		"/demo/members/1/resume":  409,
		"/demo/members/1/heal":    409,
		"/demo/members/3/kill":    409,
		"/demo/members/3/pause":   409,
		"/demo/members/1/add":     409,
		"/demo/members/10/add":    404,
		"/demo/members/0/add":     404,
		"/demo/members/9/kill":    404,
		"/demo/members/1/explode": 404,
		"/demo/members/x/kill":    400,
		"/demo/members/1":         404,
		"/other":                  404,
	} {
		code, _ := r.post(path)
		require.Equal(t, want, code, path)
	}
	require.Len(t, r.list(), 3)
}

func TestWhoMayUseTheControls(t *testing.T) {
	r := start(t)
	member := r.list()[0].URL
	header := http.Header{"X-Kvstore-Demo": {"1"}}
	with := func(name, value string) http.Header {
		h := header.Clone()
		h.Set(name, value)
		return h
	}
	code, _, _ := r.ask("POST", "/demo/members/1/pause", nil)
	require.Equal(t, 403, code, "without the header")
	for _, origin := range []string{"http://evil.example", "null", "http://127.0.0.1:1", r.control, member + ".evil.example"} {
		code, _, answer := r.ask("POST", "/demo/members/1/pause", with("Origin", origin))
		require.Equal(t, 403, code, origin)
		require.Empty(t, answer.Get("Access-Control-Allow-Origin"))
		code, _, _ = r.ask("OPTIONS", "/demo/members/1/pause", with("Origin", origin))
		require.Equal(t, 403, code, origin)
	}
	code, _, _ = r.ask("POST", "/demo/members/1/pause", with("Host", "evil.example:8400"))
	require.Equal(t, 403, code, "a name that was made to resolve to this machine")
	require.Equal(t, "running", r.list()[0].State)

	code, _, answer := r.ask("OPTIONS", "/demo/members/1/pause", with("Origin", member))
	require.Equal(t, 204, code)
	require.Equal(t, member, answer.Get("Access-Control-Allow-Origin"))
	require.Contains(t, answer.Get("Access-Control-Allow-Headers"), "X-Kvstore-Demo")
	code, _, answer = r.ask("POST", "/demo/members/1/pause", with("Origin", member))
	require.Equal(t, 200, code)
	require.Equal(t, member, answer.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "Origin", answer.Get("Vary"))
	r.act(1, "resume")

	code, _, answer = r.ask("GET", "/", nil)
	require.Equal(t, 307, code)
	require.Equal(t, member+"/", answer.Get("Location"))
}

// A member's port is free for a moment before its process listens there, so it must be none that the system gives away.
func TestChosenPortsAreNotOnesThatTheSystemGivesAway(t *testing.T) {
	lowest := 32768
	if text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		_, err = fmt.Sscan(string(text), &lowest)
		require.NoError(t, err)
	}
	if lowest < 32000 {
		t.Skip("this system gives away nearly all ports")
	}
	r := start(t)
	members := r.act(4, "add")
	require.Len(t, members, 4)
	seen := map[string]bool{}
	for _, m := range members {
		u, err := url.Parse(m.URL)
		require.NoError(t, err)
		port, err := strconv.Atoi(u.Port())
		require.NoError(t, err)
		require.Less(t, port, lowest, "%s", m.URL)
		require.False(t, seen[m.URL])
		seen[m.URL] = true
	}
}

func TestAPortInUse(t *testing.T) {
	controls, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer controls.Close()
	port := controls.Addr().(*net.TCPAddr).Port
	c := config(t, io.Discard)
	c.Port = port
	err = demo.Run(t.Context(), c)
	require.ErrorContains(t, err, fmt.Sprintf("127.0.0.1:%d cannot be used: choose another port with --port", port))
	c.Port = port - 2 // so that it is member 2's
	err = demo.Run(t.Context(), c)
	require.ErrorContains(t, err, "cannot be used: choose another port with --port")
}

func TestAMemberThatDies(t *testing.T) {
	c := config(t, io.Discard)
	c.Env = []string{fakeMember + "=die"}
	err := demo.Run(t.Context(), c)
	require.ErrorContains(t, err, "has ended (exit status 3)")
	require.ErrorContains(t, err, "the disk is on fire")
}

func TestAProgramThatDoesNotExist(t *testing.T) {
	c := config(t, io.Discard)
	c.Program = filepath.Join(t.TempDir(), "missing")
	require.ErrorIs(t, demo.Run(t.Context(), c), os.ErrNotExist)
}

func TestValidate(t *testing.T) {
	require.NoError(t, demo.Config{Members: 9, Port: 8400}.Validate())
	require.ErrorContains(t, demo.Config{Members: 0}.Validate(), "--members")
	require.ErrorContains(t, demo.Config{Members: 10}.Validate(), "--members")
	require.ErrorContains(t, demo.Config{Members: 3, Port: 65530}.Validate(), "--port")
	require.ErrorContains(t, demo.Config{Members: 3, Port: -1}.Validate(), "--port")
}

func TestInterruptedWhileItStarts(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, demo.Run(ctx, config(t, io.Discard)))
}

// TestTheMembersDieWithTheDemo kills a demo that runs in a process of its own, so that it can do nothing about it.
func TestTheMembersDieWithTheDemo(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux kills a process when the one that started it dies")
	}
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), fakeDemo+"="+t.TempDir())
	stdout, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	var out strings.Builder
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		out.WriteString(lines.Text() + "\n")
		if strings.HasPrefix(lines.Text(), "Dashboard: ") {
			break
		}
	}
	urls := memberURLs(out.String())
	for _, url := range urls {
		require.True(t, listens(url), "%s", url)
	}
	require.NoError(t, command.Process.Kill())
	_ = command.Wait()
	require.Len(t, urls, 3, "%s", out.String())
	for _, url := range urls {
		require.Eventually(t, func() bool { return !listens(url) }, patience, 20*time.Millisecond, "%s", url)
	}
}
