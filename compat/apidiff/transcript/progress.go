package main

// This file drives one Progress through its transitions.

import (
	"fmt"
	"io"
	"math/rand/v2"

	"go.etcd.io/raft/v3/tracker"
)

// driveProgress makes some forty calls on a fresh Progress and writes it after each.
func driveProgress(w io.Writer, rng *rand.Rand) {
	pr := &tracker.Progress{
		Next:      1 + rng.Uint64N(10),
		Inflights: tracker.NewInflights(1+rng.IntN(4), rng.Uint64N(3)*20),
	}
	for range 40 {
		callProgress(w, rng, pr)
		writeProgress(w, pr)
		bump := rng.Uint64N(pr.Next + 4)
		fmt.Fprintf(w, " bump %d: %t\n", bump, pr.CanBumpCommit(bump))
	}
}

// callProgress makes one call, with arguments near to where the follower is.
func callProgress(w io.Writer, rng *rand.Rand, pr *tracker.Progress) {
	near := rng.Uint64N(pr.Next + 3)
	switch rng.IntN(12) {
	case 0:
		fmt.Fprint(w, "probe")
		pr.BecomeProbe()
	case 1:
		fmt.Fprint(w, "replicate")
		pr.BecomeReplicate()
	case 2:
		index := pr.Match + 1 + rng.Uint64N(5)
		fmt.Fprintf(w, "snapshot %d", index)
		pr.BecomeSnapshot(index)
	case 3:
		state := tracker.StateType(rng.IntN(2)) // in StateSnapshot the two differ, see Progress.ResetState
		fmt.Fprintf(w, "reset %s", state)
		pr.ResetState(state)
	case 4, 5:
		fmt.Fprintf(w, "update %d: %t", near, pr.MaybeUpdate(near))
	case 6:
		pr.Inflights.FreeLE(near)
		fmt.Fprintf(w, "free %d", near)
	case 7, 8:
		rejected, hint := near, rng.Uint64N(near+2)
		if rng.IntN(2) == 0 {
			rejected = pr.Next - 1
		}
		fmt.Fprintf(w, "reject %d, %d: %t", rejected, hint, pr.MaybeDecrTo(rejected, hint))
	case 9:
		fmt.Fprintf(w, "commit %d", near)
		pr.SentCommit(near)
	default:
		if pr.State == tracker.StateSnapshot || pr.Inflights.Full() {
			return
		}
		entries, bytes := rng.IntN(4), rng.Uint64N(30)
		fmt.Fprintf(w, "sent %d, %d", entries, bytes)
		pr.SentEntries(entries, bytes)
	}
}
