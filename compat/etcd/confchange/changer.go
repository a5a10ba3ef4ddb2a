package confchange

// This file changes the configuration of a tracker (Raft §6, thesis §4.1 and §4.3): what becomes of the configuration is
// decided elsewhere, what becomes of the Progress of its members here.

import (
	"fmt"

	ours "github.com/seed695671cb/raft/confchange"
	members "github.com/seed695671cb/raft/tracker"

	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
)

// Changer computes the configurations that follow from Tracker's. Its methods leave Tracker as it is. They return the
// new configuration and a ProgressMap that has a Progress for each of its members: a copy of the one in Tracker, which
// shares its Inflights, or a fresh one for whoever joins. The caller puts both into its tracker, or drops them.
type Changer struct {
	// Tracker holds the configuration to change and a Progress for each of its members, and the bounds of the
	// Inflights of those who join.
	Tracker tracker.ProgressTracker
	// LastIndex is the last index of the leader's log. The first append to a member that joins is tried from there, as
	// the start of the log would most likely not be right either; from 1 if it is zero.
	LastIndex uint64
}

// Simple returns the configuration after changes that add or remove one voter at most. It is refused while Tracker's
// configuration is joint.
func (c Changer) Simple(ccs ...raftpb.ConfChangeSingle) (tracker.Config, tracker.ProgressMap, error) {
	return c.change(ccs, func(m members.Membership) (members.Membership, error) {
		return ours.Simple(m, ccs...)
	})
}

// EnterJoint returns the joint configuration of Tracker's voters and of those after the changes. autoLeave says whether
// the leader is to leave it without being asked. It is refused if Tracker's configuration is joint already, or has no
// voters.
func (c Changer) EnterJoint(
	autoLeave bool, ccs ...raftpb.ConfChangeSingle,
) (tracker.Config, tracker.ProgressMap, error) {
	return c.change(ccs, func(m members.Membership) (members.Membership, error) {
		return ours.EnterJoint(m, autoLeave, ccs...)
	})
}

// LeaveJoint returns the configuration in which the incoming voters of Tracker's decide alone. It is refused unless
// Tracker's configuration is joint.
func (c Changer) LeaveJoint() (tracker.Config, tracker.ProgressMap, error) {
	return c.change(nil, ours.LeaveJoint)
}

// change returns what a function makes of the configuration, which is to include the given changes.
func (c Changer) change(
	ccs []raftpb.ConfChangeSingle, next func(members.Membership) (members.Membership, error),
) (tracker.Config, tracker.ProgressMap, error) {
	before, err := c.membership()
	if err != nil {
		return tracker.Config{}, nil, err
	}
	after, err := next(before)
	if err != nil {
		return tracker.Config{}, nil, err
	}
	if after.Voters() == 0 {
		return tracker.Config{}, nil, fmt.Errorf("%w: nobody votes before or after", ours.ErrNoVoters)
	}
	return after.Config(), c.progress(after, ccs), nil
}

// membership returns the configuration of the tracker, or an error that says what is wrong with the tracker.
func (c Changer) membership() (members.Membership, error) {
	m, err := members.NewMembership(c.Tracker.ConfState())
	if err != nil {
		return members.Membership{}, fmt.Errorf("tracker: %w", err)
	}
	for _, member := range m.Members {
		pr := c.Tracker.Progress[member.ID]
		if pr == nil {
			return members.Membership{}, fmt.Errorf("tracker: member %d has no progress; add one", member.ID)
		}
		if learner := member.Role&members.Learner != 0; pr.IsLearner != learner {
			return members.Membership{}, fmt.Errorf("tracker: member %d is %s, but its progress has IsLearner %t; "+
				"let both agree", member.ID, member.Role, pr.IsLearner)
		}
	}
	return m, nil
}

// progress returns the progress of the members after the changes. Whoever they remove, other than a voter that has to
// stay until the joint configuration is left, begins anew if they add it again: its log may be gone.
func (c Changer) progress(after members.Membership, ccs []raftpb.ConfChangeSingle) tracker.ProgressMap {
	removed := map[uint64]bool{}
	for _, cc := range ccs {
		if cc.Type == raftpb.ConfChangeRemoveNode && after.Role(cc.NodeID)&members.VoterOutgoing == 0 {
			removed[cc.NodeID] = true
		}
	}
	all := tracker.ProgressMap{}
	for _, member := range after.Members {
		pr := c.newProgress()
		if known := c.Tracker.Progress[member.ID]; known != nil && !removed[member.ID] {
			pr = *known
		}
		pr.IsLearner = member.Role&members.Learner != 0
		all[member.ID] = &pr
	}
	return all
}

func (c Changer) newProgress() tracker.Progress {
	inflights := tracker.NewInflights(c.Tracker.MaxInflight, c.Tracker.MaxInflightBytes)
	return members.NewProgress(c.LastIndex, 0, false, inflights)
}
