package demo

// The controls over HTTP, and who may use them.

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strconv"
	"time"
)

// demoHeader has to be in every POST. A page of another origin cannot set it without being asked, and is refused then.
const demoHeader = "X-Kvstore-Demo"

// addPatience bounds how long the cluster may take to accept a new member.
const addPatience = 60 * time.Second

// controls serves the controls of API.md.
type controls struct {
	cluster *cluster
	mux     *http.ServeMux
}

func newControls(c *cluster) *controls {
	s := &controls{cluster: c, mux: http.NewServeMux()}
	s.mux.HandleFunc("GET /demo", s.list)
	s.mux.HandleFunc("POST /demo/members/{id}/{action}", s.act)
	s.mux.HandleFunc("GET /{$}", s.redirect)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeError(w, http.StatusNotFound, "not_found", "these are the demo's controls: GET /demo, or POST /demo/members/ID/ACTION")
	})
	return s
}

// ServeHTTP admits requests that name this machine as their host, and from pages of the members only: a name of someone
// else's that has been made to resolve to this machine does not get through, nor does any other page.
func (s *controls) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !isLoopback(r.Host) {
		writeError(w, http.StatusForbidden, "forbidden", "the request names another host: use 127.0.0.1")
		return
	}
	w.Header().Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin != "" && !s.allowed(origin) {
		writeError(w, http.StatusForbidden, "forbidden", "only pages of the members may use the controls")
		return
	}
	if origin != "" {
		w.Header().Set("Access-Control-Allow-Origin", origin)
	}
	if r.Method == http.MethodOptions {
		w.Header().Set("Access-Control-Allow-Methods", "GET, POST")
		w.Header().Set("Access-Control-Allow-Headers", demoHeader)
		w.Header().Set("Access-Control-Max-Age", "600")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if r.Method == http.MethodPost && r.Header.Get(demoHeader) == "" {
		writeError(w, http.StatusForbidden, "forbidden", "a POST needs the header "+demoHeader+": 1")
		return
	}
	s.mux.ServeHTTP(w, r)
}

func isLoopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (s *controls) allowed(origin string) bool {
	for _, m := range s.cluster.all() {
		if m.url() == origin {
			return true
		}
	}
	return false
}

func (s *controls) list(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"members": s.cluster.statuses()})
}

func (s *controls) act(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 64)
	if err != nil {
		writeError(w, http.StatusBadRequest, "bad_request", "the ID of a member is a number")
		return
	}
	if action := r.PathValue("action"); action == "add" {
		ctx, cancel := context.WithTimeout(r.Context(), addPatience)
		defer cancel()
		err = s.cluster.add(ctx, id)
	} else {
		err = s.cluster.act(id, action)
	}
	switch {
	case err == nil:
		s.list(w, r)
	case errors.Is(err, errUnknownMember):
		writeError(w, http.StatusNotFound, "not_found", err.Error())
	case errors.Is(err, errWrongState):
		writeError(w, http.StatusConflict, "conflict", err.Error())
	default:
		writeError(w, http.StatusServiceUnavailable, "unavailable", err.Error())
	}
}

// redirect leads a person who opens the controls in a browser to the dashboard of a member that runs.
func (s *controls) redirect(w http.ResponseWriter, r *http.Request) {
	for _, status := range s.cluster.statuses() {
		if status.State == stateRunning {
			http.Redirect(w, r, status.URL+"/", http.StatusTemporaryRedirect)
			return
		}
	}
	writeError(w, http.StatusServiceUnavailable, "unavailable", "no member is running: POST /demo/members/1/restart starts one")
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func writeError(w http.ResponseWriter, status int, code, message string) {
	writeJSON(w, status, map[string]any{"error": map[string]string{"code": code, "message": message}})
}
