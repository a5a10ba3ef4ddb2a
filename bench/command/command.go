// Package command is the command line that every worker has, whatever library it measures.
package command

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime/pprof"

	"github.com/seed695671cb/raft/bench/measure"
)

// Main parses the flags of this process, and lists the workloads, or runs the one that is asked for and prints what it
// cost as a line of JSON. Should that fail, it says so on the standard error and exits with status 1.
func Main(library string, all []measure.Workload) {
	list := flag.Bool("list", false, "list the workloads")
	name := flag.String("run", "", "the workload to run")
	n := flag.Int("n", 0, "how many operations; 0 for the workload's own number")
	scale := flag.Float64("scale", 1, "multiplies the workload's own number of operations")
	profile := flag.String("cpuprofile", "", "write a CPU profile of the work to this file")
	flag.Parse()
	if *list {
		for _, w := range all {
			fmt.Println(w.Name)
		}
		return
	}
	result, err := run(all, *name, *n, *scale, *profile)
	if err == nil {
		result.Library = library
		err = json.NewEncoder(os.Stdout).Encode(result)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s, %s: %v\n", library, *name, err)
		os.Exit(1)
	}
}

// run runs the workload for about n operations, or for scale times its own number of them if n is not above zero.
func run(all []measure.Workload, name string, n int, scale float64, profile string) (measure.Result, error) {
	w, err := measure.Find(all, name)
	if err != nil {
		return measure.Result{}, err
	}
	if n <= 0 {
		n = max(1, int(float64(w.Operations)*scale))
	}
	job, ops, err := w.New(n)
	if err != nil {
		return measure.Result{}, err
	}
	if profile != "" {
		file, err := os.Create(profile)
		if err != nil {
			return measure.Result{}, err
		}
		defer file.Close()
		if err := pprof.StartCPUProfile(file); err != nil {
			return measure.Result{}, err
		}
		defer pprof.StopCPUProfile()
	}
	result, err := measure.Run(job)
	if err != nil {
		return measure.Result{}, err
	}
	result.Workload, result.Operations = name, ops
	return result, nil
}
