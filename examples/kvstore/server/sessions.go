package server

// Writes go through client sessions of this process, so that each is applied once although it is proposed again when a leader
// is lost (thesis §6.3). There are a few of them, since one session has a bounded number of commands under way.

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/seed695671cb/raft/replica"
)

const (
	poolSize = 4
	// sessionQueue is what replica.BusyError calls the commands of a session.
	sessionQueue = "commands of a session"
)

// A sessionPool proposes through sessions, which it opens when they are needed.
type sessionPool struct {
	open  func(ctx context.Context) (proposer, error)
	turn  atomic.Uint64
	slots [poolSize]sessionSlot
}

// A sessionSlot is the place of one session.
type sessionSlot struct {
	// opening is held by the goroutine that opens the session; a channel, because others wait no longer than they may.
	opening chan struct{}
	session atomic.Pointer[proposer]
}

func newSessionPool(open func(ctx context.Context) (proposer, error)) *sessionPool {
	p := &sessionPool{open: open}
	for i := range p.slots {
		p.slots[i].opening = make(chan struct{}, 1)
	}
	return p
}

// Propose has a command applied once, or returns an error; errors are those of replica.Session.
func (p *sessionPool) Propose(ctx context.Context, command []byte) (replica.Result, error) {
	first := p.turn.Add(1)
	var result replica.Result
	var err error
	for i := range uint64(poolSize) {
		result, err = p.proposeIn(ctx, &p.slots[(first+i)%poolSize], command)
		if !isSessionFull(err) {
			return result, err
		}
	}
	return result, err
}

// isSessionFull says that a session has as many commands under way as it may, so that another one may do.
func isSessionFull(err error) bool {
	var full *replica.BusyError
	return errors.As(err, &full) && full.Queue == sessionQueue
}

func (p *sessionPool) proposeIn(ctx context.Context, slot *sessionSlot, command []byte) (replica.Result, error) {
	session, err := slot.get(ctx, p.open)
	if err != nil {
		return replica.Result{}, notProposed(err)
	}
	result, err := (*session).Propose(ctx, command)
	if errors.Is(err, replica.ErrSessionExpired) {
		slot.session.CompareAndSwap(session, nil)
		err = fmt.Errorf("%w: %w", replica.ErrUnknownOutcome, err)
	}
	return result, err
}

// get returns the session, which it opens if there is none.
func (s *sessionSlot) get(ctx context.Context, open func(context.Context) (proposer, error)) (*proposer, error) {
	if session := s.session.Load(); session != nil {
		return session, nil
	}
	select {
	case s.opening <- struct{}{}:
		defer func() { <-s.opening }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if session := s.session.Load(); session != nil {
		return session, nil
	}
	session, err := open(ctx)
	if err != nil {
		return nil, err
	}
	s.session.Store(&session)
	return &session, nil
}

// notProposed is the answer if there was no session to propose in: whatever has become of opening one, the command itself was
// not proposed.
func notProposed(err error) error {
	switch {
	case errors.Is(err, replica.ErrBusy), errors.Is(err, replica.ErrNoLeader), errors.Is(err, replica.ErrStopped):
		return err
	default:
		answer := unavailable(codeUnavailable, "the cluster did not take the write in time, and it was not applied: try again")
		answer.cause = err
		return answer
	}
}
