// A network in memory that connects hosts of one process, for tests and examples. A test can cut it, slow it down, make it
// lose messages, and count what goes through it.

package replica

import (
	"math/rand/v2"
	"sync"
	"time"
)

// MemoryNetwork connects the hosts whose Transports it makes. Without faults each message arrives, once, in the order in
// which it was sent to that host, and each batch is delivered as it was sent. All methods may be called from any goroutine.
type MemoryNetwork struct {
	mu       sync.Mutex
	started  map[uint64]*memoryTransport
	isolated map[uint64]bool
	cut      map[hostPair]bool
	delay    time.Duration
	loss     messageLoss
	traffic  map[hostPair]Traffic
}

// A hostPair is a direction between two hosts.
type hostPair struct{ from, to uint64 }

func (p hostPair) reversed() hostPair { return hostPair{from: p.to, to: p.from} }

// messageLoss draws which messages are lost: for each direction from a generator of its own, so that what is lost in one does not
// depend on how busy the others are.
type messageLoss struct {
	probability float64
	seed        uint64
	generators  map[hostPair]*rand.Rand
}

// Traffic counts what was sent from one host to another.
type Traffic struct {
	// Batches and Messages were taken by Send.
	Batches, Messages uint64
	// Delivered is how many of the messages were handed to the other host, and Lost how many will not be. The others are
	// under way.
	Delivered, Lost uint64
}

// NewMemoryNetwork returns a network that works.
func NewMemoryNetwork() *MemoryNetwork {
	return &MemoryNetwork{
		started:  map[uint64]*memoryTransport{},
		isolated: map[uint64]bool{},
		cut:      map[hostPair]bool{},
		traffic:  map[hostPair]Traffic{},
	}
}

// Transport returns a transport for the host with the given ID. It reaches every other host that is started, at whatever
// address, except that Send refuses those for which RemovePeer was called and not SetPeer after that. A host that is
// started again needs a new transport, whose Start fails while the one before is not closed.
func (n *MemoryNetwork) Transport(id uint64) Transport {
	return newMemoryTransport(n, id)
}

// Isolate cuts a host off from all others, until Heal. What is under way is lost.
func (n *MemoryNetwork) Isolate(id uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.isolated[id] = true
}

// Cut has nothing arrive any more that one host sends to the other, until Heal. The other direction still works, except
// that snapshots need both.
func (n *MemoryNetwork) Cut(from, to uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[hostPair{from, to}] = true
}

// Heal ends what Isolate and Cut did. Loss and delay stay.
func (n *MemoryNetwork) Heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.isolated)
	clear(n.cut)
}

// SetLoss has each message lost with a probability from 0 to 1. Which of the messages that one host sends to another are
// lost, counted from now, is up to the seed and the two hosts alone. Snapshots are not affected.
func (n *MemoryNetwork) SetLoss(p float64, seed uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.loss = messageLoss{probability: p, seed: seed, generators: map[hostPair]*rand.Rand{}}
}

// SetDelay has each batch arrive that much later than it was sent, and each chunk of a snapshot take that long. It counts for
// what is sent from now on. Order is kept.
func (n *MemoryNetwork) SetDelay(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.delay = d
}

// Traffic returns the counts of one direction since the network was made.
func (n *MemoryNetwork) Traffic(from, to uint64) Traffic {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.traffic[hostPair{from, to}]
}

// start makes a transport the one that its host has. It reports whether the host had none.
func (n *MemoryNetwork) start(t *memoryTransport) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.started[t.id] != nil {
		return false
	}
	n.started[t.id] = t
	return true
}

func (n *MemoryNetwork) stop(t *memoryTransport) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.started[t.id] == t {
		delete(n.started, t.id)
	}
}

// receiver returns the other end of a direction, or nil if it cannot be reached now.
func (n *MemoryNetwork) receiver(pair hostPair) *memoryTransport {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.isolated[pair.from] || n.isolated[pair.to] || n.cut[pair] {
		return nil
	}
	return n.started[pair.to]
}

// dueAt returns when something that is sent now arrives.
func (n *MemoryNetwork) dueAt() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.delay <= 0 {
		return time.Time{}
	}
	return time.Now().Add(n.delay)
}

func (n *MemoryNetwork) count(pair hostPair, more Traffic) {
	n.mu.Lock()
	defer n.mu.Unlock()
	t := n.traffic[pair]
	t.Batches += more.Batches
	t.Messages += more.Messages
	t.Delivered += more.Delivered
	t.Lost += more.Lost
	n.traffic[pair] = t
}

// thin removes the messages that get lost, in place.
func (n *MemoryNetwork) thin(pair hostPair, batch []Message) []Message {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.loss.probability <= 0 {
		return batch
	}
	generator := n.loss.generators[pair]
	if generator == nil {
		generator = rand.New(rand.NewPCG(n.loss.seed, pair.from*0x9e3779b97f4a7c15+pair.to))
		n.loss.generators[pair] = generator
	}
	kept := batch[:0]
	for i := range batch {
		if generator.Float64() >= n.loss.probability {
			kept = append(kept, batch[i])
		}
	}
	return kept
}
