package main

import (
	"runtime"
	"testing"
	"time"

	"github.com/seed695671cb/raft/bench/measure"
)

// TestWorkloads runs each workload with as few operations as it takes, and looks whether anything is left running.
func TestWorkloads(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, w := range workloads() {
		t.Run(w.Name, func(t *testing.T) { runOnce(t, w) })
	}
	deadline := time.Now().Add(5 * time.Second)
	for runtime.NumGoroutine() > before && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	if left := runtime.NumGoroutine() - before; left > 0 {
		stacks := make([]byte, 1<<16)
		t.Errorf("%d goroutines are left:\n%s", left, stacks[:runtime.Stack(stacks, true)])
	}
}

func runOnce(t *testing.T, w measure.Workload) {
	job, ops, err := w.New(100)
	if err != nil {
		t.Fatal(err)
	}
	if ops < 100 {
		t.Errorf("%d operations, want 100 or more", ops)
	}
	if _, err := measure.Run(job); err != nil {
		t.Fatal(err)
	}
}
