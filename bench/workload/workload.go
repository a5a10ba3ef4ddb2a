// Package workload holds what is measured: one file for each kind of workload, W1 to W10. Each is written against
// package lib, so that every library runs the same driver, and checks its own result.
package workload

import "github.com/seed695671cb/raft/bench/measure"

// Workload is one measurement.
type Workload = measure.Workload

// All lists every workload that the library can run, in the order of the tables.
func All() []Workload {
	var all []Workload
	for _, kind := range [][]Workload{settled(), floor(), nodes(), single(), reads(), idle(), scale(), voters(), encodings(), longLogs(), restarts()} {
		all = append(all, kind...)
	}
	return all
}

// Find returns the workload of the name.
func Find(name string) (Workload, error) { return measure.Find(All(), name) }
