package server

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/examples/kvstore/store"
)

// written returns what a jsonWriter sends, and how long its longest piece is.
func written(t *testing.T, write func(j *jsonWriter)) (text []byte, longest int) {
	t.Helper()
	j := &jsonWriter{sendPiece: func(piece []byte) error {
		text = append(text, piece...)
		longest = max(longest, len(piece))
		return nil
	}}
	write(j)
	require.NoError(t, j.flush())
	return text, longest
}

// awkward are values that JSON has something to do with.
func awkward() [][]byte {
	rng := rand.New(rand.NewPCG(3, 5))
	alphabet := []rune("ab\"\\\x00\x01\x1f\x7f\b\f\n\r\t/<>&\u00e4\u2027\u2028\u2029\u202a\u20a8\ue000\ufffd\U0001F600")
	values := [][]byte{{}, []byte("\xff"), []byte("\xe2\x80"), []byte(strings.Repeat("\xff\xfe\x00", 40_000) + "x"), []byte(strings.Repeat("\x01", 100_000))}
	for size := range 40 {
		var text strings.Builder
		for range size * size * 20 {
			text.WriteRune(alphabet[rng.IntN(len(alphabet))])
		}
		values = append(values, []byte(text.String()))
	}
	return values
}

// TestWrittenJSONIsThatOfTheStandardLibrary compares whole answers, byte by byte.
func TestWrittenJSONIsThatOfTheStandardLibrary(t *testing.T) {
	var page store.Page
	list := listAnswer{Rev: 7, More: true, Items: []listItem{}}
	result := store.Result{Rev: 9, Succeeded: true, Ops: []store.OpResult{
		{Kind: store.OpPut, Rev: 9}, {Kind: store.OpDelete, Exists: true}, {Kind: store.OpGet}, {Kind: store.OpGet, Exists: true, Omitted: true, Rev: 3},
	}}
	txn := txnAnswer{Rev: 9, Succeeded: true, Results: []txnResult{
		{Put: &txnPutResult{Rev: 9}}, {Delete: &txnDeleteResult{Deleted: true}}, {Get: &txnGetResult{}}, {Get: &txnGetResult{Exists: true, Omitted: true, Rev: 3}},
	}}
	for i, value := range awkward() {
		key, n := value[:min(len(value), 100)], uint64(i)
		page.Items = append(page.Items, store.KeyValue{Key: key, Value: value, Rev: n, CreateRev: 2, Version: 1 << 63})
		list.Items = append(list.Items, listItem{jsonKey: encodeKey(key), jsonValue: encodeValue(value), Rev: n, Created: 2, Version: 1 << 63})
		result.Ops = append(result.Ops, store.OpResult{Kind: store.OpGet, Exists: true, Value: value, Rev: n})
		txn.Results = append(txn.Results, txnResult{Get: &txnGetResult{Exists: true, jsonValue: encodeValue(value), Rev: n}})
		for _, prev := range []uint64{0, 5} {
			e := store.Event{Position: store.Position{Rev: n}, Type: store.EventPut, Key: key, Value: value, PrevRev: prev}
			same(t, watchEvent{Rev: n, jsonKey: encodeKey(key), jsonValue: encodeValue(value), PrevRev: prev}, func(j *jsonWriter) { writeEvent(j, &e) })
		}
	}
	e := store.Event{Type: store.EventDelete, Key: []byte("k")}
	same(t, watchEvent{jsonKey: encodeKey(e.Key)}, func(j *jsonWriter) { writeEvent(j, &e) })
	same(t, txn, func(j *jsonWriter) { writeResult(j, &result) })
	for _, last := range []string{"k", "\xff"} {
		page.Rev, page.More = 7, true
		page.Items = append(page.Items, store.KeyValue{Key: []byte(last)})
		list.Items = append(list.Items, listItem{jsonKey: encodeKey([]byte(last)), jsonValue: encodeValue(nil)})
		list.Next, list.Next64 = last, nil
		if !utf8.ValidString(last) {
			list.Next, list.Next64 = "", []byte(last)
		}
		same(t, list, func(j *jsonWriter) { writePage(j, &page, false) })
	}
	same(t, listAnswer{Items: []listItem{}}, func(j *jsonWriter) { writePage(j, &store.Page{}, false) })
	short := store.Page{Items: []store.KeyValue{{Key: []byte("k"), Rev: 1, CreateRev: 1, Version: 1}}}
	same(t, listAnswer{Items: []listItem{{jsonKey: encodeKey([]byte("k")), Rev: 1, Created: 1, Version: 1}}}, func(j *jsonWriter) { writePage(j, &short, true) })
}

func same(t *testing.T, want any, write func(j *jsonWriter)) {
	t.Helper()
	expected, err := marshal(want)
	require.NoError(t, err)
	got, longest := written(t, write)
	require.True(t, string(expected) == string(got), "%.300s\n%.300s", expected, got)
	require.True(t, json.Valid(got))
	require.Less(t, longest, 64<<10, "whatever is written, a piece at a time is in memory")
}

// TestWritingEndsWithTheFirstError sends a large value to somebody who has gone.
func TestWritingEndsWithTheFirstError(t *testing.T) {
	sent := 0
	j := &jsonWriter{sendPiece: func([]byte) error { sent++; return errors.New("gone") }}
	for range 10 {
		j.value([]byte(strings.Repeat("v", 1<<20)))
		j.value([]byte(strings.Repeat("\xff", 1<<20)))
	}
	require.ErrorContains(t, j.flush(), "gone")
	require.Equal(t, 1, sent)
	require.Less(t, cap(j.buffer), 4*pieceBytes)
}

// TestShortAnswersSayHowLongTheyAre looks at the headers of an answer of one piece, and of one of several.
func TestShortAnswersSayHowLongTheyAre(t *testing.T) {
	for size, length := range map[int]string{10: "22", 100_000: ""} {
		w := httptest.NewRecorder()
		err := streamJSON(w, func(j *jsonWriter) { j.raw("{"); j.value([]byte(strings.Repeat("v", size))); j.raw("}") })
		require.NoError(t, err)
		require.Equal(t, 200, w.Code)
		require.Equal(t, length, w.Header().Get("Content-Length"))
		require.Equal(t, "application/json", w.Header().Get("Content-Type"))
		require.Equal(t, size+12, w.Body.Len())
	}
}
