package tracker

import (
	"reflect"
	"testing"

	"github.com/seed695671cb/raft/quorum"
)

// joint returns the tracker of {1, 2, 3} on the way to {1, 2, 4}, with 5 a learner and 3 to become one. Matches are ten
// times the ID; 3 has not been active.
func joint() *ProgressTracker {
	trk := MakeProgressTracker(8, 1000)
	trk.Voters[0] = quorum.MajorityConfig{1: {}, 2: {}, 4: {}}
	trk.Voters[1] = quorum.MajorityConfig{1: {}, 2: {}, 3: {}}
	trk.Learners = map[uint64]struct{}{5: {}}
	trk.LearnersNext = map[uint64]struct{}{3: {}}
	for id := range uint64(5) {
		id++
		trk.Progress[id] = &Progress{
			Match: 10 * id, Next: 10*id + 1, RecentActive: id != 3, IsLearner: id == 5, Inflights: NewInflights(8, 1000),
		}
	}
	return &trk
}

func TestTrackerWithoutMembers(t *testing.T) {
	trk := MakeProgressTracker(8, 1000)
	if trk.MaxInflight != 8 || trk.MaxInflightBytes != 1000 {
		t.Errorf("its bounds are %d and %d", trk.MaxInflight, trk.MaxInflightBytes)
	}
	trk.Voters[0][1] = struct{}{} // each of the maps that a program fills is there
	trk.Progress[1] = &Progress{}
	trk.Votes[1] = true
	if !trk.IsSingleton() {
		t.Error("one voter is not alone")
	}
}

func TestTrackerAnswersWhoIsInIt(t *testing.T) {
	trk := joint()
	cs := trk.ConfState()
	for _, tc := range []struct {
		name      string
		got, want []uint64
	}{
		{"voters", cs.Voters, []uint64{1, 2, 4}},
		{"outgoing", cs.VotersOutgoing, []uint64{1, 2, 3}},
		{"learners", cs.Learners, []uint64{5}},
		{"next learners", cs.LearnersNext, []uint64{3}},
		{"voters of either", trk.VoterNodes(), []uint64{1, 2, 3, 4}},
		{"learners now", trk.LearnerNodes(), []uint64{5}},
	} {
		if !reflect.DeepEqual(tc.got, tc.want) {
			t.Errorf("%s are %v, want %v", tc.name, tc.got, tc.want)
		}
	}
	if cs.AutoLeave || trk.IsSingleton() {
		t.Errorf("%+v is left automatically, or a singleton", cs)
	}
	var visited []uint64
	trk.Visit(func(id uint64, pr *Progress) {
		if pr != trk.Progress[id] {
			t.Errorf("the progress of %d is a copy", id)
		}
		visited = append(visited, id)
	})
	if want := []uint64{1, 2, 3, 4, 5}; !reflect.DeepEqual(visited, want) {
		t.Errorf("visited %v, want %v", visited, want)
	}
}

// Both majorities count: 20 is held by two of {1, 2, 4} and of {1, 2, 3}.
func TestTrackerAsksBothMajorities(t *testing.T) {
	trk := joint()
	if got := trk.Committed(); got != 20 {
		t.Errorf("committed is %d, want 20", got)
	}
	delete(trk.Progress, 3)
	if got := trk.Committed(); got != 10 {
		t.Errorf("committed is %d without the progress of 3, want 10", got)
	}
	trk = joint()
	if !trk.QuorumActive() {
		t.Error("1, 2 and 4 are active, which is a quorum of both")
	}
	trk.Progress[2].RecentActive = false
	if trk.QuorumActive() {
		t.Error("of {1, 2, 3} only 1 is active")
	}
}

func TestTrackerCountsTheFirstAnswerOfEachVoter(t *testing.T) {
	trk := joint()
	for _, vote := range []struct {
		id      uint64
		granted bool
		want    [2]int
		result  quorum.VoteResult
	}{
		{1, true, [2]int{1, 0}, quorum.VotePending},
		{3, false, [2]int{1, 1}, quorum.VotePending},
		{3, true, [2]int{1, 1}, quorum.VotePending},
		{5, true, [2]int{1, 1}, quorum.VotePending}, // a learner
		{9, true, [2]int{1, 1}, quorum.VotePending}, // a stranger
		{2, true, [2]int{2, 1}, quorum.VoteWon},
	} {
		trk.RecordVote(vote.id, vote.granted)
		granted, rejected, result := trk.TallyVotes()
		if [2]int{granted, rejected} != vote.want || result != vote.result {
			t.Errorf("after %d answered %t: %d to %d, %s", vote.id, vote.granted, granted, rejected, result)
		}
	}
	trk.ResetVotes()
	if granted, rejected, result := trk.TallyVotes(); granted+rejected > 0 || result != quorum.VotePending {
		t.Errorf("after a reset: %d to %d, %s", granted, rejected, result)
	}
}

func TestProgressMapIsWrittenInOrder(t *testing.T) {
	m := ProgressMap{
		10: {Match: 3, Next: 4, RecentActive: true},
		2:  {Next: 1, RecentActive: true, IsLearner: true},
	}
	want := "2: StateProbe match=0 next=1 learner\n10: StateProbe match=3 next=4\n"
	if got := m.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
