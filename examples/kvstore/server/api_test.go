package server

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/examples/kvstore/store"
)

// A call is a row of API.md: a request, and what is answered.
type call struct {
	request string // method and path
	body    string
	headers []string
	status  int
	code    string // of an error
	answer  string // a part of the body
}

func (c *testCluster) check(id uint64, rows []call) {
	c.t.Helper()
	for _, row := range rows {
		method, path, _ := strings.Cut(row.request, " ")
		a := c.do(id, method, path, row.body, row.headers...)
		require.Equal(c.t, row.status, a.status, "%s: %s", row.request, a.text())
		require.Equal(c.t, row.code, a.code(), "%s: %s", row.request, a.text())
		require.Contains(c.t, a.text(), row.answer, row.request)
	}
}

// TestEveryRowOfTheContract asks leader and follower the same.
func TestEveryRowOfTheContract(t *testing.T) {
	c := newCluster(t, 3, nil)
	for name, id := range map[string]uint64{"leader": c.leader(), "follower": c.follower()} {
		t.Run(name, func(t *testing.T) {
			c.t = t
			p := "/kv/" + name
			first := c.put(id, name, "1")
			c.check(id, keyRows(p, first))
			c.check(id, listRows(name))
			c.check(id, txnRows(name))
			c.check(id, clusterRows())
			ready := c.until(id, "GET", "/readyz", "") // it gives up after two seconds, which may be too few on a busy machine
			require.Equal(t, 200, ready.status, ready.text())
			require.JSONEq(t, `{"status":"ready"}`, ready.text())
		})
	}
}

func keyRows(p string, rev uint64) []call {
	tag := etag(rev)
	return []call{
		{request: "GET " + p, status: 200, answer: "1"},
		{request: "GET " + p + "?consistency=lease", status: 200, answer: "1"},
		{request: "GET " + p + "?consistency=stale", status: 200, answer: "1"},
		{request: "GET " + p + "?consistency=fresh", status: 400, code: "bad_request", answer: "linearizable, lease or stale"},
		{request: "GET " + p + "?consistncy=stale", status: 400, code: "bad_request", answer: "consistncy"},
		{request: "GET /kv/none", status: 404, code: "not_found", answer: `\"none\"`},
		{request: "HEAD /kv/none", status: 404},
		{request: "PUT " + p, body: "2", headers: []string{"If-Match", `"99999"`}, status: 412, code: "precondition_failed",
			answer: fmt.Sprintf(`"rev":%d,"exists":true`, rev)},
		{request: "PUT " + p, body: "2", headers: []string{"If-None-Match", "*"}, status: 412, code: "precondition_failed"},
		{request: "PUT /kv/none", body: "2", headers: []string{"If-Match", "*"}, status: 412, code: "precondition_failed",
			answer: `"rev":0,"exists":false`},
		{request: "PUT " + p, body: "2", headers: []string{"If-Match", tag}, status: 200, answer: `"created":false`},
		{request: "PUT " + p, body: "3", headers: []string{"If-Match", "*"}, status: 200, answer: `"created":false`},
		{request: "PUT " + p + "/new", body: "3", headers: []string{"If-None-Match", "*"}, status: 200, answer: `"created":true`},
		{request: "PUT " + p, headers: []string{"If-Match", `W/"3"`}, status: 400, code: "bad_request"},
		{request: "PUT " + p, headers: []string{"If-Match", `"1", "2"`}, status: 400, code: "bad_request"},
		{request: "PUT " + p, headers: []string{"If-None-Match", `"3"`}, status: 400, code: "bad_request"},
		{request: "PUT " + p, headers: []string{"If-None-Match", "*", "If-Match", "*"}, status: 400, code: "bad_request"},
		{request: "PUT " + p, headers: []string{"Idempotency-Key", strings.Repeat("k", 257)}, status: 400, code: "bad_request"},
		{request: "PUT " + p, headers: []string{"X-Request-Timeout", "soon"}, status: 400, code: "bad_request"},
		{request: "PUT /kv/", status: 400, code: "bad_request", answer: "empty"},
		{request: "PUT /kv/" + strings.Repeat("k", 4097), status: 413, code: "too_large"},
		{request: "PUT " + p, body: strings.Repeat("v", 4<<20+1), status: 413, code: "too_large"},
		{request: "POST " + p, status: 405, code: "method_not_allowed", answer: "DELETE or GET or HEAD or PUT"},
		{request: "DELETE " + p, headers: []string{"If-Match", tag}, status: 412, code: "precondition_failed"},
		{request: "DELETE " + p, headers: []string{"If-None-Match", "*"}, status: 400, code: "bad_request"},
		{request: "DELETE " + p, status: 200, answer: `"deleted":true`},
		{request: "DELETE " + p, status: 404, code: "not_found"},
		{request: "DELETE " + p, headers: []string{"If-Match", "*"}, status: 412, code: "precondition_failed", answer: `"exists":false`},
		{request: "GET /nothing", status: 404, code: "not_found"},
		{request: "GET /cluster/members/1/2/3", status: 404, code: "not_found"},
		{request: "GET /", status: 404, code: "not_found"},
	}
}

func listRows(name string) []call {
	list := "GET /kv?prefix=" + name
	return []call{
		{request: "PUT /kv/" + name + "-a", body: "x", status: 200},
		{request: "PUT /kv/" + name + "-b", body: "\xff", status: 200},
		{request: "PUT /kv/" + name + "-%FF", body: "y", status: 200},
		{request: list + "-&limit=1", status: 200, answer: `"more":true,"next":"` + name + `-a"`},
		{request: list + "-&after=" + name + "-a&limit=1", status: 200, answer: `"value":"/w==","base64":true`},
		{request: list + "-&after=" + name + "-b", status: 200, answer: `"key64":"`},
		{request: list + "-&keys_only=true&limit=1&consistency=stale", status: 200, answer: `"items":[{"key":"` + name + `-a","rev":`},
		{request: list + "-none", status: 200, answer: `"items":[],"more":false}`},
		{request: list + "&limit=0", status: 400, code: "bad_request"},
		{request: list + "&limit=10001", status: 400, code: "bad_request"},
		{request: list + "&limit=x", status: 400, code: "bad_request"},
		{request: list + "&keys_only=perhaps", status: 400, code: "bad_request"},
		{request: list + "&prefix=b", status: 400, code: "bad_request"},
		{request: "GET /kv?prefix=%zz", status: 400, code: "bad_request"},
		{request: "PUT /kv", status: 405, code: "method_not_allowed"},
	}
}

func txnRows(name string) []call {
	key := func(s string) string { return strings.ReplaceAll(s, "KEY", name+"-t") }
	return []call{
		{request: "POST /txn", body: key(`{"compare":[{"key":"KEY","target":"exists","exists":false}],
			"then":[{"put":{"key":"KEY","value":"1"}},{"get":{"key":"KEY"}},{"delete":{"key":"KEYx"}}]}`),
			status: 200, answer: `"succeeded":true,"results":[{"put":{"rev":`},
		{request: "POST /txn", body: key(`{"compare":[{"key":"KEY","target":"value","op":"!=","value":"1"}],
			"then":[{"put":{"key":"KEY","value":"2"}}],"else":[{"get":{"key":"KEY"}}]}`),
			status: 200, answer: `"succeeded":false,"results":[{"get":{"exists":true,"value":"1","rev":`},
		{request: "POST /txn", body: key(`{"compare":[{"key":"KEY","target":"version","rev":1}]}`), status: 400, code: "bad_request",
			answer: "compare[0]"},
		{request: "POST /txn", body: key(`{"compare":[{"key":"KEY","target":"rev","rev":1,"version":2}]}`), status: 400, code: "bad_request"},
		{request: "POST /txn", body: key(`{"then":[{"put":{"key":"KEY"}}]}`), status: 400, code: "bad_request", answer: "then[0]"},
		{request: "POST /txn", body: `{"then":[{}]}`, status: 400, code: "bad_request"},
		{request: "POST /txn", body: `{"when":[]}`, status: 400, code: "bad_request", answer: "when"},
		{request: "POST /txn", body: `{} {}`, status: 400, code: "bad_request"},
		{request: "POST /txn", body: ``, status: 400, code: "bad_request", answer: "empty"},
		{request: "POST /txn", body: `{}`, status: 200, answer: `"succeeded":true,"results":[]`},
	}
}

func clusterRows() []call {
	return []call{
		{request: "GET /cluster", status: 200, answer: `"latency_ms":{`},
		{request: "GET /cluster/members", status: 200, answer: `{"members":[{"id":1,"url":"http://`},
		{request: "POST /cluster/members", body: `{"id":1,"url":"http://127.0.0.1:1","learner":true}`, status: 409, code: "conflict"},
		{request: "POST /cluster/members", body: `{"url":"http://127.0.0.1:1"}`, status: 400, code: "bad_request"},
		{request: "POST /cluster/members", body: `{"id":9,"url":"ftp://127.0.0.1:1"}`, status: 400, code: "bad_request"},
		{request: "POST /cluster/members/1/promote", status: 409, code: "conflict", answer: "no learner"},
		{request: "POST /cluster/members/9/promote", status: 404, code: "not_found"},
		{request: "DELETE /cluster/members/9", status: 404, code: "not_found"},
		{request: "DELETE /cluster/members/x", status: 400, code: "bad_request"},
		{request: "POST /cluster/leader", body: `{"id":9}`, status: 409, code: "conflict"},
		{request: "POST /cluster/leader", body: `{}`, status: 400, code: "bad_request"},
		{request: "POST /cluster/snapshot", status: 200, answer: `{"index":`},
		{request: "GET /metrics", status: 200, answer: "kvstore_raft_applied_index"},
		{request: "GET /healthz", status: 200, answer: `{"status":"ok"}`},
		{request: "POST /watch", status: 405, code: "method_not_allowed"},
		{request: "GET /watch?from=0", status: 400, code: "bad_request"},
		{request: "GET /watch?after=12", status: 400, code: "bad_request"},
		{request: "GET /watch?after=1.0&from=1", status: 400, code: "bad_request"},
	}
}

func TestHeadersOfAnswers(t *testing.T) {
	c := newCluster(t, 3, nil)
	rev := c.put(c.follower(), "a", "value")
	for id := range c.members {
		var a *answer
		require.Eventually(t, func() bool { // who leads is told a moment later, and may be somebody else by now
			a = c.do(id, "GET", "/kv/a", "")
			return a.header.Get("X-Raft-Leader") == fmt.Sprint(c.leader())
		}, patience, 10*time.Millisecond)
		require.Equal(t, "application/octet-stream", a.header.Get("Content-Type"))
		require.NotEmpty(t, a.header.Get("X-Raft-Applied"))
		head := c.do(id, "HEAD", "/kv/a", "")
		require.Equal(t, "5", head.header.Get("Content-Length"))
		require.Equal(t, etag(rev), head.header.Get("ETag"))
		require.Empty(t, head.body)
		wrong := c.do(id, "PUT", "/kv/a", "x", "If-None-Match", "*")
		require.Equal(t, etag(rev), wrong.header.Get("ETag"))
		require.Equal(t, "application/json", wrong.header.Get("Content-Type"))
		require.Equal(t, "DELETE, GET, HEAD, PUT", c.do(id, "POST", "/kv/a", "").header.Get("Allow"))
	}
}

// TestAnyKeyIsAPath sends keys that servers like to tidy up.
func TestAnyKeyIsAPath(t *testing.T) {
	c := newCluster(t, 1, nil)
	keys := []string{"a/b", "a//b", "/", "..", "../a", "./a", "a/../b", "a b", "a+b", "%", "%2F", "?", "#", "\u00e4", "\x00", "\xff/\xfe", "a;b", "a&b=c", "*"}
	for i, key := range keys {
		c.put(1, url.PathEscape(key), fmt.Sprint(i))
	}
	for i, key := range keys {
		require.Equal(t, fmt.Sprint(i), c.do(1, "GET", "/kv/"+url.PathEscape(key), "").text(), "%q", key)
	}
	// What a client leaves as it is means the same.
	for path, want := range map[string]string{"a/b": "0", "a//b": "1", "..": "3", "../a": "4", "a/../b": "6", "a%20b": "7", "a+b": "8"} {
		require.Equal(t, want, rawGet(t, c.members[1].url, "/kv/"+path), path)
	}
	var page listAnswer
	c.do(1, "GET", "/kv?limit=1000", "").json(t, &page)
	require.Len(t, page.Items, len(keys))
}

// rawGet sends a path as it is.
func rawGet(t *testing.T, base, path string) string {
	t.Helper()
	u, err := url.Parse(base)
	require.NoError(t, err)
	conn := dial(t, u.Host)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, u.Host)
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(text)
}

func TestListGoesThroughAllKeys(t *testing.T) {
	c := newCluster(t, 1, nil)
	var want []string
	for i := range 25 {
		key := fmt.Sprintf("k%02d", i)
		want = append(want, key)
		c.put(1, key, strings.Repeat("v", i))
	}
	var got []string
	after := ""
	for {
		var page listAnswer
		c.do(1, "GET", "/kv?prefix=k&limit=4&after="+after, "").json(t, &page)
		for _, item := range page.Items {
			got = append(got, *item.Key)
			require.EqualValues(t, 1, item.Version)
		}
		if !page.More {
			break
		}
		after = page.Next
	}
	require.Equal(t, want, got)
}

func TestListIsBoundedInBytes(t *testing.T) {
	c := newCluster(t, 1, nil)
	for i := range 3 {
		c.put(1, fmt.Sprint(i), strings.Repeat("v", 4<<20))
	}
	var page listAnswer
	c.do(1, "GET", "/kv", "").json(t, &page)
	require.True(t, page.More)
	require.Less(t, len(page.Items), 3)
	require.Equal(t, *page.Items[len(page.Items)-1].Key, page.Next)
}

func TestLargestValues(t *testing.T) {
	c := newCluster(t, 1, nil)
	value := strings.Repeat("v", store.MaxValueBytes)
	key := strings.Repeat("k", store.MaxKeyBytes)
	c.put(1, key, value)
	require.Equal(t, value, c.do(1, "GET", "/kv/"+key, "").text())
	c.put(1, "empty", "")
	require.Empty(t, c.do(1, "GET", "/kv/empty", "").body)
}
