package cluster

import (
	"slices"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Traffic counts the messages that members took in from members that ran something else at the time.
type Traffic struct {
	// ToOurs came to this library from another, ToOthers to another from this.
	ToOurs, ToOthers map[pb.MessageType]int
	// OursChanged and OthersChanged are membership changes that were applied under a leader that ran this library, or
	// another.
	OursChanged, OthersChanged map[Change]int
}

// Change is a kind of membership change.
type Change string

// The kinds of changes. A change of the new form that is made at once is simple.
const (
	OldForm   Change = "old form"
	Simple    Change = "simple"
	Joint     Change = "joint"
	Leave     Change = "leave"
	Promotion Change = "promotion" // of a learner, beside what else it is
)

// Add adds up what crossed in several runs.
func (t *Traffic) Add(o Traffic) {
	for k, n := range o.ToOurs {
		count(&t.ToOurs, k, n)
	}
	for k, n := range o.ToOthers {
		count(&t.ToOthers, k, n)
	}
	for k, n := range o.OursChanged {
		count(&t.OursChanged, k, n)
	}
	for k, n := range o.OthersChanged {
		count(&t.OthersChanged, k, n)
	}
}

func count[K comparable](to *map[K]int, k K, n int) {
	if *to == nil {
		*to = map[K]int{}
	}
	(*to)[k] += n
}

// noteChange counts a membership change that a leader has applied.
func (g *group) noteChange(im Implementation, cc pb.ConfChangeI, before, after *pb.ConfState) {
	to := &g.traffic.OthersChanged
	if im.ID == Ours.ID {
		to = &g.traffic.OursChanged
	}
	switch v2 := cc.AsV2(); {
	case isOldForm(cc):
		count(to, OldForm, 1)
	case v2.LeaveJoint():
		count(to, Leave, 1)
	case len(after.VotersOutgoing) > 0:
		count(to, Joint, 1)
	default:
		count(to, Simple, 1)
	}
	for _, id := range before.Learners {
		if slices.Contains(after.Voters, id) {
			count(to, Promotion, 1)
		}
	}
}

func isOldForm(cc pb.ConfChangeI) bool {
	_, old := cc.AsV1()
	return old
}

// noteTraffic counts a message from a member to one that runs im.
func (g *group) noteTraffic(from uint64, im Implementation, k pb.MessageType) {
	lives := g.ran[from]
	if len(lives) == 0 {
		return
	}
	sender := lives[len(lives)-1]
	switch {
	case sender.ID == Ours.ID && im.ID != Ours.ID:
		count(&g.traffic.ToOthers, k, 1)
	case sender.ID != Ours.ID && im.ID == Ours.ID:
		count(&g.traffic.ToOurs, k, 1)
	}
}
