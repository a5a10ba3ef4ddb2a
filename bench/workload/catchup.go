package workload

import (
	"fmt"
	"math"
	"time"

	"github.com/seed695671cb/raft/bench/lib"
	"github.com/seed695671cb/raft/bench/measure"
)

// W9: long logs. "catchup" is a follower that is that many entries behind; the leader and the other follower hold them
// all, committed and applied, and an append has up to a mebibyte of entries. The others work on a MemoryStorage alone:
// "append" grows a log of that length by a quarter, 16 entries at a time, the cost of making room included; "compact"
// appends 16 entries and compacts 16, so that the length stays; "overlap" appends 16 entries over the last 16.

const (
	// neverCompact is where a log counts as compacted that is not to be.
	neverCompact = math.MaxUint64 / 2
	storageBatch = 16
	// storageTime is about how long a run may take whose calls copy the log in some library.
	storageTime = time.Second / 2
)

func longLogs() []Workload {
	all := []Workload{{Name: "W9/catchup", Unit: "entry", Operations: longLog, New: startCatchup}}
	for _, length := range []int{10_000, 100_000, longLog} {
		for _, c := range []struct {
			name, unit string
			ops        int
			start      func(length, n int) (measure.Job, int, error)
		}{
			{"append", "entry", longLog / 4, startAppends},
			{"compact", "call", 20_000, startCompactions},
			{"overlap", "call", 20_000, startOverlaps},
		} {
			all = append(all, Workload{
				Name: fmt.Sprintf("W9/%s/log=%d", c.name, length), Unit: c.unit, Operations: c.ops,
				New: func(n int) (measure.Job, int, error) { return c.start(length, n) },
			})
		}
	}
	return all
}

// startCatchup elects member 1 with the vote of member 2, out of reach of member 3, which then hears a heartbeat.
func startCatchup(n int) (measure.Job, int, error) {
	g := &group{payload: payloadOf(128)}
	for id := uint64(1); id <= 3; id++ {
		m, err := newBehind(id, n, g.payload)
		if err != nil {
			return measure.Job{}, 0, err
		}
		g.members = append(g.members, m)
	}
	g.deliver = func(m *lib.Message) bool { return lib.To(m) != 3 }
	if err := g.leader().node.Campaign(); err != nil {
		return measure.Job{}, 0, err
	}
	if err := g.settle(); err != nil {
		return measure.Job{}, 0, err
	}
	if g.leader().node.BasicStatus().RaftState != lib.StateLeader {
		return measure.Job{}, 0, fmt.Errorf("member 1 does not lead")
	}
	run := func() error {
		g.deliver = nil
		g.leader().node.Tick()
		return g.settle()
	}
	check := func() error {
		behind, leader := g.members[2], g.leader()
		if behind.entries != uint64(n) || behind.applied != leader.applied {
			return fmt.Errorf("the follower has applied %d entries up to %d, want %d up to %d",
				behind.entries, behind.applied, n, leader.applied)
		}
		return nil
	}
	return measure.Job{Run: run, Check: check}, n, nil
}

// newBehind returns a member of three with n entries, all applied; member 3 has none.
func newBehind(id uint64, n int, payload []byte) (*member, error) {
	if id == 3 {
		n = 0
	}
	store, err := longStore(n, payload)
	if err != nil {
		return nil, err
	}
	m := &member{id: id, store: store, applied: uint64(n + 1), compacted: neverCompact}
	c := config(id, store)
	c.Applied = m.applied
	m.node, err = lib.NewRawNode(c)
	return m, err
}

// startAppends appends to as many logs of the length as n entries need, each of which grows by a quarter.
func startAppends(length, n int) (measure.Job, int, error) {
	payload := payloadOf(128)
	share := length / 4 / storageBatch * storageBatch
	logs := make([]*lib.MemoryStorage, max(1, n/share))
	for i := range logs {
		var err error
		if logs[i], err = longStore(length, payload); err != nil {
			return measure.Job{}, 0, err
		}
	}
	ents := runOf(1, uint64(length+2), share, payload)
	run := func() error {
		for _, log := range logs {
			for i := 0; i < share; i += storageBatch {
				if err := log.Append(ents[i : i+storageBatch]); err != nil {
					return err
				}
			}
		}
		return nil
	}
	check := func() error {
		for _, log := range logs {
			if err := checkBounds(log, 2, length+share, 1); err != nil {
				return err
			}
		}
		return nil
	}
	return measure.Job{Run: run, Check: check}, len(logs) * share, nil
}

// checkBounds returns an error unless the log begins at index first, holds n entries, and the last batch has the term.
func checkBounds(log *lib.MemoryStorage, first uint64, n int, term uint64) error {
	begin, err := log.FirstIndex()
	if err != nil {
		return err
	}
	last, err := log.LastIndex()
	if err != nil {
		return err
	}
	if begin != first || last != first+uint64(n)-1 {
		return fmt.Errorf("the log goes from %d to %d, want %d to %d", begin, last, first, first+uint64(n)-1)
	}
	ents, err := log.Entries(last+1-storageBatch, last+1, math.MaxUint64)
	if err != nil {
		return err
	}
	for i := range ents {
		e := &ents[i]
		if lib.Term(e) != term || lib.Index(e) != last+1-storageBatch+uint64(i) || len(lib.Data(e)) != 128 {
			return fmt.Errorf("entry %d of the last ones has term %d and index %d, want term %d", i, lib.Term(e), lib.Index(e), term)
		}
	}
	if len(ents) != storageBatch {
		return fmt.Errorf("the log hands out %d of its last %d entries", len(ents), storageBatch)
	}
	return nil
}

// startCompactions appends and compacts at a log of the length, about n times, or fewer if that takes too long.
func startCompactions(length, n int) (measure.Job, int, error) {
	payload := payloadOf(128)
	log, err := longStore(length, payload)
	if err != nil {
		return measure.Job{}, 0, err
	}
	ents := runOf(1, uint64(length+2), (n+2)*storageBatch, payload)
	done := 0
	call := func() error {
		if err := log.Append(ents[done : done+storageBatch]); err != nil {
			return err
		}
		done += storageBatch
		return lib.Compact(log, uint64(done+1))
	}
	calls, err := affordable(call, n)
	if err != nil {
		return measure.Job{}, 0, err
	}
	check := func() error { return checkBounds(log, uint64(done+2), length, 1) }
	return measure.Job{Run: func() error { return repeat(call, calls) }, Check: check}, calls, nil
}

// startOverlaps replaces the last entries of a log of the length, about n times, or fewer if that takes too long. The
// new entries' terms are 2 and 3 in turn.
func startOverlaps(length, n int) (measure.Job, int, error) {
	payload := payloadOf(128)
	log, err := longStore(length, payload)
	if err != nil {
		return measure.Job{}, 0, err
	}
	first := uint64(length + 2 - storageBatch)
	ents := [2][]lib.Entry{runOf(2, first, storageBatch, payload), runOf(3, first, storageBatch, payload)}
	done := 0
	call := func() error {
		done++
		return log.Append(ents[done%2])
	}
	calls, err := affordable(call, n)
	if err != nil {
		return measure.Job{}, 0, err
	}
	check := func() error { return checkBounds(log, 2, length, uint64(2+done%2)) }
	return measure.Job{Run: func() error { return repeat(call, calls) }, Check: check}, calls, nil
}

// affordable makes a call twice and returns how many more fit into storageTime by the second's time, at most n and at
// least 2.
func affordable(call func() error, n int) (int, error) {
	if err := call(); err != nil {
		return 0, err
	}
	start := time.Now()
	if err := call(); err != nil {
		return 0, err
	}
	took := max(time.Since(start), time.Nanosecond)
	return max(2, min(n, int(storageTime/took))), nil
}

func repeat(call func() error, n int) error {
	for range n {
		if err := call(); err != nil {
			return err
		}
	}
	return nil
}
