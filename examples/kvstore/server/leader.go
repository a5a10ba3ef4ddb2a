package server

// What only the leader can do is passed to it: once, from the member that was asked, with the rights of who asked.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/seed695671cb/raft"
	"github.com/seed695671cb/raft/replica"
)

const (
	// forwardedHeader names the member that passes a request on. Who gets such a request does not pass it on again.
	forwardedHeader = "X-Kvstore-Forwarded"
	// maxForwardedAnswer bounds an answer that is passed back.
	maxForwardedAnswer = 1 << 20
	// leaderPause is how long to wait until somebody else may lead.
	leaderPause = 50 * time.Millisecond
)

// A leaderClient sends requests to other members.
type leaderClient struct {
	// clientOf makes one that talks to a member, and to no other.
	clientOf func(member uint64) *http.Client
}

// change runs a change of the cluster on the leader: do, if this member leads, otherwise the same request there. The answer is written
// by either.
func (a *api) change(w http.ResponseWriter, r *request, body []byte, do func(ctx context.Context) (any, error)) error {
	for {
		answer, err := do(r.Context())
		if err == nil {
			return writeJSON(w, http.StatusOK, answer)
		}
		var elsewhere *replica.NotLeaderError
		if !errors.As(err, &elsewhere) {
			return changeError(err)
		}
		if r.Header.Get(forwardedHeader) != "" {
			return unavailable(codeNoLeader, "the request was passed to member %d, which does not lead: try again", a.options.ID)
		}
		done, err := a.passOn(w, r, body, elsewhere.Leader)
		if done || err != nil {
			return err
		}
		select {
		case <-r.Context().Done():
			return replica.ErrNoLeader
		case <-time.After(leaderPause):
		}
	}
}

// changeError names the reasons for which a change is refused.
func changeError(err error) error {
	var dropped *raft.ProposalDroppedError
	if !errors.As(err, &dropped) {
		return err
	}
	switch dropped.Reason {
	case raft.DroppedChangePending, raft.DroppedChangeJoint:
		return newError(http.StatusConflict, codeChangePending, "another change of the members is under way: try again when it has ended")
	case raft.DroppedChangeImpossible:
		return newError(http.StatusConflict, codeConflict, "%v", err)
	default:
		return notApplied(err)
	}
}

// passOn has the leader answer. It is not done if that one is not known, cannot be reached, or does not lead: nothing has
// happened then.
func (a *api) passOn(w http.ResponseWriter, r *request, body []byte, leader uint64) (done bool, err error) {
	address := a.addressOf(leader)
	if address == "" {
		return false, nil
	}
	answer, err := a.leaders.send(r, body, replica.Member{ID: leader, Address: address}, a.options.ID)
	if err != nil {
		var unsent *unsentError
		if errors.As(err, &unsent) {
			a.logger.Debug("the leader was not reached", "leader", leader, "error", err)
			return false, nil
		}
		return true, fmt.Errorf("%w: passed to member %d: %w", replica.ErrUnknownOutcome, leader, err)
	}
	if answer.isNoLeader() {
		return false, nil
	}
	return true, answer.write(w)
}

// addressOf returns where a member is, "" if that is not known.
func (a *api) addressOf(id uint64) string {
	if id == 0 || id == a.options.ID {
		return ""
	}
	members := a.member.Members()
	at := slices.IndexFunc(members, func(m replica.Member) bool { return m.ID == id })
	if at < 0 {
		return ""
	}
	return members[at].Address
}

// unsentError is the error of a request that did not leave this member.
type unsentError struct{ error }

func (e *unsentError) Unwrap() error { return e.error }

// A leaderAnswer is what another member has answered.
type leaderAnswer struct {
	status int
	header http.Header
	body   []byte
}

// send sends a request as it came.
func (c *leaderClient) send(r *request, body []byte, to replica.Member, self uint64) (*leaderAnswer, error) {
	out, err := http.NewRequestWithContext(r.Context(), r.Method, to.Address+r.URL.EscapedPath(), bytes.NewReader(body))
	if err != nil {
		return nil, &unsentError{err}
	}
	for _, name := range [...]string{"Authorization", "Content-Type"} {
		if value := r.Header.Get(name); value != "" {
			out.Header.Set(name, value)
		}
	}
	out.Header.Set(forwardedHeader, strconv.FormatUint(self, 10))
	if deadline, ok := r.Context().Deadline(); ok {
		out.Header.Set("X-Request-Timeout", max(time.Until(deadline), time.Millisecond).String())
	}
	sent := watchConnection(out)
	answer, err := c.clientOf(to.ID).Do(sent.request)
	if err != nil {
		if !sent.connected() {
			return nil, &unsentError{err}
		}
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxForwardedAnswer))
	if err != nil {
		return nil, err
	}
	return &leaderAnswer{status: answer.StatusCode, header: answer.Header, body: text}, nil
}

// isNoLeader says that the other member does not lead either.
func (l *leaderAnswer) isNoLeader() bool {
	return l.status == http.StatusServiceUnavailable && bytes.Contains(l.body, []byte(`"code":"`+codeNoLeader+`"`))
}

// write gives the answer to who asked this member.
func (l *leaderAnswer) write(w http.ResponseWriter) error {
	for _, name := range [...]string{"Content-Type", "Retry-After", "X-Content-Type-Options"} {
		if value := l.header.Get(name); value != "" {
			w.Header().Set(name, value)
		}
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(l.body)))
	w.WriteHeader(l.status)
	_, err := w.Write(l.body)
	return writeFailed(err)
}
