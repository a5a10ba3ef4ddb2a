package replica

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// Proposals (Raft §5.3): from the caller to the log. The answer comes when they are applied; see applying.go.

// Propose proposes a command, by way of the leader, and returns its result when it is applied on this member. Until a leader is
// known it waits. The command must not be modified afterwards.
//
// See the package documentation for what errors say about the outcome. ctx should end: what is lost on the way to the
// leader is not proposed again, since it could then be applied twice; Session.Propose does that.
func (r *Replica) Propose(ctx context.Context, command []byte) (Result, error) {
	return r.proposeEnvelope(ctx, envelope{kind: kindCommand, command: command}, false)
}

// proposeEnvelope proposes an entry. If it may be proposed again, it is until ctx ends.
func (r *Replica) proposeEnvelope(ctx context.Context, e envelope, again bool) (Result, error) {
	if n := len(e.command); n > r.config.MaxCommandBytes {
		return Result{}, notApplied{fmt.Errorf("%w: the command has %d bytes, Config.MaxCommandBytes is %d",
			ErrTooLarge, n, r.config.MaxCommandBytes)}
	}
	e.life, e.number = r.life, r.number.Add(1)
	p := &proposal{number: e.number, data: e.encode(), again: again, outcome: make(chan outcome, 1)}
	return r.submit(ctx, p)
}

// submit has the proposal proposed, and waits for its outcome.
func (r *Replica) submit(ctx context.Context, p *proposal) (Result, error) {
	if r.refusing.Load() {
		return Result{}, notApplied{ErrStopped}
	}
	if err := ctx.Err(); err != nil {
		return Result{}, notApplied{context.Cause(ctx)}
	}
	if err := r.waiting.addProposal(p); err != nil {
		return Result{}, err
	}
	if r.inbox.put(func(l *letters) { l.proposals = append(l.proposals, p) }) {
		r.host.steps.add(r.stepper())
	}
	return r.await(ctx, p)
}

// proposing is what the stepping goroutine knows of proposals.
type proposing struct {
	// parked wait until they can be proposed, in the order in which they came.
	parked []*proposal
	// unsettled were proposed, and can be proposed again, in the order of their ticks.
	unsettled []*proposal
}

// takeProposal proposes what has come, unless others wait already.
func (r *Replica) takeProposal(p *proposal) {
	pr := &r.stepping.proposing
	if p.change == nil && len(pr.parked) > 0 || !r.tryPropose(p) {
		pr.parked = append(pr.parked, p)
	}
}

// proposeParked proposes what could not be proposed before, as far as it can.
func (r *Replica) proposeParked() {
	pr := &r.stepping.proposing
	r.retryOverdue()
	if len(pr.parked) == 0 || r.stepping.leader == raft.None {
		return
	}
	n := 0
	for n < len(pr.parked) && r.tryPropose(pr.parked[n]) {
		n++
	}
	clear(pr.parked[:n])
	pr.parked = pr.parked[n:]
	if len(pr.parked) == 0 {
		pr.parked = nil
	}
}

// tryPropose proposes, or settles what cannot be proposed. It returns false if that is to be tried again later.
func (r *Replica) tryPropose(p *proposal) bool {
	if !r.waiting.begin(p) {
		return true
	}
	if p.change != nil {
		r.proposeChange(p)
		return true
	}
	err := r.stepping.rn.Propose(p.data)
	if err == nil {
		r.proposed(p)
		return true
	}
	var dropped *raft.ProposalDroppedError
	if errors.As(err, &dropped) {
		return false
	}
	r.waiting.settle(p.number, outcome{err: notApplied{err}})
	return true
}

// proposed notes where a proposal is now.
func (r *Replica) proposed(p *proposal) {
	s := &r.stepping
	term := uint64(0)
	if s.rn.BasicStatus().RaftState == raft.StateLeader {
		term = s.rn.BasicStatus().Term
	}
	r.waiting.entered(p, term)
	p.tick = s.ticked
	if p.again {
		s.proposing.unsettled = append(s.proposing.unsettled, p)
	}
}

// proposeChange proposes a membership change: only a leader does, since nobody hears of it if another refuses it.
func (r *Replica) proposeChange(p *proposal) {
	s := &r.stepping
	if status := s.rn.BasicStatus(); status.RaftState != raft.StateLeader {
		r.waiting.settle(p.number, outcome{err: &NotLeaderError{Leader: status.Lead}})
		return
	}
	if err := s.rn.ProposeConfChange(*p.change); err != nil {
		r.waiting.settle(p.number, outcome{err: notApplied{fmt.Errorf("%w: %w", ErrRefused, err)}})
		return
	}
	r.proposed(p)
}

// retryTicks is after how many election timeouts what was passed to a leader, and not settled, is proposed again.
const retryTicks = 2

// retryUnsettled has all that may have been lost with a leader be proposed again, since there is another one.
func (r *Replica) retryUnsettled() {
	pr := &r.stepping.proposing
	if len(pr.unsettled) == 0 {
		return
	}
	again := make([]*proposal, 0, len(pr.unsettled)+len(pr.parked))
	for _, p := range pr.unsettled {
		if r.waiting.begin(p) {
			again = append(again, p)
		}
	}
	pr.parked = append(again, pr.parked...)
	pr.unsettled = nil
}

// retryOverdue does so with what has waited for long, unless it is in this leader's own log.
func (r *Replica) retryOverdue() {
	s := &r.stepping
	pr := &s.proposing
	for len(pr.unsettled) > 0 {
		p := pr.unsettled[0]
		waits := r.waiting.begin(p)
		if waits && s.ticked-p.tick < r.retryAfter() {
			return
		}
		pr.unsettled[0] = nil
		pr.unsettled = pr.unsettled[1:]
		switch {
		case waits && s.role == raft.StateLeader && p.term == s.term:
			p.tick = s.ticked
			pr.unsettled = append(pr.unsettled, p)
		case waits:
			pr.parked = append(pr.parked, p)
		}
	}
	pr.unsettled = nil
}

func (r *Replica) retryAfter() uint64 { return uint64(retryTicks * r.config.ElectionTicks) }

// nextRetry returns the tick at which something is to be proposed again, or to be looked at.
func (r *Replica) nextRetry() (tick uint64, waits bool) {
	s := &r.stepping
	switch {
	case len(s.proposing.parked) > 0 && s.leader != raft.None, len(s.reading.parked) > 0:
		return s.ticked + 1, true
	case len(s.proposing.unsettled) > 0:
		return s.proposing.unsettled[0].tick + r.retryAfter(), true
	}
	return 0, false
}

// newChange returns a proposal of the change.
func (r *Replica) newChange(change pb.ConfChangeV2, addresses []memberAddress) *proposal {
	c := changeContext{life: r.life, number: r.number.Add(1), addresses: addresses}
	change.Context = c.encode()
	return &proposal{number: c.number, change: &change, outcome: make(chan outcome, 1)}
}
