package process

// What a process has used, as Linux tells it (proc(5)).

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTicks is how many ticks a second has in which Linux counts processor time, on every architecture that Go knows.
const clockTicks = 100

// Memory is what a process has in memory, in bytes.
type Memory struct {
	Resident int64 // now
	Peak     int64 // since the process was started, or since ResetPeak
}

// MemoryOf tells the memory of a process. Without /proc, or if the process has ended, it fails.
func MemoryOf(pid int) (Memory, error) {
	text, err := os.ReadFile(file(pid, "status"))
	if err != nil {
		return Memory{}, fmt.Errorf("read the memory of a process: %w", err)
	}
	m := Memory{Resident: field(string(text), "VmRSS:") << 10, Peak: field(string(text), "VmHWM:") << 10}
	if m.Peak == 0 {
		return Memory{}, fmt.Errorf("process %d has no memory: it has ended", pid)
	}
	return m, nil
}

// ResetPeak has the peak of a process' memory begin anew with what there is now.
func ResetPeak(pid int) error {
	if err := os.WriteFile(file(pid, "clear_refs"), []byte("5"), 0); err != nil {
		return fmt.Errorf("reset the peak of a process' memory: %w", err)
	}
	return nil
}

// Usage is what a process has used since it was started.
type Usage struct {
	CPU     time.Duration // of all its threads, in its own code and in the kernel
	Written int64         // bytes that it has caused to be written to disks
}

// Minus returns what was used between two looks.
func (u Usage) Minus(earlier Usage) Usage {
	return Usage{CPU: u.CPU - earlier.CPU, Written: u.Written - earlier.Written}
}

// Plus adds the usage of another process.
func (u Usage) Plus(other Usage) Usage {
	return Usage{CPU: u.CPU + other.CPU, Written: u.Written + other.Written}
}

// UsageOf tells what a process has used. Without /proc, or if the process has ended, it fails.
func UsageOf(pid int) (Usage, error) {
	stat, err := os.ReadFile(file(pid, "stat"))
	if err != nil {
		return Usage{}, fmt.Errorf("read the processor time of a process: %w", err)
	}
	cpu, err := processorTime(string(stat))
	if err != nil {
		return Usage{}, fmt.Errorf("read the processor time of process %d: %w", pid, err)
	}
	io, err := os.ReadFile(file(pid, "io"))
	if err != nil {
		return Usage{}, fmt.Errorf("read what a process has written: %w", err)
	}
	return Usage{CPU: cpu, Written: field(string(io), "write_bytes:")}, nil
}

// processorTime finds the user and system time in a line of /proc/PID/stat: the 14th and 15th word. The second one is the
// program's name, in parentheses, and may hold anything.
func processorTime(stat string) (time.Duration, error) {
	const user, system = 14 - 3, 15 - 3 // after the name
	words := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(words) <= system {
		return 0, fmt.Errorf("%q has too few words", stat)
	}
	var ticks int64
	for _, word := range [...]string{words[user], words[system]} {
		n, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%q is no number of ticks: %w", word, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / clockTicks, nil
}

func file(pid int, name string) string {
	return "/proc/" + strconv.Itoa(pid) + "/" + name
}

// field finds a line "NAME: 123", with whatever behind it, and returns the number, 0 if there is none.
func field(text, name string) int64 {
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 2 || words[0] != name {
			continue
		}
		n, err := strconv.ParseInt(words[1], 10, 64)
		if err != nil {
			return 0
		}
		return n
	}
	return 0
}

// OwnUsage tells what this process has used.
func OwnUsage() (Usage, error) { return UsageOf(os.Getpid()) }
