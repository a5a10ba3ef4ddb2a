package server

// Whether a request has left this process: if not, it can be sent again, whatever it does.

import (
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

// A sentRequest notes whether it got a connection. What had none was not sent.
type sentRequest struct {
	request *http.Request
	got     atomic.Bool
}

func watchConnection(r *http.Request) *sentRequest {
	s := &sentRequest{}
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { s.got.Store(true) }}
	s.request = r.WithContext(httptrace.WithClientTrace(r.Context(), trace))
	return s
}

func (s *sentRequest) connected() bool { return s.got.Load() }
