package main

import (
	"os"
	"testing"

	"github.com/seed695671cb/raft/bench/measure/measuretest"
)

func TestMain(m *testing.M) {
	silence()
	os.Exit(m.Run())
}

func TestWorkloads(t *testing.T) { measuretest.Run(t, workloads()) }
