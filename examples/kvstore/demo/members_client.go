package demo

// What the demo asks of its members, as a client of theirs.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// How long the demo waits between two attempts, how long one request may take, and how much of an answer it reads.
const (
	retryAfter     = 100 * time.Millisecond
	requestTimeout = 12 * time.Second
	maxAnswer      = 1 << 20
)

// A statusError is an answer of a member that is not 200.
type statusError struct {
	status  int
	message string
}

func (e *statusError) Error() string { return fmt.Sprintf("status %d: %s", e.status, e.message) }

// temporary tells whether the same request may succeed later: there is no leader yet, or another change is under way.
func temporary(err error) bool {
	var answer *statusError
	if !errors.As(err, &answer) {
		return true
	}
	return answer.status >= http.StatusInternalServerError || answer.status == http.StatusTooManyRequests ||
		answer.status == http.StatusConflict
}

// request asks a member for something and returns its answer.
func request(ctx context.Context, method, url string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, &statusError{status: resp.StatusCode, message: strings.TrimSpace(string(answer))}
	}
	return answer, nil
}

// insist repeats a request until it succeeds, fails for good, or the context ends.
func insist(ctx context.Context, method, url string, body []byte) ([]byte, error) {
	for {
		answer, err := request(ctx, method, url, body)
		if err == nil || !temporary(err) {
			return answer, err
		}
		select {
		case <-time.After(retryAfter):
		case <-ctx.Done():
			return nil, fmt.Errorf("%s %s: %w, at last: %w", method, url, ctx.Err(), err)
		}
	}
}

// An account is what a member knows of the cluster.
type account struct {
	Leader  uint64 `json:"leader"`
	Members []struct {
		ID uint64 `json:"id"`
	} `json:"members"`
}

// has tells whether a member belongs to the cluster by this account.
func (a *account) has(id uint64) bool {
	for _, m := range a.Members {
		if m.ID == id {
			return true
		}
	}
	return len(a.Members) == 0
}

// accountOf asks a member what it knows.
func accountOf(ctx context.Context, m *member) (*account, error) {
	answer, err := request(ctx, http.MethodGet, m.url()+"/cluster", nil)
	if err != nil {
		return nil, err
	}
	var a account
	if err := json.Unmarshal(answer, &a); err != nil {
		return nil, fmt.Errorf("its answer is not of the API: %w", err)
	}
	return &a, nil
}

// awaitLeader returns the leader's account when every member knows it and serves. It fails if a member ends meanwhile.
func (c *cluster) awaitLeader(ctx context.Context) (*account, error) {
	reason := errors.New("no member has answered")
	for {
		lead, err := c.agreement(ctx)
		if err == nil {
			return lead, nil
		}
		if ctx.Err() == nil {
			reason = err // the last one that is not about the time being over
		}
		if err := c.firstDeath(); err != nil {
			return nil, err
		}
		select {
		case <-time.After(retryAfter):
		case <-ctx.Done():
			return nil, fmt.Errorf("the cluster did not come up in time: %w; the logs are %s: %w", reason, c.logs(), ctx.Err())
		}
	}
}

// firstDeath reports the first member whose process has ended, with what it said last.
func (c *cluster) firstDeath() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.members {
		if m.child.state() == stateDead {
			return fmt.Errorf("member %d has ended (%s), the end of its log %s is:\n%s",
				m.id, m.child.outcome(), c.logFile(m), tail(c.logFile(m)))
		}
	}
	return nil
}

// agreement returns the leader's account if all members know it and serve, and otherwise why not. A process whose member was removed from the
// cluster does not count.
func (c *cluster) agreement(ctx context.Context) (*account, error) {
	members := c.all()
	accounts := make([]*account, len(members))
	var lead *account
	for i, m := range members {
		a, err := accountOf(ctx, m)
		if err != nil {
			return nil, fmt.Errorf("member %d does not answer: %w", m.id, err)
		}
		accounts[i] = a
		if a.Leader == m.id {
			lead = a
		}
	}
	if lead == nil {
		return nil, errors.New("no member leads")
	}
	for i, m := range members {
		if !lead.has(m.id) {
			continue
		}
		if accounts[i].Leader != lead.Leader {
			return nil, fmt.Errorf("member %d does not know that member %d leads", m.id, lead.Leader)
		}
		if _, err := request(ctx, http.MethodGet, m.url()+"/readyz", nil); err != nil {
			return nil, fmt.Errorf("member %d is not ready: %w", m.id, err)
		}
	}
	return lead, nil
}

// logs names the members' logs.
func (c *cluster) logs() string { return filepath.Join(c.config.Dir, "ID", "log.txt") }

// tail returns the last lines of a file, indented.
func tail(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return "  (" + err.Error() + ")"
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	lines = lines[max(0, len(lines)-10):]
	return "  " + strings.Join(lines, "\n  ")
}

// join has the cluster take a member that has been started, by asking any other that runs.
func (c *cluster) join(ctx context.Context, m *member) error {
	body, err := json.Marshal(map[string]any{"id": m.id, "url": m.url(), "learner": false})
	if err != nil {
		return err
	}
	for _, other := range c.statuses() {
		if other.ID == m.id || other.State != stateRunning || other.Partitioned {
			continue
		}
		if _, err := insist(ctx, http.MethodPost, other.URL+"/cluster/members", body); err != nil {
			return fmt.Errorf("adding member %d: %w", m.id, err)
		}
		return nil
	}
	return fmt.Errorf("adding member %d: no other member is running: %w", m.id, errWrongState)
}
