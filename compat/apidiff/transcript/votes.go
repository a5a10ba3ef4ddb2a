package main

// This file asks a tracker what it makes of votes and of the progress of its members.

import (
	"fmt"
	"io"
	"math/rand/v2"

	"go.etcd.io/raft/v3/quorum"
	"go.etcd.io/raft/v3/tracker"
)

// driveTracker makes a tracker with random members and asks it everything.
func driveTracker(w io.Writer, rng *rand.Rand) {
	trk := randomTracker(rng)
	writeConfig(w, trk.Config)
	cs := trk.ConfState()
	fmt.Fprintf(w, "conf state %#v %#v %#v %#v\n", cs.Voters, cs.VotersOutgoing, cs.Learners, cs.LearnersNext)
	fmt.Fprintf(w, "voters %#v learners %#v alone %t\n", trk.VoterNodes(), trk.LearnerNodes(), trk.IsSingleton())
	fmt.Fprintf(w, "committed %d active %t\n", trk.Committed(), trk.QuorumActive())
	trk.Visit(func(id uint64, pr *tracker.Progress) { fmt.Fprintf(w, "visit %d at %d\n", id, pr.Match) })
	trk.ResetVotes()
	for range rng.IntN(12) {
		id, vote := 1+rng.Uint64N(8), rng.IntN(3) > 0
		trk.RecordVote(id, vote)
		granted, rejected, result := trk.TallyVotes()
		fmt.Fprintf(w, "vote %d %t: %d %d %s\n", id, vote, granted, rejected, result)
	}
	clone := trk.Clone()
	clone.Voters[0][99] = struct{}{}
	writeConfig(w, trk.Config)
}

// randomTracker returns a tracker, joint or not, with up to six members.
func randomTracker(rng *rand.Rand) *tracker.ProgressTracker {
	trk := tracker.MakeProgressTracker(4, 0)
	for id := range uint64(6) {
		id++
		pr := &tracker.Progress{Match: rng.Uint64N(9), RecentActive: rng.IntN(3) > 0}
		pr.Next = pr.Match + 1
		switch rng.IntN(5) {
		case 0:
			continue
		case 1:
			pr.IsLearner = true
			add(&trk.Learners, id)
		case 2:
			voters := (map[uint64]struct{})(trk.Voters[1])
			add(&voters, id)
			trk.Voters[1] = quorum.MajorityConfig(voters)
		default:
			trk.Voters[0][id] = struct{}{}
		}
		trk.Progress[id] = pr
	}
	return &trk
}

func add(set *map[uint64]struct{}, id uint64) {
	if *set == nil {
		*set = map[uint64]struct{}{}
	}
	(*set)[id] = struct{}{}
}
