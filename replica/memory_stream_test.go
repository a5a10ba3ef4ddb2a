package replica

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// recordingSink keeps what was written, over several attempts.
type recordingSink struct {
	mu       sync.Mutex
	data     []byte
	finished int
	closed   int
	write    func() error // called before each write, if not nil
	finish   error
}

func (s *recordingSink) Offset() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return uint64(len(s.data))
}

func (s *recordingSink) Write(p []byte) (int, error) {
	if s.write != nil {
		if err := s.write(); err != nil {
			return 0, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data = append(s.data, p...)
	return len(p), nil
}

func (s *recordingSink) Finish() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finished++
	return s.finish
}

func (s *recordingSink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed++
	return nil
}

// attempt is one call of SendSnapshot.
type attempt struct {
	done     chan error
	opened   []uint64
	progress []uint64
}

func send(t *testing.T, transport Transport, ctx context.Context, contents []byte) *attempt {
	a := &attempt{done: make(chan error, 2)}
	transport.SendSnapshot(&OutgoingSnapshot{
		Header:  exampleSnapshot(1, 2, 7),
		Context: ctx,
		Open: func(offset uint64) (io.ReadCloser, error) {
			a.opened = append(a.opened, offset)
			return io.NopCloser(bytes.NewReader(contents[offset:])), nil
		},
		Progress: func(received uint64) { a.progress = append(a.progress, received) },
		Done:     func(err error) { a.done <- err },
	})
	return a
}

// outcome waits for Done, which must be called once.
func (a *attempt) outcome(t *testing.T, transport Transport) error {
	t.Helper()
	var err error
	select {
	case err = <-a.done:
	case <-time.After(patience):
		t.Fatal("Done is not called")
	}
	require.NoError(t, transport.Close())
	require.Empty(t, a.done, "Done is called once")
	return err
}

// streamHosts starts host 1, which a test closes itself, and host 2 with a sink.
func streamHosts(t *testing.T) (*MemoryNetwork, Transport, *recordingSink) {
	n := NewMemoryNetwork()
	sink := &recordingSink{}
	_, handler := startHost(t, n, 2)
	handler.sink = sink
	return n, restart(t, n), sink
}

// restart starts host 1.
func restart(t *testing.T, n *MemoryNetwork) Transport {
	one := n.Transport(1)
	require.NoError(t, one.Start(newRecorder()))
	t.Cleanup(func() { require.NoError(t, one.Close()) })
	return one
}

func TestMemoryNetworkStreamsSnapshots(t *testing.T) {
	for _, size := range []int{0, 1, streamChunk - 1, streamChunk, 3*streamChunk + 5} {
		_, one, sink := streamHosts(t)
		contents := randomBytes(size)
		a := send(t, one, context.Background(), contents)
		require.NoError(t, a.outcome(t, one))
		require.True(t, bytes.Equal(contents, sink.data))
		require.Equal(t, []int{1, 1}, []int{sink.finished, sink.closed})
		require.Equal(t, []uint64{0}, a.opened)
		require.Len(t, a.progress, (size+streamChunk-1)/streamChunk)
		if size > 0 {
			require.EqualValues(t, size, a.progress[len(a.progress)-1])
		}
	}
}

func TestMemoryNetworkResumesSnapshots(t *testing.T) {
	for _, pair := range []hostPair{{1, 2}, {2, 1}} {
		n, one, sink := streamHosts(t)
		contents := randomBytes(5 * streamChunk)
		writes := 0
		sink.write = func() error {
			if writes++; writes == 2 {
				n.Cut(pair.from, pair.to)
			}
			return nil
		}
		a := send(t, one, context.Background(), contents)
		err := a.outcome(t, one)
		require.ErrorIs(t, err, errUnreachable)
		require.ErrorContains(t, err, "sending a snapshot of group 1 to host 2: interrupted at offset 131072")
		require.Equal(t, []int{0, 1}, []int{sink.finished, sink.closed})

		one = restart(t, n)
		err = send(t, one, context.Background(), contents).outcome(t, one)
		require.ErrorIs(t, err, errUnreachable)
		n.Heal()
		one = restart(t, n)
		a = send(t, one, context.Background(), contents)
		require.NoError(t, a.outcome(t, one))
		require.Equal(t, []uint64{2 * streamChunk}, a.opened)
		require.EqualValues(t, 3*streamChunk, a.progress[0])
		require.True(t, bytes.Equal(contents, sink.data))
		require.Equal(t, []int{1, 2}, []int{sink.finished, sink.closed})
	}
}

func TestMemoryNetworkSnapshotFailures(t *testing.T) {
	broken := errors.New("broken")
	for want, prepare := range map[string]func(sink *recordingSink){
		"receiver at offset 0: broken": func(s *recordingSink) { s.write = func() error { return broken } },
		"receiver, finishing: broken":  func(s *recordingSink) { s.finish = broken },
	} {
		_, one, sink := streamHosts(t)
		prepare(sink)
		err := send(t, one, context.Background(), []byte("contents")).outcome(t, one)
		require.ErrorIs(t, err, broken)
		require.ErrorContains(t, err, want)
		require.Equal(t, 1, sink.closed)
	}

	n := NewMemoryNetwork()
	_, handler := startHost(t, n, 2)
	handler.refuse = errRefused
	one := restart(t, n)
	err := send(t, one, context.Background(), nil).outcome(t, one)
	require.ErrorIs(t, err, errRefused)
	require.ErrorContains(t, err, "refused")
}

func TestMemoryNetworkSnapshotsEndWithTheirContext(t *testing.T) {
	n, one, sink := streamHosts(t)
	n.SetDelay(time.Hour)
	ctx, cancel := context.WithCancelCause(context.Background())
	a := send(t, one, ctx, []byte("contents"))
	notWanted := errors.New("not wanted")
	cancel(notWanted)
	require.ErrorIs(t, a.outcome(t, one), notWanted)
	require.Zero(t, sink.finished)
}

func TestMemoryNetworkSnapshotsEndWithTheTransport(t *testing.T) {
	n, one, _ := streamHosts(t)
	n.SetDelay(time.Hour)
	a := send(t, one, context.Background(), []byte("contents"))
	require.NoError(t, one.Close())
	require.Len(t, a.done, 1, "Close waits for Done")
	require.ErrorIs(t, a.outcome(t, one), errTransportClosed)

	a = send(t, one, context.Background(), []byte("contents"))
	require.ErrorIs(t, a.outcome(t, one), errTransportClosed)

	sink := &recordingSink{}
	two, handler := n.Transport(3), newRecorder()
	handler.sink = sink
	require.NoError(t, two.Start(handler))
	one = restart(t, n)
	done := make(chan error, 1)
	opened := make(chan struct{})
	one.SendSnapshot(&OutgoingSnapshot{
		Header: exampleSnapshot(1, 3, 1), Context: context.Background(),
		Open: func(uint64) (io.ReadCloser, error) {
			close(opened)
			return io.NopCloser(bytes.NewReader(nil)), nil
		},
		Progress: func(uint64) {}, Done: func(err error) { done <- err },
	})
	<-opened
	require.NoError(t, two.Close())
	require.Equal(t, []int{0, 1}, []int{sink.finished, sink.closed}, "the receiver waits until the sink is closed")
	require.ErrorIs(t, <-done, errUnreachable)
}
