// Command hashicorp runs one workload in this process against github.com/hashicorp/raft, and prints what it cost as a
// line of JSON. Its flags are those of every worker.
package main

import (
	"github.com/seed695671cb/raft/bench/command"
	"github.com/seed695671cb/raft/bench/measure"
	"github.com/seed695671cb/raft/bench/peers/proposers"
)

func main() { command.Main("hashicorp", workloads()) }

// window is how many proposals of W4 may be under way.
const window = 4096

func workloads() []measure.Workload {
	return []measure.Workload{
		proposers.Waiting(open, 1, 50_000),
		proposers.Waiting(open, 16, 100_000),
		proposers.Waiting(open, 256, 200_000),
		proposers.Streaming(open, 1, window, 1_000_000),
		proposers.Streaming(open, 16, window, 1_000_000),
		proposers.Streaming(open, 64, window, 1_000_000),
	}
}
