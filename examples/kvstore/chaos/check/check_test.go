package check

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/examples/kvstore/chaos/history"
)

// find returns the first operation for which want is true; the histories of the tests all have one.
func find(t *testing.T, log *history.Log, want func(*history.Op) bool) *history.Op {
	t.Helper()
	for _, op := range log.Ops {
		if want(op) {
			return op
		}
	}
	require.Fail(t, "the synthetic history has no such operation")
	return nil
}

func checks(r Report) []string {
	var names []string
	for _, v := range r.Violations {
		names = append(names, v.Check)
	}
	return names
}

func TestRightHistoriesPass(t *testing.T) {
	for seed := range uint64(30) {
		report := Run(newWorld(seed).run(400, 3), Config{})
		require.True(t, report.OK(), "seed %d: %v %v", seed, report.Violations, report.Undecided)
		require.Equal(t, 4, report.Partitions)
		require.Greater(t, report.Idle+report.Checked, 300)
	}
}

func TestHistoriesWithoutWatchersPass(t *testing.T) {
	for seed := range uint64(10) {
		log := newWorld(seed).run(200, 3)
		log.Events = nil
		report := Run(log, Config{})
		require.True(t, report.OK(), "seed %d: %v %v", seed, report.Violations, report.Undecided)
		require.Zero(t, report.Idle, "without watchers nothing says which writes were never applied")
	}
}

// A plant changes a right history so that it breaks one promise; by names the checker that must find it.
type plant struct {
	by    string
	plant func(t *testing.T, w *world)
}

func TestPlantedViolationsAreFound(t *testing.T) {
	for _, plants := range []map[string]plant{plantsInReadsAndWrites(), plantsInOrder(), plantsInStreams()} {
		for name, c := range plants {
			t.Run(name, func(t *testing.T) {
				w := newWorld(3)
				c.plant(t, w)
				require.Contains(t, checks(Run(w.log, Config{})), c.by)
			})
		}
	}
}

// plantsInReadsAndWrites change what reads and writes are answered with.
func plantsInReadsAndWrites() map[string]plant {
	return map[string]plant{
		"a lost write": {by: "linearizability", plant: func(t *testing.T, w *world) {
			w.run(60, 1)
			key := history.Key(0, 0)
			w.putAgain(key)
			before := w.items[key]
			w.putAgain(key)
			w.items[key] = before
			get := &history.Op{Kind: history.Get, Consistency: history.Linearizable, Outcome: history.OK, Then: []history.Action{{Kind: history.Get, Key: key}}}
			w.now += 100
			w.apply(get)
			w.log.AddOp(get)
		}},
		"a stale lease read": {by: "linearizability", plant: func(_ *testing.T, w *world) { plantStaleRead(w, history.Lease) }},
		"a stale read":       {by: "linearizability", plant: func(_ *testing.T, w *world) { plantStaleRead(w, history.Linearizable) }},
		"a doubled compare-and-set": {by: "linearizability", plant: func(_ *testing.T, w *world) {
			w.run(40, 1)
			rev := w.items[history.Key(0, 1)].Rev
			for range 2 {
				cas := &history.Op{Kind: history.Put, Outcome: history.OK,
					Compare: []history.Compare{{Key: history.Key(0, 1), Target: history.TargetRev, Rev: rev}},
					Then:    []history.Action{{Kind: history.Put, Key: history.Key(0, 1), Value: w.value()}}}
				w.now += 100
				w.apply(cas)
				if !cas.Succeeded {
					cas.Compare = nil
					cas.Results = nil
					w.apply(cas)
					cas.Compare = []history.Compare{{Key: history.Key(0, 1), Target: history.TargetRev, Rev: rev}}
				}
				w.log.AddOp(cas)
			}
		}},
	}
}

// plantsInOrder change what is seen where and when.
func plantsInOrder() map[string]plant {
	return map[string]plant{
		"a write that was applied twice": {by: "values", plant: func(t *testing.T, w *world) {
			w.run(80, 1)
			op := find(t, w.log, func(op *history.Op) bool { return op.Kind == history.Put && op.Changed() && len(op.Compare) == 0 })
			again := *op
			again.Results = nil
			w.now += 100
			w.apply(&again)
			w.log.AddEvent(&history.Event{Watcher: 0, At: w.now, ID: history.EventID{Rev: again.Rev}, Kind: history.Put,
				Key: op.Then[0].Key, Value: op.Then[0].Value, Rev: again.Rev})
		}},
		"a refused write that took effect": {by: "values", plant: func(t *testing.T, w *world) {
			w.run(80, 1)
			op := find(t, w.log, func(op *history.Op) bool { return op.Kind == history.Put && op.Changed() })
			op.Outcome = history.Refused
		}},
		"a revision that goes back": {by: "revisions", plant: func(t *testing.T, w *world) {
			w.run(80, 1)
			w.now += 1000
			w.rev /= 2
			w.operateUntilChanged()
		}},
		"a member whose stale reads go back": {by: "stale reads", plant: func(_ *testing.T, w *world) {
			w.run(80, 1)
			for _, rev := range []uint64{9, 4} {
				w.now += 100
				w.log.AddOp(&history.Op{Kind: history.Get, Consistency: history.Stale, Outcome: history.OK, Member: 7, Life: 1, Call: w.now, Return: w.now + 1,
					Succeeded: true, Applied: 10, Then: []history.Action{{Kind: history.Get, Key: history.Key(0, 0)}}, Results: []history.Result{{Exists: true, Rev: rev}}})
			}
		}},
		"a repetition that is applied again": {by: "idempotency", plant: func(t *testing.T, w *world) {
			w.run(80, 1)
			op := find(t, w.log, func(op *history.Op) bool { return op.Kind == history.Put && op.Changed() })
			w.log.AddReplay(history.Replay{Op: op.ID, Member: 2, Rev: op.Rev + 5})
		}},
	}
}

// plantsInStreams change what watchers are told, and what members hold at the end.
func plantsInStreams() map[string]plant {
	return map[string]plant{
		"a change that one watcher misses": {by: "watch", plant: func(_ *testing.T, w *world) {
			log := w.run(80, 1)
			log.Events = append(log.Events[:10], log.Events[11:]...)
		}},
		"a change that all watchers miss": {by: "watch", plant: func(_ *testing.T, w *world) {
			log := w.run(80, 1)
			rev := log.Events[10].Rev
			var kept []*history.Event
			for _, e := range log.Events {
				if e.Rev != rev {
					kept = append(kept, e)
				}
			}
			log.Events = kept
		}},
		"a change that is told twice": {by: "watch", plant: func(_ *testing.T, w *world) {
			log := w.run(80, 1)
			log.AddEvent(log.Events[len(log.Events)-1])
		}},
		"members that differ at the end": {by: "final state", plant: func(_ *testing.T, w *world) {
			log := w.run(80, 1)
			log.Finals[2].Items[0].Value = "v1"
		}},
		"a key that is old at the end": {by: "final state", plant: func(_ *testing.T, w *world) {
			log := w.run(80, 1)
			for i := range log.Finals {
				log.Finals[i].Items[0].Rev--
			}
		}},
		"two leaders in a term": {by: "leaders", plant: func(_ *testing.T, w *world) {
			w.run(80, 1)
			w.log.AddClaim(history.Claim{Term: 3, Leader: 1, By: 1})
			w.log.AddClaim(history.Claim{Term: 3, Leader: 2, By: 2})
		}},
	}
}

// putAgain writes a key, after everything before.
func (w *world) putAgain(key string) *history.Op {
	put := &history.Op{Kind: history.Put, Outcome: history.OK, Then: []history.Action{{Kind: history.Put, Key: key, Value: w.value()}}}
	w.now += 100
	w.apply(put)
	w.log.AddOp(put)
	return put
}

func (w *world) operateUntilChanged() {
	for !w.operate(0).Changed() {
		continue
	}
}

// plantStaleRead lets a read that began after a write had returned answer with what was there before.
func plantStaleRead(w *world, consistency string) {
	w.run(60, 1)
	key := history.Key(0, 0)
	first := w.putAgain(key)
	w.putAgain(key)
	w.now += 100
	w.log.AddOp(&history.Op{Kind: history.Get, Consistency: consistency, Outcome: history.OK, Call: w.now, Return: w.now + 1, Succeeded: true,
		Then: []history.Action{{Kind: history.Get, Key: key}}, Results: []history.Result{{Exists: true, Value: first.Then[0].Value, Rev: first.Rev}}})
}

func TestViolationsSayWhichReadsAreStale(t *testing.T) {
	for _, consistency := range []string{history.Lease, history.Linearizable} {
		w := newWorld(5)
		plantStaleRead(w, consistency)
		dir := t.TempDir()
		report := Run(w.log, Config{Dir: dir})
		found := false
		for _, v := range report.Violations {
			if v.Check != "linearizability" {
				continue
			}
			found = true
			require.Contains(t, v.Text, consistency+" reads are stale")
			picture, err := os.ReadFile(v.File)
			require.NoError(t, err)
			require.Contains(t, string(picture), "put 000000/a=")
			require.Equal(t, dir, filepath.Dir(v.File))
		}
		require.True(t, found)
	}
}

func TestMissedChangesAreToldFromStaleReads(t *testing.T) {
	w := newWorld(1)
	w.run(40, 1)
	key := history.Key(0, 0)
	w.now += 100
	put := &history.Op{Kind: history.Put, Outcome: history.OK, Then: []history.Action{{Kind: history.Put, Key: key, Value: w.value()}}}
	w.apply(put)
	remove := &history.Op{Kind: history.Delete, Outcome: history.OK, Then: []history.Action{{Kind: history.Delete, Key: key}}}
	w.apply(remove)
	w.log.AddOp(put)
	unknown := &history.Op{Kind: history.Delete, Outcome: history.Unknown, Call: remove.Call, Then: remove.Then}
	w.log.AddOp(unknown)
	get := &history.Op{Kind: history.Get, Consistency: history.Linearizable, Outcome: history.OK, Then: []history.Action{{Kind: history.Get, Key: key}}}
	w.now += 100
	w.apply(get)
	w.log.AddOp(get)
	w.log.AddEvent(&history.Event{Watcher: 0, At: w.now, ID: history.EventID{Rev: put.Rev}, Kind: history.Put, Key: key, Value: put.Then[0].Value, Rev: put.Rev})
	report := Run(w.log, Config{})
	for _, v := range report.Violations {
		if v.Check == "linearizability" {
			require.Contains(t, v.Text, "watchers were not told of everything")
			return
		}
	}
	require.Fail(t, "the deletion that no watcher was told of went unnoticed")
}

func TestHistoriesSurviveTheirEncoding(t *testing.T) {
	log := newWorld(2).run(100, 2)
	log.AddGap(history.Gap{Watcher: 1, Oldest: 5})
	log.AddClaim(history.Claim{Term: 1, Leader: 2, By: 3})
	log.AddReplay(history.Replay{Op: 1, Member: 1, Replayed: true})
	var first, second bytes.Buffer
	require.NoError(t, log.Write(&first))
	again, err := history.Read(bytes.NewReader(first.Bytes()))
	require.NoError(t, err)
	require.NoError(t, again.Write(&second))
	require.Equal(t, first.String(), second.String())
	_, err = history.Read(bytes.NewReader([]byte("{\"op\":")))
	require.Error(t, err)
}
