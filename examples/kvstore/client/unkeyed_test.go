package client

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// Without a key a write that may have been applied is not sent again, one that surely was not is.
func TestAWriteWithoutKeyIsRepeatedOnlyIfItWasNotApplied(t *testing.T) {
	var code atomic.Value
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Idempotency-Key") != "" {
			t.Error("there is a key")
		}
		if asked.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"error":{"code":"` + code.Load().(string) + `","message":"as the test has it"}}`))
			return
		}
		_, _ = w.Write([]byte(`{"rev":1,"created":true}`))
	}))
	defer server.Close()
	c, err := New(Options{Endpoints: []string{server.URL}, Unkeyed: true})
	require.NoError(t, err)
	code.Store("timeout")
	_, err = c.Put(t.Context(), "k", []byte("v"))
	require.ErrorIs(t, err, ErrTimeout)
	require.Equal(t, int64(1), asked.Load())
	asked.Store(0)
	code.Store("no_leader")
	_, err = c.Put(t.Context(), "k", []byte("v"))
	require.NoError(t, err)
	require.Equal(t, int64(2), asked.Load())
}
