package workload

import "testing"

// TestEveryWorkloadDoesItsWork runs each workload with few operations, and has each check its result.
func TestEveryWorkloadDoesItsWork(t *testing.T) {
	names := map[string]bool{}
	for _, w := range All() {
		t.Run(w.Name, func(t *testing.T) {
			if names[w.Name] {
				t.Fatal("two workloads have this name")
			}
			names[w.Name] = true
			job, ops, err := w.New(2)
			if err != nil {
				t.Fatalf("setting up: %v", err)
			}
			if ops < 1 {
				t.Fatalf("does %d operations", ops)
			}
			if err := job.Run(); err != nil {
				t.Fatalf("running: %v", err)
			}
			if job.Holds != nil {
				job.Holds()
			}
			if job.Check != nil {
				if err := job.Check(); err != nil {
					t.Fatalf("checking: %v", err)
				}
			}
		})
	}
}
