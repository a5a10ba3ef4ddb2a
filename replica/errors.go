package replica

import (
	"errors"
	"fmt"
)

// Errors of proposals, reads and changes. Match them with errors.Is; those that have fields are found by errors.As.
var (
	// ErrNotApplied is matched by every error that says that a proposal or change was not applied and will not be: it is
	// safe to make it again.
	ErrNotApplied = errors.New("not applied")
	// ErrUnknownOutcome is matched by every error that leaves open whether a proposal or change was, or will be, applied.
	ErrUnknownOutcome = errors.New("outcome unknown")
	// ErrBusy: a queue is full; see BusyError. It was not applied.
	ErrBusy = errors.New("busy")
	// ErrNoLeader: no leader was known until the caller's context ended. It was not applied.
	ErrNoLeader = errors.New("no leader")
	// ErrNotLeader: only the leader can do it; see NotLeaderError. It was not applied.
	ErrNotLeader = errors.New("not the leader")
	// ErrTooLarge: the command is larger than Config.MaxCommandBytes. It was not applied.
	ErrTooLarge = errors.New("too large")
	// ErrRefused: a membership change, or a transfer, is not possible as things are. It was not applied.
	ErrRefused = errors.New("refused")
	// ErrSessionExpired: the group does not know the session any more, because it was closed, or because too many others were
	// used since. Whether a command that awaited its result was applied is unknown.
	ErrSessionExpired = errors.New("session expired")
	// ErrStopped: the replica has stopped, or is about to.
	ErrStopped = errors.New("replica stopped")
)

// BusyError says which queue is full. It matches ErrBusy and ErrNotApplied.
type BusyError struct {
	// Queue is one of proposals, proposal bytes, reads and commands of a session.
	Queue string
	// Bound is how much it holds.
	Bound int
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("the queue of %s is full, its bound is %d: try again later", e.Queue, e.Bound)
}

// Is matches ErrBusy and ErrNotApplied.
func (e *BusyError) Is(target error) bool { return target == ErrBusy || target == ErrNotApplied }

// NotLeaderError says who can be asked instead. It matches ErrNotLeader and ErrNotApplied.
type NotLeaderError struct {
	// Leader is the leader's ID, or 0 if none is known.
	Leader uint64
}

func (e *NotLeaderError) Error() string {
	if e.Leader == 0 {
		return "this member does not lead, and knows of no leader: try again later"
	}
	return fmt.Sprintf("this member does not lead: ask member %d, the leader", e.Leader)
}

// Is matches ErrNotLeader and ErrNotApplied.
func (e *NotLeaderError) Is(target error) bool {
	return target == ErrNotLeader || target == ErrNotApplied
}

// notApplied is an error that also matches ErrNotApplied.
type notApplied struct{ error }

func (e notApplied) Unwrap() []error { return []error{e.error, ErrNotApplied} }

// unknown is an error that also matches ErrUnknownOutcome.
type unknown struct{ error }

func (e unknown) Unwrap() []error { return []error{e.error, ErrUnknownOutcome} }
