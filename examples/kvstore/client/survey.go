package client

// Whom to believe about the cluster: a member that was removed, or is cut off, goes on telling what it knew last. So all are asked at
// the same time, and the account of the leader counts.

import (
	"context"
	"net/http"
	"sync"
	"time"
)

const (
	// surveyTimeout bounds a question that is put to all members. It needs nothing but the member that is asked.
	surveyTimeout = 3 * time.Second
	// surveyGrace is how long the others may still contradict a member that says that it leads.
	surveyGrace = 250 * time.Millisecond
)

// Membership is the list of members by the account of one of them.
type Membership struct {
	Members []Member
	By      uint64 // the member that gave the account, 0 if unknown
	// Endpoint is its URL.
	Endpoint string
	// Leader is the leader that it knows of, 0 if none.
	Leader uint64
	// Current says that the account is the leader's own. Otherwise the list may be old.
	Current bool
}

// view is the account of one member.
type view struct {
	endpoint string
	status   Status
}

// leads tells whether it is the leader's own account.
func (v *view) leads() bool { return v.status.Role == "leader" }

// rank orders accounts by how much they are worth: the leader's, that of a member that knows a leader, any other.
func (v *view) rank() int {
	switch {
	case v.leads():
		return 2
	case v.status.Leader != 0:
		return 1
	default:
		return 0
	}
}

// better tells whether this account is to be believed rather than another one. Among equals the newer counts.
func (v *view) better(other *view) bool {
	if other == nil {
		return true
	}
	a, b := v.rank(), other.rank()
	if min(a, b) > 0 && v.status.Term != other.status.Term {
		return v.status.Term > other.status.Term // a leader of an earlier term has been replaced
	}
	if a != b {
		return a > b
	}
	if v.status.Term != other.status.Term {
		return v.status.Term > other.status.Term
	}
	return v.status.Applied > other.status.Applied
}

// survey asks the endpoints, and if none of them leads, those that they name. It returns the best account, nil if there is none.
func (c *Client) survey(ctx context.Context) *view {
	asked := map[string]bool{}
	best, named := c.ask(ctx, c.endpoints.urls(), asked, nil)
	if best == nil || best.leads() {
		return best
	}
	best, _ = c.ask(ctx, named, asked, best)
	return best
}

// ask puts the question to some members at the same time. It returns the best account, and the URLs that the accounts name.
func (c *Client) ask(ctx context.Context, urls []string, asked map[string]bool, best *view) (*view, []string) {
	ctx, cancel := context.WithTimeout(ctx, min(surveyTimeout, c.options.Timeout))
	defer cancel()
	views := make(chan *view, len(urls))
	var wg sync.WaitGroup
	for _, url := range urls {
		if asked[url] {
			continue
		}
		asked[url] = true
		wg.Go(func() {
			var v view
			if c.statusOf(ctx, url, &v) {
				views <- &v
			}
		})
	}
	go func() {
		wg.Wait()
		close(views)
	}()
	var named []string
	var enough <-chan time.Time
	for {
		select {
		case v, open := <-views:
			if !open {
				return best, named
			}
			named = append(named, v.names()...)
			if v.better(best) {
				best = v
			}
			if v.leads() && enough == nil {
				enough = time.After(surveyGrace)
			}
		case <-enough:
			return best, named
		}
	}
}

// statusOf asks one member once. One that knows of no members has nothing to say: it waits to be added.
func (c *Client) statusOf(ctx context.Context, url string, into *view) bool {
	req := &request{method: http.MethodGet, path: "/cluster"}
	got, _, err := c.send(ctx, req, url, surveyTimeout)
	if err != nil || decode(got, &into.status) != nil {
		return false
	}
	into.endpoint = url
	return len(into.status.Members) > 0
}

// names lists the URLs that an account names.
func (v *view) names() []string {
	var urls []string
	for _, m := range v.status.Members {
		if base, err := parseEndpoint(m.URL); err == nil {
			urls = append(urls, base)
		}
	}
	return urls
}

// membership gives the account in the form of Client.Membership.
func (v *view) membership() Membership {
	m := Membership{By: v.status.ID, Endpoint: v.endpoint, Leader: v.status.Leader, Current: v.leads()}
	for _, s := range v.status.Members {
		m.Members = append(m.Members, Member{ID: s.ID, URL: s.URL, Learner: s.Learner})
	}
	return m
}
