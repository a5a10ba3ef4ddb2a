package server

// Many keys: GET /kv.

import (
	"net/http"
	"unicode/utf8"

	"github.com/seed695671cb/raft/examples/kvstore/store"
)

const (
	defaultListLimit = 100
	maxListLimit     = 10_000
	maxListBytes     = 8 << 20
)

type listAnswer struct {
	Rev    uint64     `json:"rev"`
	Items  []listItem `json:"items"`
	More   bool       `json:"more"`
	Next   string     `json:"next,omitempty"`
	Next64 []byte     `json:"next64,omitempty"`
}

type listItem struct {
	jsonKey
	jsonValue
	Rev     uint64 `json:"rev"`
	Created uint64 `json:"created"`
	Version uint64 `json:"version"`
}

func (a *api) handleList(w http.ResponseWriter, r *request) error {
	query, err := r.query("prefix", "limit", "after", "consistency", "keys_only")
	if err != nil {
		return err
	}
	options, err := listOptions(query)
	if err != nil {
		return err
	}
	if err := a.awaitRead(r.Context(), w, query); err != nil {
		return err
	}
	page, err := a.keys.List(options)
	if err != nil {
		return err
	}
	release, err := a.reserveAnswer(answerSize(&page))
	if err != nil {
		return err
	}
	defer release()
	return writeJSON(w, http.StatusOK, newListAnswer(&page, options.KeysOnly))
}

// answerSize is about what a page takes up: as it was read, as strings, and as JSON.
func answerSize(page *store.Page) int {
	size := 0
	for i := range page.Items {
		size += 3 * (len(page.Items[i].Key) + len(page.Items[i].Value))
	}
	return size
}

func listOptions(query parameters) (store.ListOptions, error) {
	limit, err := query.number("limit", defaultListLimit, 1, maxListLimit)
	if err != nil {
		return store.ListOptions{}, err
	}
	keysOnly, err := query.flag("keys_only")
	if err != nil {
		return store.ListOptions{}, err
	}
	o := store.ListOptions{
		Prefix: []byte(query.text("prefix")), After: []byte(query.text("after")),
		Limit: int(limit), KeysOnly: keysOnly, MaxBytes: maxListBytes,
	}
	for _, part := range [...][]byte{o.Prefix, o.After} {
		if len(part) > store.MaxKeyBytes {
			return store.ListOptions{}, badRequest("prefix and after have at most %d bytes, as keys do", store.MaxKeyBytes)
		}
	}
	return o, nil
}

func newListAnswer(page *store.Page, keysOnly bool) listAnswer {
	answer := listAnswer{Rev: page.Rev, More: page.More, Items: make([]listItem, len(page.Items))}
	for i := range page.Items {
		kv := &page.Items[i]
		item := listItem{jsonKey: encodeKey(kv.Key), Rev: kv.Rev, Created: kv.CreateRev, Version: kv.Version}
		if !keysOnly {
			item.jsonValue = encodeValue(kv.Value)
		}
		answer.Items[i] = item
	}
	if !page.More || len(page.Items) == 0 {
		return answer
	}
	last := page.Items[len(page.Items)-1].Key
	if utf8.Valid(last) {
		answer.Next = string(last)
	} else {
		answer.Next64 = last
	}
	return answer
}
