package server

// Many keys: GET /kv.

import (
	"context"
	"net/http"
	"unicode/utf8"

	"github.com/seed695671cb/raft/examples/kvstore/store"
)

const (
	defaultListLimit = 100
	maxListLimit     = 10_000
	maxListBytes     = 8 << 20
)

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
	page, release, err := a.readPage(r.Context(), options)
	if err != nil {
		return err
	}
	defer release()
	return streamJSON(w, func(j *jsonWriter) { writePage(j, &page, options.KeysOnly) })
}

// readPage reads, and counts what was read until release is called.
func (a *api) readPage(ctx context.Context, options store.ListOptions) (page store.Page, release func(), err error) {
	if err := a.reading.enter(ctx); err != nil {
		return store.Page{}, nil, err
	}
	defer a.reading.leave()
	if page, err = a.keys.List(options); err != nil {
		return store.Page{}, nil, err
	}
	release, err = a.reserveAnswer(pageSize(&page))
	return page, release, err
}

// itemOverhead is what an item or an event takes up beside its key and value.
const itemOverhead = 128

// pageSize is about what a page takes up. Its JSON takes up a piece at a time, however long it is.
func pageSize(page *store.Page) int {
	size := len(page.Items) * itemOverhead
	for i := range page.Items {
		size += len(page.Items[i].Key) + len(page.Items[i].Value)
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

// writePage writes the answer.
func writePage(j *jsonWriter, page *store.Page, keysOnly bool) {
	j.number(`{"rev":`, page.Rev)
	j.raw(`,"items":[`)
	for i := range page.Items {
		if i > 0 {
			j.raw(",")
		}
		writeItem(j, &page.Items[i], keysOnly)
	}
	j.bool(`],"more":`, page.More)
	if page.More && len(page.Items) > 0 {
		writeNext(j, page.Items[len(page.Items)-1].Key)
	}
	j.raw("}")
}

func writeItem(j *jsonWriter, kv *store.KeyValue, keysOnly bool) {
	j.raw("{")
	j.key(kv.Key)
	if !keysOnly {
		j.raw(",")
		j.value(kv.Value)
	}
	j.number(`,"rev":`, kv.Rev)
	j.number(`,"created":`, kv.CreateRev)
	j.number(`,"version":`, kv.Version)
	j.raw("}")
}

// writeNext writes where the next page begins.
func writeNext(j *jsonWriter, last []byte) {
	if utf8.Valid(last) {
		j.raw(`,"next":`)
		j.quote(last)
		return
	}
	j.raw(`,"next64":`)
	j.base64(last)
}
