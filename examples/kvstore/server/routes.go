package server

// Which request goes where. Paths are looked at as they were sent, because keys may contain anything, slashes and dots included:
// net/http's multiplexer would tidy them up.

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// An operation is what latencies and totals are kept of.
type operation uint8

const (
	opNone operation = iota
	opPut
	opGet
	opDelete
	opTxn
	opList
	opWatch
	operations
)

func (o operation) String() string {
	return [...]string{"", "put", "get", "delete", "txn", "list", "watch"}[o]
}

// An endpoint is one method of one path.
type endpoint struct {
	name  string
	right right
	op    operation
	// body endpoints take one; the others refuse requests that have a body.
	body bool
	// stream endpoints answer without an end.
	stream bool
	// always endpoints answer also when the member is being stopped, or has failed.
	always bool
	handle func(a *api, w http.ResponseWriter, r *request) error
}

type methods map[string]*endpoint

// A routeTable finds endpoints. It does not change.
type routeTable struct {
	exact map[string]methods
	// key is for /kv/{key}, member and promote for /cluster/members/{id} and what is under it.
	key, member, promote methods
}

func newRouteTable() *routeTable {
	return &routeTable{
		exact: map[string]methods{
			"/":      {"GET": {name: "page", always: true, handle: (*api).handlePage}},
			"/kv":    {"GET": {name: "list", right: rightRead, op: opList, handle: (*api).handleList}},
			"/txn":   {"POST": {name: "txn", right: rightWrite, body: true, op: opTxn, handle: (*api).handleTxn}},
			"/watch": {"GET": {name: "watch", right: rightRead, op: opWatch, stream: true, handle: (*api).handleWatch}},
			"/cluster": {
				"GET": {name: "cluster", right: rightRead, always: true, handle: (*api).handleCluster},
			},
			"/cluster/members": {
				"GET":  {name: "members", right: rightRead, always: true, handle: (*api).handleMembers},
				"POST": {name: "member_add", right: rightAdmin, body: true, handle: (*api).handleAdd},
			},
			"/cluster/leader":   {"POST": {name: "transfer", right: rightAdmin, body: true, handle: (*api).handleTransfer}},
			"/cluster/snapshot": {"POST": {name: "snapshot", right: rightAdmin, handle: (*api).handleCompact}},
			"/events":           {"GET": {name: "events", right: rightRead, stream: true, handle: (*api).handleEvents}},
			"/metrics":          {"GET": {name: "metrics", right: rightRead, always: true, handle: (*api).handleMetrics}},
			"/healthz":          {"GET": {name: "healthz", always: true, handle: (*api).handleHealth}},
			"/readyz":           {"GET": {name: "readyz", always: true, handle: (*api).handleReady}},
		},
		key: methods{
			"GET":    {name: "get", right: rightRead, op: opGet, handle: (*api).handleGet},
			"PUT":    {name: "put", right: rightWrite, body: true, op: opPut, handle: (*api).handlePut},
			"DELETE": {name: "delete", right: rightWrite, op: opDelete, handle: (*api).handleDelete},
		},
		member:  methods{"DELETE": {name: "member_remove", right: rightAdmin, body: true, handle: (*api).handleRemove}},
		promote: methods{"POST": {name: "member_promote", right: rightAdmin, body: true, handle: (*api).handlePromote}},
	}
}

// find sets the request's endpoint and argument.
func (t *routeTable) find(r *request) error {
	path := r.URL.EscapedPath()
	found, argument := t.lookup(path)
	if found == nil {
		return newError(http.StatusNotFound, codeNotFound, "there is nothing at %q: API.md says what there is", r.URL.Path)
	}
	e := found[r.Method]
	if get := found[http.MethodGet]; e == nil && r.Method == http.MethodHead && get != nil && !get.stream {
		e = get
	}
	if e == nil {
		answer := newError(http.StatusMethodNotAllowed, codeMethodNotAllowed,
			"%s is not possible here: use %s", r.Method, strings.Join(found.names(), " or "))
		answer.allowed = found.names()
		return answer
	}
	name, err := url.PathUnescape(argument)
	if err != nil {
		return badRequest("the path is malformed: percent-encode what is not a letter or digit: %v", err)
	}
	r.endpoint, r.argument = e, name
	return nil
}

// lookup returns what there is at a path, still escaped, and the argument in it.
func (t *routeTable) lookup(path string) (methods, string) {
	if found := t.exact[path]; found != nil {
		return found, ""
	}
	if key, ok := strings.CutPrefix(path, "/kv/"); ok {
		return t.key, key
	}
	if rest, ok := strings.CutPrefix(path, "/cluster/members/"); ok {
		return t.lookupMember(rest)
	}
	return nil, ""
}

func (t *routeTable) lookupMember(rest string) (methods, string) {
	id, action, more := strings.Cut(rest, "/")
	switch {
	case !more:
		return t.member, id
	case action == "promote":
		return t.promote, id
	default:
		return nil, ""
	}
}

func (m methods) names() []string {
	names := make([]string, 0, len(m)+1)
	for name, e := range m {
		names = append(names, name)
		if name == http.MethodGet && !e.stream {
			names = append(names, http.MethodHead)
		}
	}
	slices.Sort(names)
	return names
}

// handlePage has the dashboard answer.
func (a *api) handlePage(w http.ResponseWriter, r *request) error {
	if a.dashboard == nil {
		return newError(http.StatusNotFound, codeNotFound, "this member serves no dashboard: API.md says what there is")
	}
	a.dashboard.ServeHTTP(w, r.Request)
	return nil
}
