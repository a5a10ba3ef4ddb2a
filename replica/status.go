package replica

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/seed695671cb/raft"
	"github.com/seed695671cb/raft/tracker"
)

// Status is the state of a replica.
type Status struct {
	Group, ID uint64
	// Role, Term, Leader and Commit are those of the consensus. Leader is 0 if none is known.
	Role                 raft.StateType
	Term, Leader, Commit uint64
	// Applied is the index that the state machine has; the log holds the entries from FirstIndex to LastIndex.
	Applied, FirstIndex, LastIndex uint64
	// Members are those of the membership that is applied, in ascending order of their IDs.
	Members []Member
	// Progress says, on a leader alone, how far the others are, in ascending order of their IDs.
	Progress []Progress
	// Transferee is the member to which leadership is being handed over, or 0.
	Transferee uint64
	// Proposals, Reads and Messages are how many wait.
	Proposals, Reads, Messages int
	// Sessions is how many are open.
	Sessions int
	// Dropped counts messages of other members for which there was no room.
	Dropped uint64
	// Receiving is a snapshot that arrives, or nil.
	Receiving *SnapshotProgress
	// Err is why the replica stopped of itself, or nil.
	Err error
}

// Progress is how far a member is, as its leader knows.
type Progress struct {
	ID uint64
	// Match is up to which index the member is known to have the leader's log; Next is what it is sent next.
	Match, Next uint64
	// State is probe, replicate or snapshot.
	State string
	// Active says that the member was heard of within an election timeout.
	Active bool
	// Inflight is how many appends are sent and not answered.
	Inflight int
	Learner  bool
	// Sent is how many bytes of a snapshot under way the member has received.
	Sent uint64
}

// SnapshotProgress is how far a snapshot that arrives has come.
type SnapshotProgress struct{ From, Index, Received uint64 }

// Members returns the members as they are applied here, in ascending order of their IDs.
func (r *Replica) Members() []Member { return slices.Clone(r.members.Load().list) }

// Leader returns the leader's ID as this member knows it, 0 if it knows of none, and the term.
func (r *Replica) Leader() (id, term uint64) {
	r.events.mu.Lock()
	defer r.events.mu.Unlock()
	return r.events.leader, r.events.term
}

// Status returns the state of the replica. It waits for the step that is going on. Of a replica that has stopped, it
// returns what is still known.
func (r *Replica) Status() Status {
	s := Status{Group: r.group, ID: r.id, Applied: r.applied.Load(), Members: r.Members(), Err: r.Err()}
	s.Proposals, s.Reads = r.waiting.counts()
	s.Messages, s.Dropped = r.inbox.counts()
	s.Receiving = r.staging.arriving()
	s.Sessions = int(r.sessions.Load())
	if r.stopping() {
		return s
	}
	s.FirstIndex, _ = r.log.FirstIndex()
	s.LastIndex, _ = r.log.LastIndex()
	r.call(context.Background(), func() { r.consensusStatus(&s) })
	return s
}

// consensusStatus runs on the stepping goroutine.
func (r *Replica) consensusStatus(s *Status) {
	rn := r.stepping.rn
	basic := rn.BasicStatus()
	s.Role, s.Term, s.Leader, s.Commit = basic.RaftState, basic.Term, basic.Lead, basic.Commit
	s.Transferee = basic.LeadTransferee
	if basic.RaftState != raft.StateLeader {
		return
	}
	for id, p := range rn.Status().Progress {
		if id == r.id {
			continue
		}
		s.Progress = append(s.Progress, Progress{
			ID: id, Match: p.Match, Next: p.Next, State: stateName(p.State), Active: r.hears(id),
			Inflight: p.Inflights.Count(), Learner: p.IsLearner, Sent: r.views.progressOf(id),
		})
	}
	slices.SortFunc(s.Progress, func(a, b Progress) int { return cmp.Compare(a.ID, b.ID) })
}

func stateName(s tracker.StateType) string {
	switch s {
	case tracker.StateProbe:
		return "probe"
	case tracker.StateReplicate:
		return "replicate"
	default:
		return "snapshot"
	}
}

// events tells what happens, one at a time.
type events struct {
	mu           sync.Mutex
	handler      func(Event)
	failed       func(error) // is told of a panic of the handler
	leader, term uint64
}

func (e *events) emit(event Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if l, ok := event.(LeaderChanged); ok {
		e.leader, e.term = l.Leader, l.Term
	}
	if e.handler == nil {
		return
	}
	if err := guarded("Config.OnEvent", func() error { e.handler(event); return nil }); err != nil {
		e.failed(err)
	}
}
