package server_test

import (
	"flag"
	"time"
)

// What a run can be told, after -args or before. The seed decides what loads and faults do; etcd's own clocks and the
// scheduler stay free, so a seed makes a run similar, not equal.
var (
	seed     = flag.Uint64("seed", 1, "seed of loads and faults")
	duration = flag.Duration("duration", 10*time.Second, "how long each of the TestMixedFaults goes on")
)
