package main

import (
	"bytes"
	"context"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the usage texts in testdata instead of comparing them")

// outcome is what an invocation has done.
type outcome struct {
	code        int
	out, errors string
}

func invoke(t *testing.T, stdin string, args ...string) outcome {
	t.Helper()
	var out, errors bytes.Buffer
	code := run(t.Context(), args, strings.NewReader(stdin), &out, &errors)
	return outcome{code, out.String(), errors.String()}
}

// answer is what the double of a member says to one request; status 0 is 200.
type answer struct {
	status int
	body   string
	etag   string
}

// member is a double that knows some requests, by method and path, and records what it was sent.
type member struct {
	*httptest.Server
	answers map[string]answer
	last    *http.Request
	body    string
}

func newMember(t *testing.T, answers map[string]answer) *member {
	m := &member{answers: answers}
	m.Server = httptest.NewServer(m)
	t.Cleanup(m.Close)
	t.Setenv("KVSTORE_ENDPOINTS", m.URL)
	t.Setenv("KVSTORE_TOKEN", "")
	return m
}

func (m *member) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	m.last, m.body = r, string(body)
	a, known := m.answers[r.Method+" "+r.URL.RequestURI()]
	if !known {
		a = answer{status: 404, body: `{"error":{"code":"not_found","message":"no ` + r.Method + " " + r.URL.RequestURI() + `"}}`}
	}
	if a.etag != "" {
		w.Header().Set("ETag", a.etag)
	}
	if a.status != 0 {
		w.WriteHeader(a.status)
	}
	_, _ = io.WriteString(w, strings.ReplaceAll(a.body, "SELF", m.URL))
}

func TestUsageOfEveryCommand(t *testing.T) {
	t.Setenv("KVSTORE_ENDPOINTS", "")
	t.Setenv("KVSTORE_TOKEN", "must not be shown")
	t.Setenv("KVSTORE_TLS_CA", "must not be shown")
	var all strings.Builder
	for _, c := range commands() {
		got := invoke(t, "", "help", c.name)
		require.Zero(t, got.code, c.name)
		require.Empty(t, got.errors)
		if c.name != "help" {
			require.Equal(t, got, invoke(t, "", c.name, "--help"))
			require.Equal(t, got, invoke(t, "", c.name, "x", "-h"))
		}
		fmt.Fprintf(&all, "$ kvstore help %s\n%s\n", c.name, got.out)
	}
	require.Equal(t, invoke(t, "", "help"), invoke(t, "", "--help"))
	file := filepath.Join("testdata", "usage.txt")
	if *rewrite {
		require.NoError(t, os.WriteFile(file, []byte(all.String()), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), all.String(), "go test -run Usage -rewrite accepts the new texts")
}

func TestWrongUsage(t *testing.T) {
	t.Setenv("KVSTORE_ENDPOINTS", "")
	for args, want := range map[string]string{
		"":                                     "usage: kvstore COMMAND",
		"gte a":                                `unknown command "gte"; did you mean get?`,
		"status --jsno":                        "unknown flag --jsno; did you mean --json?",
		"list --keysonly":                      "did you mean --keys-only?",
		"--endpoint x get a":                   "did you mean --endpoints?",
		"frobnicate":                           `unknown command "frobnicate"; kvstore help`,
		"put":                                  "put: KEY and VALUE|- are missing; usage: kvstore put KEY VALUE|-",
		"put a":                                "put: VALUE|- is missing; usage: kvstore put KEY VALUE|-",
		"put a b --if-match=":                  `"" is no number`,
		"put a b --if-match 1 --if-none-match": "exclude each other",
		"watch --count -1":                     "cannot be negative",
		"get a b":                              `unexpected argument "b"`,
		"get a --consistency best":             `unknown consistency "best"`,
		"get a --timeout soon":                 "invalid value",
		"get a --timeout -1s":                  "it has to be positive",
		"get a --endpoints ftp://x":            "no http or https address",
		"get a --endpoints 8401":               "no host",
		"get a --endpoints http://a,,":         "an empty entry",
		"put a b --if-match x":                 `"x" is no number`,
		"list --limit -1":                      "cannot be negative",
		"members ad 4 http://x":                "did you mean add?",
		"members foo":                          `unknown action "foo"; usage: kvstore members [list | add ID URL`,
		"members add":                          "members add: ID and URL are missing; usage: kvstore members",
		"members add 4":                        "members add: URL is missing",
		"members list x":                       `members list: unexpected argument "x"`,
		"members promote 4 --learner":          "--learner belongs to add",
		"transfer 0":                           "0 is none",
		"transfer two":                         "is no number",
		"help frobnicate":                      "unknown command",
		"version now":                          "unexpected argument",
		"bench --nonsense":                     "unknown flag --nonsense",
		"serve":                                "serve: --id, --listen, --data and --peers (or --join) are missing; kvstore help serve",
		"serve x":                              `serve: unexpected argument "x"; usage: kvstore serve`,
		"serve --idd 1":                        "unknown flag --idd; did you mean --id?; kvstore help serve",
		"serve --id 1 --listen 127.0.0.1:0 --data d --peers 1":                   "serve: --peers: ",
		"serve --id 1 --listen 127.0.0.1:0 --data d --join --log-level loud":     "use debug, info",
		"serve --id 1 --listen 127.0.0.1:0 --data d --join --log-format baroque": "use text or json",
		"demo x":            `demo: unexpected argument "x"`,
		"demo --membres 3":  "unknown flag --membres; did you mean --members?",
		"demo --members 0":  "choose 1 to 9 with --members; kvstore help demo",
		"demo --port 65530": "with --port",
	} {
		t.Run(args, func(t *testing.T) {
			got := invoke(t, "", strings.Fields(args)...)
			require.Equal(t, exitUsage, got.code, got.errors)
			require.Contains(t, got.errors, want)
			require.Empty(t, got.out)
			require.Equal(t, args != "", strings.Count(got.errors, "\n") == 1, "one line: %s", got.errors)
		})
	}
	for _, command := range [][]string{{"put", "", "x"}, {"get", ""}, {"del", strings.Repeat("x", 4097)}} {
		got := invoke(t, "", command...)
		require.Equal(t, exitUsage, got.code)
		require.Contains(t, got.errors, "a key has 1 to 4096 bytes")
	}
}

func TestAuthorityOfTheEnvironment(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("ETag", `"1"`) }))
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	require.NoError(t, os.WriteFile(file, text, 0o600))
	t.Setenv("KVSTORE_ENDPOINTS", server.URL)
	t.Setenv("KVSTORE_TLS_CA", file)
	got := invoke(t, "", "get", "a")
	require.Zero(t, got.code, got.errors)
	t.Setenv("KVSTORE_TLS_CA", file+".absent")
	require.Contains(t, invoke(t, "", "get", "a").errors, "--tls-ca or KVSTORE_TLS_CA: open ")
}

func TestPut(t *testing.T) {
	m := newMember(t, map[string]answer{
		"PUT /kv/a": {body: `{"rev":7,"created":true}`}, "PUT /kv/b": {body: `{"rev":8,"created":false}`},
		"PUT /kv/c": {status: 412, body: `{"error":{"code":"precondition_failed","message":"it has revision 3"},"rev":3,"exists":true}`},
	})
	require.Equal(t, outcome{out: "created, revision 7\n"}, invoke(t, "", "put", "a", "1"))
	require.Equal(t, "1", m.body)
	require.Equal(t, outcome{out: "replaced, revision 8\n"}, invoke(t, "two\nlines\n", "put", "--if-match", "3", "b", "-"))
	require.Equal(t, "two\nlines\n", m.body)
	require.Equal(t, `"3"`, m.last.Header.Get("If-Match"))
	require.Equal(t, outcome{out: "{\"rev\":8,\"created\":false}\n"}, invoke(t, "", "put", "b", "1", "-json", "--if-match=*"))
	require.Equal(t, "*", m.last.Header.Get("If-Match"))
	got := invoke(t, "", "put", "c", "--if-none-match", "1")
	require.Equal(t, outcome{code: exitPrecondition, errors: "kvstore: precondition_failed: it has revision 3\n"}, got)
	require.Equal(t, "*", m.last.Header.Get("If-None-Match"))
	require.Zero(t, invoke(t, "", "put", "--", "a", "--json").code)
	require.Equal(t, "--json", m.body)
}

func TestGetAndDel(t *testing.T) {
	m := newMember(t, map[string]answer{
		"GET /kv/a": {body: "\xff\x00", etag: `"7"`}, "GET /kv/a?consistency=stale": {body: "old", etag: `"5"`},
		"DELETE /kv/a": {body: `{"rev":8,"deleted":true}`},
	})
	require.Equal(t, outcome{out: "\xff\x00"}, invoke(t, "", "get", "a"))
	require.Equal(t, outcome{out: "{\"key\":\"a\",\"value\":\"/wA=\",\"base64\":true,\"rev\":7}\n"}, invoke(t, "", "--json", "get", "a"))
	require.Equal(t, outcome{out: "old"}, invoke(t, "", "get", "a", "--consistency", "stale", "--token", "secret"))
	require.Equal(t, "Bearer secret", m.last.Header.Get("Authorization"))
	require.Equal(t, outcome{out: "deleted, revision 8\n"}, invoke(t, "", "del", "a", "--if-match", "7"))
	require.Equal(t, `"7"`, m.last.Header.Get("If-Match"))
	for _, command := range []string{"get", "del"} {
		got := invoke(t, "", command, "absent")
		require.Equal(t, exitNotFound, got.code)
		require.Contains(t, got.errors, "not_found: no")
	}
}

func TestTokenOfTheEnvironment(t *testing.T) {
	m := newMember(t, map[string]answer{"GET /kv/a": {etag: `"1"`}})
	t.Setenv("KVSTORE_TOKEN", "hidden")
	require.Zero(t, invoke(t, "", "get", "a").code)
	require.Equal(t, "Bearer hidden", m.last.Header.Get("Authorization"))
}

func TestList(t *testing.T) {
	page := `{"rev":9,"items":[{"key":"a","value":"1","rev":3,"created":2,"version":2},{"key":"b c","value":"x\ny","rev":4,"created":4,"version":1}],"more":false}`
	newMember(t, map[string]answer{
		"GET /kv?consistency=linearizable&limit=1000":                 {body: page},
		"GET /kv?after=%2F&consistency=linearizable&limit=2&prefix=p": {body: page},
		"GET /kv?consistency=stale&keys_only=true&limit=1000":         {body: page},
		"GET /kv?consistency=lease&limit=1000":                        {body: `{"items":[{"key64":"/w==","value":"/w==","base64":true,"rev":3}]}`},
		"GET /kv?consistency=linearizable&limit=1000&prefix=none":     {body: `{"rev":9,"items":[],"more":false}`},
	})
	require.Equal(t, outcome{out: "a\t1\nb c\t\"x\\ny\"\n"}, invoke(t, "", "list"))
	got := invoke(t, "", "list", "--limit", "1", "--prefix", "p", "--after", "/")
	require.Equal(t, outcome{out: "a\t1\n", errors: "kvstore: there are more; go on with --after \"a\"\n"}, got)
	require.Equal(t, outcome{out: "a\nb c\n"}, invoke(t, "", "list", "--keys-only", "--consistency", "stale"))
	require.Equal(t, outcome{}, invoke(t, "", "list", "--prefix", "none"))
	require.Equal(t, `{"key64":"/w==","value":"/w==","base64":true,"rev":3}`+"\n",
		invoke(t, "", "list", "--json", "--consistency", "lease").out)
	require.Equal(t, "\"\\xff\"\t\"\\xff\"\n", invoke(t, "", "list", "--consistency", "lease").out)
}

func TestWatchCommand(t *testing.T) {
	events := "id: 3.0\nevent: put\ndata: {\"rev\":3,\"key\":\"a\",\"value\":\"1\",\"prev_rev\":2}\n\n" +
		"id: 4.0\nevent: delete\ndata: {\"rev\":4,\"key\":\"a\",\"prev_rev\":3}\n\n"
	newMember(t, map[string]answer{
		"GET /watch?from=3": {body: events},
		"GET /watch?from=1": {status: 410, body: `{"error":{"code":"compacted","message":"begin with 3"},"oldest":3}`},
	})
	require.Equal(t, outcome{out: "3\tput\ta\t1\n4\tdelete\ta\n"}, invoke(t, "", "watch", "--from", "3", "--count", "2"))
	require.Equal(t, `{"id":"3.0","event":"put","key":"a","value":"1","rev":3,"prev_rev":2}`+"\n",
		invoke(t, "", "watch", "--from", "3", "--count", "1", "--json").out)
	require.Equal(t, outcome{code: 1, errors: "kvstore: compacted: begin with 3\n"}, invoke(t, "", "watch", "--from", "1"))
}

func TestTxnCommand(t *testing.T) {
	m := newMember(t, map[string]answer{
		"POST /txn": {body: `{"rev":9,"succeeded":false,"results":[{"get":{"exists":false,"rev":0}}]}`},
	})
	text := `{"compare":[{"key":"a","target":"rev","rev":3}],"else":[{"get":{"key":"a"}}]}`
	got := invoke(t, text, "txn")
	require.Equal(t, exitPrecondition, got.code)
	require.Empty(t, got.errors)
	require.JSONEq(t, `{"rev":9,"succeeded":false,"results":[{"get":{"exists":false,"value":"","rev":0,"created":0,"version":0}}]}`, got.out)
	require.JSONEq(t, text, m.body)

	file := filepath.Join(t.TempDir(), "txn.json")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	m.answers["POST /txn"] = answer{body: `{"rev":9,"succeeded":true,"results":[]}`}
	require.Equal(t, outcome{out: "{\"rev\":9,\"succeeded\":true,\"results\":[]}\n"}, invoke(t, "", "txn", file))

	for text, want := range map[string]string{
		"{\n\"than\":[]}": `unknown field "than"`, "{\n\n]": "line 3: ", "{}{}": "one at a time",
		"{\"then\":\n3}": "line 2: ",
	} {
		got := invoke(t, text, "txn", "-")
		require.Equal(t, exitUsage, got.code)
		require.Contains(t, got.errors, want)
	}
	require.Equal(t, exitFailed, invoke(t, "", "txn", file+".absent").code)
}

func TestMembersCommands(t *testing.T) {
	m := newMember(t, map[string]answer{
		"GET /cluster/members":            {body: `{"members":[{"id":1,"url":"SELF"},{"id":4,"url":"SELF","learner":true}]}`},
		"POST /cluster/members":           {body: `{}`},
		"POST /cluster/members/4/promote": {status: 409, body: `{"error":{"code":"conflict","message":"4 is too far behind"}}`},
		"DELETE /cluster/members/4":       {body: `{}`},
		"POST /cluster/leader":            {body: `{"leader":2,"term":5}`},
		"POST /cluster/snapshot":          {body: `{"index":123}`},
	})
	want := "ID URL VOTE 1 " + m.URL + " yes 4 " + m.URL + " no (learner)"
	require.Equal(t, strings.Fields(want), strings.Fields(invoke(t, "", "members").out))
	require.Equal(t, outcome{out: "4 is a learner\n"}, invoke(t, "", "members", "add", "4", "http://x", "--learner"))
	require.JSONEq(t, `{"id":4,"url":"http://x","learner":true}`, m.body)
	require.Equal(t, outcome{code: 1, errors: "kvstore: conflict: 4 is too far behind\n"}, invoke(t, "", "members", "promote", "4"))
	require.Equal(t, outcome{out: "4 is no longer a member\n"}, invoke(t, "", "members", "remove", "4"))
	require.Equal(t, exitNotFound, invoke(t, "", "members", "remove", "5").code)
	require.Equal(t, outcome{out: "2 leads in term 5\n"}, invoke(t, "", "transfer", "2"))
	require.JSONEq(t, `{"id":2}`, m.body)
	require.Equal(t, outcome{out: "1: compacted up to index 123\n4: compacted up to index 123\n"}, invoke(t, "", "snapshot"))
	require.Equal(t, outcome{out: "4: compacted up to index 123\n"}, invoke(t, "", "snapshot", "4"))
	require.Equal(t, exitNotFound, invoke(t, "", "snapshot", "9").code)
}

func TestStatusCommand(t *testing.T) {
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	m := newMember(t, map[string]answer{
		"GET /cluster/members": {body: `{"members":[{"id":1,"url":"SELF"},{"id":2,"url":"` + down.URL + `"}]}`},
		"GET /cluster": {body: `{"id":1,"role":"leader","term":4,"commit":120,"applied":119,"last":121,"rev":100,"keys":57,` +
			`"members":[{"id":1,"url":"SELF","lag":0},{"id":2,"url":"` + down.URL + `","lag":21}]}`},
	})
	got := invoke(t, "", "status")
	require.Zero(t, got.code)
	lines := strings.Split(got.out, "\n")
	require.Equal(t, "ID URL ROLE TERM LAST COMMIT APPLIED LAG REVISION KEYS", strings.Join(strings.Fields(lines[0]), " "))
	require.Equal(t, "1 "+m.URL+" leader 4 121 120 119 0 100 57", strings.Join(strings.Fields(lines[1]), " "))
	require.Equal(t, "2 "+down.URL+" down - - - - 21 - -", strings.Join(strings.Fields(lines[2]), " "))
	require.Contains(t, lines[3], down.URL+": unavailable")
	require.Contains(t, invoke(t, "", "status", "--json").out, `"id":1,"url":"`+m.URL)

	m.answers["GET /cluster"] = answer{body: `{"id":1,"role":"follower"}`}
	got = invoke(t, "", "status")
	require.Equal(t, exitFailed, got.code)
	require.Contains(t, got.errors, "no member leads")
	m.answers["GET /cluster"] = answer{body: `{"id":1,"role":"follower","leader":2,"members":[{"id":1,"url":"SELF"},{"id":2,"url":"` + down.URL + `"}]}`}
	for _, command := range []string{"status", "members"} {
		got = invoke(t, "", command)
		require.Contains(t, got.errors, "the list of members may be old: it is that of "+m.URL+", since the leader, member 2, does not answer")
		require.Contains(t, got.out, down.URL)
	}
	require.Contains(t, invoke(t, "", "status").errors, "no leader answers: it is member 2 by the account of "+m.URL)
	got = invoke(t, "", "status", "--endpoints", down.URL, "--timeout", "300ms")
	require.Equal(t, exitFailed, got.code)
	require.Contains(t, got.errors, "no member answers")
}

func TestInterruptedWatchSucceeds(t *testing.T) {
	newMember(t, map[string]answer{"GET /watch?from=1": {body: ": keep-alive\n\n"}})
	ctx, cancel := context.WithCancel(t.Context())
	var out, errors bytes.Buffer
	code := run(ctx, []string{"watch", "--from", "1"}, nil, &out, writerFunc(func(p []byte) (int, error) {
		cancel() // it tells that the stream was cut
		return errors.Write(p)
	}))
	require.Zero(t, code)
	require.Contains(t, errors.String(), "going on")
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestEndpointLists(t *testing.T) {
	for list, want := range map[string][]string{
		defaultEndpoints:         {"http://127.0.0.1:8401", "http://127.0.0.1:8402", "http://127.0.0.1:8403"},
		"a:1, 2 ,https://b:3,4":  {"http://a:1", "http://a:2", "https://b:3", "https://b:4"},
		"https://kv,81":          {"https://kv", "https://kv:81"},
		"http://[::1]:8401,8402": {"http://[::1]:8401", "http://[::1]:8402"},
	} {
		got, err := parseEndpoints(list)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}
