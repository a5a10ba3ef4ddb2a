package workload

import (
	"context"
	"fmt"
	"sync"

	"github.com/seed695671cb/raft/bench/lib"
	"github.com/seed695671cb/raft/bench/measure"
)

// W4: a Node that is a group of its own, into which goroutines propose as fast as it takes proposals in, without
// waiting for what becomes of them. The run ends when all are applied.

func single() []Workload {
	var all []Workload
	for _, goroutines := range []int{1, 16, 64} {
		all = append(all, Workload{
			Name: fmt.Sprintf("W4/goroutines=%d", goroutines), Unit: "entry", Operations: 1_000_000,
			New: func(n int) (measure.Job, int, error) { return startSingle(goroutines, n) },
		})
	}
	return all
}

// flood is the one server with those who propose to it.
type flood struct {
	server   *server
	payloads [][][]byte
	// share is how many each goroutine proposes.
	share int
	total int
}

// startSingle sets the workload up for n entries, rounded up to the same number for each goroutine.
func startSingle(goroutines, n int) (measure.Job, int, error) {
	lib.Quiet()
	s, err := newServer(1, []uint64{1}, goroutines)
	if err != nil {
		return measure.Job{}, 0, err
	}
	share := (n + goroutines - 1) / goroutines
	f := &flood{server: s, payloads: stamped(goroutines, 128), share: share, total: share * goroutines}
	if err := s.node.Campaign(context.Background()); err != nil {
		return measure.Job{}, 0, err
	}
	if err := f.serve(func() bool { return s.applied > 1 }); err != nil {
		return measure.Job{}, 0, err
	}
	return measure.Job{Run: f.run, Check: f.check}, f.total, nil
}

// serve is the Ready loop. It returns when the condition, looked at after each Ready, holds.
func (f *flood) serve(until func() bool) error {
	s := f.server
	for !until() {
		rd := <-s.node.Ready()
		if err := lib.Save(s.store, &rd); err != nil {
			return err
		}
		if err := s.apply(rd.CommittedEntries); err != nil {
			return err
		}
		s.node.Advance()
	}
	return nil
}

func (f *flood) run() error {
	errs := make([]error, len(f.payloads))
	var proposing sync.WaitGroup
	for p := range f.payloads {
		proposing.Go(func() { errs[p] = f.propose(p) })
	}
	if err := f.serve(func() bool { return f.server.entries == uint64(f.total) }); err != nil {
		f.server.node.Stop() // has those who still propose return
		proposing.Wait()
		return err
	}
	proposing.Wait()
	f.server.node.Stop()
	for _, err := range errs {
		if err != nil {
			return fmt.Errorf("proposing: %w", err)
		}
	}
	return nil
}

func (f *flood) propose(p int) error {
	for i := range f.share {
		if err := f.server.node.Propose(context.Background(), f.payloads[p][i%stamps]); err != nil {
			return err
		}
	}
	return nil
}

func (f *flood) check() error {
	proposed := make([]uint64, len(f.payloads))
	for p := range proposed {
		proposed[p] = uint64(f.share)
	}
	return f.server.check(f.total, proposed)
}
