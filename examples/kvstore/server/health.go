package server

// Whether the process works, and whether it can serve: for supervisors and load balancers.

import (
	"context"
	"net/http"
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
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	if _, err := a.member.Read(ctx, replica.Linearizable); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, healthAnswer{Status: "ready"})
}
