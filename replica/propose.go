package replica

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
	// changes are membership changes that wait until what earlier leaders have left is applied.
	changes []*proposal
	// changed is the last term in which this member, as its leader, has proposed a membership change.
	changed uint64
	// unsettled were proposed, and can be proposed again, in the order of their ticks. They have at most unsettledBytes.
	unsettled      []*proposal
	unsettledBytes int
}

// takeProposal proposes what has come, unless others wait already.
func (r *Replica) takeProposal(p *proposal) {
	pr := &r.stepping.proposing
	switch {
	case p.change != nil:
		if !r.proposeChange(p) {
			pr.changes = append(pr.changes, p)
		}
	case len(pr.parked) > 0 || !r.tryPropose(p):
		r.park(p)
	}
}

// minPruned is how many may be parked before those that nobody waits for are looked for.
const minPruned = 64

// park has a proposal wait. Of those that nobody waits for any more it keeps no more than of the others.
func (r *Replica) park(p *proposal) {
	pr := &r.stepping.proposing
	if live, _ := r.waiting.counts(); len(pr.parked) >= 2*live+minPruned {
		pr.parked = slices.DeleteFunc(pr.parked, func(p *proposal) bool { return !r.waiting.awaited(p) })
	}
	pr.parked = append(pr.parked, p)
}

// proposeParked proposes what could not be proposed before, as far as it can.
func (r *Replica) proposeParked() {
	pr := &r.stepping.proposing
	r.retryOverdue()
	if len(pr.changes) > 0 {
		pr.changes = slices.DeleteFunc(pr.changes, r.proposeChange)
	}
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
	if !r.waiting.begin(p, r.ownTerm()) {
		return true
	}
	err := r.stepping.rn.Propose(p.data)
	if err == nil {
		r.proposed(p)
		return true
	}
	r.waiting.retract(p)
	var dropped *raft.ProposalDroppedError
	if errors.As(err, &dropped) {
		return false
	}
	r.waiting.settle(p.number, outcome{err: outcomeOf(p, err)})
	return true
}

// outcomeOf says what a proposal's failure means for its outcome: it may have been proposed before. Callers hold waiting.mu or run on
// the stepping goroutine, which alone has proposals stepped.
func outcomeOf(p *proposal, err error) error {
	if p.stepped {
		return unknown{err}
	}
	return notApplied{err}
}

// ownTerm returns the term in whose log this member, as its leader, puts what is proposed, or 0 if it does not lead.
func (r *Replica) ownTerm() uint64 {
	if status := r.stepping.rn.BasicStatus(); status.RaftState == raft.StateLeader {
		return status.Term
	}
	return 0
}

// proposed notes that a proposal is on its way.
func (r *Replica) proposed(p *proposal) {
	p.tick = r.stepping.ticked
	if p.again {
		r.keepUnsettled(p)
	}
}

// minPrunedBytes is of what size proposals may be kept before those that are settled are looked for.
const minPrunedBytes = 1 << 20

// keepUnsettled keeps a proposal, to propose it again. Of those that have been settled meanwhile, behind one that has not, it
// keeps no more than of the others.
func (r *Replica) keepUnsettled(p *proposal) {
	pr := &r.stepping.proposing
	live, liveBytes := r.waiting.size()
	if len(pr.unsettled) >= 2*live+minPruned || pr.unsettledBytes >= 2*liveBytes+minPrunedBytes {
		pr.unsettledBytes = 0
		pr.unsettled = slices.DeleteFunc(pr.unsettled, func(p *proposal) bool {
			waits := r.waiting.awaited(p)
			if waits {
				pr.unsettledBytes += len(p.data)
			}
			return !waits
		})
	}
	pr.unsettled = append(pr.unsettled, p)
	pr.unsettledBytes += len(p.data)
}

// proposeChange proposes a membership change, or settles one that cannot be proposed: only a leader proposes them, since nobody
// hears of it if another refuses one. It returns false if that is to be tried again later.
func (r *Replica) proposeChange(p *proposal) bool {
	s := &r.stepping
	term := r.ownTerm()
	if term == 0 {
		r.waiting.settle(p.number, outcome{err: &NotLeaderError{Leader: s.rn.BasicStatus().Lead}})
		return true
	}
	if err := r.checkChange(p.change); err != nil {
		r.waiting.settle(p.number, outcome{err: notApplied{err}})
		return true
	}
	if !r.waiting.begin(p, term) {
		return true
	}
	err := s.rn.ProposeConfChange(*p.change)
	switch {
	case err == nil:
		s.proposing.changed = term
	case term > s.proposing.changed && isPending(err):
		r.waiting.retract(p)
		return false
	default:
		r.waiting.settle(p.number, outcome{err: notApplied{fmt.Errorf("%w: %w", ErrRefused, err)}})
	}
	return true
}

// isPending reports whether a change was refused since entries before it may hold another that is not applied. For a leader that has
// proposed none itself these are entries of earlier leaders, which need not hold any: that ends by itself, and soon.
func isPending(err error) bool {
	var dropped *raft.ProposalDroppedError
	return errors.As(err, &dropped) && dropped.Reason == raft.DroppedChangePending
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
		if r.waiting.awaited(p) {
			again = append(again, p)
		}
	}
	pr.parked = append(again, pr.parked...)
	pr.unsettled, pr.unsettledBytes = nil, 0
}

// retryOverdue does so with what has waited for long, unless it is in this leader's own log.
func (r *Replica) retryOverdue() {
	s := &r.stepping
	pr := &s.proposing
	for len(pr.unsettled) > 0 {
		p := pr.unsettled[0]
		waits := r.waiting.awaited(p)
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
	pr.unsettled, pr.unsettledBytes = nil, 0
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
