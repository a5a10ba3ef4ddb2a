package server

// Which pages of a browser may ask what: those of the members may do anything their token allows; no other page can change
// anything, and none can read by having its own name resolve to this machine.

import (
	"net"
	"net/http"
	"net/url"
	"strings"
)

const (
	allowedMethods = "GET, HEAD, PUT, POST, DELETE"
	allowedHeaders = "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, Last-Event-ID, X-Request-Timeout"
	exposedHeaders = "ETag, Retry-After, X-Raft-Applied, X-Raft-Leader, Idempotency-Replayed"
)

// admitPage refuses what a foreign page asks for, and answers what a page asks before it asks (CORS). If it has answered, preflight
// is true.
func (a *api) admitPage(w http.ResponseWriter, r *request) (preflight bool, err error) {
	if !a.isOwnHost(r.Host) {
		return false, newError(http.StatusForbidden, codeForbidden,
			"the request is for host %q, which is none of the cluster's: use an IP address, localhost or the URL of a member", r.Host)
	}
	origin := r.Header.Get("Origin")
	if origin == "" && r.Method != http.MethodOptions {
		return false, nil
	}
	header := w.Header()
	header.Add("Vary", "Origin")
	trusted := origin != "" && a.isMemberOrigin(origin, r.Request)
	if trusted {
		header.Set("Access-Control-Allow-Origin", origin)
		header.Set("Access-Control-Expose-Headers", exposedHeaders)
	}
	if r.Method == http.MethodOptions {
		header.Set("Allow", allowedMethods)
		header.Set("Access-Control-Allow-Methods", allowedMethods)
		header.Set("Access-Control-Allow-Headers", allowedHeaders)
		header.Set("Access-Control-Max-Age", "600")
		w.WriteHeader(http.StatusNoContent)
		return true, nil
	}
	if !trusted && r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false, newError(http.StatusForbidden, codeForbidden,
			"pages of %s may not change anything here: only those of the cluster's members may", origin)
	}
	return false, nil
}

// isMemberOrigin says whether an origin is this member's own or that of another.
func (a *api) isMemberOrigin(origin string, r *http.Request) bool {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	if strings.EqualFold(origin, scheme+"://"+r.Host) || strings.EqualFold(origin, a.options.URL) {
		return true
	}
	for _, m := range a.member.Members() {
		if strings.EqualFold(origin, m.Address) || isLocalName(origin, m.Address) {
			return true
		}
	}
	return false
}

// isLocalName says whether an origin is an address on the loopback interface under the name localhost, as people write it.
func isLocalName(origin, address string) bool {
	o, err := url.Parse(origin)
	if err != nil || o.Hostname() != "localhost" {
		return false
	}
	u, err := url.Parse(address)
	return err == nil && u.Scheme == o.Scheme && u.Port() == o.Port() && isLoopback(u.Hostname())
}

// isOwnHost says whether a request may be for the host that it names. Without tokens, anybody on this machine may do anything, and
// so might a page whose name resolves to this machine, unless its name is looked at. Addresses cannot be claimed so.
func (a *api) isOwnHost(hostport string) bool {
	if a.tokens != nil {
		return true
	}
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	if host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost") || net.ParseIP(host) != nil {
		return true
	}
	if host == hostOf(a.options.URL) {
		return true
	}
	for _, m := range a.member.Members() {
		if host == hostOf(m.Address) {
			return true
		}
	}
	return false
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}
