package tracker

// This file holds the transitions of a Progress under the names that they have in the v3.6 API, for programs that drive
// a Progress by themselves (Raft §5.3). The core does not call them: it tells a Progress what happened, by the On...
// methods, and leaves to it what follows. Every method here keeps the invariants of Progress, and none may be called
// on the Progress that a replica uses.
//
// Compat: all of it. The lineage exports these methods, and its replication code is their only usual caller.

import "fmt"

// ResetState puts p into a state, with nothing on its way and nothing held back. Match and Next stay, except that
// StateSnapshot, which needs the index of a snapshot, supposes that it ends just before Next, and at 1 at least.
// BecomeProbe, BecomeReplicate and BecomeSnapshot choose Next as well.
//
// Compat: see the head of this file. The lineage leaves PendingSnapshot zero in StateSnapshot until it is set.
func (p *Progress) ResetState(state StateType) {
	p.reset(state)
	if state == StateSnapshot {
		p.PendingSnapshot = max(p.Next-1, 1)
		p.Next = p.PendingSnapshot + 1
	}
}

// BecomeProbe has the follower probed: from the entry after Match, or, if a snapshot was on its way, from the entry
// after that, since it is taken to have arrived.
//
// Compat: see the head of this file.
func (p *Progress) BecomeProbe() {
	told := p.toldCommit
	next := max(p.Match, p.PendingSnapshot) + 1
	p.becomeProbe(next)
	p.toldCommit = min(told, next-1)
}

// BecomeReplicate has appends pipelined, from the entry after Match.
//
// Compat: see the head of this file.
func (p *Progress) BecomeReplicate() {
	told := p.toldCommit
	p.becomeReplicate(p.Match)
	p.toldCommit = told
}

// BecomeSnapshot records that a snapshot up to an index, which is not zero, is on its way. What it holds is committed,
// so the follower is told nothing new by a commit index up to there.
//
// Compat: see the head of this file.
func (p *Progress) BecomeSnapshot(snapshoti uint64) {
	p.OnSnapshotSent(max(snapshoti, 1))
	p.toldCommit = snapshoti
}

// SentEntries records an append with a number of entries, from Next on, whose payload is of the given size in bytes.
// An append without entries holds nothing back in StateProbe. It panics in StateSnapshot, in which nothing is sent.
//
// Compat: see the head of this file.
func (p *Progress) SentEntries(entries int, bytes uint64) {
	switch p.State {
	case StateProbe:
		p.MsgAppFlowPaused = p.MsgAppFlowPaused || entries > 0
	case StateReplicate:
		if entries > 0 {
			p.Next += uint64(entries)
			p.Inflights.Add(p.Next-1, bytes)
		}
		p.MsgAppFlowPaused = p.Inflights.Full()
	default:
		panic(fmt.Sprintf("progress in %s was said to have sent %d entries; send none in this state", p.State, entries))
	}
}

// CanBumpCommit reports whether an append with the given commit index would tell the follower of entries that it is
// thought to have and does not know to be committed.
//
// Compat: see the head of this file.
func (p *Progress) CanBumpCommit(index uint64) bool {
	return p.toldCommit < min(index, p.Next-1)
}

// SentCommit records that the follower was sent a commit index.
//
// Compat: see the head of this file.
func (p *Progress) SentCommit(commit uint64) { p.toldCommit = commit }

// MaybeUpdate records that the follower's log agrees up to index n, and reports whether that was news. The state stays;
// the appends that are thereby answered are for the caller to free.
//
// Compat: see the head of this file.
func (p *Progress) MaybeUpdate(n uint64) bool {
	if n <= p.Match || n < p.birth {
		return false
	}
	p.Match = n
	p.Next = max(p.Next, n+1)
	p.MsgAppFlowPaused = false
	return true
}

// MaybeDecrTo records that the follower has refused an append that follows the entry at index rejected, and that its
// log may agree at matchHint or before. It moves Next back accordingly and reports whether the refusal was news. The
// state stays.
//
// Compat: see the head of this file.
func (p *Progress) MaybeDecrTo(rejected, matchHint uint64) bool {
	probing := p.State != StateReplicate
	answersLast := rejected+1 == p.Next
	if probing && !answersLast || !probing && rejected <= p.Match {
		return false // of an append that is not the last, or of what has been acknowledged since
	}
	p.Next = p.Match + 1
	if probing {
		p.Next = max(p.Next, min(rejected, matchHint+1))
		p.MsgAppFlowPaused = false
	}
	p.toldCommit = min(p.toldCommit, p.Next-1)
	return true
}
