package raft

import (
	"encoding/binary"
)

// The rounds of heartbeats by which a leader knows that it still leads, and the lease that follows from when they
// were sent (thesis §6.4.1).

// rounds numbers the heartbeat rounds of a term that bear a context, and remembers when they began. A quorum that has
// acknowledged a round has acknowledged, for what it proves, all rounds before it.
//
// Invariant: confirmed <= current.
// Invariant: began ascends strictly in both round and tick.
type rounds struct {
	current   uint64
	confirmed uint64
	// confirmedAt is the tick at which the last confirmed round began.
	confirmedAt uint64
	// began holds the first round of each recent tick, from that of the last confirmed round on.
	began []roundStart
}

type roundStart struct {
	round uint64
	tick  uint64
}

// begin starts the next round at the given tick.
func (s *rounds) begin(tick uint64) {
	s.current++
	if n := len(s.began); n > 0 && s.began[n-1].tick == tick {
		return
	}
	s.began = append(s.began, roundStart{round: s.current, tick: tick})
}

// confirm records that a quorum has acknowledged the round.
func (s *rounds) confirm(round uint64) {
	s.confirmed = round
	for len(s.began) > 1 && s.began[1].round <= round {
		s.began = s.began[1:]
	}
	if len(s.began) > 0 && s.began[0].round <= round {
		s.confirmedAt = s.began[0].tick
	}
}

// forget drops the starts of rounds that began before the tick: confirming them would give no lease any more. One start
// at or before it stays, as the bound for the rounds after it.
func (s *rounds) forget(before uint64) {
	for len(s.began) > 1 && s.began[1].tick <= before {
		s.began = s.began[1:]
	}
}

const roundContextSize = 8

// encode fills in what the heartbeats of the current round carry.
func (s *rounds) encode(context []byte) { binary.BigEndian.PutUint64(context, s.current) }

// decode returns the round that a heartbeat response names. Anything but a round that has begun is not one of ours.
func (s *rounds) decode(context []byte) (round uint64, ok bool) {
	if len(context) != roundContextSize {
		return 0, false
	}
	round = binary.BigEndian.Uint64(context)
	return round, round > 0 && round <= s.current
}

// beginRound starts a round, which this member acknowledges to itself.
func (r *raft) beginRound() {
	l := r.leading
	l.rounds.begin(r.clock.now)
	if r.clock.now > r.clock.electionTick {
		l.rounds.forget(r.clock.now - r.clock.electionTick)
	}
	if self := l.self(); self != nil {
		self.OnRoundAcknowledged(l.rounds.current)
		l.acked.forget()
	}
}

// nextRound starts a round and returns the context of its heartbeats.
func (r *raft) nextRound() []byte {
	r.beginRound()
	context := r.ownReads().content(roundContextSize, r.clock.now)
	r.leading.rounds.encode(context)
	return context
}

// leaseHeld reports whether no other leader can have been elected yet: every quorum holds a member that promised a
// round its silence towards candidates for an election timeout from when it heard of it, which was after the round
// began. Members' clocks may differ by the margin. A member told to campaign is heard in spite of the promise, so
// that a transfer ends the lease.
func (r *raft) leaseHeld() bool {
	l := r.leading
	if !r.leaseReads || l.rounds.confirmed == 0 || l.transferee != None || l.sentTimeoutNow {
		return false
	}
	elapsed := r.clock.now - l.rounds.confirmedAt
	return elapsed+r.leaseMargin < r.clock.electionTick && r.committedInTerm()
}
