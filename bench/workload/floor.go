package workload

import (
	"fmt"

	"github.com/seed695671cb/raft/bench/lib"
	"github.com/seed695671cb/raft/bench/measure"
)

// The floor of W1: what it takes to copy the entries into three logs, and nothing else. A log is a slice of 10,000
// entries, begun anew when it is full, as often as W1 compacts.

func floor() []Workload {
	var all []Workload
	for _, batch := range []int{1, 16, 256} {
		all = append(all, Workload{
			Name: fmt.Sprintf("W1/floor/batch=%d", batch), Unit: "entry", Operations: 2_000_000,
			New: func(n int) (measure.Job, int, error) { return startFloor(n, batch) },
		})
	}
	return all
}

// plainLog is a log that is a slice.
type plainLog struct {
	entries []lib.Entry
	last    uint64
}

func (l *plainLog) append(ents []lib.Entry) {
	if len(l.entries)+len(ents) > cap(l.entries) {
		l.entries = make([]lib.Entry, 0, compactEvery)
	}
	l.entries = append(l.entries, ents...)
	l.last = lib.Index(&ents[len(ents)-1])
}

func startFloor(n, batch int) (measure.Job, int, error) {
	batches := (n + batch - 1) / batch
	n = batches * batch
	payload := payloadOf(128)
	var logs [3]plainLog
	ents := make([]lib.Entry, batch)
	run := func() error {
		index := uint64(0)
		for range batches {
			for i := range ents {
				index++
				ents[i] = lib.NewEntry(1, index, payload)
			}
			for i := range logs {
				logs[i].append(ents)
			}
		}
		return nil
	}
	check := func() error {
		for i := range logs {
			if logs[i].last != uint64(n) {
				return fmt.Errorf("log %d ends at %d, want %d", i, logs[i].last, n)
			}
		}
		return nil
	}
	return measure.Job{Run: run, Check: check}, n, nil
}
