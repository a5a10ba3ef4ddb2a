package model

import (
	"context"
	"testing"
)

// BenchmarkSearch shows what the search costs beside the machine, whose steps are soon all known.
func BenchmarkSearch(b *testing.B) {
	bounds := &Bounds{
		Name: "bench", Voters: 3, MaxInFlight: 6,
		Budget: Budget{Timeouts: 3, Proposals: 1, Duplicates: 1, Drops: 1, Crashes: 1, Heartbeats: 1},
	}
	for range b.N {
		r, err := Search(context.Background(), newToy(bounds, sound, true), bounds, Options{Workers: 2, MaxStates: 5_000_000})
		if err != nil || r.Counterexample != nil {
			b.Fatalf("%v %v", err, r)
		}
		b.ReportMetric(r.Rate(), "states/s")
		b.ReportMetric(r.BytesPerState(), "B/state")
		b.ReportMetric(float64(r.Transitions)/r.Elapsed.Seconds(), "transitions/s")
		b.Log(r)
	}
}
