package confchange

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	ours "github.com/seed695671cb/raft/confchange"

	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
)

// changer returns a Changer for voters 1, 2, 3 and the learner 4, whose log ends at 20. What matches is ten times the
// ID.
func changer(t *testing.T) Changer {
	t.Helper()
	chg := Changer{Tracker: tracker.MakeProgressTracker(2, 100), LastIndex: 20}
	cfg, progress, err := Restore(chg, raftpb.ConfState{Voters: []uint64{2, 1, 3}, Learners: []uint64{4}})
	if err != nil {
		t.Fatal(err)
	}
	for id, pr := range progress {
		pr.MaybeUpdate(10 * id)
	}
	chg.Tracker.Config, chg.Tracker.Progress = cfg, progress
	return chg
}

// changes reads changes in their text form, such as "v1 l2 r3".
func changes(t *testing.T, text string) []raftpb.ConfChangeSingle {
	t.Helper()
	ccs, err := raftpb.ConfChangesFromString(text)
	if err != nil {
		t.Fatal(err)
	}
	return ccs
}

// expect checks a configuration, and that the progress is that of its members: matches by ID in want, all of them.
func expect(t *testing.T, cfg tracker.Config, progress tracker.ProgressMap, err error, text string, want map[uint64]uint64) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if got := cfg.String(); got != text {
		t.Errorf("the configuration is %s, want %s", got, text)
	}
	got := map[uint64]uint64{}
	for id, pr := range progress {
		got[id] = pr.Match
		if _, learner := cfg.Learners[id]; pr.IsLearner != learner {
			t.Errorf("the progress of %d has IsLearner %t", id, pr.IsLearner)
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("members match at %v, want %v", got, want)
	}
}

func TestSimple(t *testing.T) {
	cfg, progress, err := changer(t).Simple(changes(t, "v4 l5")...)
	expect(t, cfg, progress, err, "voters=(1 2 3 4) learners=(5)", map[uint64]uint64{1: 10, 2: 20, 3: 30, 4: 40, 5: 0})

	cfg, progress, err = changer(t).Simple(changes(t, "r3 r4 u1")...)
	expect(t, cfg, progress, err, "voters=(1 2)", map[uint64]uint64{1: 10, 2: 20})

	cfg, progress, err = changer(t).Simple(changes(t, "l3")...)
	expect(t, cfg, progress, err, "voters=(1 2) learners=(3 4)", map[uint64]uint64{1: 10, 2: 20, 3: 30, 4: 40})
}

// One that is removed and added again at once may have lost its log in between.
func TestWhoIsAddedAgainBeginsAnew(t *testing.T) {
	cfg, progress, err := changer(t).Simple(changes(t, "r3 v3")...)
	expect(t, cfg, progress, err, "voters=(1 2 3) learners=(4)", map[uint64]uint64{1: 10, 2: 20, 3: 0, 4: 40})

	// A voter stays until the joint configuration is left, so it has not been away.
	cfg, progress, err = changer(t).EnterJoint(false, changes(t, "r3 v3 r4 l4")...)
	expect(t, cfg, progress, err, "voters=(1 2 3)&&(1 2 3) learners=(4)", map[uint64]uint64{1: 10, 2: 20, 3: 30, 4: 0})
}

func TestJoint(t *testing.T) {
	chg := changer(t)
	cfg, progress, err := chg.EnterJoint(true, changes(t, "r1 l2 v4 v5")...)
	all := map[uint64]uint64{1: 10, 2: 20, 3: 30, 4: 40, 5: 0}
	expect(t, cfg, progress, err, "voters=(3 4 5)&&(1 2 3) learners_next=(2) autoleave", all)

	chg.Tracker.Config, chg.Tracker.Progress = cfg, progress
	delete(all, 1)
	cfg, progress, err = chg.LeaveJoint()
	expect(t, cfg, progress, err, "voters=(3 4 5) learners=(2)", all)
}

func TestWhoJoinsIsTriedFromTheLastIndex(t *testing.T) {
	chg := changer(t)
	for last, next := range map[uint64]uint64{20: 20, 0: 1} {
		chg.LastIndex = last
		_, progress, err := chg.Simple(changes(t, "v5")...)
		if err != nil {
			t.Fatal(err)
		}
		pr := progress[5]
		if pr.Match != 0 || pr.Next != next || !pr.RecentActive || pr.State != tracker.StateProbe {
			t.Errorf("with the log ending at %d it is %s", last, pr)
		}
		pr.Inflights.Add(1, 1)
		if pr.Inflights.Full() {
			t.Error("one append is as much as it takes, want two")
		}
		if pr.Inflights.Add(2, 1); !pr.Inflights.Full() {
			t.Error("two appends are not as much as it takes")
		}
	}
}

// The caller may drop what comes back: the tracker is as it was.
func TestTheTrackerStaysAsItIs(t *testing.T) {
	chg, before := changer(t), changer(t)
	cfg, progress, err := chg.EnterJoint(true, changes(t, "r1 l2 v4 v5")...)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Voters[0][99], cfg.Voters[1][99], cfg.LearnersNext[99] = struct{}{}, struct{}{}, struct{}{}
	for _, pr := range progress {
		pr.MaybeUpdate(1000)
	}
	delete(progress, 1)
	if !reflect.DeepEqual(chg, before) {
		t.Errorf("it was %+v and is %+v", before, chg)
	}
}

func TestChangesThatAreRefused(t *testing.T) {
	joint := changer(t)
	cfg, progress, err := joint.EnterJoint(false, changes(t, "v5")...)
	if err != nil {
		t.Fatal(err)
	}
	joint.Tracker.Config, joint.Tracker.Progress = cfg, progress
	empty := Changer{Tracker: tracker.MakeProgressTracker(1, 0)}
	forgotten, confused, broken := changer(t), changer(t), changer(t)
	delete(forgotten.Tracker.Progress, 2)
	confused.Tracker.Progress[4].IsLearner = false
	broken.Tracker.Learners[1] = struct{}{}
	for _, tc := range []struct {
		name string
		chg  Changer
		do   func(c Changer) (tracker.Config, tracker.ProgressMap, error)
		is   error // unless it is nil
		text string
	}{
		{"two voters", changer(t), simple(t, "v5 v6"), ours.ErrTooManyVoters, ""},
		{"simple in joint", joint, simple(t, "r3"), ours.ErrJoint, ""},
		{"joint in joint", joint, enter(t, "r3"), ours.ErrJoint, ""},
		{"leave what is not joint", changer(t), Changer.LeaveJoint, ours.ErrNotJoint, ""},
		{"leave without members", empty, Changer.LeaveJoint, ours.ErrNotJoint, ""},
		{"nobody votes then", changer(t), enter(t, "r1 r2 r3"), ours.ErrNoVoters, ""},
		{"nobody votes", empty, enter(t, "v1"), ours.ErrNoVoters, ""},
		{"nobody votes before or after", empty, simple(t, ""), ours.ErrNoVoters, ""},
		{"no progress", forgotten, simple(t, "v5"), nil, "tracker: member 2 has no progress"},
		{"another progress", confused, simple(t, "v5"), nil, "tracker: member 4 is learner, but its progress has IsLearner"},
		{"no configuration", broken, Changer.LeaveJoint, nil, "tracker: conf state: learners: 1 is also in voters"},
	} {
		cfg, progress, err := tc.do(tc.chg)
		if err == nil || tc.is != nil && !errors.Is(err, tc.is) || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: the error is %v", tc.name, err)
		}
		if progress != nil || !reflect.DeepEqual(cfg, tracker.Config{}) {
			t.Errorf("%s: refused, and returned %s and %v", tc.name, cfg, progress)
		}
	}
}

func simple(t *testing.T, text string) func(Changer) (tracker.Config, tracker.ProgressMap, error) {
	ccs := changes(t, text)
	return func(c Changer) (tracker.Config, tracker.ProgressMap, error) { return c.Simple(ccs...) }
}

func enter(t *testing.T, text string) func(Changer) (tracker.Config, tracker.ProgressMap, error) {
	ccs := changes(t, text)
	return func(c Changer) (tracker.Config, tracker.ProgressMap, error) { return c.EnterJoint(false, ccs...) }
}
