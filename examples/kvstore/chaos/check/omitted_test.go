package check

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/examples/kvstore/chaos/history"
)

// omit makes an answer one that was repeated: it has no values.
func omit(op *history.Op) {
	op.Key, op.Replayed, op.Attempts = "k", true, 2
	for i := range op.Results {
		op.Results[i].Value = ""
	}
}

// readBoth reads both keys of a group in a transaction, whose answer comes without the values.
func (w *world) readBoth(group int) *history.Op {
	op := &history.Op{Kind: history.Txn, Group: group, Outcome: history.OK,
		Then: []history.Action{{Kind: history.Get, Key: history.Key(group, 0)}, {Kind: history.Get, Key: history.Key(group, 1)}}}
	w.apply(op)
	omit(op)
	w.log.AddOp(op)
	return op
}

func TestRightHistoriesWithUnknownValuesPass(t *testing.T) {
	for seed := range uint64(30) {
		w := newWorld(seed)
		existed := 0
		for i := range 300 {
			op := w.operate(i % 3)
			if op.Kind == history.Txn && op.Outcome == history.OK {
				omit(op)
			}
			if i%5 != 0 {
				continue
			}
			for _, r := range w.readBoth(i % 3).Results {
				if r.Exists {
					existed++
				}
			}
		}
		w.finish()
		report := Run(w.log, Config{})
		require.True(t, report.OK(), "seed %d: %v %v", seed, report.Violations, report.Undecided)
		require.Greater(t, existed, 30)
	}
}

// A value that is not known agrees with any. What else the answer says of the key does not: nothing overlaps with the read, so
// only one revision, version and creation can be right.
func TestWrongNumbersBesideUnknownValuesAreFound(t *testing.T) {
	for name, plant := range map[string]func(r *history.Result){
		"a revision that is too old": func(r *history.Result) { r.Rev-- },
		"a revision that is too new": func(r *history.Result) { r.Rev++ },
		"a revision of its own":      func(r *history.Result) { r.Rev += 1_000_000 },
		"another creation":           func(r *history.Result) { r.Created++ },
		"another version":            func(r *history.Result) { r.Version++ },
		"a key that is denied":       func(r *history.Result) { *r = history.Result{} },
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(5) {
				w := newWorld(seed)
				for range 60 {
					w.operate(0)
				}
				w.now += 100
				w.putAgain(history.Key(0, 0))
				w.now += 100
				op := w.readBoth(0)
				w.finish()
				require.True(t, Run(w.log, Config{}).OK(), "before it is planted")
				plant(&op.Results[0])
				require.Contains(t, checks(Run(w.log, Config{})), "linearizability", "seed %d", seed)
			}
		})
	}
}

// A write without an answer, which nobody saw, may have any revision. Once an answer without the value has shown one, others
// may show no other.
func TestAnUnknownValueTeachesItsRevision(t *testing.T) {
	key := history.Key(0, 0)
	for _, second := range []uint64{7, 8} {
		log := &history.Log{}
		log.AddOp(&history.Op{Kind: history.Put, Outcome: history.Unknown, Call: 1, Then: []history.Action{{Kind: history.Put, Key: key, Value: "v1"}}})
		for i, rev := range []uint64{7, second} {
			op := &history.Op{Kind: history.Txn, Outcome: history.OK, Call: int64(10 + 10*i), Return: int64(15 + 10*i), Succeeded: true,
				Then: []history.Action{{Kind: history.Get, Key: key}}, Results: []history.Result{{Exists: true, Rev: rev}}}
			omit(op)
			log.AddOp(op)
		}
		report := Run(log, Config{})
		require.Equal(t, second == 7, report.OK(), "%v", report.Violations)
	}
}
