package faultfs

// What is wrong with the disk, and how the fault file says so.

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// pollInterval is how long a fault that was read is believed.
	pollInterval = 10 * time.Millisecond
	// maxDelay bounds how long a slow sync takes.
	maxDelay = time.Minute
	// maxFaultFile bounds how much of the fault file is looked at.
	maxFaultFile = 1024
)

// A Fault is what is wrong with a disk. The zero value is a healthy one.
type Fault struct {
	// Err is what writes and syncs fail with; nil if they do not.
	Err error
	// Delay is how much longer each sync takes.
	Delay time.Duration
}

// Parse reads the text of a fault file. An error says how it should be.
func Parse(text string) (Fault, error) {
	words := strings.Fields(text)
	switch {
	case len(words) == 0:
		return Fault{}, nil
	case len(words) == 1 && words[0] == "fail":
		return Fault{Err: syscall.EIO}, nil
	case len(words) == 1 && words[0] == "full":
		return Fault{Err: syscall.ENOSPC}, nil
	case len(words) == 2 && words[0] == "slow":
		return parseSlow(words[1])
	default:
		return Fault{}, fmt.Errorf("fault %q is unknown: use fail, full, slow MILLISECONDS, or nothing", text)
	}
}

func parseSlow(word string) (Fault, error) {
	ms, err := strconv.ParseUint(word, 10, 32)
	if err != nil || time.Duration(ms)*time.Millisecond > maxDelay {
		return Fault{}, fmt.Errorf("fault slow %q: use milliseconds from 0 to %d", word, maxDelay.Milliseconds())
	}
	return Fault{Delay: time.Duration(ms) * time.Millisecond}, nil
}

// A watcher reads the fault file when it is asked, and not too often.
type watcher struct {
	path string

	mu    sync.Mutex
	read  time.Time
	fault Fault
}

// current returns the fault that holds now. A fault file that cannot be understood fails writes, so that a mistake in a
// test is seen.
func (w *watcher) current() Fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if !w.read.IsZero() && now.Sub(w.read) < pollInterval {
		return w.fault
	}
	w.read, w.fault = now, readFault(w.path)
	return w.fault
}

func readFault(path string) Fault {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return Fault{}
	}
	if err == nil && len(text) > maxFaultFile {
		err = fmt.Errorf("fault file %s has %d bytes: a fault is one or two words", path, len(text))
	}
	if err != nil {
		return Fault{Err: err}
	}
	fault, err := Parse(string(text))
	if err != nil {
		return Fault{Err: err}
	}
	return fault
}

// failure returns the error that a change has to fail with, or nil.
func (w *watcher) failure(op, name string) error {
	if fault := w.current(); fault.Err != nil {
		return &os.PathError{Op: op, Path: name, Err: fault.Err}
	}
	return nil
}

// removal is failure for what frees space: a full disk does not hinder it.
func (w *watcher) removal(op, name string) error {
	err := w.failure(op, name)
	if errors.Is(err, syscall.ENOSPC) {
		return nil
	}
	return err
}

// sync waits as long as a slow disk does, and then fails if the disk does.
func (w *watcher) sync(name string) error {
	if delay := w.current().Delay; delay > 0 {
		time.Sleep(delay)
	}
	return w.failure("sync", name)
}
