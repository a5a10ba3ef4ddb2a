package httptransport

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/seed695671cb/raft/replica"
)

// The HTTP side: who is let in, and what is answered to the others.

// Prefix is where the application mounts the Handler.
const Prefix = "/raft/"

// The paths below the prefix, all for POST.
const (
	pathStream   = "v1/stream"
	pathSnapshot = "v1/snapshot"
	pathChunk    = "v1/snapshot/chunk"
	pathFinish   = "v1/snapshot/finish"
	pathAbandon  = "v1/snapshot/abandon"
)

// The headers of requests.
const (
	headerVersion = "Raft-Version"
	headerCluster = "Raft-Cluster"
	headerFrom    = "Raft-From"
	headerTo      = "Raft-To"
	headerAddress = "Raft-Address"

	// Of chunks, and of the end of a snapshot.
	headerToken    = "Raft-Snapshot"
	headerOffset   = "Raft-Offset"
	headerChecksum = "Raft-Checksum"
)

const protocolVersion = "1"

// An errorAnswer is the body of an answer other than 200.
type errorAnswer struct {
	// Error says what is wrong.
	Error string `json:"error"`
	// Final says that to try again is of no use.
	Final bool `json:"final,omitempty"`
	// Offset is where a snapshot goes on, if the status is 409.
	Offset uint64 `json:"offset"`
}

// A refusal is an answer other than 200.
type refusal struct {
	status int
	errorAnswer
}

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status: status, errorAnswer: errorAnswer{Error: fmt.Sprintf(format, args...)}}
}

// A visit is a request of a host that was let in.
type visit struct {
	from    uint64
	handler replica.Handler
	w       http.ResponseWriter
	r       *http.Request
	control *http.ResponseController
}

// Handler returns what serves the peers. The application mounts it at Prefix in a server that speaks HTTP/2, which
// ConfigureServer sees to. The path of a request may or may not have the prefix stripped of it.
//
// A middleware in between must let http.ResponseController through, by Unwrap.
func (t *Transport) Handler() http.Handler {
	mux := http.NewServeMux()
	for path, serve := range map[string]func(visit) *refusal{
		pathStream:   t.serveStream,
		pathSnapshot: t.receiver.serveBegin,
		pathChunk:    t.receiver.serveChunk,
		pathFinish:   t.receiver.serveFinish,
		pathAbandon:  t.receiver.serveAbandon,
	} {
		handle := func(w http.ResponseWriter, r *http.Request) { t.serve(w, r, serve) }
		mux.HandleFunc("POST "+Prefix+path, handle)
		mux.HandleFunc("POST /"+path, handle)
	}
	return mux
}

// serve lets a request in, or refuses it.
func (t *Transport) serve(w http.ResponseWriter, r *http.Request, serve func(visit) *refusal) {
	handler, err := t.enter()
	if err != nil {
		t.answer(w, r, refuse(http.StatusServiceUnavailable, "%v", err))
		return
	}
	defer t.work.Done()
	from, no := t.admit(r)
	if no != nil {
		t.counters.refusedRequests.Add(1)
		t.logRefusal(r, no)
		t.answer(w, r, no)
		return
	}
	t.learn(from, r.Header.Get(headerAddress))
	v := visit{from: from, handler: handler, w: w, r: r, control: http.NewResponseController(w)}
	// The server's own timeouts, if it has any, are for short requests.
	begin := time.Now().Add(t.options.StreamIdle)
	if err := errors.Join(v.control.SetReadDeadline(begin), v.control.SetWriteDeadline(time.Time{})); err != nil {
		t.answer(w, r, refuse(http.StatusInternalServerError, "the server's middleware hides http.ResponseController: %v", err))
		return
	}
	if no := serve(v); no != nil {
		t.answer(w, r, no)
	}
}

// answer writes a refusal. There is nobody to tell if that fails.
func (t *Transport) answer(w http.ResponseWriter, r *http.Request, no *refusal) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(no.status)
	if err := json.NewEncoder(w).Encode(no.errorAnswer); err != nil {
		t.options.Logger.Debug("raft peer did not take an answer", "remote", r.RemoteAddr, "error", err)
	}
}

// logRefusal logs a request that was not let in, once for each sender and reason.
func (t *Transport) logRefusal(r *http.Request, no *refusal) {
	if t.quiet.admits("request of "+r.Header.Get(headerFrom)+": "+no.Error, time.Now()) {
		t.options.Logger.Warn("raft peer is refused", "remote", r.RemoteAddr, "status", no.status, "error", no.Error)
	}
}

// admit says who has sent a request, or why it is refused. It reads none of the body.
func (t *Transport) admit(r *http.Request) (from uint64, no *refusal) {
	if r.ProtoMajor != 2 {
		return 0, refuse(http.StatusHTTPVersionNotSupported, "peers speak HTTP/2, this is %s: enable it at the server", r.Proto)
	}
	if v := r.Header.Get(headerVersion); v != protocolVersion {
		return 0, refuse(http.StatusBadRequest, "%s is %.20q, this host speaks %s", headerVersion, v, protocolVersion)
	}
	from, err := strconv.ParseUint(r.Header.Get(headerFrom), 10, 64)
	if err != nil || from == 0 {
		return 0, refuse(http.StatusBadRequest, "%s is %.20q, not the ID of a host", headerFrom, r.Header.Get(headerFrom))
	}
	if no := t.authorize(from, r); no != nil {
		return 0, no
	}
	if cluster := r.Header.Get(headerCluster); cluster != t.options.ClusterID {
		return 0, refuse(http.StatusPreconditionFailed,
			"this host is of cluster %q, host %d of %.64q: the address or the cluster's name is wrong", t.options.ClusterID, from, cluster)
	}
	if to := r.Header.Get(headerTo); to != strconv.FormatUint(t.options.ID, 10) {
		return 0, refuse(http.StatusMisdirectedRequest, "this is host %d, the request is for host %.20q: the address is wrong", t.options.ID, to)
	}
	if from == t.options.ID {
		return 0, refuse(http.StatusForbidden, "host %d is this host: each host has an ID of its own", from)
	}
	return from, nil
}

// authorize checks the sender's certificate.
func (t *Transport) authorize(from uint64, r *http.Request) *refusal {
	if t.options.TLS == nil {
		return nil
	}
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 || len(r.TLS.PeerCertificates) == 0 {
		return refuse(http.StatusUnauthorized, "host %d has shown no certificate that this server verified", from)
	}
	if err := t.options.Authorize(from, r.TLS.PeerCertificates[0]); err != nil {
		return refuse(http.StatusForbidden, "the certificate is not that of host %d: %v", from, err)
	}
	return nil
}
