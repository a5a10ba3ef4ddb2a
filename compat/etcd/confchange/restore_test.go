package confchange

import (
	"strings"
	"testing"

	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
)

func TestRestore(t *testing.T) {
	chg := Changer{Tracker: tracker.MakeProgressTracker(2, 0), LastIndex: 9}
	cfg, progress, err := Restore(chg, raftpb.ConfState{
		Voters: []uint64{3, 1}, VotersOutgoing: []uint64{1, 2}, Learners: []uint64{4}, LearnersNext: []uint64{2},
		AutoLeave: true,
	})
	expect(t, cfg, progress, err, "voters=(1 3)&&(1 2) learners=(4) learners_next=(2) autoleave",
		map[uint64]uint64{1: 0, 2: 0, 3: 0, 4: 0})
	for id, pr := range progress {
		if pr.Next != 9 || !pr.RecentActive {
			t.Errorf("the progress of %d is %s", id, pr)
		}
	}
	cfg, progress, err = Restore(chg, raftpb.ConfState{})
	expect(t, cfg, progress, err, "voters=()", map[uint64]uint64{})
	if len(chg.Tracker.Progress) > 0 || len(chg.Tracker.Voters[0]) > 0 {
		t.Errorf("the tracker was written to: %+v", chg.Tracker)
	}
}

func TestRestoreIsRefused(t *testing.T) {
	empty := Changer{Tracker: tracker.MakeProgressTracker(2, 0)}
	for _, tc := range []struct {
		chg  Changer
		cs   raftpb.ConfState
		want string
	}{
		{empty, raftpb.ConfState{Voters: []uint64{1}, Learners: []uint64{1}}, "learners: 1 is also in voters"},
		{empty, raftpb.ConfState{Learners: []uint64{1}}, "none of which is an incoming voter"},
		{changer(t), raftpb.ConfState{Voters: []uint64{1}}, "voters=(1 2 3) learners=(4); give it one without members"},
	} {
		if _, progress, err := Restore(tc.chg, tc.cs); err == nil || !strings.Contains(err.Error(), tc.want) || progress != nil {
			t.Errorf("%+v gives %v and the error %v, want %q", tc.cs, progress, err, tc.want)
		}
	}
}

func TestDescribe(t *testing.T) {
	got := Describe(changes(t, "v1 l2 r3 u4")...)
	want := "ConfChangeAddNode(1) ConfChangeAddLearnerNode(2) ConfChangeRemoveNode(3) ConfChangeUpdateNode(4)"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := Describe(); got != "" {
		t.Errorf("no changes are %q", got)
	}
}
