package replica

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// A countingTransport counts what it is given to send.
type countingTransport struct {
	Transport
	sent atomic.Int64
}

func (c *countingTransport) Send(_ uint64, batch []Message) error {
	c.sent.Add(int64(len(batch)))
	return nil
}

// An emitter is a job that sends one message.
type emitter struct {
	state jobState
	ran   *atomic.Int64
}

func (j *emitter) run(out *outbox) {
	out.add(1, pb.Message{Type: pb.MsgHeartbeat, To: 2})
	j.ran.Add(1)
}

func (j *emitter) schedule() *jobState { return &j.state }

// A worker that found a job waiting, which another then took, once went to sleep with what it had to send. On two processors
// that came about in one of some thousand rounds.
func TestNoWorkerSleepsWithUnsentMessages(t *testing.T) {
	transport := &countingTransport{}
	h := &Host{id: 1, transport: transport}
	s := newScheduler(2, h.newOutbox)
	defer s.close()
	var ran atomic.Int64
	jobs := [4]emitter{{ran: &ran}, {ran: &ran}, {ran: &ran}, {ran: &ran}}
	var want int64
	for range 50_000 {
		for i := range jobs {
			s.add(&jobs[i])
		}
		want += int64(len(jobs))
		for ran.Load() < want {
			runtime.Gosched()
		}
		if transport.sent.Load() == want {
			continue
		}
		require.Eventually(t, func() bool { return transport.sent.Load() == want }, 20*time.Second, 100*time.Microsecond,
			"all jobs ran, and nothing else is to be done, but not all that they send is sent")
	}
}

// The same, of the one moment that counts: who has something to send is not made to wait.
func TestAWorkerWithUnsentMessagesIsNotMadeToWait(t *testing.T) {
	var s scheduler
	s.wake.L = &s.mu
	require.Nil(t, s.next(false))
	var ran atomic.Int64
	j := &emitter{ran: &ran}
	s.add(j)
	require.Same(t, j, s.next(false))
	s.finished(j)
	require.Nil(t, s.next(false))
	s.closed = true
	require.Nil(t, s.next(true))
}

// What a worker sends in one turn travels together, and what goes on for long is sent from time to time.
func TestATurnEnds(t *testing.T) {
	transport := &countingTransport{}
	h := &Host{id: 1, transport: transport}
	var s *scheduler
	var ran atomic.Int64
	var busy int
	long := &endless{emitter{ran: &ran}, func() {
		if busy++; busy <= 2*maxTurn {
			return
		}
		require.Positive(t, transport.sent.Load(), "nothing was sent in two turns")
		s.mu.Lock()
		defer s.mu.Unlock()
		s.closed = true
	}, &s}
	s = newScheduler(1, h.newOutbox)
	s.add(long)
	s.wg.Wait()
	require.Equal(t, ran.Load(), transport.sent.Load())
}

// An endless job has itself run again until its scheduler is closed.
type endless struct {
	emitter
	then func()
	s    **scheduler
}

func (j *endless) run(out *outbox) {
	j.emitter.run(out)
	if j.then(); !(*j.s).closed {
		(*j.s).add(j)
	}
}
