package model

import (
	"github.com/seed695671cb/raft/rafttest/trace"
	"github.com/seed695671cb/raft/tracker"
)

// What a counterexample tells of members.

var _ Narrator = (*real)(nil)

// Script implements Narrator.
func (r *real) Script(s LocalID, in Input) []string {
	m, broken := r.live(s)
	if broken != nil {
		return nil
	}
	script := []string{}
	m.script = &script
	m.perform(in, r.messageOf(in))
	return script
}

// Describe implements Narrator.
func (r *real) Describe(s LocalID) trace.MemberState {
	m, broken := r.live(s)
	if broken != nil {
		return trace.MemberState{ID: r.Facts(s).Member}
	}
	log := m.log()
	durable := m.durableLog()
	state := trace.MemberState{
		ID: m.id, Down: m.rn == nil, Role: "follower", Last: log.last(), Durable: durable.last(),
		Snapshot: trace.TermRun{Term: log.snapshot.Metadata.Term, First: log.snapshot.Metadata.Index},
		Log:      runsOf(&log),
		Applied:  m.app.index,
	}
	hard := m.image().hard
	if m.rn != nil {
		status := m.rn.Status()
		hard, state.Lead, state.Applied = status.HardState, status.Lead, status.Applied
		state.Role = trace.RoleOf(status.RaftState)
		state.Membership = status.Config.String()
	} else if members, err := tracker.NewMembership(m.app.membership); err == nil {
		state.Membership = members.String()
	}
	state.Term, state.Vote, state.Commit = hard.Term, hard.Vote, hard.Commit
	r.cache.put(s, m)
	return state
}

// runsOf returns the entries of a log as runs of the same term.
func runsOf(l *logView) []trace.TermRun {
	var runs []trace.TermRun
	for i := range l.entries {
		if i == 0 || l.entries[i].Term != l.entries[i-1].Term {
			runs = append(runs, trace.TermRun{Term: l.entries[i].Term, First: l.entries[i].Index})
		}
	}
	return runs
}
