package replica

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

const patience = 60 * time.Second

// recorder is a Handler that keeps what it is given.
type recorder struct {
	mu          sync.Mutex
	batches     map[uint64][][]Message // by sender
	unreachable map[uint64]int
	block       chan struct{} // if not nil, HandleMessages waits until it is closed
	sink        *recordingSink
	refuse      error
}

func newRecorder() *recorder {
	return &recorder{batches: map[uint64][][]Message{}, unreachable: map[uint64]int{}}
}

func (r *recorder) HandleMessages(from uint64, batch []Message) {
	r.mu.Lock()
	r.batches[from] = append(r.batches[from], append([]Message(nil), batch...))
	block := r.block
	r.mu.Unlock()
	clear(batch) // the slice is not the handler's for ever
	if block != nil {
		<-block
	}
}

func (r *recorder) HandleUnreachable(id uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unreachable[id]++
}

func (r *recorder) HandleSnapshot(SnapshotHeader) (SnapshotSink, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuse != nil {
		return nil, r.refuse
	}
	return r.sink, nil
}

// indexes returns the indexes of the messages from a host, each batch apart.
func (r *recorder) indexes(from uint64) [][]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list [][]uint64
	for _, batch := range r.batches[from] {
		var indexes []uint64
		for _, m := range batch {
			indexes = append(indexes, m.Index)
		}
		list = append(list, indexes)
	}
	return list
}

func (r *recorder) reports(id uint64) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.unreachable[id]
}

// startHost starts a host with a recorder, to be closed at the end.
func startHost(t *testing.T, n *MemoryNetwork, id uint64) (Transport, *recorder) {
	transport, handler := n.Transport(id), newRecorder()
	require.NoError(t, transport.Start(handler))
	t.Cleanup(func() { require.NoError(t, transport.Close()) })
	return transport, handler
}

func batchOf(indexes ...uint64) []Message {
	var batch []Message
	for _, index := range indexes {
		batch = append(batch, Message{Group: 1, Message: pb.Message{Type: pb.MsgHeartbeat, Index: index}})
	}
	return batch
}

func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, patience, time.Millisecond)
}

// settled waits until nothing is under way from one host to another.
func settled(t *testing.T, n *MemoryNetwork, from, to uint64) Traffic {
	t.Helper()
	eventually(t, func() bool {
		c := n.Traffic(from, to)
		return c.Messages == c.Delivered+c.Lost
	})
	return n.Traffic(from, to)
}

func TestMemoryNetworkDeliversBatchesInOrder(t *testing.T) {
	n := NewMemoryNetwork()
	one, atOne := startHost(t, n, 1)
	two, atTwo := startHost(t, n, 2)
	batch := batchOf(1, 2, 3)
	require.NoError(t, one.Send(2, batch))
	clear(batch) // nothing is kept of the slice
	require.NoError(t, one.Send(2, batchOf(4)))
	require.NoError(t, one.Send(2, nil))
	require.NoError(t, two.Send(1, batchOf(9)))
	require.Equal(t, Traffic{Batches: 2, Messages: 4, Delivered: 4}, settled(t, n, 1, 2))
	require.Equal(t, Traffic{Batches: 1, Messages: 1, Delivered: 1}, settled(t, n, 2, 1))
	eventually(t, func() bool { return len(atTwo.indexes(1)) == 2 && len(atOne.indexes(2)) == 1 })
	require.Equal(t, [][]uint64{{1, 2, 3}, {4}}, atTwo.indexes(1))
	require.Equal(t, [][]uint64{{9}}, atOne.indexes(2))
}

func TestMemoryNetworkManyGroupsShareABatch(t *testing.T) {
	n := NewMemoryNetwork()
	one, _ := startHost(t, n, 1)
	_, atTwo := startHost(t, n, 2)
	var batch []Message
	for group := range uint64(10_000) {
		batch = append(batch, Message{Group: group, Message: pb.Message{Type: pb.MsgHeartbeat}})
	}
	require.NoError(t, one.Send(2, batch))
	require.Equal(t, Traffic{Batches: 1, Messages: 10_000, Delivered: 10_000}, settled(t, n, 1, 2))
	eventually(t, func() bool { return len(atTwo.indexes(1)) == 1 })
}

func TestMemoryNetworkPartitions(t *testing.T) {
	n := NewMemoryNetwork()
	var hosts []Transport
	var handlers []*recorder
	for id := uint64(1); id <= 3; id++ {
		transport, handler := startHost(t, n, id)
		hosts, handlers = append(hosts, transport), append(handlers, handler)
	}
	arrived := func(from, to uint64) bool {
		before := n.Traffic(from, to).Delivered
		require.NoError(t, hosts[from-1].Send(to, batchOf(1)))
		return settled(t, n, from, to).Delivered > before
	}
	n.Cut(1, 2)
	require.False(t, arrived(1, 2))
	require.True(t, arrived(2, 1), "the other direction works")
	require.True(t, arrived(1, 3))
	eventually(t, func() bool { return handlers[0].reports(2) == 1 })
	require.Zero(t, handlers[0].reports(3))

	n.Isolate(3)
	require.False(t, arrived(1, 3))
	require.False(t, arrived(3, 2))
	n.Heal()
	for _, pair := range []hostPair{{1, 2}, {1, 3}, {3, 2}} {
		require.True(t, arrived(pair.from, pair.to))
	}
}

func TestMemoryNetworkLossIsUpToTheSeed(t *testing.T) {
	lost := func(p float64, seed uint64, others int) [][]uint64 {
		n := NewMemoryNetwork()
		n.SetLoss(p, seed)
		one, _ := startHost(t, n, 1)
		_, atTwo := startHost(t, n, 2)
		_, _ = startHost(t, n, 3)
		for i := range uint64(200) {
			require.NoError(t, one.Send(2, batchOf(2*i, 2*i+1)))
			for range others {
				require.NoError(t, one.Send(3, batchOf(7)))
			}
		}
		traffic := settled(t, n, 1, 2)
		require.EqualValues(t, 400, traffic.Delivered+traffic.Lost)
		eventually(t, func() bool {
			count := 0
			for _, batch := range atTwo.indexes(1) {
				count += len(batch)
			}
			return uint64(count) == traffic.Delivered
		})
		return atTwo.indexes(1)
	}
	some := lost(0.3, 5, 0)
	require.Greater(t, len(some), 100)
	require.Less(t, len(some), 200)
	require.Equal(t, some, lost(0.3, 5, 2), "traffic to others does not matter")
	require.NotEqual(t, some, lost(0.3, 6, 0))
	require.Empty(t, lost(1, 5, 0))
	require.Len(t, lost(0, 5, 0), 200)
}

func TestMemoryNetworkDelayKeepsOrder(t *testing.T) {
	n := NewMemoryNetwork()
	one, _ := startHost(t, n, 1)
	_, atTwo := startHost(t, n, 2)
	n.SetDelay(50 * time.Millisecond)
	begin := time.Now()
	require.NoError(t, one.Send(2, batchOf(1)))
	n.SetDelay(0)
	require.NoError(t, one.Send(2, batchOf(2)))
	settled(t, n, 1, 2)
	require.GreaterOrEqual(t, time.Since(begin), 50*time.Millisecond)
	eventually(t, func() bool { return len(atTwo.indexes(1)) == 2 })
	require.Equal(t, [][]uint64{{1}, {2}}, atTwo.indexes(1))
}

func TestMemoryNetworkQueueIsBounded(t *testing.T) {
	n := NewMemoryNetwork()
	one, _ := startHost(t, n, 1)
	_, atTwo := startHost(t, n, 2)
	atTwo.block = make(chan struct{})
	unblock := sync.OnceFunc(func() { close(atTwo.block) })
	defer unblock()
	require.NoError(t, one.Send(2, batchOf(0)))
	eventually(t, func() bool { return len(atTwo.indexes(1)) == 1 })

	require.NoError(t, one.Send(2, make([]Message, maxLinkMessages-1)))
	err := one.Send(2, batchOf(1, 2, 3))
	require.ErrorContains(t, err, "sending to host 2: 2 of 3 messages dropped, 65536 messages or 64 MiB wait already")
	require.ErrorContains(t, one.Send(2, batchOf(4)), "1 of 1 messages dropped")
	unblock()
	require.EqualValues(t, 1+maxLinkMessages, settled(t, n, 1, 2).Delivered)
	eventually(t, func() bool { return len(atTwo.indexes(1)) == 3 })
	require.Equal(t, []uint64{1}, atTwo.indexes(1)[2])
	require.NoError(t, one.Send(2, batchOf(5)))
}

func TestMemoryNetworkQueueIsBoundedInBytes(t *testing.T) {
	link := &memoryLink{messages: 1, bytes: maxLinkBytes - 10}
	big := func(size int) Message {
		return Message{Message: pb.Message{Entries: []pb.Entry{{Data: make([]byte, size)}}}}
	}
	count, bytes := link.room([]Message{big(6), big(4), big(1), big(0)})
	require.Equal(t, []int{2, 10}, []int{count, bytes})
	link = &memoryLink{}
	count, bytes = link.room([]Message{big(maxLinkBytes + 1), big(1)})
	require.Equal(t, []int{1, maxLinkBytes + 1}, []int{count, bytes}, "one is taken however large it is")
}

func TestMemoryNetworkHostsComeAndGo(t *testing.T) {
	n := NewMemoryNetwork()
	one, atOne := startHost(t, n, 1)
	require.ErrorContains(t, one.Start(newRecorder()), "host 1 is started already")
	require.ErrorContains(t, n.Transport(1).Start(newRecorder()), "host 1 is started already")
	require.ErrorContains(t, n.Transport(5).Send(1, batchOf(1)), "not started")
	require.ErrorContains(t, one.Send(1, batchOf(1)), "the host is not known")

	require.NoError(t, one.Send(2, batchOf(1)))
	require.EqualValues(t, 1, settled(t, n, 1, 2).Lost, "nobody is there")
	eventually(t, func() bool { return atOne.reports(2) == 1 })

	two := n.Transport(2)
	first := newRecorder()
	require.NoError(t, two.Start(first))
	require.NoError(t, one.Send(2, batchOf(2)))
	eventually(t, func() bool { return len(first.indexes(1)) == 1 })
	require.NoError(t, two.Close())
	require.NoError(t, two.Close())
	require.ErrorIs(t, two.Send(1, batchOf(1)), errTransportClosed)
	require.ErrorIs(t, two.Start(first), errTransportClosed)

	_, second := startHost(t, n, 2)
	require.NoError(t, one.Send(2, batchOf(3)))
	eventually(t, func() bool { return len(second.indexes(1)) == 1 })
	require.Len(t, first.indexes(1), 1, "nothing is delivered after Close")

	one.RemovePeer(2)
	require.ErrorContains(t, one.Send(2, batchOf(4)), "the host is not known")
	one.SetPeer(2, "anywhere")
	require.NoError(t, one.Send(2, batchOf(5)))
	eventually(t, func() bool { return len(second.indexes(1)) == 2 })
}

func TestMemoryNetworkReportsAtMostOnceASecond(t *testing.T) {
	n := NewMemoryNetwork()
	one, atOne := startHost(t, n, 1)
	begin := time.Now()
	for range 200 {
		require.NoError(t, one.Send(2, batchOf(1)))
		settled(t, n, 1, 2)
	}
	eventually(t, func() bool { return atOne.reports(2) > 0 })
	require.LessOrEqual(t, atOne.reports(2), 1+int(time.Since(begin)/unreachableEvery))
}

func TestMemoryNetworkCloseWaitsForDeliveries(t *testing.T) {
	n := NewMemoryNetwork()
	one, _ := startHost(t, n, 1)
	two, atTwo := n.Transport(2), newRecorder()
	atTwo.block = make(chan struct{})
	require.NoError(t, two.Start(atTwo))
	require.NoError(t, one.Send(2, batchOf(1)))
	eventually(t, func() bool { return len(atTwo.indexes(1)) == 1 })
	closed := make(chan error)
	go func() { closed <- two.Close() }()
	select {
	case <-closed:
		t.Fatal("closed while a delivery goes on")
	case <-time.After(20 * time.Millisecond):
	}
	close(atTwo.block)
	require.NoError(t, <-closed)
}

// TestMemoryNetworkUnderStress is for the race detector: hosts send, break, heal and restart at the same time.
func TestMemoryNetworkUnderStress(t *testing.T) {
	n := NewMemoryNetwork()
	var wait sync.WaitGroup
	for id := uint64(1); id <= 3; id++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for life := range 10 {
				transport := n.Transport(id)
				if err := transport.Start(newRecorder()); err != nil {
					t.Error(err)
				}
				for i := range uint64(50) {
					_ = transport.Send(1+(id+i)%3, batchOf(i, i+1))
				}
				if life%3 == 0 {
					transport.RemovePeer(1 + id%3)
				}
				if err := transport.Close(); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	for i := range uint64(50) {
		n.Isolate(1 + i%3)
		n.Cut(1, 2)
		n.SetLoss(0.1, i)
		n.SetDelay(time.Duration(i%2) * time.Microsecond)
		n.Heal()
	}
	wait.Wait()
}

var errRefused = errors.New("no room")

func exampleSnapshot(from, to uint64, stream uint64) SnapshotHeader {
	return SnapshotHeader{Group: 1, From: from, To: to, Stream: stream, Message: pb.Message{Type: pb.MsgSnap, From: from, To: to}}
}
