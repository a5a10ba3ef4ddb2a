package client

// The cluster: its members, changes of them, leadership, and what each member knows.

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// refreshEvery is how often a client with Options.Discover asks for the members.
const refreshEvery = 10 * time.Second

// Member is a member of the cluster.
type Member struct {
	ID      uint64 `json:"id"`
	URL     string `json:"url"`
	Learner bool   `json:"learner"` // it receives everything and has no vote
}

// Status is what a member knows of itself and of the cluster, as GET /cluster gives it.
type Status struct {
	ID        uint64         `json:"id"`
	Name      string         `json:"name"`
	Cluster   string         `json:"cluster"`
	URL       string         `json:"url"`
	Version   string         `json:"version"`
	Uptime    float64        `json:"uptime"` // seconds
	Role      string         `json:"role"`
	Term      uint64         `json:"term"`
	Leader    uint64         `json:"leader"` // 0 if it knows of none
	LeaderURL string         `json:"leader_url"`
	Commit    uint64         `json:"commit"`
	Applied   uint64         `json:"applied"`
	First     uint64         `json:"first"` // index of the first entry that its log holds
	Last      uint64         `json:"last"`  // index of the last entry
	Rev       uint64         `json:"rev"`
	Keys      uint64         `json:"keys"`
	DBBytes   uint64         `json:"db_bytes"`
	LogBytes  uint64         `json:"log_bytes"`
	Members   []MemberStatus `json:"members"`
}

// MemberStatus is what a member knows of another one; the leader alone knows State, Match and Lag.
type MemberStatus struct {
	ID      uint64  `json:"id"`
	URL     string  `json:"url"`
	Learner bool    `json:"learner"`
	Self    bool    `json:"self"`
	Leader  bool    `json:"leader"`
	State   string  `json:"state"`
	Active  bool    `json:"active"`
	Match   uint64  `json:"match"`
	Lag     *uint64 `json:"lag"` // entries behind the leader, nil if unknown
}

// Members lists the members, by the leader's account if it answers: another member may be behind, and one that was
// removed may never learn of that. Membership tells whose account it is.
func (c *Client) Members(ctx context.Context) ([]Member, error) {
	membership, err := c.Membership(ctx)
	return membership.Members, err
}

// Membership lists the members, and tells whose account that is: the leader's if it answers, otherwise that of the member that
// knows a leader and is in the newest term. All endpoints are asked, and the members that they name.
func (c *Client) Membership(ctx context.Context) (Membership, error) {
	if best := c.survey(ctx); best != nil {
		return best.membership(), nil
	}
	got, err := c.do(ctx, &request{method: http.MethodGet, path: "/cluster/members"})
	if err != nil {
		return Membership{}, err
	}
	var wire struct {
		Members []Member `json:"members"`
	}
	err = decode(got, &wire)
	leader, _ := strconv.ParseUint(got.header.Get("X-Raft-Leader"), 10, 64) // 0 if the member does not say
	return Membership{Members: wire.Members, Endpoint: got.endpoint, Leader: leader}, err
}

// AddMember adds a member, and returns when the change is applied.
func (c *Client) AddMember(ctx context.Context, member Member) error {
	_, err := c.change(ctx, http.MethodPost, "/cluster/members", "", member)
	return err
}

// Promote gives a learner a vote.
func (c *Client) Promote(ctx context.Context, id uint64) error {
	_, err := c.change(ctx, http.MethodPost, memberPath(id)+"/promote", "", nil)
	return err
}

// Remove removes a member. It fails with ErrNotFound if there is none with this ID.
func (c *Client) Remove(ctx context.Context, id uint64) error {
	_, err := c.change(ctx, http.MethodDelete, memberPath(id), "", nil)
	return err
}

// Transfer hands leadership to a member, and returns the term in which it leads.
func (c *Client) Transfer(ctx context.Context, id uint64) (term uint64, err error) {
	answer, err := c.change(ctx, http.MethodPost, "/cluster/leader", "", map[string]uint64{"id": id})
	if err != nil {
		return 0, err
	}
	var wire struct {
		Term uint64 `json:"term"`
	}
	err = decode(answer, &wire)
	return wire.Term, err
}

// Snapshot makes the member at an endpoint compact its log, and returns the index up to which it did. With an empty
// endpoint it is the member that the client is using.
func (c *Client) Snapshot(ctx context.Context, endpoint string) (index uint64, err error) {
	answer, err := c.change(ctx, http.MethodPost, "/cluster/snapshot", endpoint, nil)
	if err != nil {
		return 0, err
	}
	var wire struct {
		Index uint64 `json:"index"`
	}
	err = decode(answer, &wire)
	return wire.Index, err
}

// change sends a change of the cluster, which takes as long as it takes and is not sent twice. It goes to the leader first, or to
// a member that knows one, since any other would hold it until the time of the attempt is over.
func (c *Client) change(ctx context.Context, method, path, endpoint string, body any) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	req := &request{
		method: method, path: path, endpoint: endpoint, replay: replayUnapplied,
		header: map[string]string{"Content-Type": "application/json"},
	}
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		req.body = text
	}
	if endpoint != "" {
		req.attempt = c.options.Timeout
		return c.do(ctx, req)
	}
	if best := c.survey(ctx); best != nil && best.status.Leader != 0 {
		req.first = best.endpoint
		req.patient = best.leads()
	}
	return c.do(ctx, req)
}

// Status asks the member at an endpoint, once, or any member if the endpoint is empty.
func (c *Client) Status(ctx context.Context, endpoint string) (Status, error) {
	req := &request{method: http.MethodGet, path: "/cluster", endpoint: endpoint}
	if endpoint != "" {
		req.most = 1
	}
	var status Status
	answer, err := c.do(ctx, req)
	if err != nil {
		return status, err
	}
	err = decode(answer, &status)
	return status, err
}

// A Report is the answer of one member to a question that was put to all.
type Report struct {
	ID       uint64 // 0 if it is unknown
	Endpoint string
	Status   Status
	Err      error
}

// Statuses asks all members at the same time: those that the cluster lists, or, if no member tells that, the
// endpoints. The reports are in the order of that list. Each member is asked once.
func (c *Client) Statuses(ctx context.Context) []Report {
	by, err := c.Membership(ctx)
	if err != nil {
		by = Membership{}
	}
	return c.StatusesOf(ctx, by)
}

// StatusesOf is Statuses with the members that a list names, the endpoints if it names none.
func (c *Client) StatusesOf(ctx context.Context, by Membership) []Report {
	var reports []Report
	for _, m := range by.Members {
		if base, bad := parseEndpoint(m.URL); bad == nil {
			reports = append(reports, Report{ID: m.ID, Endpoint: base})
		}
	}
	if len(reports) == 0 {
		for _, url := range c.endpoints.urls() {
			reports = append(reports, Report{Endpoint: url})
		}
	}
	var wg sync.WaitGroup
	for i := range reports {
		report := &reports[i]
		wg.Add(1)
		go func() {
			defer wg.Done()
			report.Status, report.Err = c.Status(ctx, report.Endpoint)
		}()
	}
	wg.Wait()
	return reports
}

// Discover asks for the members now and adds them to the endpoints. It is needed only where Options.Discover is not
// set, or where the first call should already go to the leader.
func (c *Client) Discover(ctx context.Context) error {
	members, err := c.Members(ctx)
	if err != nil {
		return err
	}
	c.endpoints.learn(members, time.Now())
	return nil
}

// discoverNowAndThen asks for the members in the background if the options want it and it is time.
func (c *Client) discoverNowAndThen(ctx context.Context) {
	if !c.options.Discover || !c.endpoints.needsRefresh(time.Now(), refreshEvery) {
		return
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.options.Timeout)
		defer cancel()
		_ = c.Discover(ctx) // without success the endpoints stay as they are, and the next attempt comes soon enough
	}()
}

func memberPath(id uint64) string {
	return "/cluster/members/" + strconv.FormatUint(id, 10)
}
