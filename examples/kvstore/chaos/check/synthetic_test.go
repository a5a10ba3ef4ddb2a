package check

import (
	"fmt"
	"math/rand/v2"

	"github.com/seed695671cb/raft/examples/kvstore/chaos/history"
)

// A world makes histories that are right: it is a store in memory, clients whose operations overlap, outcomes that get
// lost, and watchers. Tests then plant a violation in what it made.
type world struct {
	rng    *rand.Rand
	log    *history.Log
	items  map[string]history.Item
	rev    uint64
	now    int64
	values int
	told   []history.Event
	known  map[string]uint64 // by key: the newest revision that an answer showed with a value
}

func newWorld(seed uint64) *world {
	return &world{rng: rand.New(rand.NewPCG(seed, 1)), log: &history.Log{}, items: map[string]history.Item{}, known: map[string]uint64{}}
}

// run makes n operations on the keys of the groups, and then finishes the history.
func (w *world) run(n, groups int) *history.Log {
	for range n {
		w.operate(w.rng.IntN(groups))
	}
	w.finish()
	return w.log
}

func (w *world) value() string {
	w.values++
	return fmt.Sprintf("v%d", w.values)
}

// operate makes one operation that took effect somewhere between its call and its return.
func (w *world) operate(group int) *history.Op {
	op := &history.Op{Client: w.rng.IntN(5), Group: group, Member: uint64(1 + w.rng.IntN(3)), Life: 1, Outcome: history.OK}
	a, b := history.Key(group, 0), history.Key(group, 1)
	switch w.rng.IntN(8) {
	case 0, 1:
		op.Kind, op.Then = history.Put, []history.Action{{Kind: history.Put, Key: a, Value: w.value()}}
	case 2:
		op.Kind, op.Then = history.Put, []history.Action{{Kind: history.Put, Key: b, Value: w.value()}}
		op.Compare = []history.Compare{{Key: b, Target: history.TargetRev, Rev: w.known[b]}}
		op.Else = []history.Action{{Kind: history.Get, Key: b}}
	case 3:
		op.Kind, op.Then = history.Delete, []history.Action{{Kind: history.Delete, Key: a}}
	case 4:
		op.Kind = history.Txn
		op.Compare = []history.Compare{{Key: a, Target: history.TargetExists, Exists: true}}
		op.Then = []history.Action{{Kind: history.Put, Key: a, Value: w.value()}, {Kind: history.Put, Key: b, Value: w.value()}}
		op.Else = []history.Action{{Kind: history.Get, Key: a}}
	case 5:
		op.Kind, op.Consistency, op.Succeeded = history.List, history.Linearizable, true
		op.Then = []history.Action{{Kind: history.Get, Key: a}, {Kind: history.Get, Key: b}}
	default:
		op.Kind, op.Succeeded = history.Get, true
		op.Consistency = []string{history.Linearizable, history.Lease, history.Stale}[w.rng.IntN(3)]
		op.Then = []history.Action{{Kind: history.Get, Key: a}}
	}
	w.apply(op)
	if w.rng.IntN(12) == 0 && !op.Reads() {
		*op = history.Op{Client: op.Client, Group: group, Kind: op.Kind, Call: op.Call, Compare: op.Compare, Then: op.Then,
			Else: op.Else, Outcome: history.Unknown, Error: "timeout"}
	}
	for i, r := range op.Results {
		w.known[op.Done()[i].Key] = r.Rev
	}
	w.log.AddOp(op)
	return op
}

// apply performs an operation at the next instant; its call and its return overlap with its neighbours.
func (w *world) apply(op *history.Op) {
	w.now += 10
	op.Call, op.Return = w.now-w.rng.Int64N(25), w.now+w.rng.Int64N(25)
	op.Applied = uint64(w.now)
	if op.Consistency == history.Stale {
		op.Call, op.Return = w.now, w.now+1
	}
	op.Succeeded = true
	for _, c := range op.Compare {
		item, exists := w.items[c.Key]
		ok := c.Target == history.TargetExists && exists == c.Exists || c.Target == history.TargetRev && item.Rev == c.Rev
		op.Succeeded = op.Succeeded && ok
	}
	rev, sub := w.rev+1, uint64(0)
	for _, action := range op.Done() {
		op.Results = append(op.Results, w.act(action, rev, &sub))
	}
	if sub > 0 {
		w.rev = rev
	}
	if op.Kind == history.List || sub > 0 {
		op.Rev = w.rev
	}
}

func (w *world) act(action history.Action, rev uint64, sub *uint64) history.Result {
	item, exists := w.items[action.Key]
	event := history.Event{At: w.now, ID: history.EventID{Rev: rev, Sub: *sub}, Kind: action.Kind, Key: action.Key,
		Value: action.Value, Rev: rev, PrevRev: item.Rev}
	switch {
	case action.Kind == history.Get:
		return history.Result{Exists: exists, Value: item.Value, Rev: item.Rev, Created: item.Created, Version: item.Version}
	case action.Kind == history.Put:
		if !exists {
			item.Created = rev
		}
		w.items[action.Key] = history.Item{Key: action.Key, Value: action.Value, Rev: rev, Created: item.Created, Version: item.Version + 1}
	case exists:
		delete(w.items, action.Key)
	default:
		return history.Result{}
	}
	*sub++
	w.told = append(w.told, event)
	return history.Result{Exists: exists, Rev: rev}
}

// finish writes a last key, tells two watchers of everything, and shows what two members and a list hold.
func (w *world) finish() {
	w.now += 100
	last := &history.Op{Kind: history.Put, Group: 999, Outcome: history.OK, Then: []history.Action{{Kind: history.Put, Key: history.Key(999, 0), Value: w.value()}}}
	w.apply(last)
	w.log.AddOp(last)
	for watcher := range 2 {
		for _, e := range w.told {
			e.Watcher = watcher
			w.log.AddEvent(&e)
		}
	}
	var items []history.Item
	for group := range 1000 {
		for slot := range history.GroupSize {
			if item, exists := w.items[history.Key(group, slot)]; exists {
				items = append(items, item)
			}
		}
	}
	for member := range uint64(3) {
		w.log.AddFinal(history.Final{Member: member, Rev: w.rev, Items: append([]history.Item(nil), items...)})
	}
}
