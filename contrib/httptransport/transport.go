package httptransport

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed695671cb/raft/replica"
)

// The transport: its peers, and what is under way.

var _ replica.Transport = (*Transport)(nil)

// A Transport is a replica.Transport over HTTP/2. All of its methods may be called from any goroutine.
type Transport struct {
	options  Options
	quiet    quiet
	counters counters
	incoming incoming
	receiver receiver
	sending  chan struct{} // one for each snapshot that is being sent
	pace     pace

	// work counts the goroutines that Close waits for.
	work sync.WaitGroup

	mu      sync.RWMutex
	handler replica.Handler // nil before Start
	closed  bool
	peers   map[uint64]*peer
	// learned are the peers that have told their addresses themselves.
	learned map[uint64]bool
}

type counters struct{ refusedRequests, brokenStreams, refusedMessages atomic.Uint64 }

// New makes a transport. Its Handler is to be served by the application, and its Start called by the replica.Host.
func New(options Options) (*Transport, error) {
	options = options.withDefaults()
	if err := options.validate(); err != nil {
		return nil, err
	}
	t := &Transport{
		options: options,
		sending: make(chan struct{}, options.MaxSnapshots),
		pace:    pace{rate: options.MaxSnapshotBytesPerSecond},
		peers:   map[uint64]*peer{},
		learned: map[uint64]bool{},
	}
	t.receiver.init(t)
	return t, nil
}

// Start has what arrives delivered to the handler. Before, requests are refused and no peer is connected to.
func (t *Transport) Start(handler replica.Handler) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return fmt.Errorf("httptransport: start: %w", ErrClosed)
	case t.handler != nil:
		return errors.New("httptransport: started twice, make a transport for each host")
	}
	t.handler = handler
	for _, p := range t.peers {
		t.begin(p)
	}
	t.work.Go(t.receiver.closeIdle)
	return nil
}

// begin starts the goroutines of a peer.
func (t *Transport) begin(p *peer) {
	handler := t.handler
	t.work.Go(p.run)
	t.work.Go(func() { p.report(handler) })
}

// Send encodes messages into what waits for the host. It neither waits for the network, nor for the host.
//
// The error is one of ErrUnknownPeer, ErrQueueFull, ErrTooLarge, ErrNotForPeers and ErrClosed, for the first message that was
// dropped. The others are sent. While the host is not connected, the newest mebibyte is kept for it, and what is older is dropped
// without an error but reported to Handler.HandleUnreachable.
func (t *Transport) Send(to uint64, batch []replica.Message) error {
	p, err := t.peer(to)
	if err != nil {
		return fmt.Errorf("httptransport: %d messages to host %d were dropped: %w", len(batch), to, err)
	}
	return p.queue.add(batch)
}

func (t *Transport) peer(id uint64) (*peer, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	p := t.peers[id]
	switch {
	case t.closed:
		return nil, ErrClosed
	case p == nil:
		return nil, ErrUnknownPeer
	}
	return p, nil
}

// SetPeer gives the address of a host, a URL such as http://127.0.0.1:8401 or https://a.example:8401. It is connected to at once.
// That of this host itself is ignored. What is wrong with an address is told by Peers, and logged.
func (t *Transport) SetPeer(id uint64, address string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.learned, id)
	t.setPeer(id, address)
}

func (t *Transport) setPeer(id uint64, address string) {
	if t.closed || id == 0 || id == t.options.ID {
		return
	}
	if p := t.peers[id]; p != nil {
		p.setAddress(address)
		return
	}
	p := newPeer(t, id, address)
	p.received = t.incoming.receivedFrom(id)
	t.peers[id] = p
	if t.handler != nil {
		t.begin(p)
	}
}

// RemovePeer has a host no longer talked to: what waits for it is dropped, and snapshots to it fail with ErrUnknownPeer. It is
// not refused when it connects.
func (t *Transport) RemovePeer(id uint64) {
	t.mu.Lock()
	p := t.peers[id]
	delete(t.peers, id)
	delete(t.learned, id)
	t.mu.Unlock()
	if p != nil {
		p.cancel(ErrUnknownPeer)
	}
}

// Close ends all streams, closes the sinks of snapshots that arrive, calls Done of those that are sent, and waits until the
// handler is not called any more. The application's http.Server goes on and has requests refused. It may be called again.
func (t *Transport) Close() error {
	t.mu.Lock()
	t.closed = true
	peers := t.peers
	t.peers = nil
	t.mu.Unlock()
	for _, p := range peers {
		p.cancel(ErrClosed)
	}
	t.incoming.close()
	t.receiver.stop()
	t.work.Wait()
	t.receiver.closeAll()
	return nil
}

// enter counts the caller as work, and returns the handler. The caller says t.work.Done() unless there is an error.
func (t *Transport) enter() (replica.Handler, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	switch {
	case t.closed:
		return nil, ErrClosed
	case t.handler == nil:
		return nil, errors.New("the transport is not started yet")
	}
	t.work.Add(1)
	return t.handler, nil
}

// A PeerStatus says how it goes with a host. Counters begin with the first SetPeer.
type PeerStatus struct {
	ID uint64
	// Address is that of SetPeer; empty for a host that is only known by its stream to this one.
	Address string

	// Connected says that there is a stream to the host, which has taken it, and ConnectedSince since when.
	Connected      bool
	ConnectedSince time.Time
	// LastError is why there is none, or why the last one ended; empty once the host has answered again.
	LastError string
	// RTT is the time from the last ping to its answer, as far as there was one. A ping waits for the frame before it.
	RTT time.Duration

	// QueueBytes is what waits to be sent, encoded.
	QueueBytes int
	// SentMessages, SentBytes and SentFrames count what was handed to the network, DroppedMessages what was not.
	SentMessages, SentBytes, SentFrames, DroppedMessages uint64

	// Incoming says that there is a stream from the host.
	Incoming bool
	// ReceivedMessages, ReceivedBytes and ReceivedFrames count what has arrived from it.
	ReceivedMessages, ReceivedBytes, ReceivedFrames uint64
}

// Peers describes the hosts of which addresses or streams are known, by ID.
func (t *Transport) Peers() []PeerStatus {
	t.mu.RLock()
	defer t.mu.RUnlock()
	open := t.incoming.all()
	var out []PeerStatus
	for id, p := range t.peers {
		s := p.describe()
		s.Incoming = open[id] != nil
		p.received.describe(&s)
		out = append(out, s)
	}
	for id, stats := range open {
		if t.peers[id] != nil {
			continue
		}
		s := PeerStatus{ID: id, Incoming: true}
		stats.describe(&s)
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b PeerStatus) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// Stats counts what was refused, since New, and what there is now.
type Stats struct {
	// RefusedRequests counts those with a wrong cluster, host, certificate or form.
	RefusedRequests uint64
	// BrokenStreams counts the streams that were ended for malformed bytes.
	BrokenStreams uint64
	// RefusedMessages counts those of local types, or for or of other hosts.
	RefusedMessages uint64
	// Streams and Snapshots are those that arrive now.
	Streams, Snapshots int
}

// Stats returns the counters.
func (t *Transport) Stats() Stats {
	return Stats{
		RefusedRequests: t.counters.refusedRequests.Load(),
		BrokenStreams:   t.counters.brokenStreams.Load(),
		RefusedMessages: t.counters.refusedMessages.Load(),
		Streams:         t.incoming.count(),
		Snapshots:       t.receiver.count(),
	}
}
