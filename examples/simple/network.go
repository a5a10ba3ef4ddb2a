package main

// The transport: what a Raft group needs of one is little, and this one promises no more. Messages may be lost; they
// are when a replica is down, cut off, or does not keep up.

import (
	"sync"

	pb "github.com/seed695671cb/raft/raftpb"
)

// inboxSize is how many messages may wait for a replica.
const inboxSize = 1024

// network carries messages between the replicas. All methods may be called from any goroutine.
type network struct {
	mu      sync.RWMutex
	inboxes map[uint64]chan pb.Message
	cut     map[uint64]bool
}

func newNetwork() *network {
	return &network{inboxes: make(map[uint64]chan pb.Message), cut: make(map[uint64]bool)}
}

// join gives a replica that starts an empty inbox.
func (n *network) join(id uint64) <-chan pb.Message {
	n.mu.Lock()
	defer n.mu.Unlock()
	inbox := make(chan pb.Message, inboxSize)
	n.inboxes[id] = inbox
	return inbox
}

// leave takes the inbox of a replica that stops, with all that is in it.
func (n *network) leave(id uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.inboxes, id)
}

// send reports whether m was delivered. It never waits. A message is not copied: nobody writes to what it refers to.
func (n *network) send(m pb.Message) bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if n.cut[m.From] || n.cut[m.To] {
		return false
	}
	select {
	case n.inboxes[m.To] <- m:
		return true
	default: // it is full, or there is none
		return false
	}
}

// partition cuts a replica off from all others.
func (n *network) partition(id uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[id] = true
}

// heal reconnects the given replicas.
func (n *network) heal(ids ...uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, id := range ids {
		delete(n.cut, id)
	}
}

func (n *network) isCut(id uint64) bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.cut[id]
}
