package replica

import (
	"slices"
	"sync"
	"time"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// A hostClock turns the monotonic clock into ticks.
//
// A process that did not run for a while, because it was stopped or its machine was busy, finds many ticks passed at once.
// Leaders must count them all: their leases rest on real time. Followers must not: they would find their leader silent
// although its messages wait in their queues. The clock therefore also counts the ticks that passed unnoticed.
type hostClock struct {
	tick  time.Duration
	start time.Time

	mu sync.Mutex
	// now is the last tick that was noticed; unnoticed is how many passed in jumps of more than maxJump.
	now       uint64
	unnoticed uint64
}

// maxJump is how many ticks may pass at once without a follower overlooking some of them: those of the host if it did not run, or
// those of a replica that was not stepped, although messages waited for it, because others kept the workers busy.
const maxJump = 3

func newHostClock(tick time.Duration) *hostClock {
	return &hostClock{tick: tick, start: time.Now()}
}

// read returns the ticks that have passed, and how many of them followers are to overlook.
func (c *hostClock) read() (now, unnoticed uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// The time is taken under the lock, so that it never goes back from one reader to the next.
	now = uint64(time.Since(c.start) / c.tick)
	if jump := now - c.now; jump > maxJump {
		c.unnoticed += jump - maxJump
	}
	c.now = now
	return now, c.unnoticed
}

// passTicks tells the RawNode of the ticks that have passed. What has come meanwhile counts before a timeout does, as far as leases
// allow (thesis §6.2, §6.4.1). A leader hears its followers' answers first, so that it does not step down for want of them;
// its lease counts from when the heartbeats were sent that they answer, and all ticks have passed before anything rests on it.
// A follower has to count what its leader sent from now on, lest its promise end too early, and therefore overlooks ticks.
func (r *Replica) passTicks(in *letters) {
	s := &r.stepping
	now, unnoticed := r.host.clock.read()
	n, overlooked := now-s.ticked, unnoticed-s.unnoticed
	s.ticked, s.unnoticed = now, unnoticed
	switch {
	case s.role != raft.StateLeader:
		n -= min(n, overlooked)
		if n > maxJump && slices.ContainsFunc(in.messages, s.awaits) {
			n = maxJump
		}
	case n > maxJump:
		r.takeAnswers(in)
	}
	if n > 0 {
		s.rn.TickBy(n)
	}
}

// awaits reports whether a message is one for want of which a member that does not lead would campaign: of a leader, or an answer
// to its own campaign.
func (s *stepping) awaits(m pb.Message) bool {
	switch m.Type {
	case pb.MsgApp, pb.MsgHeartbeat:
		return m.Term >= s.term
	case pb.MsgVoteResp, pb.MsgPreVoteResp:
		return s.role == raft.StateCandidate || s.role == raft.StatePreCandidate
	}
	return false
}

// takeAnswers steps what followers have answered to this leader in its term, and leaves the rest. None of it ends the leadership.
func (r *Replica) takeAnswers(in *letters) {
	in.messages = slices.DeleteFunc(in.messages, func(m pb.Message) bool {
		if m.Type != pb.MsgAppResp && m.Type != pb.MsgHeartbeatResp || m.Term != r.stepping.term {
			return false
		}
		r.stepping.noteHeard(m.From)
		r.stepIn(&m)
		return true
	})
}
