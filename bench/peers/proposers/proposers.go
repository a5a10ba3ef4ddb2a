// Package proposers holds W3 and W4 for the peers whose API is not that of package lib: each shows itself as a Cluster,
// and is driven, and checked, by one source.
package proposers

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed695671cb/raft/bench/measure"
)

const (
	// payloadSize is the size of every proposal in bytes.
	payloadSize = 128
	// patience is how long the members have to apply what was proposed.
	patience = 20 * time.Second
	// pollEvery is how often they are asked whether they have.
	pollEvery = 500 * time.Microsecond
)

// Cluster is a cluster that has a leader, all of it in this process. Any goroutine may propose.
type Cluster interface {
	// Propose proposes the data at the leader, and returns when the leader has committed and applied it.
	Propose(data []byte) error
	// Stream proposes the data n times without waiting for one before the next is proposed, and returns when all are
	// applied. At most window of them are under way.
	Stream(data []byte, n, window int) error
	// Close stops every member and returns when nothing of them is left.
	Close() error
}

// Open starts a cluster with a member for each of the machines, and returns when it has a leader.
type Open func(machines []*Machine) (Cluster, error)

// Machine is a state machine that counts the entries it applies. One goroutine applies, any may ask.
type Machine struct {
	want  []byte
	count atomic.Int64
	wrong atomic.Int64
}

// Apply takes an entry.
func (m *Machine) Apply(data []byte) {
	if !bytes.Equal(data, m.want) {
		m.wrong.Add(1)
	}
	m.count.Add(1)
}

// Count is how many entries were applied; a state machine's snapshot consists of this.
func (m *Machine) Count() int { return int(m.count.Load()) }

// kind is one of the workloads.
type kind struct {
	name       string
	members    int
	goroutines int
	// window is how many proposals may be under way, of all goroutines; 0 if each waits for its own.
	window int
}

// Waiting is W3: a cluster of three, and that many goroutines that each propose and wait. Operations is how many
// entries are proposed in a run unless asked otherwise.
func Waiting(open Open, goroutines, operations int) measure.Workload {
	k := kind{name: fmt.Sprintf("W3/proposers=%d", goroutines), members: 3, goroutines: goroutines}
	return k.workload(open, operations)
}

// Streaming is W4: a cluster of one, and that many goroutines that propose without waiting, up to a window of
// proposals that are under way, without which memory would have no bound.
func Streaming(open Open, goroutines, window, operations int) measure.Workload {
	k := kind{name: fmt.Sprintf("W4/goroutines=%d", goroutines), members: 1, goroutines: goroutines, window: window}
	return k.workload(open, operations)
}

func (k kind) workload(open Open, operations int) measure.Workload {
	start := func(n int) (measure.Job, int, error) { return k.start(open, n) }
	return measure.Workload{Name: k.name, Unit: "entry", Operations: operations, New: start}
}

// start sets the workload up for n entries, rounded up so that every goroutine has as many.
func (k kind) start(open Open, n int) (measure.Job, int, error) {
	share := (n + k.goroutines - 1) / k.goroutines
	n = share * k.goroutines
	payload := bytes.Repeat([]byte{'x'}, payloadSize)
	machines := make([]*Machine, k.members)
	for i := range machines {
		machines[i] = &Machine{want: payload}
	}
	cluster, err := open(machines)
	if err != nil {
		return measure.Job{}, 0, err
	}
	run := func() error {
		err := k.propose(cluster, payload, share)
		if err == nil {
			err = settle(machines, n)
		}
		if err != nil {
			return errors.Join(err, cluster.Close())
		}
		return nil
	}
	finish := func() error { return errors.Join(check(machines, n), cluster.Close()) }
	return measure.Job{Run: run, Check: finish}, n, nil
}

// propose has every goroutine propose its share.
func (k kind) propose(cluster Cluster, payload []byte, share int) error {
	failures := make([]error, k.goroutines)
	var all sync.WaitGroup
	for g := range failures {
		all.Go(func() {
			if k.window > 0 {
				failures[g] = cluster.Stream(payload, share, max(1, k.window/k.goroutines))
				return
			}
			for i := 0; i < share && failures[g] == nil; i++ {
				failures[g] = cluster.Propose(payload)
			}
		})
	}
	all.Wait()
	return errors.Join(failures...)
}

// settle waits until every member has applied n entries, since a follower's work belongs to the cost too.
func settle(machines []*Machine, n int) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(pollEvery) {
		behind := 0
		for _, m := range machines {
			if m.Count() < n {
				behind++
			}
		}
		if behind == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d members of %d have not applied all entries after %v", behind, len(machines), patience)
		}
	}
}

// check returns an error unless every member has applied the payload n times and nothing else.
func check(machines []*Machine, n int) error {
	for i, m := range machines {
		if m.Count() != n {
			return fmt.Errorf("member %d applied %d entries, want %d", i+1, m.Count(), n)
		}
		if wrong := m.wrong.Load(); wrong > 0 {
			return fmt.Errorf("member %d: %d entries hold another payload", i+1, wrong)
		}
	}
	return nil
}
