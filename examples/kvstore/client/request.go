package client

// One call: which member it goes to, when it is sent again, and what its failure means.

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"
)

// answerLimit bounds what is read of one answer. It is beyond the largest that a member gives.
const answerLimit = 64 << 20

// firstBound bounds the attempts of the first round, and twice that those of the next, while other members are left.
const firstBound = 1500 * time.Millisecond

// An attempt that is cut before its answer has come shows nothing, and leaves the outcome of a write unknown. So none is repeated
// with less time than leastTime, and a member is told to answer lastSlack, or a tenth of the time, before the call ends.
const (
	leastTime = 100 * time.Millisecond
	lastSlack = 50 * time.Millisecond
)

// replay says when a request may be sent again.
type replay int

const (
	replayAlways    replay = iota // it changes nothing
	replayKeyed                   // it has an Idempotency-Key
	replayUnapplied               // only if it surely did nothing
)

// request is a call before it is sent to anyone.
type request struct {
	method, path string // the path with its query, escaped
	header       map[string]string
	body         []byte
	replay       replay
	attempt      time.Duration // bound of one attempt, 0 for that of the options
	first        string        // where the first attempt goes, "" for the preferred endpoint
	patient      bool          // the first attempt may take as long as the call
	endpoint     string        // the only one to ask, "" for any
	most         int           // bound of the attempts, 0 for that of the options
}

// answer is a success.
type answer struct {
	endpoint string
	header   http.Header
	body     []byte
}

// errNoAnswer stands for an attempt that ended without an answer of a member.
var errNoAnswer = errors.New("no answer")

// call is a request under way, with what its attempts have shown so far.
type call struct {
	*request
	client   *Client
	least    time.Duration // that must be left for one more attempt
	attempts int
	doubtful bool  // an attempt may have been applied although it was not answered
	answered error // what a member has answered last, nil if none has
	last     error // what the last attempt ran into
}

// do sends a request until a member answers it, and returns the answer or the error that the call ends with.
func (c *Client) do(ctx context.Context, req *request) (*answer, error) {
	outer := ctx
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	c.discoverNowAndThen(outer)
	call := &call{request: req, client: c, least: leastTime}
	if deadline, ok := ctx.Deadline(); ok && req.replay == replayUnapplied {
		call.least = max(leastTime, time.Until(deadline)/10)
	}
	for {
		got, err := call.try(ctx)
		if err == nil {
			return got, nil
		}
		call.note(err)
		wait, again := call.again(ctx, err)
		if !again {
			return nil, call.failure(outer, err)
		}
		if !call.hasTime(ctx, wait) || !pause(ctx, wait) || !call.hasTime(ctx, 0) {
			return nil, call.failure(outer, context.DeadlineExceeded)
		}
	}
}

// note keeps what an attempt ran into.
func (c *call) note(err error) {
	c.last = err
	var refusal *Error
	if errors.As(err, &refusal) {
		c.answered = err
	}
}

// hasTime tells whether one more attempt is worth it after a pause. What cannot be repeated once its answer was cut needs a tenth
// of the call, which is more than an attempt over all of its time leaves.
func (c *call) hasTime(ctx context.Context, wait time.Duration) bool {
	deadline, _ := ctx.Deadline()
	return ctx.Err() == nil && time.Until(deadline)-wait >= c.least
}

// try sends the request once.
func (c *call) try(ctx context.Context) (*answer, error) {
	c.attempts++
	endpoint := c.endpoint
	switch {
	case endpoint != "":
	case c.attempts == 1 && c.first != "":
		endpoint = c.first
	default:
		endpoint = c.client.endpoints.pick(time.Now())
	}
	bound := c.bound(ctx)
	attempt, cancel := context.WithTimeout(ctx, bound+bound/10)
	defer cancel()
	got, sent, err := c.client.send(attempt, c.request, endpoint, bound)
	var refusal *Error
	switch {
	case err == nil:
		c.client.endpoints.succeeded(endpoint, got.header.Get("X-Raft-Leader"), time.Now())
	case errors.As(err, &refusal):
		c.doubtful = c.doubtful || !appliedNothing(refusal)
		if errors.Is(err, ErrUnavailable) || errors.Is(err, ErrTimeout) {
			c.client.endpoints.failed(endpoint, time.Now())
		}
	default:
		c.doubtful = c.doubtful || sent
		if ctx.Err() == nil {
			c.client.endpoints.failed(endpoint, time.Now())
		}
	}
	return got, err
}

// bound is how long the member may try. A member that knows no leader tries all that time, so it is short in the first rounds, as
// long as there are others to ask. A change of the cluster cannot be repeated after it was cut short, and gets its time.
func (c *call) bound(ctx context.Context) time.Duration {
	bound := c.client.options.AttemptTimeout
	members := c.members()
	switch {
	case c.attempt != 0:
		bound = c.attempt
	case c.patient && c.attempts == 1:
		bound = c.client.options.Timeout
	case c.replay != replayUnapplied && c.attempts%members != 0:
		bound = min(bound, firstBound<<min(c.attempts/members, 8))
	}
	deadline, _ := ctx.Deadline()
	left := max(time.Until(deadline), time.Millisecond)
	slack := max(left/10, min(lastSlack, left/2))
	return min(bound, left-slack) // so that what the member says in the end still arrives
}

// members is how many members the call can turn to.
func (c *call) members() int {
	if c.endpoint != "" {
		return 1
	}
	return len(c.client.endpoints.urls())
}

// appliedNothing tells whether an error says that the request did nothing. What stands between the client and a
// member does not know that, so an answer that is not of the API leaves it open.
func appliedNothing(err *Error) bool {
	switch err.Code {
	case "", codeTimeout, "stopping", "disk_failed", "internal":
		return err.Code == "" && err.Status < http.StatusInternalServerError
	default:
		return true
	}
}

// again decides whether to send the request once more, and after which pause.
func (c *call) again(ctx context.Context, err error) (time.Duration, bool) {
	most := c.most
	if most == 0 {
		most = c.client.options.MaxAttempts
	}
	if most > 0 && c.attempts >= most {
		return 0, false
	}
	if c.doubtful && c.replay == replayUnapplied {
		return 0, false
	}
	var refusal *Error
	if errors.As(err, &refusal) {
		if errors.Is(err, ErrBusy) {
			return c.busyPause(ctx, refusal)
		}
		if refusal.Status < http.StatusInternalServerError {
			return 0, false
		}
	}
	wait := c.backoff()
	var untrusted *tls.CertificateVerificationError
	return wait, wait == 0 || !errors.As(err, &untrusted) // time does not make a certificate trusted
}

// busyPause waits as long as the member asked for, on the condition that the call has that long.
func (c *call) busyPause(ctx context.Context, refusal *Error) (time.Duration, bool) {
	wait := max(refusal.RetryAfter, 100*time.Millisecond)
	return wait, c.hasTime(ctx, wait)
}

// backoff is zero as long as there are members that were not asked yet; then it grows with every round.
func (c *call) backoff() time.Duration {
	members := c.members()
	if c.attempts%members != 0 {
		return 0
	}
	round := c.attempts / members
	return min(25*time.Millisecond<<min(round, 8), time.Second)
}

// failure is the error of the call. It keeps what a member has answered last, which says more than "deadline exceeded".
func (c *call) failure(outer context.Context, err error) error {
	final := err
	var refusal *Error
	if !errors.As(err, &refusal) {
		final = c.withoutAnswer(outer, err)
	}
	if c.replay != replayAlways && c.doubtful && !settled(err) {
		return fmt.Errorf("%w: %w", ErrUnknownOutcome, final)
	}
	return final
}

func (c *call) withoutAnswer(outer context.Context, err error) error {
	reason := c.reason()
	switch {
	case errors.Is(outer.Err(), context.Canceled):
		return fmt.Errorf("%s %s: %w", c.method, c.path, outer.Err())
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %s %s, attempt %d: %w", ErrTimeout, c.method, c.path, c.attempts, reason)
	default:
		return fmt.Errorf("%w: %s %s, attempt %d: %w", ErrUnavailable, c.method, c.path, c.attempts, reason)
	}
}

// reason is what the last attempt ran into. If that had no answer, an earlier one says more; it stands there for people alone,
// since nothing follows from it for the attempts that came later.
func (c *call) reason() error {
	var refusal *Error
	if c.answered == nil || errors.As(c.last, &refusal) {
		return c.last
	}
	return fmt.Errorf("%v, and then %w", c.answered, c.last)
}

// settled tells whether an error is the answer to the write itself, which the cluster gives to every repetition.
func settled(err error) bool {
	return errors.Is(err, ErrPrecondition) || errors.Is(err, ErrNotFound)
}

// send makes one HTTP request. It tells whether the request may have reached the member.
func (c *Client) send(ctx context.Context, req *request, endpoint string, bound time.Duration) (*answer, bool, error) {
	var sent atomic.Bool
	if req.replay != replayAlways {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
			GotConn: func(httptrace.GotConnInfo) { sent.Store(true) },
		})
	}
	httpRequest, err := c.newHTTPRequest(ctx, req, endpoint)
	if err != nil {
		return nil, false, err
	}
	httpRequest.Header.Set("X-Request-Timeout", max(bound, time.Millisecond).Round(time.Millisecond).String())
	response, err := c.http.Do(httpRequest)
	if err != nil {
		return nil, sent.Load(), fmt.Errorf("%w from %s: %w", errNoAnswer, endpoint, plain(err))
	}
	body, err := readAnswer(response)
	if err != nil {
		return nil, true, fmt.Errorf("%w from %s: %w", errNoAnswer, endpoint, plain(err))
	}
	if response.StatusCode >= 200 && response.StatusCode < 300 {
		return &answer{endpoint: endpoint, header: response.Header, body: body}, true, nil
	}
	return nil, true, newError(endpoint, response.StatusCode, response.Header, body)
}

func (c *Client) newHTTPRequest(ctx context.Context, req *request, endpoint string) (*http.Request, error) {
	var body io.Reader
	if req.body != nil {
		body = bytes.NewReader(req.body)
	}
	httpRequest, err := http.NewRequestWithContext(ctx, req.method, endpoint+req.path, body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadRequest, err)
	}
	for name, value := range req.header {
		httpRequest.Header.Set(name, value)
	}
	if c.options.Token != "" {
		httpRequest.Header.Set("Authorization", "Bearer "+c.options.Token)
	}
	return httpRequest, nil
}

// readAnswer reads the whole body, so that the connection can be used again.
func readAnswer(response *http.Response) ([]byte, error) {
	defer response.Body.Close()
	var buffer bytes.Buffer
	if response.ContentLength > 0 && response.ContentLength < answerLimit {
		buffer.Grow(int(response.ContentLength) + bytes.MinRead)
	}
	n, err := buffer.ReadFrom(io.LimitReader(response.Body, answerLimit+1))
	if err == nil && n > answerLimit {
		err = fmt.Errorf("it has more than %d bytes", answerLimit)
	}
	return buffer.Bytes(), err
}

// plain takes off the layer that repeats method and URL.
func plain(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// pause waits, and tells whether it did to the end.
func pause(ctx context.Context, wait time.Duration) bool {
	if wait <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
