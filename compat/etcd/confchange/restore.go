package confchange

// This file makes a configuration out of its form on the wire (Raft §7), and writes changes as text.

import (
	"fmt"
	"strings"

	members "github.com/seed695671cb/raft/tracker"

	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
)

// Restore returns the configuration that a ConfState describes, and a fresh Progress for each of its members, made as
// Changer does for those who join. The tracker of chg must have no members. The empty ConfState is the configuration
// without members.
func Restore(chg Changer, cs raftpb.ConfState) (tracker.Config, tracker.ProgressMap, error) {
	if known := chg.Tracker.ConfState(); !isEmpty(known) {
		return tracker.Config{}, nil, fmt.Errorf("restore into a tracker with the configuration %s; "+
			"give it one without members", chg.Tracker.Config)
	}
	m, err := members.NewMembership(cs)
	if err != nil {
		return tracker.Config{}, nil, err
	}
	chg.Tracker.Progress = nil // of nobody
	return m.Config(), chg.progress(m, nil), nil
}

func isEmpty(cs raftpb.ConfState) bool {
	return len(cs.Voters)+len(cs.VotersOutgoing)+len(cs.Learners)+len(cs.LearnersNext) == 0
}

// Describe writes changes on one line, as in "ConfChangeAddNode(1) ConfChangeRemoveNode(2)".
func Describe(ccs ...raftpb.ConfChangeSingle) string {
	texts := make([]string, len(ccs))
	for i, cc := range ccs {
		texts[i] = fmt.Sprintf("%s(%d)", cc.Type, cc.NodeID)
	}
	return strings.Join(texts, " ")
}
