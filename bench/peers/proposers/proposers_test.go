package proposers

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/seed695671cb/raft/bench/measure"
)

// fake is a cluster that applies at once what is proposed, but for its faults.
type fake struct {
	machines []*Machine
	mutex    sync.Mutex
	proposed int
	closed   int
	// doubled, altered and refused are the numbers of the proposals, from 1, that go wrong at the last member.
	doubled, altered, refused int
	windows                   []int
}

func (f *fake) Propose(data []byte) error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.proposed++
	if f.proposed == f.refused {
		return errors.New("refused")
	}
	last := len(f.machines) - 1
	for i, m := range f.machines {
		entry := data
		if i == last && f.proposed == f.altered {
			entry = append(slices.Clone(data[1:]), 'y')
		}
		m.Apply(entry)
		if i == last && f.proposed == f.doubled {
			m.Apply(entry)
		}
	}
	return nil
}

func (f *fake) Stream(data []byte, n, window int) error {
	f.mutex.Lock()
	f.windows = append(f.windows, window)
	f.mutex.Unlock()
	for range n {
		if err := f.Propose(data); err != nil {
			return err
		}
	}
	return nil
}

func (f *fake) Close() error {
	f.closed++
	return nil
}

func (f *fake) open(machines []*Machine) (Cluster, error) {
	f.machines = machines
	return f, nil
}

func run(w measure.Workload, n int) (int, error) {
	job, ops, err := w.New(n)
	if err != nil {
		return 0, err
	}
	_, err = measure.Run(job)
	return ops, err
}

func TestWaitingProposesEqualSharesToThree(t *testing.T) {
	f := &fake{}
	ops, err := run(Waiting(f.open, 16, 1), 100)
	if err != nil {
		t.Fatal(err)
	}
	if ops != 112 || f.proposed != 112 || len(f.machines) != 3 || f.closed != 1 {
		t.Errorf("%d operations, %d proposed to %d members, closed %d times; want 112, 112, 3, 1",
			ops, f.proposed, len(f.machines), f.closed)
	}
}

func TestStreamingSharesTheWindow(t *testing.T) {
	f := &fake{}
	ops, err := run(Streaming(f.open, 4, 64, 1), 100)
	if err != nil {
		t.Fatal(err)
	}
	if ops != 100 || len(f.machines) != 1 || !slices.Equal(f.windows, []int{16, 16, 16, 16}) || f.closed != 1 {
		t.Errorf("%d operations to %d members in windows of %v, closed %d times; want 100, 1, four of 16, 1",
			ops, len(f.machines), f.windows, f.closed)
	}
}

func TestFaultsAreFoundAndTheClusterIsClosed(t *testing.T) {
	for want, f := range map[string]*fake{
		"applied 17 entries, want 16":    {doubled: 7},
		"1 entries hold another payload": {altered: 7},
		"refused":                        {refused: 7},
	} {
		_, err := run(Waiting(f.open, 1, 1), 16)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %q in it", err, want)
		}
		if f.closed != 1 {
			t.Errorf("%s: closed %d times", want, f.closed)
		}
	}
}
