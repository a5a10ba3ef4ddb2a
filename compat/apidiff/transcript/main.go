// Command transcript is a program of the etcd raft lineage: it drives the types that compat/etcd implements for programs
// rather than for replicas, with calls drawn from a fixed seed, and prints what comes back. Built against the real
// module and against compat/etcd, it prints the same; ../transcript_test.go compares the two.
package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"

	"go.etcd.io/raft/v3/tracker"
)

// rounds is how many sequences of calls are made of each kind.
const rounds = 2000

func main() {
	out := bufio.NewWriter(os.Stdout)
	for round := range uint64(rounds) {
		rng := rand.New(rand.NewPCG(round, 1))
		fmt.Fprintf(out, "progress %d\n", round)
		driveProgress(out, rng)
		fmt.Fprintf(out, "changes %d\n", round)
		driveChanger(out, rng)
		fmt.Fprintf(out, "votes %d\n", round)
		driveTracker(out, rng)
	}
	if err := out.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, "transcript:", err)
		os.Exit(1)
	}
}

// writeIDs writes a set, and whether it is nil.
func writeIDs[M ~map[uint64]struct{}](w io.Writer, name string, set M) {
	fmt.Fprintf(w, " %s=%v,nil=%t", name, slices.Sorted(maps.Keys(set)), set == nil)
}

func writeConfig(w io.Writer, c tracker.Config) {
	writeIDs(w, "incoming", c.Voters[0])
	writeIDs(w, "outgoing", c.Voters[1])
	writeIDs(w, "learners", c.Learners)
	writeIDs(w, "next", c.LearnersNext)
	fmt.Fprintf(w, " autoleave=%t\n", c.AutoLeave)
}

func writeProgress(w io.Writer, pr *tracker.Progress) {
	fmt.Fprintf(w, " %s match=%d next=%d pending=%d active=%t held=%t paused=%t inflight=%d full=%t learner=%t\n",
		pr.State, pr.Match, pr.Next, pr.PendingSnapshot, pr.RecentActive, pr.MsgAppFlowPaused, pr.IsPaused(),
		pr.Inflights.Count(), pr.Inflights.Full(), pr.IsLearner)
}
