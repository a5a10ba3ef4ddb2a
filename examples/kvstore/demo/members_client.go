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

// leaderOf asks a member who leads, and reports 0 if it does not know or does not answer.
func leaderOf(ctx context.Context, m *member) uint64 {
	answer, err := request(ctx, http.MethodGet, m.url()+"/cluster", nil)
	if err != nil {
		return 0
	}
	var status struct {
		Leader uint64 `json:"leader"`
	}
	if json.Unmarshal(answer, &status) != nil {
		return 0
	}
	return status.Leader
}

// awaitLeader returns the leader when every member knows it and serves. It fails if a member ends meanwhile.
func (c *cluster) awaitLeader(ctx context.Context) (uint64, error) {
	for {
		leader, agreed := c.agreement(ctx)
		if agreed {
			return leader, nil
		}
		if err := c.firstDeath(); err != nil {
			return 0, err
		}
		select {
		case <-time.After(retryAfter):
		case <-ctx.Done():
			return 0, fmt.Errorf("no leader serves, see the logs in %s: %w", c.config.Dir, ctx.Err())
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

func (c *cluster) agreement(ctx context.Context) (uint64, bool) {
	members := c.all()
	leader := leaderOf(ctx, members[0])
	if leader == 0 {
		return 0, false
	}
	for _, m := range members {
		if leaderOf(ctx, m) != leader {
			return 0, false
		}
		if _, err := request(ctx, http.MethodGet, m.url()+"/readyz", nil); err != nil {
			return 0, false
		}
	}
	return leader, true
}

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
