// Package tracker holds what a Raft replica knows of the members of its group: who they are and which part each of
// them plays (Membership, Config), and what the leader knows of each one's log (Progress, Inflights).
package tracker

// This file holds the form of a configuration that the core works with: a short sorted slice, shared freely because
// it never changes (Raft §6, thesis §4).

import (
	"math"
	"slices"
	"strings"

	"github.com/seed695671cb/raft/quorum"
	"github.com/seed695671cb/raft/raftpb"
)

// Role is a set of bits: the parts that a member plays in a configuration. Zero is the role of a non-member.
//
// The legal roles are Voter, VoterOutgoing, Voter|VoterOutgoing, Learner, and VoterOutgoing|LearnerNext.
type Role uint8

const (
	// Voter marks a voter of the incoming majority, the only one unless the configuration is joint.
	Voter Role = 1 << iota
	// VoterOutgoing marks a voter of the outgoing majority of a joint configuration.
	VoterOutgoing
	// Learner marks a member that receives the log and does not vote.
	Learner
	// LearnerNext marks an outgoing voter that becomes a learner when the joint configuration is left.
	LearnerNext
)

// MaxID is the largest ID that a member may have. The two above it name the local storage threads. The smallest is 1.
const MaxID uint64 = math.MaxUint64 - 2

// IsVoter reports whether r votes, in either majority.
func (r Role) IsVoter() bool { return r&(Voter|VoterOutgoing) != 0 }

// String returns the bits that are set, as in "voter+outgoing", or "none".
func (r Role) String() string {
	var parts []string
	for bit, name := range [...]string{"voter", "outgoing", "learner", "learner-next"} {
		if r&(1<<bit) != 0 {
			parts = append(parts, name)
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, "+")
}

// legal reports whether r is one of the roles listed at Role.
func (r Role) legal() bool {
	switch r {
	case Voter, VoterOutgoing, Voter | VoterOutgoing, Learner, VoterOutgoing | LearnerNext:
		return true
	default:
		return false
	}
}

// Member is one server of a configuration.
type Member struct {
	ID   uint64
	Role Role
}

// Membership is a configuration of the group. The zero value is the one without members, of a replica that waits to
// be told whose it is.
//
// Members is never modified once it has been built: whoever changes a membership builds another slice. Copies of a
// Membership may therefore be kept, and read from any goroutine.
//
// Invariant: Members is strictly ascending by ID, each ID in [1, MaxID].
// Invariant: every Role is legal (see Role).
// Invariant: Members is not empty ==> it has an incoming voter.
// Invariant: AutoLeave ==> Joint().
type Membership struct {
	Members []Member
	// AutoLeave says that the leader ends the joint configuration by itself once it is applied.
	AutoLeave bool
}

// linearSearchMax is the number of members, inclusive, up to which looking at each is as fast as halving.
const linearSearchMax = 16

// Find returns the position of a member in Members, or -1.
func (m Membership) Find(id uint64) int {
	if len(m.Members) > linearSearchMax {
		return m.findSorted(id)
	}
	for i := range m.Members {
		if m.Members[i].ID == id {
			return i
		}
	}
	return -1
}

func (m Membership) findSorted(id uint64) int {
	lo, hi := 0, len(m.Members)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if m.Members[mid].ID < id {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(m.Members) && m.Members[lo].ID == id {
		return lo
	}
	return -1
}

// Role returns the part that id plays, zero if it is not a member.
func (m Membership) Role(id uint64) Role {
	if i := m.Find(id); i >= 0 {
		return m.Members[i].Role
	}
	return 0
}

// IsVoter reports whether id votes, in either majority.
func (m Membership) IsVoter(id uint64) bool { return m.Role(id).IsVoter() }

// IsLearner reports whether id is a learner now. One that is to become a learner later still votes.
func (m Membership) IsLearner(id uint64) bool { return m.Role(id)&Learner != 0 }

// Joint reports whether the configuration has two majorities.
func (m Membership) Joint() bool { return m.any(VoterOutgoing) }

// HasVoters reports whether anybody votes at all.
func (m Membership) HasVoters() bool { return m.any(Voter | VoterOutgoing) }

// Voters returns the number of voters of the incoming majority.
func (m Membership) Voters() int { return m.count(Voter) }

// VotersOutgoing returns the number of voters of the outgoing majority, 0 unless the configuration is joint.
func (m Membership) VotersOutgoing() int { return m.count(VoterOutgoing) }

// any reports whether some member has one of the given bits.
func (m Membership) any(bits Role) bool {
	for i := range m.Members {
		if m.Members[i].Role&bits != 0 {
			return true
		}
	}
	return false
}

func (m Membership) count(bit Role) int {
	n := 0
	for i := range m.Members {
		if m.Members[i].Role&bit != 0 {
			n++
		}
	}
	return n
}

// Equal reports whether both are the same configuration.
func (m Membership) Equal(o Membership) bool {
	return m.AutoLeave == o.AutoLeave && slices.Equal(m.Members, o.Members)
}

// Config returns the configuration in the form that Status shows. The maps are the caller's own.
func (m Membership) Config() Config {
	c := Config{
		Voters:       quorum.JointConfig{m.set(Voter), m.set(VoterOutgoing)},
		AutoLeave:    m.AutoLeave,
		Learners:     m.set(Learner),
		LearnersNext: m.set(LearnerNext),
	}
	if c.Voters[0] == nil {
		c.Voters[0] = quorum.MajorityConfig{}
	}
	return c
}

// set returns the members with the given bit, nil if there are none.
func (m Membership) set(bit Role) map[uint64]struct{} {
	var s map[uint64]struct{}
	for _, mb := range m.Members {
		if mb.Role&bit == 0 {
			continue
		}
		if s == nil {
			s = make(map[uint64]struct{})
		}
		s[mb.ID] = struct{}{}
	}
	return s
}

// ConfState returns the configuration in the form of the wire and of snapshots, which NewMembership reads back. The
// slices are ascending, nil if empty, and the caller's own.
func (m Membership) ConfState() raftpb.ConfState {
	return raftpb.ConfState{
		Voters:         m.list(Voter),
		Learners:       m.list(Learner),
		VotersOutgoing: m.list(VoterOutgoing),
		LearnersNext:   m.list(LearnerNext),
		AutoLeave:      m.AutoLeave,
	}
}

// list returns the members with the given bit, ascending, nil if there are none.
func (m Membership) list(bit Role) []uint64 {
	var ids []uint64
	for _, mb := range m.Members {
		if mb.Role&bit != 0 {
			ids = append(ids, mb.ID)
		}
	}
	return ids
}

// String returns the configuration as Config.String does.
func (m Membership) String() string { return m.Config().String() }
