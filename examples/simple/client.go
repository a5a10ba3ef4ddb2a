package main

// The client: it numbers the changes, keeps many of them in flight, and sees to it that each happens once and in order
// although leaders crash (Raft §8). It waits for nothing for ever.

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// Bounds of what may be in flight.
const (
	maxChanges = 4096
	maxBytes   = 16 << 20
)

// client is the only client of a cluster. It belongs to one goroutine, which calls handleChanged when a replica has
// changed and handleTick when the clock ticks, or else await, which does both.
type client struct {
	cluster *cluster
	timeout time.Duration
	clock   *time.Ticker

	// Changes are numbered from 1. Those up to finished are made; the ones after it wait in unfinished, oldest first.
	finished   uint64
	unfinished []command
	bytes      int // the size of those

	// Of the unfinished changes, as many as sent says, the oldest, were proposed to the leader of this term. As long as
	// it leads they are in its log, and in order. Once there is another leader, what became of them is not known: all
	// are sent again, and the state machine sorts out which were made already. leader is nil if none is known, or if it
	// has just refused a change.
	leader *replica
	term   uint64
	sent   int

	// since is when a change was last finished, or the client began to wait, or somebody crashed or restarted
	// something.
	since time.Time
	// hopeless is set when there was no majority for too long. From then on nothing is waited for, until somebody does
	// something about it.
	hopeless bool
}

func newClient(c *cluster, timeout time.Duration) *client {
	return &client{cluster: c, timeout: timeout, clock: time.NewTicker(tick), since: time.Now()}
}

// full reports whether as many changes are in flight as may be.
func (c *client) full() bool {
	return len(c.unfinished) >= maxChanges || c.bytes >= maxBytes
}

// submit begins to make a change, and returns its number: it is made when finished has reached that. If the cluster has
// stalled, the change is refused.
func (c *client) submit(cmd command) (uint64, error) {
	c.begin()
	if err := c.stalled(); err != nil {
		return 0, err
	}
	c.unfinished = append(c.unfinished, cmd)
	c.bytes += len(cmd.key) + len(cmd.value)
	c.propose()
	return c.finished + uint64(len(c.unfinished)), nil
}

// propose sends the leader the changes that it has not been sent. If it does not take one, that and all after it wait
// for the next tick.
func (c *client) propose() {
	if c.leader == nil || c.sent == len(c.unfinished) {
		return
	}
	// Propose waits while no leader is known, as when this one has just been deposed. The next tick looks for another.
	ctx, cancel := context.WithTimeout(context.Background(), tick)
	defer cancel()
	for ; c.sent < len(c.unfinished); c.sent++ {
		number := c.finished + uint64(c.sent) + 1
		if err := proposeTo(ctx, c.leader.node, number, c.unfinished[c.sent]); err != nil {
			c.leader = nil
			return
		}
	}
}

// proposeTo proposes a change with its number: puts and dels as data, the others as changes of the membership.
func proposeTo(ctx context.Context, node raft.Node, number uint64, cmd command) error {
	change := pb.ConfChange{Type: pb.ConfChangeAddNode, NodeID: cmd.id}
	switch cmd.name {
	case "put", "del":
		return node.Propose(ctx, encodeChange(number, cmd))
	case "remove":
		change.Type = pb.ConfChangeRemoveNode
	}
	change.Context = binary.AppendUvarint(nil, number)
	return node.ProposeConfChange(ctx, change)
}

// handleTick finds out who leads, and sends what has not been sent.
func (c *client) handleTick() {
	leader, term := c.cluster.leader()
	if term != c.term {
		c.term, c.sent = term, 0
	}
	c.leader = leader
	c.propose()
}

// handleChanged finds out what is finished. A change is as soon as one replica has applied it, since only what is
// committed is applied.
func (c *client) handleChanged() {
	finished := c.finished
	for _, r := range c.cluster.replicas {
		finished = max(finished, r.finished.Load())
	}
	n := int(finished - c.finished)
	if n == 0 {
		return
	}
	for _, cmd := range c.unfinished[:n] {
		c.bytes -= len(cmd.key) + len(cmd.value)
	}
	clear(c.unfinished[:n])
	c.unfinished = c.unfinished[n:]
	c.finished = finished
	c.sent = max(c.sent-n, 0)
	c.renew()
}

// begin says that the client begins to wait, unless it does already.
func (c *client) begin() {
	if len(c.unfinished) == 0 && !c.hopeless {
		c.since = time.Now()
	}
}

// renew gives the cluster time again.
func (c *client) renew() {
	c.since = time.Now()
	c.hopeless = false
}

// stalled returns an error if there has been no progress for too long.
func (c *client) stalled() error {
	if time.Since(c.since) < c.timeout {
		return nil
	}
	if err := c.cluster.checkMajority(); err != nil {
		c.hopeless = true
		return err
	}
	return fmt.Errorf("no progress for %v although a majority of the replicas answer: try again", c.timeout)
}

// await handles what happens until done, which is asked again after every event, is true. It gives up if the cluster
// has stalled.
func (c *client) await(done func() bool) error {
	c.begin()
	for !done() {
		if err := c.stalled(); err != nil {
			return err
		}
		select {
		case <-c.cluster.changed:
			c.handleChanged()
		case <-c.clock.C:
			c.handleTick()
		}
	}
	return nil
}

// drain waits until all changes are made.
func (c *client) drain() error {
	return c.await(func() bool { return len(c.unfinished) == 0 })
}

// read asks the leader a question about its state that sees all changes made so far.
func (c *client) read(query func(*replica) string) (string, error) {
	var pending <-chan answer
	var got answer
	err := c.await(func() bool {
		if pending == nil && c.leader != nil {
			leader := c.leader
			pending = leader.read(func() string { return query(leader) })
		}
		select {
		case got = <-pending:
			pending = nil // if it is an error, ask again
			return got.err == nil
		default:
			return false
		}
	})
	return got.text, err
}

// transfer makes the replica the leader. The library gives a transfer up after an election timeout; then it is begun
// again.
func (c *client) transfer(to uint64) error {
	return c.await(func() bool {
		switch {
		case c.leader == nil:
			return false
		case c.leader.id == to:
			return true
		case c.leader.node.Status().LeadTransferee == raft.None:
			c.leader.node.TransferLeadership(context.Background(), c.leader.id, to)
		}
		return false
	})
}
