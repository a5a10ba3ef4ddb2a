package main

import (
	"testing"

	"github.com/seed695671cb/raft/bench/measure/measuretest"
)

func TestWorkloads(t *testing.T) { measuretest.Run(t, workloads()) }
