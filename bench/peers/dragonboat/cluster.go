package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/lni/dragonboat/v4"
	"github.com/lni/dragonboat/v4/client"
	"github.com/lni/dragonboat/v4/config"
	"github.com/lni/dragonboat/v4/statemachine"
	"github.com/lni/vfs"

	"github.com/seed695671cb/raft/bench/peers/proposers"
)

const (
	// shard is the number of the one group.
	shard = 1
	// startTimeout is how long the first election may take.
	startTimeout = 20 * time.Second
	// lifetime is how long a cluster may last.
	lifetime = time.Hour
	// proposalTimeout is how long a proposal of Stream may take.
	proposalTimeout = 20 * time.Second
	// busyPause is how long to hold back when the library takes no more proposals.
	busyPause = 50 * time.Microsecond
)

// cluster is some members of one group, each on a host of its own with a file system in memory, joined over TCP on the
// loopback interface.
type cluster struct {
	hosts   []*dragonboat.NodeHost
	leader  *dragonboat.NodeHost
	session *client.Session
	// life ends when the cluster is closed. Its deadline serves all proposals that wait, which must have one: a context
	// for each would cost as much as a tenth of the proposal.
	life context.Context
	end  context.CancelFunc
}

// attempts is how often a start is tried: another program may take a port before the member listens on it.
const attempts = 3

// open starts a member for each machine and returns when one of them leads.
func open(machines []*proposers.Machine) (c proposers.Cluster, err error) {
	for range attempts {
		if c, err = openOnce(machines); err == nil {
			return c, nil
		}
	}
	return nil, err
}

func openOnce(machines []*proposers.Machine) (proposers.Cluster, error) {
	addresses, err := freeAddresses(len(machines))
	if err != nil {
		return nil, err
	}
	members := make(map[uint64]dragonboat.Target)
	for i, address := range addresses {
		members[uint64(i+1)] = address
	}
	c := &cluster{}
	c.life, c.end = context.WithTimeout(context.Background(), lifetime)
	for i, m := range machines {
		if err := c.start(members, uint64(i+1), m); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	if err := c.awaitLeader(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// freeAddresses returns n addresses on the loopback interface that nobody listens on.
func freeAddresses(n int) ([]string, error) {
	var addresses []string
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer listener.Close()
		addresses = append(addresses, listener.Addr().String())
	}
	return addresses, nil
}

// start starts the member and its host.
func (c *cluster) start(members map[uint64]dragonboat.Target, id uint64, m *proposers.Machine) error {
	host, err := dragonboat.NewNodeHost(hostConfig(members[id]))
	if err != nil {
		return err
	}
	if host == nil {
		return errors.New("the library made no host and did not say why: a file system of another type does that")
	}
	c.hosts = append(c.hosts, host)
	create := func(uint64, uint64) statemachine.IConcurrentStateMachine { return machine{m} }
	return host.StartConcurrentReplica(members, false, create, replicaConfig(id))
}

// hostConfig is the library's own, with a file system in memory, and a log store with the smallest buffers, which does
// as well as with the largest, and makes them faster.
func hostConfig(address string) config.NodeHostConfig {
	expert := config.GetDefaultExpertConfig()
	expert.FS = vfs.NewMem()
	expert.LogDB = config.GetTinyMemLogDBConfig()
	return config.NodeHostConfig{
		NodeHostDir: "/host", RaftAddress: address, RTTMillisecond: 10, Expert: expert,
	}
}

// replicaConfig has the log compacted as in the other workloads, every 10,000 entries. As many stay for a follower that
// lags. An election takes 0.3 s, enough for a busy machine.
func replicaConfig(id uint64) config.Config {
	return config.Config{
		ReplicaID: id, ShardID: shard, ElectionRTT: 100, HeartbeatRTT: 5, CheckQuorum: true, WaitReady: true,
		SnapshotEntries: 10_000, CompactionOverhead: 10_000,
	}
}

func (c *cluster) awaitLeader() error {
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(time.Millisecond) {
		id, _, known, err := c.hosts[0].GetLeaderID(shard)
		if err == nil && known {
			c.leader = c.hosts[id-1]
			c.session = c.leader.GetNoOPSession(shard)
			return nil
		}
		if time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("no leader after %v", startTimeout), err)
		}
	}
}

// Propose proposes the data and waits until the leader has applied it.
func (c *cluster) Propose(data []byte) error {
	_, err := c.leader.SyncPropose(c.life, c.session, data)
	return err
}

// Stream proposes the data n times, and waits for the oldest when as many as the window are under way.
func (c *cluster) Stream(data []byte, n, window int) error {
	underWay := make([]*dragonboat.RequestState, min(n, window))
	for i := range n {
		slot := i % len(underWay)
		if oldest := underWay[slot]; oldest != nil {
			if err := await(oldest); err != nil {
				return err
			}
		}
		request, err := c.send(data)
		if err != nil {
			return err
		}
		underWay[slot] = request
	}
	for _, request := range underWay {
		if err := await(request); err != nil {
			return err
		}
	}
	return nil
}

// send proposes, as soon as the library takes the proposal: it refuses when its queue is full.
func (c *cluster) send(data []byte) (*dragonboat.RequestState, error) {
	for {
		request, err := c.leader.Propose(c.session, data, proposalTimeout)
		if !errors.Is(err, dragonboat.ErrSystemBusy) {
			return request, err
		}
		time.Sleep(busyPause)
	}
}

// await waits until the proposal is applied, and gives the request back to the library.
func await(request *dragonboat.RequestState) error {
	defer request.Release()
	if result := <-request.ResultC(); !result.Completed() {
		return errors.New("a proposal was not applied")
	}
	return nil
}

// Close stops the hosts, and with each its member.
func (c *cluster) Close() error {
	c.end()
	for _, host := range c.hosts {
		host.Close()
	}
	return nil
}
