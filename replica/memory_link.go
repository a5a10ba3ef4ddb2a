// One host's end of a MemoryNetwork, and the queues of messages to the others.

package replica

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Bounds of what waits for one host.
const (
	maxLinkMessages = 1 << 16
	maxLinkBytes    = 64 << 20 // of the messages' entries
)

// unreachableEvery is the time for which HandleUnreachable is not called again for the same host.
const unreachableEvery = time.Second

var errTransportClosed = errors.New("the transport is closed")

// memoryTransport implements Transport.
type memoryTransport struct {
	network *MemoryNetwork
	id      uint64
	// life ends with Close.
	life context.Context
	end  context.CancelFunc

	mu      sync.Mutex
	handler Handler // nil before Start
	closed  bool
	removed map[uint64]bool
	links   map[uint64]*memoryLink
	// running counts the transport's own goroutines, and what others are delivering to its handler. It grows only while
	// closed is not set.
	running sync.WaitGroup
}

var _ Transport = (*memoryTransport)(nil)

func newMemoryTransport(n *MemoryNetwork, id uint64) *memoryTransport {
	life, end := context.WithCancel(context.Background())
	return &memoryTransport{
		network: n, id: id, life: life, end: end,
		removed: map[uint64]bool{},
		links:   map[uint64]*memoryLink{},
	}
}

func (t *memoryTransport) Start(handler Handler) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return fmt.Errorf("starting the transport of host %d: %w", t.id, errTransportClosed)
	}
	if t.handler != nil || !t.network.start(t) {
		return fmt.Errorf("host %d is started already: close its transport first", t.id)
	}
	t.handler = handler
	return nil
}

// enter returns the handler for a delivery, which ends with a call of t.running.Done. It is nil if there is none to deliver to.
func (t *memoryTransport) enter() Handler {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.handler == nil {
		return nil
	}
	t.running.Add(1)
	return t.handler
}

func (t *memoryTransport) Send(to uint64, batch []Message) error {
	link, err := t.link(to)
	if err != nil {
		return fmt.Errorf("sending to host %d: %w", to, err)
	}
	taken := link.put(batch, t.network.dueAt())
	if taken == len(batch) {
		return nil
	}
	return fmt.Errorf("sending to host %d: %d of %d messages dropped, %d messages or %d MiB wait already",
		to, len(batch)-taken, len(batch), maxLinkMessages, maxLinkBytes>>20)
}

// link returns the queue for a host. The first time it starts the goroutine that empties it.
func (t *memoryTransport) link(to uint64) (*memoryLink, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return nil, errTransportClosed
	case t.handler == nil:
		return nil, errors.New("the transport is not started")
	case to == t.id || t.removed[to]:
		return nil, errors.New("the host is not known")
	}
	link := t.links[to]
	if link == nil {
		link = &memoryLink{from: t, pair: hostPair{t.id, to}, filled: make(chan struct{}, 1)}
		t.links[to] = link
		t.running.Add(1)
		go link.run()
	}
	return link, nil
}

func (t *memoryTransport) SetPeer(id uint64, address string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.removed, id)
}

func (t *memoryTransport) RemovePeer(id uint64) {
	t.mu.Lock()
	link := t.links[id]
	t.removed[id] = true
	t.mu.Unlock()
	if link != nil {
		link.drop()
	}
}

func (t *memoryTransport) Close() error {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.end()
	t.network.stop(t)
	t.running.Wait()
	return nil
}

// memoryLink is the queue of batches for one host. Its goroutine delivers them, one after the other.
type memoryLink struct {
	from *memoryTransport
	pair hostPair
	// filled has an element if there may be something in the queue.
	filled chan struct{}

	mu              sync.Mutex
	queue           []memoryBatch
	messages, bytes int // in the queue

	reported time.Time // when HandleUnreachable was called; of the goroutine alone
}

type memoryBatch struct {
	messages []Message
	bytes    int
	due      time.Time // zero for at once
}

// put appends as much of a batch as there is room for, and returns how many messages that is.
func (l *memoryLink) put(batch []Message, due time.Time) int {
	l.mu.Lock()
	taken, bytes := l.room(batch)
	if taken > 0 {
		messages := append(make([]Message, 0, taken), batch[:taken]...)
		l.queue = append(l.queue, memoryBatch{messages: messages, bytes: bytes, due: due})
		l.messages += taken
		l.bytes += bytes
		l.from.network.count(l.pair, Traffic{Batches: 1, Messages: uint64(taken)})
	}
	l.mu.Unlock()
	select {
	case l.filled <- struct{}{}:
	default:
	}
	return taken
}

// room returns how many messages of a batch fit, and their size. A single one always does if nothing waits.
func (l *memoryLink) room(batch []Message) (count, bytes int) {
	for i := range batch {
		size := 0
		for j := range batch[i].Entries {
			size += len(batch[i].Entries[j].Data)
		}
		full := l.messages+count >= maxLinkMessages || l.bytes+bytes+size > maxLinkBytes
		if full && l.messages+count > 0 {
			return count, bytes
		}
		count++
		bytes += size
	}
	return count, bytes
}

// take removes the first batch, if there is one.
func (l *memoryLink) take() (memoryBatch, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 {
		return memoryBatch{}, false
	}
	b := l.queue[0]
	l.queue[0] = memoryBatch{}
	l.queue = l.queue[1:]
	l.messages -= len(b.messages)
	l.bytes -= b.bytes
	return b, true
}

// drop removes all batches. They count as lost.
func (l *memoryLink) drop() {
	for b, ok := l.take(); ok; b, ok = l.take() {
		l.from.network.count(l.pair, Traffic{Lost: uint64(len(b.messages))})
	}
}

func (l *memoryLink) run() {
	defer l.from.running.Done()
	defer l.drop()
	for {
		select {
		case <-l.filled:
		case <-l.from.life.Done():
			return
		}
		for b, ok := l.take(); ok; b, ok = l.take() {
			lost := len(b.messages)
			if sleepUntil(l.from.life, b.due) {
				lost -= l.deliver(b.messages)
			}
			if lost > 0 {
				l.from.network.count(l.pair, Traffic{Lost: uint64(lost)})
				l.reportLoss()
			}
		}
	}
}

// deliver hands a batch to the other host, and returns how many messages of it have arrived.
func (l *memoryLink) deliver(batch []Message) int {
	receiver := l.from.network.receiver(l.pair)
	if receiver == nil {
		return 0
	}
	batch = l.from.network.thin(l.pair, batch)
	if len(batch) == 0 {
		return 0
	}
	handler := receiver.enter()
	if handler == nil {
		return 0
	}
	defer receiver.running.Done()
	l.from.network.count(l.pair, Traffic{Delivered: uint64(len(batch))})
	handler.HandleMessages(l.pair.from, batch)
	return len(batch)
}

// reportLoss tells the sending host, unless it was told a moment ago or is being closed.
func (l *memoryLink) reportLoss() {
	if now := time.Now(); now.Sub(l.reported) >= unreachableEvery && l.from.life.Err() == nil {
		l.reported = now
		l.from.handler.HandleUnreachable(l.pair.to)
	}
}

// sleepUntil waits until a time, and returns false if the context has ended.
func sleepUntil(ctx context.Context, due time.Time) bool {
	wait := time.Until(due)
	if due.IsZero() || wait <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
