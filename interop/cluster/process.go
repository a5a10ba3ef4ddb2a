package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"time"

	"github.com/seed695671cb/raft/interop/wire"
)

// process is a running worker, which a member may use for some of its lives. It is used from one goroutine at a time.
type process struct {
	im     Implementation
	cmd    *exec.Cmd
	stdin  io.Closer
	stderr bytes.Buffer
	conn   *wire.Conn
	// gone is set when the process does not answer any more, and has been ended.
	gone bool
}

func startProcess(path string, im Implementation) (*process, error) {
	p := &process{im: im, cmd: exec.Command(path)}
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Stderr = &p.stderr
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting a member of %s: %w", im.Title, err)
	}
	p.stdin, p.conn = stdin, wire.NewConn(stdout, stdin)
	return p, nil
}

// stop ends the process.
func (p *process) stop() error {
	return errors.Join(p.stdin.Close(), p.cmd.Wait())
}

// end ends a process that does not answer, and returns what it said last.
func (p *process) end() string {
	if !p.gone {
		p.gone = true
		_ = p.cmd.Process.Kill()
		_ = p.stop()
	}
	return p.stderr.String()
}

// maxAnswerTime is how long a process may take for an answer, which is a matter of microseconds.
const maxAnswerTime = time.Minute

// watch ends the process unless the function that it returns is called in time.
func (p *process) watch() (stop func() bool) {
	return time.AfterFunc(maxAnswerTime, func() { _ = p.cmd.Process.Kill() }).Stop
}

// Pool keeps processes for the members of the runs to come. It may be used from several goroutines.
type Pool struct {
	workers Workers
	mu      sync.Mutex
	idle    map[string][]*process
}

// NewPool returns a pool without processes.
func NewPool(w Workers) *Pool { return &Pool{workers: w, idle: map[string][]*process{}} }

// get returns a process of the implementation that nobody else uses.
func (p *Pool) get(im Implementation) (*process, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if list := p.idle[im.ID]; len(list) > 0 {
		p.idle[im.ID] = list[:len(list)-1]
		return list[len(list)-1], nil
	}
	return startProcess(p.workers.path(im), im)
}

// put gives it back.
func (p *Pool) put(pr *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle[pr.im.ID] = append(p.idle[pr.im.ID], pr)
}

// Close ends the processes that nobody uses.
func (p *Pool) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var failed error
	for _, list := range p.idle {
		for _, pr := range list {
			if err := pr.stop(); err != nil {
				failed = errors.Join(failed, fmt.Errorf("a member of %s did not end well: %w\n%s", pr.im.Title, err, pr.stderr.String()))
			}
		}
	}
	clear(p.idle)
	return failed
}
