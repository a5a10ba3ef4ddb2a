package replica

import (
	"context"
	"fmt"
	"sync"
)

// A Session has commands applied exactly once, although they are proposed again when their outcome is not known (thesis §6.3).
// Its methods may be called from any goroutine; several commands may be under way.
//
// Sessions live in the replicated state. One that is not used while many others are, see Config.MaxSessions, is forgotten.
type Session struct {
	r  *Replica
	id uint64

	mu   sync.Mutex
	next uint64
	// open holds the numbers of commands without an answer, ascending.
	open []uint64
}

// OpenSession opens a session, by way of the leader. It should be closed when it is no longer needed.
func (r *Replica) OpenSession(ctx context.Context) (*Session, error) {
	// To open one twice does no harm: the one that nobody uses is forgotten in time.
	result, err := r.proposeEnvelope(ctx, envelope{kind: kindOpenSession, maxSessions: uint64(r.config.MaxSessions)}, true)
	if err != nil {
		return nil, fmt.Errorf("no session was opened: %w", err)
	}
	return &Session{r: r, id: result.Index, next: 1}, nil
}

// ID returns the session's number in its group.
func (s *Session) ID() uint64 { return s.id }

// Propose proposes a command, again and again until it is applied or ctx ends, and returns its result. It is applied
// at most once. If ctx ends before, the outcome is unknown and the command will not be proposed again; if that error also
// matches ErrNotApplied, it was never proposed. The result is what a Condenser has left of it if this member has not
// applied the command itself, but received a snapshot in which it was.
func (s *Session) Propose(ctx context.Context, command []byte) (Result, error) {
	seq, low, err := s.begin()
	if err != nil {
		return Result{}, err
	}
	defer s.end(seq)
	return s.r.proposeEnvelope(ctx,
		envelope{kind: kindSessionCommand, session: s.id, seq: seq, low: low, command: command}, true)
}

// Close has the group forget the session.
func (s *Session) Close(ctx context.Context) error {
	_, err := s.r.proposeEnvelope(ctx, envelope{kind: kindCloseSession, session: s.id}, true)
	return err
}

// begin numbers a command. low is the lowest number of those without an answer.
func (s *Session) begin() (seq, low uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) > 0 && s.next-s.open[0] >= maxInFlight {
		return 0, 0, &BusyError{Queue: "commands of a session", Bound: maxInFlight}
	}
	seq = s.next
	s.next++
	s.open = append(s.open, seq)
	return seq, s.open[0], nil
}

// end notes that nobody waits for the command any more.
func (s *Session) end(seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, number := range s.open {
		if number == seq {
			s.open = append(s.open[:i], s.open[i+1:]...)
			return
		}
	}
}
