package rafttest

import (
	"testing"

	"github.com/seed695671cb/raft/internal/choose"
)

// FuzzSchedule has the fuzzer choose whole schedules: every byte decides something, from the settings of the members to
// when each message arrives.
func FuzzSchedule(f *testing.F) {
	for seed := uint64(1); seed <= 4; seed++ {
		recorded := choose.NewRecorder(choose.NewSeeded(seed))
		run(fuzzOptions(), recorded, nil)
		f.Add(choose.Encode(recorded.Choices()))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := RunWith(fuzzOptions(), choose.NewContinued(data, choose.NewSeeded(1)))
		requireClean(t, &r)
	})
}

func fuzzOptions() Options { return Options{Events: 600, Clients: 3} }
