package workload

import (
	"fmt"

	"github.com/seed695671cb/raft/bench/lib"
	"github.com/seed695671cb/raft/bench/measure"
)

// W10: a member restarts over a log of committed entries, none of which it remembers having applied. "apply" hands
// them all out again; "campaign" has it campaign at once, for which it must know of membership changes among them.

// longLog is how long a long log is.
const longLog = 1_000_000

func restarts() []Workload {
	return []Workload{
		{Name: "W10/apply", Unit: "entry", Operations: longLog, New: startApply},
		{Name: "W10/campaign", Unit: "campaign", Operations: 20, New: startCampaigns},
	}
}

// longStore returns the storage of a voter among three, with n entries in the log, committed but for the last open.
func longStore(n int, payload []byte) (*lib.MemoryStorage, error) {
	lib.Quiet()
	store := lib.NewMemoryStorage()
	if err := lib.SetUp(store, []uint64{1, 2, 3}, nil); err != nil {
		return nil, err
	}
	if err := lib.SetHard(store, 1, 1, uint64(n+1)); err != nil {
		return nil, err
	}
	return store, appendRun(store, 2, n, payload)
}

// appendRun appends n entries from index first, a few at a time, as a member would.
func appendRun(store *lib.MemoryStorage, first uint64, n int, payload []byte) error {
	ents := runOf(1, first, n, payload)
	for len(ents) > 0 {
		k := min(len(ents), 16)
		if err := store.Append(ents[:k]); err != nil {
			return err
		}
		ents = ents[k:]
	}
	return nil
}

// runOf returns n entries of one term, from index first.
func runOf(term, first uint64, n int, payload []byte) []lib.Entry {
	ents := make([]lib.Entry, n)
	for i := range ents {
		ents[i] = lib.NewEntry(term, first+uint64(i), payload)
	}
	return ents
}

// startApply restarts a member and has it apply everything; its log is not compacted meanwhile.
func startApply(n int) (measure.Job, int, error) {
	g := &group{payload: payloadOf(128)}
	store, err := longStore(n, g.payload)
	if err != nil {
		return measure.Job{}, 0, err
	}
	m := &member{id: 1, store: store, applied: 1, compacted: neverCompact}
	g.members = []*member{m}
	run := func() error {
		var err error
		if m.node, err = lib.NewRawNode(config(1, store)); err != nil {
			return err
		}
		return g.settle()
	}
	return measure.Job{Run: run, Check: func() error { return g.check(n) }}, n, nil
}

// startCampaigns restarts n members over the same log and has each campaign.
func startCampaigns(n int) (measure.Job, int, error) {
	store, err := longStore(longLog, payloadOf(128))
	if err != nil {
		return measure.Job{}, 0, err
	}
	nodes := make([]*lib.RawNode, n)
	run := func() error {
		for i := range nodes {
			var err error
			if nodes[i], err = lib.NewRawNode(config(1, store)); err != nil {
				return err
			}
			if err := nodes[i].Campaign(); err != nil {
				return err
			}
		}
		return nil
	}
	check := func() error {
		for i, node := range nodes {
			if rd := node.Ready(); len(rd.Messages) != 2 {
				return fmt.Errorf("campaign %d asks for %d votes, want 2", i, len(rd.Messages))
			}
		}
		return nil
	}
	return measure.Job{Run: run, Check: check}, n, nil
}
