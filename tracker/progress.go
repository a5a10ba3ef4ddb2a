package tracker

import (
	"fmt"
	"strings"
)

// StateType is how a leader currently drives one follower.
type StateType uint64

const (
	// StateProbe: where the follower's log agrees with the leader's is not known. One append is sent and answered
	// before the next.
	StateProbe StateType = iota
	// StateReplicate: the logs are known to agree. Appends are pipelined without waiting for answers, as far as
	// Inflights allows.
	StateReplicate
	// StateSnapshot: the follower needs entries that are no longer in the log and was sent a snapshot. No append is
	// sent until it is known how that went.
	StateSnapshot
)

// String names the state as the constant does.
func (s StateType) String() string {
	switch s {
	case StateProbe:
		return "StateProbe"
	case StateReplicate:
		return "StateReplicate"
	case StateSnapshot:
		return "StateSnapshot"
	default:
		return fmt.Sprintf("StateType(%d)", uint64(s))
	}
}

// Progress is what a leader knows of one member, itself included (Raft §5.3: matchIndex and nextIndex). It
// changes only by its On... methods, one for each thing that can happen; ShouldSend alone decides what the follower
// is owed. A leader starts every term with fresh Progress.
//
// Legal states:
//
//	Probe      MsgAppFlowPaused: the probe awaits its answer
//	Replicate  MsgAppFlowPaused: Inflights is full; otherwise more may be sent
//	Snapshot   PendingSnapshot > 0; nothing is sent
//
// Invariant: Match < Next.
// Invariant: State != StateReplicate ==> Inflights is empty.
// Invariant: State == StateSnapshot <==> PendingSnapshot > 0.
type Progress struct {
	// Match is the highest index at which the follower's log is known to agree with the leader's, durably.
	Match uint64
	// Next is the index of the first entry of the next append. It is optimistic in StateReplicate: entries in
	// (Match, Next) are on their way.
	Next uint64
	// State is how the follower is driven.
	State StateType
	// PendingSnapshot is the index of the snapshot on its way in StateSnapshot, otherwise zero.
	PendingSnapshot uint64
	// RecentActive is set by any message from the follower, and cleared when a check of the quorum has read it.
	RecentActive bool
	// MsgAppFlowPaused holds appends back until the follower has been heard of.
	MsgAppFlowPaused bool
	// Inflights are the appends sent in StateReplicate and not yet answered.
	Inflights *Inflights
	// IsLearner reports whether the follower does not vote.
	IsLearner bool

	// birth is the lowest index whose acknowledgement can be the follower's own. Anything below may come from an
	// earlier life of the same ID, removed in this leader's term, whose log is gone. Such an answer moves Next, a
	// guess, but never Match. See docs/REPLICATION.md, "A member's earlier life".
	birth uint64
	// toldCommit is the highest commit index that appends have carried to the follower, as far as they arrived.
	toldCommit uint64
	// beatMatch is Match at the last heartbeat response, to notice that a follower got nowhere between two.
	beatMatch uint64
	// nudge asks for one append although there is nothing new: its answer will show what was lost.
	nudge bool
	// round is the last heartbeat round that the follower acknowledged.
	round uint64
}

// NewProgress returns the progress of a follower about whose log nothing is known. Its first append will carry
// entries from next on. Acknowledgements of indexes below birth are not trusted; zero trusts all.
func NewProgress(next, birth uint64, learner bool, inflights *Inflights) Progress {
	return Progress{
		Next:         max(next, 1),
		Inflights:    inflights,
		IsLearner:    learner,
		RecentActive: true,
		birth:        birth,
	}
}

// NewSelfProgress returns the leader's progress with its own log: durable up to match.
func NewSelfProgress(match, next uint64, inflights *Inflights) Progress {
	p := NewProgress(next, 0, false, inflights)
	p.Match = match
	p.State = StateReplicate
	return p
}

// ShouldSend reports whether the follower is owed an append, given the leader's last and commit index.
func (p *Progress) ShouldSend(last, commit uint64) bool {
	switch p.State {
	case StateProbe:
		return !p.MsgAppFlowPaused
	case StateReplicate:
		if p.nudge {
			return true
		}
		return !p.MsgAppFlowPaused && (p.Next <= last || p.toldCommit < min(commit, p.Next-1))
	default:
		return false
	}
}

// MayCarryEntries reports whether the next append may hold entries. It may not while Inflights is full: then it only
// asks where the follower is.
func (p *Progress) MayCarryEntries() bool {
	return p.State != StateReplicate || !p.Inflights.Full()
}

// OnAppendSent records an append whose last entry is at index last (the index before Next if it held none), with the
// given size of payload and the leader's commit index.
func (p *Progress) OnAppendSent(last, bytes, commit uint64) {
	p.nudge = false
	if p.State == StateProbe {
		p.MsgAppFlowPaused = true
		p.toldCommit = min(commit, last)
		return
	}
	if last >= p.Next {
		p.Next = last + 1
		p.Inflights.Add(last, bytes)
	}
	p.toldCommit = min(commit, last)
	p.MsgAppFlowPaused = p.Inflights.Full()
}

// OnAppendAccepted records that the follower's log agrees with the leader's up to index, durably. first is the first
// index of the leader's log: a follower that was sent a snapshot can be driven by appends again once it has reached
// it. It reports whether Match moved.
func (p *Progress) OnAppendAccepted(index, first uint64) (moved bool) {
	answersProbe := index+1 >= p.Next
	if index >= p.birth && index > p.Match {
		p.Match = index
		moved = true
	}
	switch p.State {
	case StateProbe:
		if moved || answersProbe {
			p.becomeReplicate(index)
		}
	case StateReplicate:
		p.Next = max(p.Next, index+1)
		p.Inflights.FreeLE(index)
		p.MsgAppFlowPaused = p.Inflights.Full()
	case StateSnapshot:
		switch {
		case index+1 >= first && (moved || index >= p.PendingSnapshot):
			p.becomeReplicate(index)
		case moved && index >= p.PendingSnapshot:
			// It is beyond the snapshot, but the log begins further on by now: it needs a newer one.
			p.becomeProbe(index + 1)
		}
	}
	return moved
}

// OnAppendRejected records that the follower has no entry that matches the one at index rejected, and that the logs
// may agree at hint or before. It reports whether this was news; an answer to an older append is not.
func (p *Progress) OnAppendRejected(rejected, hint uint64) bool {
	next := max(min(rejected, hint+1), p.Match+1)
	switch p.State {
	case StateReplicate:
		if rejected <= p.Match {
			return false
		}
		p.becomeProbe(next)
		return true
	case StateProbe:
		if rejected != p.Next-1 || rejected <= p.Match {
			// What matched does not cease to: a follower that says so has lost its log, and is not hurried.
			return false
		}
		p.becomeProbe(next)
		return true
	default:
		return false
	}
}

// OnHeartbeatResponse records that the follower is alive. What it was sent may have been lost: a probe is sent
// again, and a follower in StateReplicate that is behind last and has got nowhere since its previous response is
// asked where it is.
func (p *Progress) OnHeartbeatResponse(last uint64) {
	p.RecentActive = true
	stuck := p.Match < last && p.Match == p.beatMatch
	p.beatMatch = p.Match
	switch p.State {
	case StateProbe:
		p.MsgAppFlowPaused = false
	case StateReplicate:
		p.nudge = p.nudge || stuck
	}
}

// OnRoundAcknowledged records the heartbeat round that a response named.
func (p *Progress) OnRoundAcknowledged(round uint64) {
	p.round = max(p.round, round)
}

// Round returns the last heartbeat round that the follower acknowledged.
func (p *Progress) Round() uint64 { return p.round }

// OnQuorumChecked records that RecentActive has been read: what counts at the next check comes after it.
func (p *Progress) OnQuorumChecked() { p.RecentActive = false }

// OnSnapshotSent records that a snapshot up to index is on its way.
func (p *Progress) OnSnapshotSent(index uint64) {
	p.reset(StateSnapshot)
	p.PendingSnapshot = index
	p.Next = max(index, p.Match) + 1
	p.toldCommit = min(p.toldCommit, p.Match)
}

// OnSnapshotStatus records how sending the snapshot ended. Either way the follower is probed again, but only once it
// has been heard of: a delivered snapshot takes time to be restored, and a follower that could not be reached will
// most likely not be reached at once.
func (p *Progress) OnSnapshotStatus(delivered bool) {
	if p.State != StateSnapshot {
		return
	}
	next := p.Match + 1
	if delivered {
		next = max(next, p.PendingSnapshot+1)
	}
	p.becomeProbe(next)
	p.MsgAppFlowPaused = true
}

// OnUnreachable records that messages to the follower were lost: what is on its way may have to be sent again.
func (p *Progress) OnUnreachable() {
	if p.State == StateReplicate {
		p.becomeProbe(p.Match + 1)
	}
}

// OnHeldBack records that nothing can be sent until the follower has been heard of: it needs a snapshot that cannot
// be had now, or it seems to be away.
func (p *Progress) OnHeldBack() {
	p.becomeProbe(p.Next)
	p.MsgAppFlowPaused = true
}

// OnStored records that the leader's own log is durable up to index.
func (p *Progress) OnStored(index, last uint64) (moved bool) {
	moved = index > p.Match
	p.Match = max(p.Match, index)
	p.Next = max(last, p.Match) + 1
	return moved
}

// OnRoleChanged records whether the follower votes.
func (p *Progress) OnRoleChanged(learner bool) { p.IsLearner = learner }

func (p *Progress) becomeProbe(next uint64) {
	p.reset(StateProbe)
	p.Next = next
	p.toldCommit = min(p.toldCommit, p.Match)
}

func (p *Progress) becomeReplicate(index uint64) {
	p.reset(StateReplicate)
	p.Next = max(p.Match, index) + 1
	p.toldCommit = min(p.toldCommit, p.Next-1)
}

func (p *Progress) reset(s StateType) {
	p.State = s
	p.PendingSnapshot = 0
	p.MsgAppFlowPaused = false
	p.nudge = false
	p.Inflights.Reset()
}

// IsPaused reports whether no append with entries may be sent to the follower now.
func (p *Progress) IsPaused() bool {
	return p.State == StateSnapshot || p.MsgAppFlowPaused
}

// String shows the progress on one line, leaving out what is at rest.
func (p *Progress) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s match=%d next=%d", p.State, p.Match, p.Next)
	if p.IsLearner {
		b.WriteString(" learner")
	}
	if p.IsPaused() {
		b.WriteString(" paused")
	}
	if p.PendingSnapshot > 0 {
		fmt.Fprintf(&b, " pendingSnap=%d", p.PendingSnapshot)
	}
	if !p.RecentActive {
		b.WriteString(" inactive")
	}
	if p.Inflights != nil && p.Inflights.Count() > 0 {
		fmt.Fprintf(&b, " inflight=%d", p.Inflights.Count())
		if p.Inflights.Full() {
			b.WriteString("[full]")
		}
	}
	return b.String()
}

// Check returns an error that names the invariant which does not hold, or nil.
func (p *Progress) Check() error {
	switch {
	case p.Match >= p.Next:
		return fmt.Errorf("progress match %d is not below next %d", p.Match, p.Next)
	case p.State != StateReplicate && p.Inflights != nil && p.Inflights.Count() > 0:
		return fmt.Errorf("progress in %s has %d appends in flight", p.State, p.Inflights.Count())
	case (p.State == StateSnapshot) != (p.PendingSnapshot > 0):
		return fmt.Errorf("progress in %s has pending snapshot %d", p.State, p.PendingSnapshot)
	}
	return nil
}
