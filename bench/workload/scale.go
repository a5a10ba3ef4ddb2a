package workload

import (
	"fmt"

	"github.com/seed695671cb/raft/bench/lib"
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
	groups, err := restartableGroups(count)
	if err != nil {
		return measure.Job{}, 0, err
	}
	if err := restartGroups(groups, ticksASecond); err != nil {
		return measure.Job{}, 0, err
	}
	seconds := (n + count - 1) / count
	beats := 0
	deliver := func(m *lib.Message) bool {
		if lib.IsHeartbeat(m) {
			beats++
		}
		return true
	}
	for _, g := range groups {
		g.deliver = deliver
	}
	run := func() error {
		for range seconds * ticksASecond {
			if err := tickGroups(groups); err != nil {
				return err
			}
		}
		return nil
	}
	check := func() error {
		if err := checkBeats(beats, 2*count*seconds); err != nil {
			return err
		}
		return checkLead(groups)
	}
	return measure.Job{Run: run, Check: check}, count * seconds, nil
}
