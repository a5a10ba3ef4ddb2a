package main

// The machines that the replicas run on, and what may happen to them.

import (
	"fmt"
	"maps"
	"slices"

	"github.com/seed695671cb/raft"
)

// cluster is all machines: those that run, and those that have crashed, of which only the disk is left. It belongs
// to one goroutine.
type cluster struct {
	net      *network
	machines map[uint64]machine
	replicas map[uint64]*replica // those that were not crashed
	// changed holds a token when some replica has applied or answered something.
	changed chan struct{}
	logger  raft.Logger
}

// machine is what survives a crash.
type machine struct {
	disk  *raft.MemoryStorage
	peers []raft.Peer // the first members of the group, if the machine was there at its beginning
}

// newCluster starts a group of n replicas.
func newCluster(n int, logger raft.Logger) (*cluster, error) {
	c := &cluster{
		net:      newNetwork(),
		machines: make(map[uint64]machine),
		replicas: make(map[uint64]*replica),
		changed:  make(chan struct{}, 1),
		logger:   logger,
	}
	peers := make([]raft.Peer, n)
	for i := range peers {
		peers[i].ID = uint64(i + 1)
	}
	for _, peer := range peers {
		if err := c.install(peer.ID, peers); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

// close crashes every replica.
func (c *cluster) close() {
	for _, r := range c.replicas {
		r.crash()
	}
}

// install starts a replica on a new machine, with an empty disk. Without peers, it waits to be added to the group.
func (c *cluster) install(id uint64, peers []raft.Peer) error {
	c.machines[id] = machine{disk: raft.NewMemoryStorage(), peers: peers}
	return c.start(id)
}

// start starts a replica from its disk. What is on the disk goes on where it ended; only if there is nothing,
// because the machine is new or crashed at once, does the replica begin the group with its peers.
func (c *cluster) start(id uint64) error {
	m := c.machines[id]
	last, err := m.disk.LastIndex()
	if err != nil {
		return err
	}
	if last > 0 {
		m.peers = nil
	}
	r, err := startReplica(id, m.peers, m.disk, c.net, c.changed, c.logger)
	if err != nil {
		return err
	}
	c.replicas[id] = r
	return nil
}

// discard removes a machine, and its disk with it.
func (c *cluster) discard(id uint64) {
	if r := c.replicas[id]; r != nil {
		r.crash()
	}
	delete(c.replicas, id)
	delete(c.machines, id)
	c.net.heal(id)
}

func (c *cluster) crash(id uint64) error {
	r, err := c.running(id)
	if err != nil {
		return err
	}
	r.crash()
	delete(c.replicas, id)
	return nil
}

func (c *cluster) restart(id uint64) error {
	switch {
	case !c.exists(id):
		return errNoReplica(id)
	case c.replicas[id] != nil:
		return fmt.Errorf("replica %d is running: crash it first", id)
	}
	return c.start(id)
}

func (c *cluster) partition(id uint64) error {
	switch {
	case !c.exists(id):
		return errNoReplica(id)
	case c.net.isCut(id):
		return fmt.Errorf("replica %d is cut off already", id)
	}
	c.net.partition(id)
	return nil
}

func (c *cluster) heal() {
	c.net.heal(c.ids()...)
}

// running returns the replica, or an error if it is not running.
func (c *cluster) running(id uint64) (*replica, error) {
	switch r := c.replicas[id]; {
	case !c.exists(id):
		return nil, errNoReplica(id)
	case r == nil:
		return nil, fmt.Errorf("replica %d has crashed: restart it first", id)
	default:
		return r, nil
	}
}

func (c *cluster) exists(id uint64) bool {
	_, ok := c.machines[id]
	return ok
}

func errNoReplica(id uint64) error {
	return fmt.Errorf("there is no replica %d: add it first", id)
}

// ids lists all machines.
func (c *cluster) ids() []uint64 {
	return slices.Sorted(maps.Keys(c.machines))
}

// answers reports whether the replica runs and is connected to others.
func (c *cluster) answers(id uint64) bool {
	r := c.replicas[id]
	return r != nil && r.alive() && !c.net.isCut(id)
}

// leader returns the replica that leads, and its term; nil if there is none. A leader that was cut off does not know
// yet that it was replaced; the newest one is that of the highest term.
func (c *cluster) leader() (newest *replica, term uint64) {
	for _, r := range c.replicas {
		status := r.node.Status()
		if status.RaftState == raft.StateLeader && status.Term > term {
			newest, term = r, status.Term
		}
	}
	return newest, term
}

// caughtUp reports whether all replicas that answer, except for one, have made the changes up to the given one.
func (c *cluster) caughtUp(change, except uint64) bool {
	for id, r := range c.replicas {
		if id != except && c.answers(id) && r.finished.Load() < change {
			return false
		}
	}
	return true
}

// checkMajority returns an error that says what to do if too few replicas answer.
func (c *cluster) checkMajority() error {
	answering, cut := 0, false
	for id := range c.machines {
		if c.answers(id) {
			answering++
		}
		cut = cut || c.net.isCut(id)
	}
	total := len(c.machines)
	if answering > total/2 || total == 1 && len(c.replicas) == 1 {
		return nil
	}
	remedy := "restart one"
	if cut {
		remedy = "heal the network"
	}
	return fmt.Errorf("no majority: %d of %d replicas answer; %s", answering, total, remedy)
}
