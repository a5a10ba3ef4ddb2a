package workload

import (
	"fmt"

	"github.com/seed695671cb/raft/bench/measure"
)

// W6 by the number of groups: what a simulated second of ten ticks and one heartbeat costs one group when there are so
// many, as in W6/second/beats=1. What grows with the number of groups is what no longer fits the caches.

func scale() []Workload {
	var all []Workload
	for _, groups := range []int{100, 1_000, 10_000} {
		all = append(all, Workload{
			Name: fmt.Sprintf("W6/groups=%d", groups), Unit: "group second", Operations: 20_000,
			New: func(n int) (measure.Job, int, error) { return startGroupSeconds(groups, n) },
		})
	}
	return all
}

// startGroupSeconds has n group seconds pass, rounded up to whole seconds of all groups.
func startGroupSeconds(count, n int) (measure.Job, int, error) {
	seconds := (n + count - 1) / count
	job, err := groupSeconds(count, seconds, 1)
	return job, count * seconds, err
}
