package workload

import (
	"fmt"

	"github.com/seed695671cb/raft/bench/lib"
	"github.com/seed695671cb/raft/bench/measure"
)

// W1 and W2: three RawNodes in one goroutine. Open: batches are proposed one after the other, each followed by one
// round of Readys, so that work of several batches is under way at a time. Closed: the group settles after each
// batch. In W2 storage is written asynchronously: appends and applies are done, and answered, in the order they came.

type pace int

const (
	open pace = iota
	closed
	oneMessage // as closed, with the batch as one message
)

type settledCase struct {
	name  string
	batch int
	size  int
	pace  pace
	async bool
	ops   int
}

func settled() []Workload {
	var all []Workload
	for _, c := range []settledCase{
		{"W1/batch=1", 1, 128, open, false, 100_000},
		{"W1/batch=4", 4, 128, open, false, 200_000},
		{"W1/batch=16", 16, 128, open, false, 200_000},
		{"W1/batch=64", 64, 128, open, false, 200_000},
		{"W1/batch=256", 256, 128, open, false, 200_000},
		{"W1/closed/batch=1", 1, 128, closed, false, 100_000},
		{"W1/closed/batch=16", 16, 128, closed, false, 200_000},
		{"W1/closed/batch=256", 256, 128, closed, false, 200_000},
		{"W1/message/batch=16", 16, 128, oneMessage, false, 400_000},
		{"W1/16B/batch=16", 16, 16, open, false, 200_000},
		{"W1/1KiB/batch=16", 16, 1 << 10, open, false, 200_000},
		{"W1/64KiB/batch=16", 16, 64 << 10, open, false, 20_000},
		{"W2/batch=1", 1, 128, open, true, 100_000},
		{"W2/batch=4", 4, 128, open, true, 200_000},
		{"W2/batch=16", 16, 128, open, true, 200_000},
		{"W2/batch=64", 64, 128, open, true, 200_000},
		{"W2/batch=256", 256, 128, open, true, 200_000},
		{"W2/closed/batch=1", 1, 128, closed, true, 100_000},
	} {
		all = append(all, Workload{Name: c.name, Unit: "entry", Operations: c.ops, New: c.start})
	}
	return all
}

// start sets the workload up for n entries, rounded up to whole batches.
func (c settledCase) start(n int) (measure.Job, int, error) {
	g, err := newGroup(3, 0, func(cfg *lib.Config) { cfg.AsyncStorageWrites = c.async })
	if err != nil {
		return measure.Job{}, 0, err
	}
	g.payload = payloadOf(c.size)
	batches := (n + c.batch - 1) / c.batch
	n = batches * c.batch
	run := func() error { return c.run(g, batches) }
	return measure.Job{Run: run, Check: func() error { return g.check(n) }}, n, nil
}

func (c settledCase) run(g *group, batches int) error {
	payloads := make([][]byte, c.batch)
	for i := range payloads {
		payloads[i] = g.payload
	}
	for range batches {
		if err := c.propose(g, payloads); err != nil {
			return err
		}
		if c.pace != open {
			if err := g.settle(); err != nil {
				return err
			}
		} else if _, err := g.round(); err != nil {
			return err
		}
	}
	return g.settle()
}

func (c settledCase) propose(g *group, payloads [][]byte) error {
	node := g.leader().node
	if c.pace == oneMessage {
		return node.Step(lib.NewProposal(g.leader().id, payloads))
	}
	for _, p := range payloads {
		if err := node.Propose(p); err != nil {
			return fmt.Errorf("proposing: %w", err)
		}
	}
	return nil
}

// handleAsync does what a member's Ready asks for in asynchronous mode.
func (g *group) handleAsync(m *member) error {
	rd := m.node.Ready()
	for i := range rd.Messages {
		msg := &rd.Messages[i]
		var err error
		switch {
		case lib.IsStorageAppend(msg):
			err = lib.SaveMessage(m.store, msg)
		case lib.IsStorageApply(msg):
			err = g.apply(m, lib.Entries(msg))
		default:
			err = g.step(msg)
		}
		if err != nil {
			return err
		}
		responses := lib.Responses(msg)
		for j := range responses {
			if err := g.step(&responses[j]); err != nil {
				return err
			}
		}
	}
	return nil
}
