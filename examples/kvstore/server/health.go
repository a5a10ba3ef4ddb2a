package server

// Whether the process works, and whether it can serve: for supervisors and load balancers.

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/seed695671cb/raft/replica"
)

type healthAnswer struct {
	Status string `json:"status"`
}

// readyTimeout is how long a member that is asked whether it is ready tries to read.
const readyTimeout = 2 * time.Second

// handleHealth says whether the process works: to start it again helps if not.
func (a *api) handleHealth(w http.ResponseWriter, r *request) error {
	if _, err := r.query(); err != nil {
		return err
	}
	if a.failure() != nil {
		return a.stopped()
	}
	return writeJSON(w, http.StatusOK, healthAnswer{Status: "ok"})
}

// handleReady says whether the member can serve linearizable reads.
func (a *api) handleReady(w http.ResponseWriter, r *request) error {
	if _, err := r.query(); err != nil {
		return err
	}
	if a.stopping.Err() != nil || a.failure() != nil {
		return a.stopped()
	}
	if _, ok := findMember(a.member.Members(), a.options.ID); !ok {
		return unavailable(codeUnavailable, "the member is not part of the cluster: add it with POST /cluster/members, or stop it if it was removed")
	}
	if err := a.ready.ask(r.Context(), a.tryRead); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, healthAnswer{Status: "ready"})
}

// tryRead reads, for a while.
func (a *api) tryRead() error {
	ctx, cancel := context.WithTimeout(a.stopping, readyTimeout)
	defer cancel()
	_, err := a.member.Read(ctx, replica.Linearizable)
	return err
}

// A readiness is a question to which all who ask at the same time get one answer: anybody may ask, and it may take seconds.
type readiness struct {
	mu      sync.Mutex
	current *question // nil if nobody asks
}

type question struct {
	answered chan struct{}
	err      error // once it is answered
}

// ask returns what try does, or has done for those who have asked before.
func (r *readiness) ask(ctx context.Context, try func() error) error {
	q := r.join(try)
	select {
	case <-q.answered:
		return q.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *readiness) join(try func() error) *question {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current != nil {
		return r.current
	}
	q := &question{answered: make(chan struct{})}
	r.current = q
	go func() {
		q.err = try()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.current = nil
		close(q.answered)
	}()
	return q
}
