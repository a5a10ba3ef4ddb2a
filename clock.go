package raft

// clock counts ticks and knows when the next thing is due, so that a tick on which nothing is due costs an addition
// and a comparison (Raft §5.2, §9.3: timeouts; the length of a tick is the caller's).
//
// Invariant: electionStart <= now, heartbeatStart <= now.
// Invariant: electionTick <= electionTimeout < 2*electionTick.
type clock struct {
	now            uint64
	electionStart  uint64
	heartbeatStart uint64
	// due is the first tick at which anything may have to be done.
	due uint64

	electionTick    uint64
	heartbeatTick   uint64
	electionTimeout uint64
}

func (c *clock) electionElapsed() uint64 { return c.now - c.electionStart }

// tick lets n ticks pass without acting on what is due.
func (c *clock) tick(n uint64) { c.now += n }

// untilDue returns how many ticks are left until anything may have to be done, at least 1.
func (c *clock) untilDue() uint64 {
	if c.due <= c.now {
		return 1
	}
	return c.due - c.now
}

// resetElection starts the wait for a leader, or a leader's wait for the next check, anew.
func (c *clock) resetElection() { c.electionStart = c.now }

// resetHeartbeat starts the wait for the next heartbeat anew.
func (c *clock) resetHeartbeat() { c.heartbeatStart = c.now }

// schedule computes when anything is next due for a member of the given role.
func (c *clock) schedule(leader, busy bool) {
	switch {
	case busy:
		c.due = c.now + 1
	case leader:
		c.due = min(c.electionStart+c.electionTick, c.heartbeatStart+c.heartbeatTick)
	default:
		c.due = c.electionStart + c.electionTimeout
	}
	c.due = max(c.due, c.now+1)
}

// tick lets n ticks pass and does what has become due.
func (r *raft) tick(n uint64) {
	r.clock.tick(n)
	if r.clock.now >= r.clock.due {
		r.handleDue()
	}
}

func (r *raft) handleDue() {
	r.log.readFailed = false
	r.trim()
	r.expireForwardedReads()
	if r.state == StateLeader {
		r.handleLeaderDue()
	} else {
		r.handleElectionDue()
	}
	r.reschedule()
}

// trim lets go of memory that is kept for more of the same, where nothing has come of late: a host of many groups keeps
// most of them idle.
func (r *raft) trim() {
	r.log.unstable.entries.trim()
	r.outbox.messages.trim(r.clock.now)
	if r.outbox.held != nil {
		r.outbox.held.trim(r.clock.now)
	}
	r.reads.trim(r.clock.now)
	if r.leading != nil {
		r.leading.reads.trim()
	}
}

// reschedule must follow every change of role, of timers, or of what waits for a tick.
func (r *raft) reschedule() {
	busy := r.log.readFailed || r.awaitsRead()
	r.clock.schedule(r.state == StateLeader, busy)
	if r.leading != nil && r.leading.transferee != None {
		r.clock.due = min(r.clock.due, r.leading.transferDeadline)
	}
}

func (r *raft) handleElectionDue() {
	if r.clock.electionElapsed() < r.clock.electionTimeout || !r.promotable() {
		return
	}
	r.clock.resetElection()
	r.campaign(campaignByTimeout)
}

func (r *raft) handleLeaderDue() {
	if r.clock.electionElapsed() >= r.clock.electionTick {
		r.clock.resetElection()
		r.checkQuorumActive()
		if r.state != StateLeader {
			return
		}
	}
	if r.clock.now >= r.leading.transferDeadline {
		r.abortTransfer("it took longer than an election timeout")
	}
	if r.clock.now-r.clock.heartbeatStart >= r.clock.heartbeatTick {
		r.clock.resetHeartbeat()
		r.leading.beatDue = r.hasPeers()
	}
}

// randomizeElectionTimeout draws the time this member will wait for a leader, so that members seldom campaign at the
// same time (Raft §5.2).
func (r *raft) randomizeElectionTimeout() {
	r.clock.electionTimeout = r.clock.electionTick + r.rand.Uint64()%r.clock.electionTick
}
