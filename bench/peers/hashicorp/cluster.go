package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/seed695671cb/raft/bench/peers/proposers"
)

const (
	// electionTimeout is short enough for a quick start, and long enough for a busy machine.
	electionTimeout = time.Second
	// startTimeout is how long the first election may take.
	startTimeout = 20 * time.Second
)

// cluster is some members of one group, joined by the library's in-memory transport, over its in-memory store.
type cluster struct {
	members    []*raft.Raft
	transports []*raft.InmemTransport
	leader     *raft.Raft
}

// open starts a member for each machine and returns when one of them leads.
func open(machines []*proposers.Machine) (proposers.Cluster, error) {
	c := &cluster{}
	var servers []raft.Server
	for i := range machines {
		address, transport := raft.NewInmemTransport("")
		c.transports = append(c.transports, transport)
		servers = append(servers, raft.Server{ID: raft.ServerID(fmt.Sprint(i + 1)), Address: address})
	}
	for i, transport := range c.transports {
		for k, server := range servers {
			if k != i {
				transport.Connect(server.Address, c.transports[k])
			}
		}
	}
	for i, m := range machines {
		if err := c.start(servers, i, m); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	if err := c.awaitLeader(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// start bootstraps the member at place i and starts it.
func (c *cluster) start(servers []raft.Server, i int, m *proposers.Machine) error {
	conf, store, snapshots := config(servers[i].ID), raft.NewInmemStore(), raft.NewInmemSnapshotStore()
	whole := raft.Configuration{Servers: servers}
	if err := raft.BootstrapCluster(conf, store, store, snapshots, c.transports[i], whole); err != nil {
		return err
	}
	member, err := raft.NewRaft(conf, machine{m}, store, store, snapshots, c.transports[i])
	if err != nil {
		return err
	}
	c.members = append(c.members, member)
	return nil
}

// config is the library's own, but for what is set. Proposals are taken in batches. The log is compacted as in the
// other workloads, every 10,000 entries or so: the library looks at an interval whether to, and a snapshot is some
// bytes in memory. That makes a run cheaper, since the garbage collector has less to mark. A batch stays at the
// library's 64 entries: a larger one costs it more with few proposers and saves nothing with many.
func config(id raft.ServerID) *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID = id
	c.Logger = hclog.NewNullLogger()
	c.NoLegacyTelemetry = true
	c.BatchApplyCh = true
	c.HeartbeatTimeout = electionTimeout
	c.ElectionTimeout = electionTimeout
	c.LeaderLeaseTimeout = electionTimeout
	c.CommitTimeout = 5 * time.Millisecond
	c.SnapshotThreshold = 10_000
	c.SnapshotInterval = 50 * time.Millisecond
	return c
}

func (c *cluster) awaitLeader() error {
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(time.Millisecond) {
		for _, member := range c.members {
			if member.State() == raft.Leader {
				c.leader = member
				return member.Barrier(startTimeout).Error()
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no leader after %v", startTimeout)
		}
	}
}

// Propose proposes the data and waits until the leader has applied it.
func (c *cluster) Propose(data []byte) error { return c.leader.Apply(data, 0).Error() }

// Stream proposes the data n times, and waits for the oldest when as many as the window are under way.
func (c *cluster) Stream(data []byte, n, window int) error {
	underWay := make([]raft.ApplyFuture, min(n, window))
	for i := range n {
		slot := i % len(underWay)
		if oldest := underWay[slot]; oldest != nil {
			if err := oldest.Error(); err != nil {
				return err
			}
		}
		underWay[slot] = c.leader.Apply(data, 0)
	}
	for _, future := range underWay {
		if err := future.Error(); err != nil {
			return err
		}
	}
	return nil
}

// Close stops the members, then their transports.
func (c *cluster) Close() error {
	var failures []error
	for _, member := range c.members {
		failures = append(failures, member.Shutdown().Error())
	}
	for _, transport := range c.transports {
		failures = append(failures, transport.Close())
	}
	return errors.Join(failures...)
}
