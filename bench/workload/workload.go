// Package workload holds what is measured: one file for each kind of workload, W1 to W10. Each is written against
// package lib, so that every library runs the same driver, and checks its own result.
package workload

import (
	"fmt"

	"github.com/seed695671cb/raft/bench/measure"
)

// Workload is one measurement.
type Workload struct {
	// Name is the kind and what is varied, as in "W1/batch=16".
	Name string
	// Unit is what an operation is: "entry", "read", "tick", ...
	Unit string
	// Operations is how many there are in a run unless asked otherwise.
	Operations int
	// New sets the workload up for about n operations, and returns how many there will be.
	New func(n int) (measure.Job, int, error)
}

// All lists every workload that the library can run, in the order of the tables.
func All() []Workload {
	var all []Workload
	for _, kind := range [][]Workload{settled()} {
		all = append(all, kind...)
	}
	return all
}

// Find returns the workload of the name.
func Find(name string) (Workload, error) {
	for _, w := range All() {
		if w.Name == name {
			return w, nil
		}
	}
	return Workload{}, fmt.Errorf("no workload %q: -list lists them", name)
}
