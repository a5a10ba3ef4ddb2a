package cluster

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// settingsVariable carries the settings of a member to the process that is to be it.
const settingsVariable = "COMPAT_SERVER_MEMBER"

// ServeIfMember makes this process a member if it was started as one; it then does not return. The TestMain of every test
// binary that starts processes calls it first.
func ServeIfMember() {
	text, asked := os.LookupEnv(settingsVariable)
	if !asked {
		return
	}
	if err := serve(text); err != nil {
		fmt.Fprintln(os.Stderr, "member ended:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve runs a member until standard input ends, as it does when the test asks for it, or when the test itself has ended.
func serve(text string) error {
	var s settings
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return fmt.Errorf("settings of the member: %w", err)
	}
	encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	logger := zap.New(zapcore.NewCore(encoder, zapcore.Lock(os.Stderr), zap.InfoLevel), zap.AddStacktrace(zap.DPanicLevel))
	etcd, err := embed.StartEtcd(s.config(logger))
	if err != nil {
		return err
	}
	stop := make(chan struct{})
	go func() {
		defer close(stop)
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	select {
	case <-stop:
	case <-etcd.Server.StopNotify(): // the cluster has removed this member
	case err := <-etcd.Err():
		return err
	}
	etcd.Close()
	return nil
}

// A process is a member that runs in a process of its own. Only there can it be killed for good: what it had in memory is
// gone, while a server that is stopped in the process of the test still writes what it has.
type process struct {
	command *exec.Cmd
	input   io.Closer
	asked   atomic.Bool // to end, so that it may
	ended   chan struct{}
}

func startProcess(t testing.TB, s settings, journal *Journal) *process {
	t.Helper()
	text, err := json.Marshal(s)
	require.NoError(t, err)
	p := &process{command: exec.Command(os.Args[0]), ended: make(chan struct{})}
	p.command.Env = append(os.Environ(), settingsVariable+"="+string(text))
	p.input, err = p.command.StdinPipe()
	require.NoError(t, err)
	output, err := p.command.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, p.command.Start())
	go func() {
		defer close(p.ended)
		journal.read(output)
		if err := p.command.Wait(); err != nil && !p.asked.Load() {
			journal.record(zapcore.PanicLevel, "the process ended by itself: "+err.Error(), nil)
		}
	}()
	return p
}

// stop has the member stop in good order. If it fails to, the journal says so.
func (p *process) stop() {
	_ = p.resume() // a test that has failed may leave it stalled; this and the next fail if the process has ended
	_ = p.input.Close()
	<-p.ended
}

func (p *process) kill() {
	p.asked.Store(true)
	_ = p.command.Process.Kill()
	<-p.ended
}

// stall lets the process do nothing until resume.
func (p *process) stall() error  { return p.command.Process.Signal(syscall.SIGSTOP) }
func (p *process) resume() error { return p.command.Process.Signal(syscall.SIGCONT) }
