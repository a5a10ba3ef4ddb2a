package chaos

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// stopPatience is how long a member may take to end when it is asked to, before it is killed.
const stopPatience = 30 * time.Second

// A launcher starts all processes from one thread that lives as long as the launcher: on Linux the signal that a child
// gets at its parent's death is tied to the thread that started it.
type launcher struct {
	requests chan func()
	thread   sync.WaitGroup
}

func newLauncher() *launcher {
	l := &launcher{requests: make(chan func())}
	l.thread.Go(func() {
		runtime.LockOSThread()
		for request := range l.requests {
			request()
		}
	})
	return l
}

// close ends the thread, and so all processes that are left.
func (l *launcher) close() {
	close(l.requests)
	l.thread.Wait()
}

// A process is one life of a member.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it is gone
	err   error         // how it ended; valid once it has
}

// launch starts a program with its output appended to a file.
func (l *launcher) launch(program string, args []string, output string) (*process, error) {
	file, err := os.OpenFile(output, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the member's log: %w", err)
	}
	defer file.Close() // the process has its own handle
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = file, file, attributes()
	started := make(chan error)
	l.requests <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start a member: %w", err)
	}
	p := &process{cmd: cmd, ended: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// running reports whether the process has not ended.
func (p *process) running() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// kill sends SIGKILL and waits until the process is gone. A frozen process dies too.
func (p *process) kill() {
	if !p.running() {
		return
	}
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// stop asks the process to end, and kills it if it does not.
func (p *process) stop() {
	if !p.running() {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(stopPatience)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
		p.kill()
	}
}
