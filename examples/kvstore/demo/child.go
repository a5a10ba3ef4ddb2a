package demo

// The process of a member: starting, pausing, ending.

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// The states of a process, as the controls name them.
const (
	stateRunning = "running"
	statePaused  = "paused"
	stateDead    = "dead"
)

// stopPatience is how long a process may take to end when it is asked to, before it is killed.
const stopPatience = 8 * time.Second

// A child is one process of a member, from its start to its end.
type child struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when the process is gone

	mu     sync.Mutex
	paused bool
	err    error // how it ended
}

// A starter starts all processes from one thread, which lives until close: the kernel ties the death signal of a child
// to the thread that started it, not to the process.
type starter struct {
	requests chan func()
	done     sync.WaitGroup
}

func newStarter() *starter {
	s := &starter{requests: make(chan func())}
	s.done.Go(func() {
		runtime.LockOSThread()
		for start := range s.requests {
			start()
		}
	})
	return s
}

// close must come after the end of all processes.
func (s *starter) close() {
	close(s.requests)
	s.done.Wait()
}

// start runs a program with its output appended to a file.
func (s *starter) start(program string, args, env []string, logFile string) (*child, error) {
	if err := os.MkdirAll(filepath.Dir(logFile), 0o755); err != nil {
		return nil, fmt.Errorf("making the member's directory: %w", err)
	}
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the member's log: %w", err)
	}
	defer log.Close() // the process has its own handle
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr, cmd.Env = log, log, env
	cmd.SysProcAttr = attributes()
	started := make(chan error)
	s.requests <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", program, err)
	}
	c := &child{cmd: cmd, ended: make(chan struct{})}
	go func() {
		err := cmd.Wait()
		c.mu.Lock()
		c.err = err
		c.mu.Unlock()
		close(c.ended)
	}()
	return c, nil
}

func (c *child) pid() int { return c.cmd.Process.Pid }

func (c *child) state() string {
	select {
	case <-c.ended:
		return stateDead
	default:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.paused {
		return statePaused
	}
	return stateRunning
}

// outcome says how the process ended; it must have.
func (c *child) outcome() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		return "exit status 0"
	}
	return c.err.Error()
}

// kill ends the process at once and waits until it is gone.
func (c *child) kill() error {
	if err := c.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("killing process %d: %w", c.pid(), err)
	}
	<-c.ended
	return nil
}

// setPaused stops the process in its tracks, or lets it go on.
func (c *child) setPaused(paused bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := suspend(c.cmd.Process, paused); err != nil {
		return fmt.Errorf("process %d: %w", c.pid(), err)
	}
	c.paused = paused
	return nil
}

// stop asks the process to end, and kills it if it does not in time.
func (c *child) stop() {
	if c.state() == statePaused {
		_ = c.setPaused(false)
	}
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(stopPatience)
	defer timer.Stop()
	select {
	case <-c.ended:
	case <-timer.C:
		_ = c.kill()
	}
}
