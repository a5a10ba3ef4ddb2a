package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Bodies where none are expected, and who may hold up whom with them.

// TestBodiesAreRefusedWhereThereAreNone announces bodies that never come. The answer does not wait for them.
func TestBodiesAreRefusedWhereThereAreNone(t *testing.T) {
	c := newCluster(t, 1, nil)
	address := c.members[1].server.listener.Addr().String()
	for _, request := range []string{
		"GET /", "GET /kv", "GET /kv/a", "HEAD /kv/a", "DELETE /kv/a", "GET /watch", "GET /events", "GET /cluster", "GET /cluster/members",
		"POST /cluster/snapshot", "GET /metrics", "GET /healthz", "GET /readyz",
	} {
		for _, framing := range []string{"Content-Length: 1", "Content-Length: 1000000000", "Transfer-Encoding: chunked"} {
			conn := dial(t, address)
			_, err := fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n\r\n", request, framing)
			require.NoError(t, err)
			method, _, _ := strings.Cut(request, " ")
			answer, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
			require.NoError(t, err, "%s, %s", request, framing)
			require.Equal(t, http.StatusBadRequest, answer.StatusCode, "%s, %s", request, framing)
			require.True(t, answer.Close, "%s, %s: what may still come is not the next request", request, framing)
			text, err := io.ReadAll(answer.Body)
			require.NoError(t, err)
			require.Equal(t, method != "HEAD", strings.Contains(string(text), "takes no body"), "%s: %s", request, text)
			require.NoError(t, conn.Close())
		}
	}
}

// TestUnsentBodiesHoldNoSlots has as many clients as there are slots announce a body and send nothing of it, to whatever endpoint.
func TestUnsentBodiesHoldNoSlots(t *testing.T) {
	const slots = 8
	c := newCluster(t, 1, func(o *Options) {
		o.limits.requests, o.limits.public, o.limits.bodyTimeout = slots, slots, 200*time.Millisecond
		o.Dashboard = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("x", 50_000)) })
	})
	a := c.members[1].server.api
	for _, request := range []string{"GET /", "GET /readyz", "GET /kv", "PUT /kv/a", "PUT /kv/", "OPTIONS /kv/a", "POST /txn", "DELETE /cluster/members/9", "NONE /"} {
		var conns []net.Conn
		for range slots {
			conn := dial(t, c.members[1].server.listener.Addr().String())
			_, err := fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n", request)
			require.NoError(t, err)
			conns = append(conns, conn)
		}
		for _, conn := range conns {
			_, err := io.ReadAll(conn) // up to where the member closes it
			require.NoError(t, err, request)
			require.NoError(t, conn.Close())
		}
		require.Eventually(t, func() bool { return a.working.Load() == 0 }, patience, time.Millisecond, request)
		require.Zero(t, a.waiting.used.Load()+a.public.used.Load(), request)
		require.Equal(t, http.StatusOK, c.do(1, "PUT", "/kv/a", "1").status, request)
	}
}

// TestThoseWithoutTokenKeepNobodyOut holds up all requests that need none.
func TestThoseWithoutTokenKeepNobodyOut(t *testing.T) {
	a, _ := newFakeAPI(t)
	require.True(t, a.public.acquire(a.public.bound))
	require.Equal(t, http.StatusTooManyRequests, ask(a, "GET /readyz", "").status)
	require.Equal(t, http.StatusNotFound, ask(a, "GET /kv/a", "").status)
	a.public.release(a.public.bound)
	require.True(t, a.waiting.acquire(a.waiting.bound))
	require.Equal(t, http.StatusOK, ask(a, "GET /readyz", "").status)
	require.Equal(t, http.StatusTooManyRequests, ask(a, "GET /kv/a", "").status)
}
