// Package measure runs a piece of work in this process and says what it cost: wall time, CPU time of the whole process
// with its garbage collection, objects and bytes allocated.
package measure

import (
	"fmt"
	"runtime"
	"syscall"
	"time"
)

// Result is what one run of one workload cost. Everything but Workload, Library and Operations is a total.
type Result struct {
	Workload   string
	Library    string
	Operations int
	WallNs     int64
	CPUNs      int64
	Objects    uint64
	Bytes      uint64
	// LiveBytes and LiveObjects are what a workload that measures memory found to be held; other workloads leave them zero.
	LiveBytes   float64 `json:",omitempty"`
	LiveObjects float64 `json:",omitempty"`
}

// Job is a workload that is set up, and ready to run once.
type Job struct {
	// Run does the work. Only this is measured.
	Run func() error
	// Check returns an error unless the work was done. It runs after the measurement; it may be nil.
	Check func() error
	// Holds is set by a workload that measures memory: Run makes things, and what they hold is counted. Holds keeps
	// them alive until that is done.
	Holds func()
}

// Run runs the job and returns what it cost. The name, the library and the number of operations are the caller's.
func Run(job Job) (Result, error) {
	var before, after runtime.MemStats
	settle()
	runtime.ReadMemStats(&before)
	cpu, start := cpuTime(), time.Now()
	err := job.Run()
	wall, used := time.Since(start), cpuTime()-cpu
	runtime.ReadMemStats(&after)
	if err != nil {
		return Result{}, err
	}
	r := Result{
		WallNs:  wall.Nanoseconds(),
		CPUNs:   used.Nanoseconds(),
		Objects: after.Mallocs - before.Mallocs,
		Bytes:   after.TotalAlloc - before.TotalAlloc,
	}
	if job.Holds != nil {
		settle()
		runtime.ReadMemStats(&after)
		r.LiveBytes = float64(after.HeapAlloc) - float64(before.HeapAlloc)
		r.LiveObjects = float64(after.HeapObjects) - float64(before.HeapObjects)
		job.Holds()
	}
	if job.Check != nil {
		if err := job.Check(); err != nil {
			return Result{}, fmt.Errorf("the workload did not do what it should: %w", err)
		}
	}
	return r, nil
}

// settle collects garbage until finalisers and pools have let go of theirs.
func settle() {
	runtime.GC()
	runtime.GC()
}

// cpuTime is the processor time that this process has used, in user and system mode, on all its threads.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
