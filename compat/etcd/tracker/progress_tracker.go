package tracker

// This file holds a configuration together with what a leader knows of its members and with the votes of a candidate
// (Raft §5.2, §5.3, §6), for programs that compute with them.

import (
	"maps"
	"slices"

	"github.com/seed695671cb/raft/quorum"

	"go.etcd.io/raft/v3/raftpb"
)

// ProgressTracker is a configuration, the Progress of each of its members, and the votes counted in it. It is expected
// to have a Progress for every member. It is not safe for use from several goroutines.
type ProgressTracker struct {
	Config

	// Progress holds what is known of each member, learners included.
	Progress ProgressMap
	// Votes holds the first answer of each member that has answered: whether it grants its vote.
	Votes map[uint64]bool

	// MaxInflight bounds the appends on their way to one member, MaxInflightBytes their payload in bytes, without a
	// bound if it is zero. They are for whoever makes a Progress for a new member.
	MaxInflight      int
	MaxInflightBytes uint64
}

// MakeProgressTracker returns a tracker without members, with the given bounds for the appends on their way to each.
func MakeProgressTracker(maxInflight int, maxBytes uint64) ProgressTracker {
	return ProgressTracker{
		Config:           Config{Voters: quorum.JointConfig{quorum.MajorityConfig{}, nil}},
		Progress:         ProgressMap{},
		Votes:            map[uint64]bool{},
		MaxInflight:      maxInflight,
		MaxInflightBytes: maxBytes,
	}
}

// ConfState returns the configuration in the form of the wire. The slices are ascending, nil if empty, and the caller's
// own.
func (p *ProgressTracker) ConfState() raftpb.ConfState {
	return raftpb.ConfState{
		Voters:         p.Voters[0].Slice(),
		VotersOutgoing: p.Voters[1].Slice(),
		Learners:       quorum.MajorityConfig(p.Learners).Slice(),
		LearnersNext:   quorum.MajorityConfig(p.LearnersNext).Slice(),
		AutoLeave:      p.AutoLeave,
	}
}

// IsSingleton reports whether one voter decides alone.
func (p *ProgressTracker) IsSingleton() bool {
	return len(p.Voters[0]) == 1 && len(p.Voters[1]) == 0
}

// Committed returns the highest index that a quorum is known to hold, as far as counting goes: whether the entry there
// is of the current term (Raft §5.4.2) is not asked. Without voters it is the highest number.
func (p *ProgressTracker) Committed() uint64 {
	return uint64(p.Voters.CommittedIndex(matches(p.Progress)))
}

// matches tells a quorum where each member's log is known to agree with the leader's.
type matches ProgressMap

// AckedIndex implements quorum.AckedIndexer.
func (m matches) AckedIndex(id uint64) (quorum.Index, bool) {
	p := m[id]
	if p == nil {
		return 0, false
	}
	return quorum.Index(p.Match), true
}

// Visit calls f with each member and its Progress, IDs ascending. f may change the Progress; it may not add or remove
// members.
func (p *ProgressTracker) Visit(f func(id uint64, pr *Progress)) {
	for _, id := range slices.Sorted(maps.Keys(p.Progress)) {
		f(id, p.Progress[id])
	}
}

// QuorumActive reports whether voters that would win a vote are marked as recently active.
func (p *ProgressTracker) QuorumActive() bool {
	active := map[uint64]bool{}
	for id, pr := range p.Progress {
		if !pr.IsLearner {
			active[id] = pr.RecentActive
		}
	}
	return p.Voters.VoteResult(active) == quorum.VoteWon
}

// VoterNodes returns the voters of either majority, ascending, not nil if there are none.
func (p *ProgressTracker) VoterNodes() []uint64 {
	return append([]uint64{}, quorum.MajorityConfig(p.Voters.IDs()).Slice()...)
}

// LearnerNodes returns the learners, ascending, nil if there are none. Voters that are to become learners later are not
// among them.
func (p *ProgressTracker) LearnerNodes() []uint64 {
	return quorum.MajorityConfig(p.Learners).Slice()
}

// ResetVotes forgets all answers, for a new campaign.
func (p *ProgressTracker) ResetVotes() {
	p.Votes = map[uint64]bool{}
}

// RecordVote records that a member grants its vote or refuses it. Only its first answer counts.
func (p *ProgressTracker) RecordVote(id uint64, v bool) {
	if _, answered := p.Votes[id]; !answered {
		p.Votes[id] = v
	}
}

// TallyVotes returns how many members that are not learners have granted their vote and how many have refused it, and
// what that means for the election. Answers of strangers are not counted.
func (p *ProgressTracker) TallyVotes() (granted int, rejected int, _ quorum.VoteResult) {
	for id, pr := range p.Progress {
		vote, answered := p.Votes[id]
		switch {
		case pr.IsLearner || !answered:
		case vote:
			granted++
		default:
			rejected++
		}
	}
	return granted, rejected, p.Voters.VoteResult(p.Votes)
}
