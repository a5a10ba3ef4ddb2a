// Package process runs other programs as children of this one, for programs that measure or torment members of a cluster: it starts
// them so that they end with their parent, ends them, and tells what memory, processor time and disk they have used.
package process

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// stopPatience is how long a process may take to end when it is asked to, before it is killed.
const stopPatience = 30 * time.Second

// A Nursery starts all processes from one thread, which lives until Close: what kills a child when its parent dies is tied
// to the thread that started it. Start may be called from any goroutine.
type Nursery struct {
	births chan func()
	thread sync.WaitGroup
}

// NewNursery returns a nursery, which is to be closed.
func NewNursery() *Nursery {
	n := &Nursery{births: make(chan func())}
	n.thread.Go(func() {
		runtime.LockOSThread()
		for birth := range n.births {
			birth()
		}
	})
	return n
}

// Close ends the thread, and on Linux with it all processes that still run.
func (n *Nursery) Close() {
	close(n.births)
	n.thread.Wait()
}

// A Process is a child. Its methods may be called from any goroutine.
type Process struct {
	cmd  *exec.Cmd
	gone chan struct{}
	err  error // how it ended; valid once it is gone
}

// Start runs a program. What it writes is appended to the file output.
func (n *Nursery) Start(program string, args []string, output string) (*Process, error) {
	file, err := os.OpenFile(output, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the file for the output of %s: %w", program, err)
	}
	defer file.Close() // the process has a handle of its own
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = file, file, diesWithParent()
	failed := make(chan error)
	n.births <- func() { failed <- cmd.Start() }
	if err := <-failed; err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	p := &Process{cmd: cmd, gone: make(chan struct{})}
	go func() {
		defer close(p.gone)
		p.err = cmd.Wait()
	}()
	return p, nil
}

// PID returns the process' number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Gone is closed when the process has ended.
func (p *Process) Gone() <-chan struct{} { return p.gone }

// Running reports whether the process has not ended. A nil Process has never run.
func (p *Process) Running() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.gone:
		return false
	default:
		return true
	}
}

// Err says how the process ended: nil if with status 0. It waits for that.
func (p *Process) Err() error {
	<-p.gone
	return p.err
}

// Handle is what signals are sent to.
func (p *Process) Handle() *os.Process { return p.cmd.Process }

// Kill ends the process at once, and returns when it is gone. One that is stopped by a signal ends too.
func (p *Process) Kill() {
	if !p.Running() {
		return
	}
	_ = p.cmd.Process.Kill() // fails only if it has ended already
	<-p.gone
}

// Stop asks the process to end, and kills it if it does not in time. It returns when the process is gone.
func (p *Process) Stop() {
	if !p.Running() {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(stopPatience)
	defer timer.Stop()
	select {
	case <-p.gone:
	case <-timer.C:
		p.Kill()
	}
}
