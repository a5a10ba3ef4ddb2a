package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/examples/kvstore/bench"
)

// benchMember is a double for bench: it answers what bench asks for, and has a function for the keys.
func benchMember(t *testing.T, keys http.HandlerFunc) {
	var url string
	mux := http.NewServeMux()
	mux.HandleFunc("GET /cluster", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"id":1,"role":"leader","leader":1,"members":[{"id":1,"url":"`+url+`"}]}`)
	})
	mux.HandleFunc("GET /cluster/members", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"members":[{"id":1,"url":"`+url+`"}]}`)
	})
	mux.HandleFunc("/kv/", keys)
	mux.HandleFunc("GET /kv", keys)
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	url = server.URL
	t.Setenv("KVSTORE_ENDPOINTS", url)
	t.Setenv("KVSTORE_TOKEN", "")
}

func runBenchCommand(ctx context.Context, args ...string) outcome {
	var out, errors bytes.Buffer
	code := run(ctx, append([]string{"bench", "--clients", "4", "--keys", "40"}, args...), strings.NewReader(""), &out, &errors)
	return outcome{code, out.String(), errors.String()}
}

func TestBenchOfErrorsFails(t *testing.T) {
	benchMember(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		_, _ = io.WriteString(w, `{"error":{"code":"too_large","message":"as the test has it"}}`)
	})
	got := runBenchCommand(t.Context(), "--ops", "50")
	require.Equal(t, exitFailed, got.code, "%s%s", got.out, got.errors)
	require.Contains(t, got.errors, "not one request has succeeded")
	require.Contains(t, got.out, "50 too_large")
}

func TestBenchWithSingleErrorsSucceeds(t *testing.T) {
	var asked atomic.Int64
	benchMember(t, func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1)%2 == 0 {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			_, _ = io.WriteString(w, `{"error":{"code":"too_large","message":"as the test has it"}}`)
			return
		}
		_, _ = io.WriteString(w, `{"rev":1,"created":true}`)
	})
	got := runBenchCommand(t.Context(), "--ops", "50")
	require.Zero(t, got.code, "%s%s", got.out, got.errors)
}

// Ctrl-C comes in the middle of the load, or of the verification. What was to be verified is not, and the status says so.
func TestInterruptedBenchIsNotVerified(t *testing.T) {
	for name, c := range map[string]struct {
		args         []string
		inList       bool
		code         int
		says, report string
	}{
		"load":         {[]string{"--ops", "1000000", "--verify"}, false, exitFailed, "nothing is verified", "interrupted, not verified"},
		"verification": {[]string{"--ops", "50", "--verify"}, true, exitFailed, "verification: the keys cannot be listed", "not verified"},
		"no verify":    {[]string{"--ops", "1000000"}, false, exitOK, "", "interrupted, not verified"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var puts atomic.Int64
			benchMember(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if r.Method == http.MethodGet {
					cancel()
					<-r.Context().Done() // an answer could still be taken for one that came before
					return
				}
				if !c.inList && puts.Add(1) == 200 {
					cancel()
				}
				_, _ = io.WriteString(w, `{"rev":1,"created":true}`)
			})
			got := runBenchCommand(ctx, c.args...)
			require.Equal(t, c.code, got.code, "%s%s", got.out, got.errors)
			require.Contains(t, got.errors, c.says)
			require.Contains(t, got.out, c.report)
		})
	}
}

func TestInterruptedBenchSaysSoInJSON(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var puts atomic.Int64
	benchMember(t, func(w http.ResponseWriter, _ *http.Request) {
		if puts.Add(1) == 200 {
			cancel()
		}
		_, _ = io.WriteString(w, `{"rev":1,"created":true}`)
	})
	got := runBenchCommand(ctx, "--ops", "1000000", "--verify", "--json")
	require.Equal(t, exitFailed, got.code)
	var report bench.Report
	require.NoError(t, json.Unmarshal([]byte(got.out), &report), "%s", got.out)
	require.True(t, report.Interrupted)
	require.False(t, report.Complete)
}
