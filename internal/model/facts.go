package model

import (
	"slices"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/tracker"
)

// What the checks of a whole group are told of a member.

// facts returns what there is to know of the member now.
func (m *member) facts() *Facts {
	d := m.image()
	durable := d.log()
	f := &Facts{
		Member:      m.id,
		Term:        d.hard.Term,
		Durable:     durable.fact(),
		Committed:   m.past.committed,
		CommittedIn: m.past.learnt,
		Led:         m.past.led,
		Configs:     m.configs(),
		Reads:       slices.Clip(m.past.reads),
	}
	if m.rn == nil {
		f.Log = f.Durable
		f.Voters, f.Outgoing = ascending(m.app.membership.Voters), ascending(m.app.membership.VotersOutgoing)
		return f
	}
	log := m.log()
	status := m.rn.BasicStatus()
	f.Up, f.Leader, f.Term = true, status.RaftState == raft.StateLeader, status.Term
	f.Log = log.fact()
	config := m.rn.Status().Config
	f.Voters, f.Outgoing = config.Voters[0].Slice(), config.Voters[1].Slice()
	f.AppendPending, f.ApplyPending = len(m.appendQueue) > 0, len(m.applyQueue) > 0
	m.rn.WithProgress(func(id uint64, _ raft.ProgressType, p tracker.Progress) {
		if p.State == tracker.StateSnapshot {
			f.ReportsDue = append(f.ReportsDue, id)
		}
	})
	return f
}

func ascending(ids []uint64) []uint64 { return slices.Sorted(slices.Values(ids)) }

// configs returns digests of the memberships in force after each applied index.
func (m *member) configs() []uint64 {
	digests := make([]uint64, len(m.past.memberships))
	for i := range digests {
		if cs := &m.past.memberships[i]; isKnown(cs) {
			digests[i] = m.prints.digestConf(cs)
		}
	}
	return digests
}

func isKnown(cs *pb.ConfState) bool { return len(cs.Voters) > 0 }
