package main

// This file changes the configuration of a tracker, and has configurations restored.

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"

	"go.etcd.io/raft/v3/confchange"
	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
)

// driveChanger makes some twenty changes, each to what the former ones have made, and writes what comes back.
func driveChanger(w io.Writer, rng *rand.Rand) {
	trk := tracker.MakeProgressTracker(1+rng.IntN(3), rng.Uint64N(2)*10)
	for step := range uint64(20) {
		chg := confchange.Changer{Tracker: trk, LastIndex: step * rng.Uint64N(3)}
		cfg, progress, err := oneChange(w, rng, chg)
		if err != nil {
			fmt.Fprintf(w, " refused, returned nil: %t\n", progress == nil)
			continue
		}
		writeConfig(w, cfg)
		writeAll(w, progress)
		trk.Config, trk.Progress = cfg, progress
		for _, pr := range progress {
			pr.MaybeUpdate(step) // so that one that begins anew can be told from one that does not
		}
		restore(w, trk)
	}
}

func oneChange(
	w io.Writer, rng *rand.Rand, chg confchange.Changer,
) (tracker.Config, tracker.ProgressMap, error) {
	var ccs []raftpb.ConfChangeSingle
	for range rng.IntN(4) {
		ccs = append(ccs, raftpb.ConfChangeSingle{
			Type:   raftpb.ConfChangeType(rng.IntN(4)),
			NodeID: rng.Uint64N(6),
		})
	}
	switch rng.IntN(4) {
	case 0:
		fmt.Fprint(w, "leave")
		return chg.LeaveJoint()
	case 1:
		autoLeave := rng.IntN(2) == 0
		fmt.Fprintf(w, "enter %t %q", autoLeave, confchange.Describe(ccs...))
		return chg.EnterJoint(autoLeave, ccs...)
	default:
		fmt.Fprintf(w, "simple %q", confchange.Describe(ccs...))
		return chg.Simple(ccs...)
	}
}

// restore has the tracker's configuration restored from its form on the wire.
func restore(w io.Writer, trk tracker.ProgressTracker) {
	cs := trk.ConfState()
	fmt.Fprintf(w, "restore %#v %v %v %v %t\n", cs.Voters, cs.Learners, cs.VotersOutgoing, cs.LearnersNext, cs.AutoLeave)
	empty := tracker.MakeProgressTracker(trk.MaxInflight, trk.MaxInflightBytes)
	cfg, progress, err := confchange.Restore(confchange.Changer{Tracker: empty, LastIndex: 7}, cs)
	if err != nil {
		fmt.Fprintln(w, "refused")
		return
	}
	writeConfig(w, cfg)
	writeAll(w, progress)
}

func writeAll(w io.Writer, progress tracker.ProgressMap) {
	for _, id := range slices.Sorted(maps.Keys(progress)) {
		fmt.Fprint(w, id)
		writeProgress(w, progress[id])
	}
}
