package dashboard_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The keys of the fake members: /kv, /txn, /watch and /events.

func (m *fakeMember) list(w http.ResponseWriter, r *http.Request) {
	c := m.c
	c.mu.Lock()
	defer c.mu.Unlock()
	m.gets++
	if c.broken && r.FormValue("consistency") != "stale" {
		fail(w, http.StatusServiceUnavailable, "no_leader", "there is no leader: try again")
		return
	}
	limit, _ := strconv.Atoi(r.FormValue("limit"))
	keysOnly, size := r.FormValue("keys_only") == "true", 0
	items, more, last := []map[string]any{}, false, ""
	for _, key := range slices.Sorted(maps.Keys(c.keys)) {
		if !strings.HasPrefix(key, r.FormValue("prefix")) || key <= r.FormValue("after") {
			continue
		}
		if more = len(items) == limit || c.pageKeys > 0 && len(items) == c.pageKeys; more {
			break
		}
		items, last = append(items, item(key, c.keys[key])), key
		if keysOnly {
			delete(items[len(items)-1], "value")
			delete(items[len(items)-1], "base64")
			continue
		}
		size += len(c.keys[key].value)
	}
	c.valuesSent += size
	page := map[string]any{"rev": c.rev, "items": items, "more": more}
	if more {
		putNext(page, last)
	}
	answer(w, 200, page)
}

func putNext(page map[string]any, last string) {
	if utf8.ValidString(last) {
		page["next"] = last
		return
	}
	page["next64"] = base64.StdEncoding.EncodeToString([]byte(last))
}

func item(key string, k *fakeKey) map[string]any {
	item := map[string]any{"key": key, "value": k.value, "rev": k.rev, "created": k.created, "version": k.version}
	if !utf8.ValidString(k.value) {
		item["value"], item["base64"] = base64.StdEncoding.EncodeToString([]byte(k.value)), true
	}
	if !utf8.ValidString(key) {
		delete(item, "key")
		item["key64"] = base64.StdEncoding.EncodeToString([]byte(key))
	}
	return item
}

func (m *fakeMember) key(w http.ResponseWriter, r *http.Request) {
	c := m.c
	c.mu.Lock()
	defer c.mu.Unlock()
	name := r.PathValue("key")
	k := c.keys[name]
	if r.Method == http.MethodGet {
		m.read(w, k)
		return
	}
	body, _ := io.ReadAll(r.Body)
	c.note(r, body)
	match := r.Header.Get("If-Match")
	if r.Header.Get("If-None-Match") == "*" && k != nil || match != "" && (k == nil || match != etag(k)) {
		fail(w, http.StatusPreconditionFailed, "precondition_failed", "the key has another revision")
		return
	}
	if r.Method == http.MethodDelete {
		c.remove(name)
		answer(w, 200, map[string]any{"rev": c.rev, "deleted": true})
		return
	}
	k = c.put(name, string(body))
	answer(w, 200, map[string]any{"rev": k.rev, "created": k.version == 1})
}

func etag(k *fakeKey) string { return fmt.Sprintf("%q", strconv.Itoa(k.rev)) }

func (m *fakeMember) read(w http.ResponseWriter, k *fakeKey) {
	if k == nil {
		fail(w, http.StatusNotFound, "not_found", "there is no such key")
		return
	}
	w.Header().Set("ETag", etag(k))
	_, _ = io.WriteString(w, k.value)
}

func (c *fakeCluster) remove(name string) {
	delete(c.keys, name)
	c.rev++
	c.publish("delete", event{Rev: c.rev, Key: name})
}

// txn knows the transactions of one operation that the page makes, and takes their compares to hold.
func (m *fakeMember) txn(w http.ResponseWriter, r *http.Request) {
	c := m.c
	c.mu.Lock()
	defer c.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	c.note(r, body)
	var txn struct {
		Then []struct {
			Put    *struct{ Key, Value string }
			Delete *struct{ Key string }
			Get    *struct{ Key string }
		}
	}
	if json.Unmarshal(body, &txn) != nil || len(txn.Then) != 1 {
		fail(w, http.StatusBadRequest, "bad_request", "not a transaction of one operation")
		return
	}
	var result map[string]any
	switch do := txn.Then[0]; {
	case do.Put != nil:
		result = map[string]any{"put": map[string]any{"rev": c.put(do.Put.Key, do.Put.Value).rev}}
	case do.Delete != nil:
		c.remove(do.Delete.Key)
		result = map[string]any{"delete": map[string]any{"deleted": true}}
	default:
		k := c.keys[do.Get.Key]
		result = map[string]any{"get": map[string]any{"exists": true, "value": k.value, "rev": k.rev}}
	}
	answer(w, 200, map[string]any{"rev": c.rev, "succeeded": true, "results": []any{result}})
}

// stream sends what next returns at every change of the cluster, until the page goes.
const endOfStream = "event: error\n"

func (m *fakeMember) stream(w http.ResponseWriter, r *http.Request, next func() string) {
	w.Header().Set("Content-Type", "text/event-stream")
	flusher := http.NewResponseController(w)
	for {
		m.c.mu.Lock()
		text, changed, state := next(), m.c.changed, m.state
		m.c.mu.Unlock()
		if state == "dead" {
			return
		}
		_, _ = io.WriteString(w, text)
		_ = flusher.Flush()
		if strings.HasPrefix(text, endOfStream) {
			return
		}
		select {
		case <-changed:
		case <-time.After(time.Second):
		case <-r.Context().Done():
			return
		}
	}
}

func (m *fakeMember) watch(w http.ResponseWriter, r *http.Request) {
	m.c.mu.Lock()
	m.c.watches++
	at := len(m.c.changes)
	if from, err := strconv.Atoi(r.FormValue("from")); err == nil {
		at = slices.IndexFunc(m.c.changes, func(c change) bool { return c.rev >= from })
	}
	if at < 0 {
		at = len(m.c.changes)
	}
	if last, _, ok := strings.Cut(r.Header.Get("Last-Event-ID"), "."); ok {
		rev, _ := strconv.Atoi(last)
		at = slices.IndexFunc(m.c.changes, func(c change) bool { return c.rev == rev }) + 1
	}
	m.c.mu.Unlock()
	m.stream(w, r, func() string {
		if code := m.c.watchError; code != "" {
			m.c.watchError = ""
			return endOfStream + `data: {"error":{"code":"` + code + `","message":"the stream ends"}}` + "\n\n"
		}
		var text strings.Builder
		for ; at < len(m.c.changes); at++ {
			c := m.c.changes[at]
			data, _ := json.Marshal(c.event)
			if strings.HasPrefix(c.event.Key, r.FormValue("prefix")) {
				fmt.Fprintf(&text, "id: %d.0\nevent: %s\ndata: %s\n\n", c.rev, c.name, data)
			}
		}
		if text.Len() == 0 {
			return ": keep-alive\n\n"
		}
		return text.String()
	})
}

func (m *fakeMember) events(w http.ResponseWriter, r *http.Request) {
	m.c.mu.Lock()
	at := len(m.logs)
	m.c.mu.Unlock()
	m.stream(w, r, func() string {
		var text strings.Builder
		text.WriteString("event: status\ndata: {}\n\n")
		for ; at < len(m.logs); at++ {
			data, _ := json.Marshal(map[string]string{"time": time.Now().Format(time.RFC3339Nano), "kind": "leader", "text": m.logs[at]})
			fmt.Fprintf(&text, "event: log\ndata: %s\n\n", data)
		}
		return text.String()
	})
}
