package replica

import (
	"context"
	"fmt"
	"slices"

	"github.com/seed695671cb/raft"
)

// Leadership transfer (thesis §3.10), with its outcome.

// transfer is one that a caller waits for.
type transfer struct {
	to, term uint64
	// deadline is the tick at which nothing more is to be expected.
	deadline uint64
	// away says that it is enough if this member leads no longer.
	away    bool
	outcome chan error
}

// TransferLeadership hands leadership over to a voter, and returns when this member has heard that it leads. While it is under
// way, proposals wait. Errors match ErrNotLeader if this member does not lead, and ErrRefused if the transfer is not
// possible, or was given up because it took longer than an election timeout.
func (r *Replica) TransferLeadership(ctx context.Context, to uint64) error {
	t := &transfer{to: to, outcome: make(chan error, 1)}
	if r.refusing.Load() || !r.inbox.put(func(l *letters) { l.calls = append(l.calls, func() { r.beginTransfer(t) }) }) {
		return notApplied{ErrStopped}
	}
	r.host.steps.add(r.stepper())
	return r.awaitTransfer(ctx, t)
}

func (r *Replica) awaitTransfer(ctx context.Context, t *transfer) error {
	select {
	case err := <-t.outcome:
		return err
	case <-ctx.Done():
		return unknown{fmt.Errorf("the transfer to %d has not ended: %w", t.to, context.Cause(ctx))}
	case <-r.done:
		return unknown{r.stoppedError()}
	}
}

// transferTimeouts is for how many election timeouts the outcome of a transfer is waited for. The leader gives it up after one;
// when it has stepped down, the transferee should be elected in another.
const transferTimeouts = 3

// beginTransfer runs on the stepping goroutine.
func (r *Replica) beginTransfer(t *transfer) {
	s := &r.stepping
	status := s.rn.BasicStatus()
	voter := slices.ContainsFunc(r.Members(), func(m Member) bool { return m.ID == t.to && !m.Learner })
	switch {
	case status.RaftState != raft.StateLeader:
		t.outcome <- &NotLeaderError{Leader: status.Lead}
		return
	case t.to == r.id:
		t.outcome <- nil
		return
	case !voter:
		t.outcome <- notApplied{fmt.Errorf("%w: %d is not a voter of the group", ErrRefused, t.to)}
		return
	case s.transfer != nil:
		t.outcome <- notApplied{fmt.Errorf("%w: a transfer to %d is under way", ErrRefused, s.transfer.to)}
		return
	}
	t.term = status.Term
	t.deadline = s.ticked + uint64(transferTimeouts*r.config.ElectionTicks)
	s.transfer = t
	s.rn.TransferLeader(t.to)
}

// checkTransfer looks whether a transfer has ended: with the step in which another leads, or this member leads on and has given
// it up.
func (r *Replica) checkTransfer() {
	s := &r.stepping
	t := s.transfer
	if t == nil {
		return
	}
	status := s.rn.BasicStatus()
	switch {
	case status.Lead == t.to, t.away && status.RaftState != raft.StateLeader:
		t.outcome <- nil
	case status.Lead != raft.None && status.Term > t.term:
		t.outcome <- notApplied{fmt.Errorf("%w: %d was elected instead of %d", ErrRefused, status.Lead, t.to)}
	case status.RaftState == raft.StateLeader && status.LeadTransferee == raft.None:
		t.outcome <- notApplied{fmt.Errorf("%w: member %d did not take over within an election timeout", ErrRefused, t.to)}
	case s.ticked >= t.deadline:
		t.outcome <- unknown{fmt.Errorf("member %d has not taken over in time, and may yet do so", t.to)}
	default:
		return
	}
	s.transfer = nil
}
