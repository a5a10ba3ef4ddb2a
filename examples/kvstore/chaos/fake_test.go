package chaos

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed695671cb/raft/examples/kvstore/chaos/history"
)

// A bug is something that a fake does wrong now and then.
type bug string

const (
	noBug       bug = ""
	losesWrites bug = "acknowledges writes that it does not apply"
	readsStale  bug = "answers reads with what was there before"
	doubles     bug = "applies a write again when it is repeated"
	skipsEvents bug = "leaves out changes for one watcher"
	repeats     bug = "tells a change twice"
	lies        bug = "refuses writes that it applies"
	ignoresCAS  bug = "sets although the revision differs"
)

// A fake is a kvstore in memory, with several addresses in the place of members. It loses answers now and then.
type fake struct {
	bug     bug
	servers []*httptest.Server

	mu      sync.Mutex
	rng     *rand.Rand
	rev     uint64
	items   map[string]listItem
	before  map[string]listItem // the items that were replaced last
	answers map[string]fakeAnswer
	changes []fakeChange
	events  chan struct{} // closed and replaced at each change
}

type fakeAnswer struct {
	status int
	rev    uint64
	body   []byte
	again  []byte // what repetitions get instead, unless it is nil
}

type fakeChange struct {
	id   history.EventID
	kind string
	data []byte
	key  string
}

func newFake(t *testing.T, members int, b bug) *fake {
	f := &fake{bug: b, rng: rand.New(rand.NewPCG(1, 2)), items: map[string]listItem{}, before: map[string]listItem{},
		answers: map[string]fakeAnswer{}, events: make(chan struct{})}
	for range members {
		mux := http.NewServeMux()
		mux.HandleFunc("/kv/{key}", f.key)
		mux.HandleFunc("GET /kv", f.list)
		mux.HandleFunc("POST /txn", f.txn)
		mux.HandleFunc("GET /watch", f.watch)
		server := httptest.NewServer(mux)
		f.servers = append(f.servers, server)
		t.Cleanup(func() {
			server.CloseClientConnections()
			server.Close()
		})
	}
	return f
}

func (f *fake) slots() int { return len(f.servers) }

func (f *fake) at(slot int) endpoint {
	return endpoint{slot: slot, id: uint64(slot + 1), url: f.servers[slot].URL, life: 1}
}

// sometimes is true once in so many times; mu must be held.
func (f *fake) sometimes(n int) bool { return f.rng.IntN(n) == 0 }

// act applies actions at a new revision; mu must be held.
func (f *fake) act(actions []txnAction) (rev uint64, results []map[string]any) {
	rev = f.rev + 1
	var sub uint64
	for _, a := range actions {
		results = append(results, f.actOne(a, rev, &sub))
	}
	if sub > 0 {
		f.rev = rev
		close(f.events)
		f.events = make(chan struct{})
	}
	return f.rev, results
}

func (f *fake) actOne(a txnAction, rev uint64, sub *uint64) map[string]any {
	if a.Get != nil {
		item, exists := f.items[a.Get.Key]
		get := map[string]any{"exists": exists, "rev": item.Rev, "created": item.Created, "version": item.Version}
		if exists {
			get["value"] = item.Value
		}
		return map[string]any{"get": get}
	}
	if a.Delete != nil {
		old, exists := f.items[a.Delete.Key]
		if exists {
			f.tell(rev, sub, "delete", map[string]any{"rev": rev, "key": old.Key, "prev_rev": old.Rev})
			delete(f.items, old.Key)
		}
		return map[string]any{"delete": map[string]any{"deleted": exists}}
	}
	old, exists := f.items[a.Put.Key]
	item := listItem{Key: a.Put.Key, Value: *a.Put.Value, Rev: rev, Created: old.Created, Version: old.Version + 1}
	if exists {
		f.before[item.Key] = old
	} else {
		item.Created = rev
	}
	f.items[item.Key] = item
	event := map[string]any{"rev": rev, "key": item.Key, "value": item.Value}
	if exists {
		event["prev_rev"] = old.Rev
	}
	f.tell(rev, sub, "put", event)
	return map[string]any{"put": map[string]any{"rev": rev}}
}

func (f *fake) tell(rev uint64, sub *uint64, kind string, data map[string]any) {
	text, _ := json.Marshal(data)
	f.changes = append(f.changes, fakeChange{id: history.EventID{Rev: rev, Sub: *sub}, kind: kind, data: text, key: data["key"].(string)})
	*sub++
}

// once answers a write, and the repetitions of one with an idempotency key with the first answer. Now and then the write
// is not done, or the answer is lost.
func (f *fake) once(w http.ResponseWriter, r *http.Request, do func() fakeAnswer) {
	time.Sleep(time.Duration(rand.Int64N(int64(2 * time.Millisecond))))
	f.mu.Lock()
	key := r.Header.Get("Idempotency-Key")
	answer, known := f.answers[key]
	if known && f.bug == doubles {
		do()
	}
	if !known && f.sometimes(40) {
		f.mu.Unlock()
		f.fail(w, http.StatusServiceUnavailable, []string{"timeout", "unavailable"}[rand.IntN(2)])
		return
	}
	if !known {
		answer = do()
		if key != "" {
			f.answers[key] = answer
		}
	}
	lost, refused := f.sometimes(40), f.bug == lies && f.sometimes(20)
	f.mu.Unlock()
	switch {
	case refused:
		f.fail(w, http.StatusServiceUnavailable, "unavailable")
	case lost:
		f.fail(w, http.StatusServiceUnavailable, "timeout")
	default:
		f.answer(w, answer, known)
	}
}

func (f *fake) answer(w http.ResponseWriter, a fakeAnswer, replayed bool) {
	if a.rev != 0 {
		w.Header().Set("ETag", etag(a.rev))
	}
	if replayed {
		w.Header().Set("Idempotency-Replayed", "true")
	}
	if replayed && a.again != nil {
		a.body = a.again
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

func (f *fake) fail(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":{"code":%q,"message":"fake"}}`, code)
}

func fakeJSON(status int, rev uint64, body map[string]any) fakeAnswer {
	text, _ := json.Marshal(body)
	return fakeAnswer{status: status, rev: rev, body: text}
}

func (f *fake) key(w http.ResponseWriter, r *http.Request) {
	key := r.PathValue("key")
	if r.Method == http.MethodGet {
		f.get(w, key)
		return
	}
	body, _ := io.ReadAll(r.Body)
	value := string(body)
	f.once(w, r, func() fakeAnswer {
		item, exists := f.items[key]
		if !f.holds(r, item, exists) {
			return fakeJSON(http.StatusPreconditionFailed, item.Rev, map[string]any{"error": map[string]any{"code": "precondition_failed"}, "rev": item.Rev, "exists": exists})
		}
		if r.Method == http.MethodDelete && !exists {
			return fakeJSON(http.StatusNotFound, 0, map[string]any{"error": map[string]any{"code": "not_found"}})
		}
		if f.loses(r, key) {
			f.rev++
			return fakeJSON(http.StatusOK, f.rev, map[string]any{"rev": f.rev, "deleted": true})
		}
		action := txnAction{Put: &txnKey{Key: key, Value: &value}}
		if r.Method == http.MethodDelete {
			action = txnAction{Delete: &txnKey{Key: key}}
		}
		rev, _ := f.act([]txnAction{action})
		return fakeJSON(http.StatusOK, rev, map[string]any{"rev": rev, "deleted": true, "created": !exists})
	})
}

// loses reports whether a write is to be lost: never the last one, for which watchers would wait in vain before anything is checked.
func (f *fake) loses(r *http.Request, key string) bool {
	return f.bug == losesWrites && f.sometimes(20) && !strings.HasPrefix(key, "probe") && r.Header.Get("Idempotency-Key") != lastWrite
}

func (f *fake) holds(r *http.Request, item listItem, exists bool) bool {
	match, none := r.Header.Get("If-Match"), r.Header.Get("If-None-Match")
	switch {
	case match == "*":
		return exists
	case match != "":
		return exists && match == etag(item.Rev) || f.bug == ignoresCAS && f.sometimes(2)
	case none == "*":
		return !exists
	default:
		return true
	}
}

func (f *fake) get(w http.ResponseWriter, key string) {
	f.mu.Lock()
	item, exists := f.items[key]
	if old, known := f.before[key]; known && f.bug == readsStale && f.sometimes(30) {
		item, exists = old, true
	}
	f.mu.Unlock()
	if !exists {
		f.fail(w, http.StatusNotFound, "not_found")
		return
	}
	w.Header().Set("ETag", etag(item.Rev))
	_, _ = io.WriteString(w, item.Value)
}

func (f *fake) list(w http.ResponseWriter, r *http.Request) {
	limit, _ := strconv.Atoi(r.FormValue("limit"))
	if limit == 0 {
		limit = 100
	}
	f.mu.Lock()
	body := okBody{Rev: f.rev}
	for key, item := range f.items {
		if strings.HasPrefix(key, r.FormValue("prefix")) && key > r.FormValue("after") {
			body.Items = append(body.Items, item)
		}
	}
	f.mu.Unlock()
	sort.Slice(body.Items, func(i, j int) bool { return body.Items[i].Key < body.Items[j].Key })
	if len(body.Items) > limit {
		body.Items, body.More, body.Next = body.Items[:limit], true, body.Items[limit-1].Key
	}
	_ = json.NewEncoder(w).Encode(body)
}

func (f *fake) txn(w http.ResponseWriter, r *http.Request) {
	var body txnBody
	_ = json.NewDecoder(r.Body).Decode(&body)
	f.once(w, r, func() fakeAnswer {
		succeeded := true
		for _, c := range body.Compare {
			item, exists := f.items[c.Key]
			succeeded = succeeded && (c.Rev == nil || *c.Rev == item.Rev) && (c.Exists == nil || *c.Exists == exists)
		}
		actions := body.Else
		if succeeded {
			actions = body.Then
		}
		rev, results := f.act(actions)
		answer := fakeJSON(http.StatusOK, rev, map[string]any{"rev": rev, "succeeded": succeeded, "results": results})
		omitValues(results)
		answer.again = fakeJSON(http.StatusOK, rev, map[string]any{"rev": rev, "succeeded": succeeded, "results": results}).body
		return answer
	})
}

// omitValues takes the values out of the results, as repetitions are without them.
func omitValues(results []map[string]any) {
	for _, result := range results {
		get, _ := result["get"].(map[string]any)
		if get["value"] != nil {
			delete(get, "value")
			get["omitted"] = true
		}
	}
}

func (f *fake) watch(w http.ResponseWriter, r *http.Request) {
	last := r.Header.Get("Last-Event-ID")
	if last == "" {
		last = r.FormValue("after")
	}
	after, _ := parseEventID(last)
	unlucky := r.FormValue("after") != ""
	w.WriteHeader(http.StatusOK)
	for n := 0; ; {
		f.mu.Lock()
		more, changes := f.events, f.changes
		f.mu.Unlock()
		for _, c := range changes {
			if !after.Less(c.id) || !strings.HasPrefix(c.key, r.FormValue("prefix")) {
				continue
			}
			after = c.id
			n++
			f.send(w, c, unlucky && n%10 == 0)
		}
		_ = http.NewResponseController(w).Flush()
		if n > 40 {
			return // the connection is cut, and the watcher has to resume
		}
		select {
		case <-more:
		case <-r.Context().Done():
			return
		}
	}
}

func (f *fake) send(w io.Writer, c fakeChange, unlucky bool) {
	times := 1
	switch {
	case unlucky && f.bug == skipsEvents:
		times = 0
	case unlucky && f.bug == repeats:
		times = 2
	}
	for range times {
		fmt.Fprintf(w, ": hello\n\nid: %s\nevent: %s\ndata: %s\n\n", c.id, c.kind, c.data)
	}
}
