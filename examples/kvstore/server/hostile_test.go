package server

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/replica"
)

// What hostile clients send.

// TestPromisedBodiesHoldUpNobody opens many requests that announce large bodies and send little of them.
func TestPromisedBodiesHoldUpNobody(t *testing.T) {
	a, member := newFakeAPI(t)
	member.err = replica.ErrNoLeader
	a.waiting.bound = 1000
	a.bodies.bound = 2 * maxTxnBody
	server := httptest.NewServer(a)
	defer server.Close()
	address := server.Listener.Addr().String()
	const slow = 34
	var conns []net.Conn
	for i := range slow {
		framing := "Transfer-Encoding: chunked\r\n\r\n3\r\n{\"t"
		if i%2 == 0 {
			framing = fmt.Sprintf("Content-Length: %d\r\n\r\n{\"t", maxTxnBody)
		}
		conn := dial(t, address)
		_, err := fmt.Fprintf(conn, "POST /txn HTTP/1.1\r\nHost: 127.0.0.1\r\n%s", framing)
		require.NoError(t, err)
		conns = append(conns, conn)
	}
	require.Eventually(t, func() bool { return a.bodies.used.Load() == slow*bodyStep }, patience, time.Millisecond)
	for range 3 {
		require.Equal(t, "no_leader", ask(a, "PUT /kv/a", strings.Repeat("v", 4<<20)).code())
	}
	for _, conn := range conns {
		require.NoError(t, conn.Close())
	}
	require.Eventually(t, func() bool { return a.bodies.used.Load() == 0 }, patience, time.Millisecond)
}

// TestBodiesAreBoundedAsTheyGrow sends more, in a chunked body, than there is room for.
func TestBodiesAreBoundedAsTheyGrow(t *testing.T) {
	a, _ := newFakeAPI(t)
	a.bodies.bound = 1 << 20
	require.True(t, a.bodies.acquire(1))
	server := httptest.NewServer(a)
	defer server.Close()
	for size, want := range map[int]int{1000: 500, 400_000: 500, 2 << 20: 429, maxTxnBody + 1: 429} {
		a.writes.(*fakeMember).err = io.ErrUnexpectedEOF
		body := `{"else":[]` + strings.Repeat(" ", size-11) + `}`
		response, err := server.Client().Post(server.URL+"/txn", "application/json", io.MultiReader(strings.NewReader(body)))
		if err != nil {
			require.Equal(t, 429, want, "only a refusal may come before the body has been sent")
			continue
		}
		require.Equal(t, want, response.StatusCode, size)
		require.NoError(t, response.Body.Close())
	}
	require.Eventually(t, func() bool { return a.bodies.used.Load() == 1 }, patience, time.Millisecond)
}

// TestTricklingBodiesAreGivenUp keeps sending, too little to be done in time.
func TestTricklingBodiesAreGivenUp(t *testing.T) {
	a, _ := newFakeAPI(t)
	a.limits.bodyTimeout = 100 * time.Millisecond
	server := httptest.NewServer(a)
	defer server.Close()
	conn := dial(t, server.Listener.Addr().String())
	_, err := fmt.Fprint(conn, "PUT /kv/a HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4000000\r\n\r\n")
	require.NoError(t, err)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				_, _ = conn.Write([]byte("x"))
			}
		}
	}()
	head := make([]byte, len("HTTP/1.1 400"))
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
	_, err = io.ReadFull(conn, head)
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 400", string(head))
}

func TestMemberURLs(t *testing.T) {
	for _, host := range []string{
		"127.0.0.1", "[::1]", "localhost", "kv-1.example.com", "KV1", "a.b.c.", "kv_1", "1a", "10.0.0.1", "xn--bcher-kva.example", strings.Repeat("a", 63),
	} {
		require.NoError(t, checkMemberURL("http://"+host+":80", "http"), host)
	}
	for _, host := range []string{
		"<img>", "a<b", "a b", "a%20b", "a\"b", "a'b", "a&b", "user@a", "-a", "a-", "a..b", ".a", "256.1.1.1", "1.2.3", "a.1", "[::1%25eth0]", "[::g]",
		"b\u00fccher", "a,b", "a;b", "a(b)", "a$", "", strings.Repeat("a", 64), strings.Repeat("a.", 127) + "a",
	} {
		require.Error(t, checkMemberURL("http://"+host+":80", "http"), host)
	}
	for _, port := range []string{"0", "65536", "99999999999999999999", "080", "-1", "", "x"} {
		require.Error(t, checkMemberURL("http://a:"+port, "http"), port)
	}
	require.NoError(t, checkMemberURL("http://a:65535", "http"))
	a, _ := newFakeAPI(t)
	got := ask(a, "POST /cluster/members", `{"id":5,"url":"http://<img>:80"}`)
	require.Equal(t, "bad_request", got.code())
}

func TestOpenTokenFilesAreReported(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	for mode, warned := range map[os.FileMode]bool{0o600: false, 0o400: false, 0o644: true, 0o640: true, 0o604: true, 0o602: true} {
		require.NoError(t, os.WriteFile(path, []byte("secret o read\n"), 0o600))
		require.NoError(t, os.Chmod(path, mode))
		var log bytes.Buffer
		_, err := openTokens(path, slog.New(slog.NewTextHandler(&log, nil)))
		require.NoError(t, err)
		require.Equal(t, warned, strings.Contains(log.String(), "level=WARN"), "%v: %s", mode, log.String())
		require.NotContains(t, log.String(), "secret")
		require.NoError(t, os.Remove(path))
	}
}

// TestMessages are about the words that clients get.
func TestMessages(t *testing.T) {
	a, member := newFakeAPI(t)
	member.err = fmt.Errorf("%w: late", replica.ErrNotApplied)
	for _, row := range []struct{ request, body, want string }{
		{"GET /kv/a?x=1", "", `there is no parameter \"x\" here: there are consistency`},
		{"PUT /kv/a?x=1", "", "it takes none"},
		{"GET /healthz?x=1", "", "it takes none"},
		{"GET /readyz?x=1", "", "it takes none"},
		{"GET /metrics?x=1", "", "it takes none"},
		{"GET /cluster?x=1", "", "it takes none"},
		{"POST /txn", `null`, "the body is null"},
		{"POST /txn", ` null `, "the body is null"},
		{"POST /txn", `{"THEN":[]}`, `there is no field \"THEN\"`},
		{"POST /txn", `{"then":[{"get":{"Key":"a"}}]}`, `there is no field \"Key\"`},
		{"POST /txn", `{"then":[{"get":{"\u212aey" : "a"}}]}`, `there is no field`},
		{"POST /txn", "{\"then\":[{\"get\":{\"\u212aey\"\n:\"a\"}}]}", `there is no field`},
		{"POST /txn", `{"then":7}`, `field \"then\" is a JSON number, and a list is needed`},
		{"POST /txn", `{"then":[{"put":{"key":"a","value":[]}}]}`, `field \"value\" is a JSON array, and a string is needed`},
		{"POST /txn", `{"then":[{"put":{"key":"a","value":"x","base64":1}}]}`, `field \"base64\" is a JSON number, and true or false is needed`},
		{"POST /txn", `{"then":[{"put":"a"}]}`, `field \"put\" is a JSON string, and an object is needed`},
		{"POST /txn", `[]`, "the body is a JSON array, and an object is needed"},
		{"POST /txn", `{"compare":[{"key":"a","target":"rev","rev":-1}]}`, "a whole number from 0 to"},
		{"POST /txn", `{"when":1}`, `: unknown field \"when\"`},
		{"POST /cluster/members", `null`, "the body is null"},
		{"POST /cluster/members", `{"id":"x"}`, `field \"id\" is a JSON string`},
		{"PUT /kv/a", "", "this was not applied, try again: "},
	} {
		got := ask(a, row.request, row.body)
		require.Contains(t, got.text(), row.want, "%s %s", row.request, row.body)
		require.NotContains(t, got.text(), "server.")
		require.NotContains(t, got.text(), "uint64")
		require.NotContains(t, got.text(), "jsonValue")
	}
	// Values may look like names.
	require.Equal(t, "unavailable", ask(a, "POST /txn", `{"then":[{"put":{"key":"Key","value":"A:\"B\":"}}]}`).code())
}

func TestDeletingNothingIsNoAdviceToCreate(t *testing.T) {
	c := newCluster(t, 1, nil)
	a := c.do(1, "DELETE", "/kv/none", "")
	require.Equal(t, 404, a.status)
	require.Contains(t, a.text(), "nothing to delete")
	require.NotContains(t, a.text(), "PUT")
}

// TestHelpStandsAlone looks for words that refer to another metric.
func TestHelpStandsAlone(t *testing.T) {
	a, member := newFakeAPI(t)
	member.status.Progress = []replica.Progress{{ID: 2}}
	registry := prometheus.NewRegistry()
	registry.MustRegister(&collector{api: a})
	families, err := registry.Gather()
	require.NoError(t, err)
	require.NotEmpty(t, families)
	for _, family := range families {
		for _, word := range []string{" those ", " their ", " them"} {
			require.NotContains(t, family.GetHelp(), word, family.GetName())
		}
	}
}

// TestReplayedTransactionsOmitValues repeats a transaction that has read.
func TestReplayedTransactionsOmitValues(t *testing.T) {
	c := newCluster(t, 1, nil)
	rev := c.put(1, "a", "1")
	body := `{"then":[{"get":{"key":"a"}},{"get":{"key":"none"}}]}`
	first := c.do(1, "POST", "/txn", body, "Idempotency-Key", "k")
	require.Contains(t, first.text(), fmt.Sprintf(`{"get":{"exists":true,"value":"1","rev":%d,"created":%d,"version":1}}`, rev, rev))
	again := c.do(1, "POST", "/txn", body, "Idempotency-Key", "k")
	require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
	require.Contains(t, again.text(), fmt.Sprintf(`{"get":{"exists":true,"rev":%d,"created":%d,"version":1,"omitted":true}}`, rev, rev))
	require.Contains(t, again.text(), `{"get":{"exists":false,"rev":0,"created":0,"version":0}}`)
}
