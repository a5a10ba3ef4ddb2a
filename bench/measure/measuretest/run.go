// Package measuretest tests workloads, for the programs that measure with them.
package measuretest

import (
	"runtime"
	"testing"
	"time"

	"github.com/seed695671cb/raft/bench/measure"
)

// operations is how many operations are asked of a workload.
const operations = 100

// Run runs each workload with as few operations as it takes, and looks whether anything is left running.
func Run(t *testing.T, workloads []measure.Workload) {
	t.Helper()
	before := runtime.NumGoroutine()
	for _, w := range workloads {
		t.Run(w.Name, func(t *testing.T) { runOnce(t, w) })
	}
	deadline := time.Now().Add(time.Minute)
	for runtime.NumGoroutine() > before && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	if left := runtime.NumGoroutine() - before; left > 0 {
		stacks := make([]byte, 1<<16)
		t.Errorf("%d goroutines are left:\n%s", left, stacks[:runtime.Stack(stacks, true)])
	}
}

// runOnce runs the workload until it succeeds, three times at most. A cluster that loses its leader in the middle has failed:
// that happens when the machine stands still for longer than an election takes, but not each time.
func runOnce(t *testing.T, w measure.Workload) {
	var err error
	for range 3 {
		if err = try(t, w); err == nil {
			return
		}
		t.Log(err)
	}
	t.Fatal(err)
}

func try(t *testing.T, w measure.Workload) error {
	job, ops, err := w.New(operations)
	if err != nil {
		return err
	}
	if ops < operations {
		t.Errorf("%d operations, want %d or more", ops, operations)
	}
	_, err = measure.Run(job)
	return err
}
