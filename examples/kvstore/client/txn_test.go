package client

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTxn(t *testing.T) {
	f := newFake(t, 1)
	var body []byte
	f.members[0].misbehave(func(w http.ResponseWriter, r *http.Request) bool {
		body, _ = io.ReadAll(r.Body)
		fmt.Fprint(w, `{"rev":9,"succeeded":true,"results":[{"put":{"rev":9}},{"delete":{"deleted":true}},`+
			`{"get":{"exists":true,"value":"/w==","base64":true,"rev":9}}]}`)
		return true
	})
	txn := NewTxn().
		If(CompareRevision("a", "=", 3), CompareValue("b", "!=", []byte("x")), CompareExists("c", false)).
		If(CompareCreated("d", ">", 1), CompareVersion("\xff", "<", 2), CompareValue("e", "=", []byte{0xff})).
		Then(OpPut("a", []byte("2")), OpDelete("b"), OpGet("a")).
		Else(OpGet("\xff"), OpPut("f", nil))
	result, err := f.client(t).Commit(t.Context(), txn)
	require.NoError(t, err)
	require.JSONEq(t, `{
		"compare": [
			{"key":"a","target":"rev","op":"=","rev":3},
			{"key":"b","target":"value","op":"!=","value":"x"},
			{"key":"c","target":"exists","exists":false},
			{"key":"d","target":"created","op":">","created":1},
			{"key64":"/w==","target":"version","op":"<","version":2},
			{"key":"e","target":"value","op":"=","value":"/w==","base64":true}],
		"then": [{"put":{"key":"a","value":"2"}},{"delete":{"key":"b"}},{"get":{"key":"a"}}],
		"else": [{"get":{"key64":"/w=="}},{"put":{"key":"f","value":""}}]}`, string(body))
	require.True(t, result.Succeeded)
	require.Equal(t, uint64(9), result.Rev)
	require.Equal(t, uint64(9), result.Results[0].Put.Rev)
	require.True(t, result.Results[1].Delete.Deleted)
	data, err := result.Results[2].Get.Data()
	require.NoError(t, err)
	require.Equal(t, []byte{0xff}, data)

	var read Txn
	require.NoError(t, json.Unmarshal(body, &read))
	require.Equal(t, *txn, read)
}

// The first attempt was applied and not answered, and what it read is not remembered.
func TestOmittedValueIsNoEmptyValue(t *testing.T) {
	f := newFake(t, 1)
	f.members[0].misbehave(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Idempotency-Replayed", "true")
		fmt.Fprint(w, `{"rev":9,"succeeded":true,"results":[{"get":{"exists":true,"value":"","rev":3,"created":3,"version":1,"omitted":true}}]}`)
		return true
	})
	result, err := f.client(t).Commit(t.Context(), &Txn{})
	require.NoError(t, err)
	require.True(t, result.Replayed)
	_, err = result.Results[0].Get.Data()
	require.ErrorIs(t, err, ErrOmitted)
}
