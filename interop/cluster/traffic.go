package cluster

import pb "github.com/seed695671cb/raft/raftpb"

// Traffic counts the messages that members took in from members that ran something else at the time.
type Traffic struct {
	// ToOurs came to this library from another, ToOthers to another from this.
	ToOurs, ToOthers map[pb.MessageType]int
}

// Add adds up what crossed in several runs.
func (t *Traffic) Add(o Traffic) {
	for k, n := range o.ToOurs {
		count(&t.ToOurs, k, n)
	}
	for k, n := range o.ToOthers {
		count(&t.ToOthers, k, n)
	}
}

func count(to *map[pb.MessageType]int, k pb.MessageType, n int) {
	if *to == nil {
		*to = map[pb.MessageType]int{}
	}
	(*to)[k] += n
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
