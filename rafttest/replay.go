package rafttest

import (
	"github.com/seed695671cb/raft/internal/minimise"
	"github.com/seed695671cb/raft/rafttest/trace"
)

// A run that found something is made smaller by doing only some of its actions again, in order: those that are not
// possible any more are left out.

// replay does the actions, and returns what it found. Packets are known by what they say: two that are equal may
// stand for each other. Where nothing says the same any more, because something before it is missing, the packet in the
// same place among those of its kind stands for it.
func (r *Result) replay(actions []action, rec *recorder) (g *group, found *trace.Violation) {
	g = &group{opt: r.Options, runSeed: r.setup.runSeed, common: r.setup.common, hash: trace.NewHash(), recorder: rec}
	found = guard(func() {
		g.begin(r.setup.nodes, r.setup.learners, r.setup.settings)
		if rec != nil {
			rec.start(g)
		}
		for i := range actions {
			g.redo(actions[i])
		}
		g.checkHistory()
	})
	return g, g.explain(found)
}

// redo does a recorded action if it is possible.
func (g *group) redo(act action) {
	if act.kind == actDeliver || act.kind == actLose || act.kind == actDuplicate {
		slot, ok := g.network.find(act.a)
		if !ok {
			slot, ok = g.network.findLike(act.b)
		}
		if !ok {
			return
		}
		act.packet = slot
	}
	g.do(act)
}

// Minimise returns the result of as short a run as it finds that violates the same property, with its trace. A result
// without a violation, or one of liveness, which is not a matter of single events, is returned as it is. trials bounds
// the number of replays; zero for as many as it takes.
func Minimise(r Result, trials int) Result {
	if r.Violation == nil || r.Violation.Property == "liveness" || len(r.actions) == 0 {
		return r
	}
	fails := func(actions []action) bool {
		_, found := r.replay(actions, nil)
		return found != nil && found.Property == r.Violation.Property
	}
	if !fails(r.actions) {
		return r
	}
	kept := minimise.Minimise(r.actions, fails, minimise.MaxTrials(trials))
	rec := newRecorder()
	g, found := r.replay(kept, rec)
	small := r
	small.Violation, small.Events, small.Hash = found, g.event, uint64(g.hash)
	small.Trace, small.actions = rec.trace, rec.actions
	rec.finish(g, r.Trace.Title, found)
	return small
}
