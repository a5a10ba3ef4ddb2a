package server

import (
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const tokenText = `
# who            may
reading  r  read
writing  w  write
ruling   a  admin
`

// TestAuthMatrix asks for something of each kind with each right.
func TestAuthMatrix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	require.NoError(t, os.WriteFile(path, []byte(tokenText), 0o600))
	c := newCluster(t, 3, func(o *Options) { o.Tokens, o.OpenPeers = path, true })
	c.do(1, "PUT", "/kv/a", "1", "Authorization", "Bearer ruling")

	rows := []struct {
		request, body string
		least         right
	}{
		{"GET /kv/a", "", rightRead}, {"HEAD /kv/a", "", rightRead}, {"GET /kv", "", rightRead}, {"GET /cluster", "", rightRead},
		{"GET /cluster/members", "", rightRead}, {"GET /metrics", "", rightRead},
		{"PUT /kv/a", "2", rightWrite}, {"DELETE /kv/none", "", rightWrite}, {"POST /txn", "{}", rightWrite},
		{"POST /cluster/members", "{}", rightAdmin}, {"POST /cluster/members/9/promote", "", rightAdmin},
		{"DELETE /cluster/members/9", "", rightAdmin}, {"POST /cluster/leader", "{}", rightAdmin}, {"POST /cluster/snapshot", "", rightAdmin},
		{"GET /healthz", "", rightNone}, {"GET /readyz", "", rightNone}, {"GET /", "", rightNone},
	}
	tokens := map[string]right{"": rightNone, "Bearer unknown": rightNone, "Basic ruling": rightNone, "Bearer reading": rightRead, "bearer writing": rightWrite, "Bearer ruling": rightAdmin}
	for _, row := range rows {
		for token, have := range tokens {
			method, path, _ := cutRequest(row.request)
			a := c.do(c.follower(), method, path, row.body, "Authorization", token)
			switch {
			case have >= row.least:
				require.NotContains(t, []int{401, 403}, a.status, "%s with %q: %s", row.request, token, a.text())
			case have == rightNone:
				require.Equal(t, 401, a.status, "%s with %q", row.request, token)
				require.NotEmpty(t, a.header.Get("WWW-Authenticate"))
			default:
				require.Equal(t, 403, a.status, "%s with %q", row.request, token)
			}
		}
	}
	require.Equal(t, 401, c.do(1, "GET", "/kv/a?token=reading", "").status, "the parameter is for streams alone")
	require.Equal(t, 401, c.do(1, "GET", "/watch?token=unknown", "").status)
	for _, stream := range []string{"/watch?token=reading", "/events?token=reading"} {
		s, err := c.openStream(1, stream)
		require.NoError(t, err)
		s.close()
	}
}

func cutRequest(request string) (method, path string, found bool) {
	for i := range request {
		if request[i] == ' ' {
			return request[:i], request[i+1:], true
		}
	}
	return request, "", false
}

func TestRevokedTokensEndStreams(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	require.NoError(t, os.WriteFile(path, []byte("one o read\n"), 0o600))
	c := newCluster(t, 1, func(o *Options) { o.Tokens, o.OpenPeers, o.limits.keepAlive = path, true, 10*time.Millisecond })
	s, err := c.openStream(1, "/watch?token=one")
	require.NoError(t, err)
	defer s.close()
	require.NoError(t, os.WriteFile(path, []byte("two o read\n"), 0o600))
	require.NoError(t, c.members[1].server.Reload())
	for {
		e, ok := s.next()
		require.True(t, ok)
		if e.kind == "error" {
			require.Contains(t, e.data, "unauthorized")
			break
		}
	}
	require.Equal(t, 401, c.do(1, "GET", "/kv", "", "Authorization", "Bearer one").status)
	require.Equal(t, 200, c.do(1, "GET", "/kv", "", "Authorization", "Bearer two").status)
}

func TestTokensAreReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	require.NoError(t, os.WriteFile(path, []byte("one o read\n"), 0o600))
	tokens, err := openTokens(path, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte("two o write\n"), 0o600))
	require.Eventually(t, func() bool {
		g, ok := tokens.find("two")
		return ok && g.right == rightWrite
	}, patience, 50*time.Millisecond)

	// A mistake changes nothing.
	require.NoError(t, os.WriteFile(path, []byte("two o all\n"), 0o600))
	require.ErrorContains(t, tokens.load(), "line 1")
	_, ok := tokens.find("two")
	require.True(t, ok)
	_, ok = tokens.find("one")
	require.False(t, ok)
}

func TestParseTokens(t *testing.T) {
	grants, err := parseTokens([]byte(tokenText))
	require.NoError(t, err)
	require.Len(t, grants, 3)
	require.Equal(t, "w", grants[1].name)
	for text, want := range map[string]string{
		"":                           "no token",
		"# nothing":                  "no token",
		"a b":                        "2 words",
		"a b c":                      "no right",
		"a b read\na c write":        "the token of c is that of b",
		string(make([]byte, 70_000)): "",
	} {
		_, err := parseTokens([]byte(text))
		require.ErrorContains(t, err, want)
	}
}

func TestForeignPages(t *testing.T) {
	c := newCluster(t, 3, nil)
	own := c.members[1].url
	other := c.members[2].url
	c.put(1, "a", "1")
	local := strings.Replace(other, "127.0.0.1", "localhost", 1)
	for origin, status := range map[string]int{own: 200, other: 200, local: 200, "http://localhost:1": 403, "http://evil.example": 403, "null": 403} {
		a := c.do(1, "PUT", "/kv/a", "1", "Origin", origin)
		require.Equal(t, status, a.status, origin)
		allowed := ""
		if status == 200 {
			allowed = origin
		}
		require.Equal(t, allowed, a.header.Get("Access-Control-Allow-Origin"))
		require.Equal(t, "Origin", a.header.Get("Vary"))
		read := c.do(1, "GET", "/kv/a", "", "Origin", origin)
		require.Equal(t, http.StatusOK, read.status)
		require.Equal(t, allowed, read.header.Get("Access-Control-Allow-Origin"))
		before := c.do(1, "OPTIONS", "/kv/a", "", "Origin", origin, "Access-Control-Request-Method", "PUT")
		require.Equal(t, http.StatusNoContent, before.status)
		require.Equal(t, allowed, before.header.Get("Access-Control-Allow-Origin"))
		require.Equal(t, "600", before.header.Get("Access-Control-Max-Age"))
	}
}

// TestForeignNames is about a page whose name resolves to this machine.
func TestForeignNames(t *testing.T) {
	c := newCluster(t, 1, nil)
	ask := func(host string) int {
		r, err := http.NewRequest("GET", c.members[1].url+"/kv", nil)
		require.NoError(t, err)
		r.Host = host
		response, err := c.client.Do(r)
		require.NoError(t, err)
		response.Body.Close()
		return response.StatusCode
	}
	for host, status := range map[string]int{"evil.example:8401": 403, "localhost:1": 200, "127.0.0.1": 200, "[::1]:8401": 200, "kv.localhost": 200, "localhost.evil.example": 403} {
		require.Equal(t, status, ask(host), host)
	}
}
