package server

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/examples/kvstore/store"
	"github.com/seed695671cb/raft/replica"
)

// TestHostileJSON are bodies that the decoder of the standard library would take, or take too much time or memory for.
func TestHostileJSON(t *testing.T) {
	for text, want := range map[string]string{
		`{"then":[{"put":{"key":"a` + "\xff" + `","value":"1"}}]}`:                          "not UTF-8",
		`{"then":[{"put":{"key":"\ud800","value":"1"}}]}`:                                   "surrogate",
		`{"then":[{"put":{"key":"\udc00\ud800","value":"1"}}]}`:                             "surrogate",
		`{"then":[{"put":{"key":"\ud800\u0041","value":"1"}}]}`:                             "surrogate",
		`{"then":` + strings.Repeat("[", 100_000):                                           "nested",
		`{"then":` + strings.Repeat(`{"then":`, 100_000):                                    "nested",
		`{"then":[{"put":{"key":"a","value":1}}]}`:                                          "not the JSON",
		`{"then":[{"put":{"key":"a","value":"1","rev":2}}]}`:                                "unknown field",
		`{"then":[{"put":{"key":"a","key64":"YQ==","value":"1"}}]}`:                         "both given",
		`{"then":[{"put":{"key64":"***","value":"1"}}]}`:                                    "not base64",
		`{"then":[{"put":{"key":"a","value":"*","base64":true}}]}`:                          "base64",
		`{"then":[{"put":{"key":"","value":"1"}}]}`:                                         "empty",
		`{"then":[{"put":{"key":"a","value":"1"},"get":{"key":"a"}}]}`:                      "exactly one",
		`{"then":[` + strings.Repeat(`{"get":{"key":"a"}},`, 128) + `{"get":{"key":"a"}}]}`: "at most 128",
		`{"compare":[{"key":"a","target":"rev","rev":-1}]}`:                                 "not the JSON",
		`{"compare":[{"key":"a","target":"rev","rev":1.5}]}`:                                "not the JSON",
		`{"compare":[{"key":"a","target":"rev","rev":1,"op":"=="}]}`:                        "use =",
		`{"compare":[{"key":"a","target":"size","rev":1}]}`:                                 "use value",
		`{"compare":[{"key":"a","target":"exists"}]}`:                                       "missing",
		`{"compare":[{"key":"a","target":"rev","rev":1,"base64":true}]}`:                    "several operands",
		`[]`:   "not the JSON",
		`nul`:  "not the JSON",
		`{}x`:  "behind",
		`{"a`:  "not the JSON",
		`{"\u`: "not the JSON",
	} {
		_, err := parseTxn([]byte(text))
		require.ErrorContains(t, err, want, "%.80s", text)
	}
}

func TestParseTxn(t *testing.T) {
	command, err := parseTxn([]byte(`{"compare":[{"key64":"/w==","target":"value","op":"<","value":"/w==","base64":true},{"key":"\ud83d\ude00","target":"exists","exists":true}],
		"then":[{"delete":{"key":"a"}}],"else":[{"put":{"key":"b","value":""}}]}`))
	require.NoError(t, err)
	require.NoError(t, command.Check())
	require.Equal(t, store.Compare{Key: []byte("\xff"), Target: store.TargetValue, Operator: store.Less, Value: []byte("\xff")}, command.Compares[0])
	require.Equal(t, "\U0001F600", string(command.Compares[1].Key))
	require.EqualValues(t, 1, command.Compares[1].Number)
	require.Equal(t, store.OpDelete, command.Then[0].Kind)
	require.Empty(t, command.Else[0].Value)
}

// FuzzParseTxn looks for bodies that cannot be parsed and encoded without harm: what is accepted is a valid command.
func FuzzParseTxn(f *testing.F) {
	f.Add([]byte(`{"compare":[{"key":"a","target":"rev","op":"=","rev":3}],"then":[{"put":{"key":"a","value":"2"}}],"else":[{"get":{"key64":"/w=="}}]}`))
	f.Add([]byte(`{"then":[{"put":{"key":"\ud83d\ude00","value":"AA==","base64":true}},{"delete":{"key":"a"}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		command, err := parseTxn(body)
		if err != nil {
			var known *apiError
			require.ErrorAs(t, err, &known)
			require.Contains(t, []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge}, known.status)
			return
		}
		require.True(t, utf8.Valid(body))
		data, err := store.Encode(command)
		if err != nil {
			require.ErrorIs(t, err, store.ErrTooLarge)
			return
		}
		_, err = store.Decode(data)
		require.NoError(t, err)
	})
}

// FuzzRequests sends any path, query and header: the answer is an error of the API, or success.
func FuzzRequests(f *testing.F) {
	f.Add("/kv/a%2Fb", "consistency=stale", "\"7\"", "5s", "12.0")
	f.Add("/kv", "prefix=a&limit=3&after=b", "*", "", "")
	f.Add("/cluster/members/7/promote", "", "", "1h", "0.4294967295")
	f.Fuzz(func(t *testing.T, path, query, condition, timeout, id string) {
		r := &http.Request{Method: "PUT", Header: http.Header{"If-Match": {condition}, "X-Request-Timeout": {timeout}, "Last-Event-Id": {id}}}
		target := httptest.NewRequest("GET", "http://127.0.0.1/", nil)
		target.URL.Path, target.URL.RawPath, target.URL.RawQuery = path, path, query
		r.URL = target.URL
		req := &request{Request: r, endpoint: unnamed()}
		if err := newRouteTable().find(req); err == nil {
			require.NotNil(t, req.endpoint.handle)
		}
		values, err := req.query("prefix", "limit", "after", "from", "consistency", "keys_only")
		if err == nil {
			_, _ = listOptions(values)
			if p, err := watchPosition(values, r.Header); err == nil && id != "" {
				require.NotZero(t, p.Rev)
			}
		}
		if c, err := parseCondition(r.Header, store.KindPut); err == nil && c.Kind == store.CondRev {
			require.NotZero(t, c.Rev)
		}
		if d, err := requestTimeout(r.Header, &limits{timeout: time.Second, maxTimeout: time.Minute}); err == nil {
			require.Positive(t, d)
			require.LessOrEqual(t, d, time.Minute)
		}
	})
}

func TestWatchPositions(t *testing.T) {
	for id, want := range map[string]store.Position{
		"12.0": {Rev: 12, Sub: 1}, "1.5": {Rev: 1, Sub: 6}, "12.4294967295": {Rev: 13}, "0.4294967295": {Rev: 1},
	} {
		got, err := positionAfter(id)
		require.NoError(t, err)
		require.Equal(t, want, got, id)
	}
	for _, id := range []string{"", "12", "12.", ".1", "0.0", "12.4294967296", "9223372036854775808.0", "+1.0", "1.0.0", "a.b"} {
		_, err := positionAfter(id)
		require.Error(t, err, id)
	}
}

func TestValuesOnTheWire(t *testing.T) {
	for _, value := range []string{"", "a", "\u00e4\n\"<", "\xff\x00", "\u2028"} {
		text, err := json.Marshal(encodeValue([]byte(value)))
		require.NoError(t, err)
		var back jsonValue
		require.NoError(t, json.Unmarshal(text, &back))
		got, err := back.decode()
		require.NoError(t, err)
		require.Equal(t, value, string(got))
	}
	_, err := jsonValue{}.decode()
	require.ErrorContains(t, err, "missing")
	large := strings.Repeat("v", store.MaxValueBytes+1)
	_, err = jsonValue{Value: &large}.decode()
	require.ErrorContains(t, err, "at most")
}

func TestParseETag(t *testing.T) {
	for text, want := range map[string]uint64{`"7"`: 7, "7": 7, ` "18446744073709551615" `: 1<<64 - 1} {
		rev, err := parseETag(text)
		require.NoError(t, err)
		require.Equal(t, want, rev)
	}
	for _, text := range []string{"", `"`, `""`, `"0"`, `"-1"`, `"+1"`, `W/"1"`, `"1","2"`, `"18446744073709551616"`, "*"} {
		_, err := parseETag(text)
		require.Error(t, err, text)
	}
}

func TestParsePeers(t *testing.T) {
	peers, err := ParsePeers(" 2=http://b:2/, 1=http://a:1")
	require.NoError(t, err)
	require.Equal(t, []replica.Member{{ID: 1, Address: "http://a:1"}, {ID: 2, Address: "http://b:2"}}, peers)
	peers, err = ParsePeers("")
	require.NoError(t, err)
	require.Empty(t, peers)
	for _, text := range []string{"http://a:1", "0=http://a:1", "x=http://a:1", "1=a,1=b", "1=a,,2=b"} {
		_, err := ParsePeers(text)
		require.Error(t, err, text)
	}
}

func TestOptionsSayWhatIsWrong(t *testing.T) {
	good := Options{ID: 1, Listen: "127.0.0.1:8401", Dir: "d", Peers: []replica.Member{{ID: 1, Address: "http://127.0.0.1:8401"}}}
	require.NoError(t, good.complete())
	require.Equal(t, "http://127.0.0.1:8401", good.URL)
	for want, change := range map[string]func(*Options){
		"no ID":                    func(o *Options) { o.ID = 0 },
		"the cluster's name":       func(o *Options) { o.Cluster = "a/b" },
		"no directory":             func(o *Options) { o.Dir = "" },
		"no address to listen on":  func(o *Options) { o.Listen, o.URL = "", "" },
		"give it as host:port":     func(o *Options) { o.Listen = "8401" },
		"loopback addresses only":  func(o *Options) { o.Listen = "0.0.0.0:8401" },
		"not of the form http://":  func(o *Options) { o.URL = "https://127.0.0.1:8401" },
		"no members to begin with": func(o *Options) { o.Peers = nil },
		"not among the members":    func(o *Options) { o.ID = 2 },
		"they must be equal":       func(o *Options) { o.URL = "http://127.0.0.1:9" },
		"member 2 of --peers":      func(o *Options) { o.Peers = append(o.Peers[:1:1], replica.Member{ID: 2, Address: "b"}) },
		"belong together":          func(o *Options) { o.TLS.Cert = "c" },
		"the tick":                 func(o *Options) { o.Tick = time.Nanosecond },
		"--peer-proxy":             func(o *Options) { o.PeerProxy = "127.0.0.1:1" },
	} {
		o := good
		change(&o)
		require.ErrorContains(t, o.complete(), want)
	}
	for _, listen := range []string{"[::1]:1", "localhost:1", "127.1.2.3:1"} {
		o := Options{ID: 1, Listen: listen, Dir: "d", Join: true}
		require.NoError(t, o.complete(), listen)
	}
}

func TestLatencies(t *testing.T) {
	var l latencyRecorder
	now := time.Unix(1000, 0)
	require.Zero(t, l.figures(now))
	for i := range 100 {
		l.record(now.Add(time.Duration(i%5)*time.Second), time.Duration(i+1)*time.Millisecond)
	}
	f := l.figures(now.Add(5 * time.Second))
	require.EqualValues(t, 100, f.Count)
	require.InEpsilon(t, 50, f.P50, 0.2)
	require.InEpsilon(t, 90, f.P90, 0.2)
	require.InEpsilon(t, 99, f.P99, 0.2)
	require.EqualValues(t, 20, l.figures(now.Add(13*time.Second)).Count, "what is older does not count")
	require.Zero(t, l.figures(now.Add(time.Minute)))
	l.record(now.Add(time.Minute), time.Hour)
	require.EqualValues(t, 1, l.figures(now.Add(time.Minute)).Count, "the slot begins anew")
	for i := range latencyBuckets - 1 {
		require.Equal(t, i, bucketOf(bucketBound(i)-time.Nanosecond/2), "bucket %d", i)
	}
}

func TestHubKeepsWhatIsRecent(t *testing.T) {
	h := newHub()
	h.take(replica.LeaderChanged{Term: 1})
	require.Empty(t, h.leaders(), "nothing has changed yet")
	for term := range uint64(3 * maxHistory) {
		h.take(replica.LeaderChanged{Term: term, Leader: term%3 + 1})
		h.take(replica.LeaderChanged{Term: term, Leader: term%3 + 1})
	}
	leaders := h.leaders()
	require.Len(t, leaders, maxHistory)
	require.EqualValues(t, 3*maxHistory-1, leaders[maxHistory-1].Term)
	lines, more := h.linesAfter(0)
	require.Len(t, lines, maxLines)
	last := lines[len(lines)-1].number
	rest, _ := h.linesAfter(last - 2)
	require.Len(t, rest, 2)
	select {
	case <-more:
		t.Fatal("nothing has happened since")
	default:
	}
	h.take(replica.MembersChanged{Members: []replica.Member{{ID: 1}, {ID: 2, Learner: true}}})
	<-more
	rest, _ = h.linesAfter(last)
	require.Contains(t, rest[0].Text, "1, 2 (learner)")
}
