package main

import (
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/seed695671cb/raft/bench/measure"
)

func TestMain(m *testing.M) {
	silence()
	os.Exit(m.Run())
}

// TestWorkloads runs each workload with as few operations as it takes, and looks whether anything is left running.
func TestWorkloads(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, w := range workloads() {
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
	job, ops, err := w.New(100)
	if err != nil {
		return err
	}
	if ops < 100 {
		t.Errorf("%d operations, want 100 or more", ops)
	}
	_, err = measure.Run(job)
	return err
}
