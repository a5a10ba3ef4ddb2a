package client

// Which member to ask: the endpoints that are known, the one that is preferred, and those that failed lately.

import (
	"strconv"
	"sync"
	"time"
)

// An endpoint that failed is avoided for a while, the longer the more often it failed in a row.
const (
	firstPenalty = 500 * time.Millisecond
	lastPenalty  = 8 * time.Second
)

type endpoint struct {
	url      string
	id       uint64 // of the member, 0 if unknown
	given    bool   // by the options, not discovered
	failures int    // in a row
	avoid    time.Time
}

// endpoints is the list of members, shared by the calls of a client.
type endpoints struct {
	mu        sync.Mutex
	list      []*endpoint
	preferred int       // index of the one to ask
	leader    uint64    // ID of the leader by the last answer, 0 if unknown
	refreshed time.Time // when the members were last asked for
}

func newEndpoints(urls []string) *endpoints {
	e := &endpoints{}
	for _, url := range urls {
		e.add(url, true)
	}
	return e
}

func (e *endpoints) add(url string, given bool) *endpoint {
	for _, known := range e.list {
		if known.url == url {
			return known
		}
	}
	e.list = append(e.list, &endpoint{url: url, given: given})
	return e.list[len(e.list)-1]
}

// pick gives the URL of the member to ask: the preferred one, or the next after it that did not fail lately. If all of
// them did, it is the one whose failure is to be forgotten first.
func (e *endpoints) pick(now time.Time) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	best := e.list[e.preferred]
	for i := range e.list {
		candidate := e.list[(e.preferred+i)%len(e.list)]
		if !candidate.avoid.After(now) {
			return candidate.url
		}
		if candidate.avoid.Before(best.avoid) {
			best = candidate
		}
	}
	return best.url
}

// failed notes that a member did not serve a request, and moves the preference away from it.
func (e *endpoints) failed(url string, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i, known := range e.list {
		if known.url != url {
			continue
		}
		if known.avoid.After(now) {
			return // many calls failed together: that is one failure
		}
		known.avoid = now.Add(min(firstPenalty<<min(known.failures, 8), lastPenalty))
		known.failures++
		if i == e.preferred {
			e.preferred = (i + 1) % len(e.list)
		}
		return
	}
}

// succeeded notes that a member answered. It becomes the preferred one unless the leader is known and reachable.
func (e *endpoints) succeeded(url, leader string, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if id, err := strconv.ParseUint(leader, 10, 64); err == nil {
		e.leader = id
	}
	for i, known := range e.list {
		if known.url == url {
			known.failures, known.avoid = 0, time.Time{}
			e.preferred = i
		}
	}
	for i, known := range e.list {
		if known.id != 0 && known.id == e.leader && !known.avoid.After(now) {
			e.preferred = i
		}
	}
}

// needsRefresh tells, to one caller at a time, that the members should be asked for.
func (e *endpoints) needsRefresh(now time.Time, every time.Duration) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if now.Sub(e.refreshed) < every {
		return false
	}
	e.refreshed = now
	return true
}

// learn takes over the members of the cluster: it adds those that are new and drops discovered ones that have left.
func (e *endpoints) learn(members []Member, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refreshed = now
	ids := map[string]uint64{}
	for _, m := range members {
		url, err := parseEndpoint(m.URL)
		if err != nil {
			continue // a member without a usable address is reached through the others
		}
		ids[url] = m.ID
		e.add(url, false)
	}
	preferred := e.list[e.preferred]
	e.preferred = 0
	var kept []*endpoint
	for _, known := range e.list {
		known.id = ids[known.url]
		if !known.given && known.id == 0 {
			continue
		}
		if known == preferred {
			e.preferred = len(kept)
		}
		kept = append(kept, known)
	}
	e.list = kept
}

// urls lists the endpoints in their order.
func (e *endpoints) urls() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var urls []string
	for _, known := range e.list {
		urls = append(urls, known.url)
	}
	return urls
}
