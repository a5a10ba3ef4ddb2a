// Command worker runs one workload in this process, against the library it was built for, and prints what it cost as a
// line of JSON. The program in the module's root builds one worker for each library and runs them in turn.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime/pprof"

	"github.com/seed695671cb/raft/bench/lib"
	"github.com/seed695671cb/raft/bench/measure"
	"github.com/seed695671cb/raft/bench/workload"
)

func main() {
	list := flag.Bool("list", false, "list the workloads")
	name := flag.String("run", "", "the workload to run")
	n := flag.Int("n", 0, "how many operations; 0 for the workload's own number")
	profile := flag.String("cpuprofile", "", "write a CPU profile of the work to this file")
	flag.Parse()
	if *list {
		for _, w := range workload.All() {
			fmt.Println(w.Name)
		}
		return
	}
	if err := run(*name, *n, *profile); err != nil {
		fmt.Fprintf(os.Stderr, "%s, %s: %v\n", lib.Name, *name, err)
		os.Exit(1)
	}
}

func run(name string, n int, profile string) error {
	w, err := workload.Find(name)
	if err != nil {
		return err
	}
	if n <= 0 {
		n = w.Operations
	}
	job, ops, err := w.New(n)
	if err != nil {
		return err
	}
	if profile != "" {
		file, err := os.Create(profile)
		if err != nil {
			return err
		}
		defer file.Close()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	result, err := measure.Run(job)
	if err != nil {
		return err
	}
	result.Workload, result.Library, result.Operations = name, lib.Name, ops
	return json.NewEncoder(os.Stdout).Encode(result)
}
