package workload

import (
	"fmt"
	"runtime"

	"github.com/seed695671cb/raft/bench/lib"
	"github.com/seed695671cb/raft/bench/measure"
)

// W6: groups in which nothing happens but time. What a replica holds is counted without its storage, which stands
// before the counting starts; so is what a driver keeps for a replica. Ticks, heartbeats and their answers are counted
// with the Readys that they take, and without writing, since nothing is written.

const (
	idleGroups   = 2_000
	secondGroups = 10_000
	manyIdle     = 100_000
	ticksASecond = 10
)

func idle() []Workload {
	return []Workload{
		{Name: "W6/held/group", Unit: "replica", Operations: 3 * idleGroups, New: startHeldGroups},
		{Name: "W6/held/follower", Unit: "replica", Operations: manyIdle, New: startHeldFollowers},
		{Name: "W6/tick/follower", Unit: "tick", Operations: 5_000_000, New: startFollowerTicks},
		{Name: "W6/tick/leader", Unit: "tick", Operations: 5_000_000, New: startLeaderTicks},
		{Name: "W6/tick/leader/due", Unit: "tick", Operations: 500_000, New: startBeats},
		{Name: "W6/heartbeat", Unit: "heartbeat", Operations: 1_000_000, New: startHeartbeats},
		{Name: "W6/second/beats=10", Unit: "second of 10,000 groups", Operations: 2, New: startSecondsOfTen},
		{Name: "W6/second/beats=1", Unit: "second of 10,000 groups", Operations: 2, New: startSecondsOfOne},
		{Name: "W6/followers=100000", Unit: "tick", Operations: 10 * manyIdle, New: startManyTicks},
	}
}

// startHeldGroups counts what the replicas of groups of three hold when each group has a leader and some heartbeats
// have gone round. The groups have had leaders before, so that the logs in storage have room for the entry of the new
// one and do not grow while replicas are counted.
func startHeldGroups(n int) (measure.Job, int, error) {
	groups, err := restartableGroups((n + 2) / 3)
	if err != nil {
		return measure.Job{}, 0, err
	}
	for range 2 {
		if err := restartGroups(groups, 1); err != nil {
			return measure.Job{}, 0, err
		}
	}
	for _, g := range groups {
		for _, m := range g.members {
			m.node = nil
		}
	}
	run := func() error { return restartGroups(groups, 1) }
	holds := func() { runtime.KeepAlive(groups) }
	return measure.Job{Run: run, Check: func() error { return checkLead(groups) }, Holds: holds}, 3 * len(groups), nil
}

// restartableGroups returns n groups of three with storage and without nodes.
func restartableGroups(n int) ([]*group, error) {
	lib.Quiet()
	voters := []uint64{1, 2, 3}
	groups := make([]*group, n)
	for i := range groups {
		g := &group{}
		for _, id := range voters {
			store := lib.NewMemoryStorage()
			if err := lib.SetUp(store, voters, nil); err != nil {
				return nil, err
			}
			g.members = append(g.members, &member{id: id, store: store, compacted: 1})
		}
		groups[i] = g
	}
	return groups, nil
}

// restartGroups gives every group new nodes, whose leaders send heartbeats every so many ticks, has member 1 win an
// election, and lets three heartbeats go round.
func restartGroups(groups []*group, heartbeatTick int) error {
	for _, g := range groups {
		for _, m := range g.members {
			c := config(m.id, m.store)
			c.HeartbeatTick, c.ElectionTick = heartbeatTick, 10*heartbeatTick
			node, err := lib.NewRawNode(c)
			if err != nil {
				return err
			}
			m.node, m.applied = node, 1
		}
		if err := g.leader().node.Campaign(); err != nil {
			return err
		}
		if err := g.settle(); err != nil {
			return err
		}
		for range 3 * heartbeatTick {
			g.leader().node.Tick()
			if err := g.settle(); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkLead(groups []*group) error {
	for i, g := range groups {
		for _, m := range g.members {
			st := m.node.BasicStatus()
			if m.node.HasReady() || st.Lead != 1 || st.Applied != g.leader().applied || m.applied != g.leader().applied {
				return fmt.Errorf("group %d: member %d has leader %d, has applied %d, the leader %d, and has something to do: %t",
					i, m.id, st.Lead, st.Applied, g.leader().applied, m.node.HasReady())
			}
		}
	}
	return nil
}

// startHeldFollowers counts what followers hold that have been restarted and have heard from their leader.
func startHeldFollowers(n int) (measure.Job, int, error) {
	stores, err := followerStores(n)
	if err != nil {
		return measure.Job{}, 0, err
	}
	nodes := make([]*lib.RawNode, n)
	run := func() error { return startFollowers(nodes, stores, 10) }
	holds := func() { runtime.KeepAlive(nodes) }
	return measure.Job{Run: run, Check: func() error { return checkFollow(nodes) }, Holds: holds}, n, nil
}

// followerStores returns n storages of members that have voted for member 1 in term 1.
func followerStores(n int) ([]*lib.MemoryStorage, error) {
	lib.Quiet()
	voters := []uint64{1, 2, 3}
	stores := make([]*lib.MemoryStorage, n)
	for i := range stores {
		stores[i] = lib.NewMemoryStorage()
		if err := lib.SetUp(stores[i], voters, nil); err != nil {
			return nil, err
		}
		if err := lib.SetHard(stores[i], 1, 1, 1); err != nil {
			return nil, err
		}
	}
	return stores, nil
}

// startFollowers makes each node a member 2 that has answered a heartbeat of its leader, member 1.
func startFollowers(nodes []*lib.RawNode, stores []*lib.MemoryStorage, electionTick int) error {
	beat := lib.NewHeartbeat(2, 1, 1, 1)
	for i := range nodes {
		c := config(2, stores[i])
		c.ElectionTick = electionTick
		node, err := lib.NewRawNode(c)
		if err != nil {
			return err
		}
		if err := node.Step(beat); err != nil {
			return err
		}
		rd := node.Ready()
		if len(rd.Messages) != 1 {
			return fmt.Errorf("a follower answers a heartbeat with %d messages", len(rd.Messages))
		}
		node.Advance(rd)
		nodes[i] = node
	}
	return nil
}

func checkFollow(nodes []*lib.RawNode) error {
	for i, node := range nodes {
		if st := node.BasicStatus(); st.Lead != 1 || node.HasReady() {
			return fmt.Errorf("follower %d has leader %d, and something to do: %t", i, st.Lead, node.HasReady())
		}
	}
	return nil
}

// startFollowerTicks counts the ticks of one follower whose election timeout does not pass, and then checks that it
// passes after as many more ticks.
func startFollowerTicks(n int) (measure.Job, int, error) {
	return startTicks(1, n)
}

// startManyTicks counts the ticks of many followers, which are ticked in turn.
func startManyTicks(n int) (measure.Job, int, error) {
	return startTicks(manyIdle, max(1, n/manyIdle))
}

func startTicks(followers, rounds int) (measure.Job, int, error) {
	stores, err := followerStores(followers)
	if err != nil {
		return measure.Job{}, 0, err
	}
	nodes := make([]*lib.RawNode, followers)
	if err := startFollowers(nodes, stores, max(2, rounds+1)); err != nil {
		return measure.Job{}, 0, err
	}
	run := func() error {
		tickAll(nodes, rounds)
		return nil
	}
	check := func() error {
		if err := checkFollow(nodes); err != nil {
			return err
		}
		tickAll(nodes, rounds+1)
		for i, node := range nodes {
			if !node.HasReady() {
				return fmt.Errorf("follower %d has not campaigned in twice its election timeout", i)
			}
		}
		return nil
	}
	return measure.Job{Run: run, Check: check}, followers * rounds, nil
}

func tickAll(nodes []*lib.RawNode, rounds int) {
	for range rounds {
		for _, node := range nodes {
			node.Tick()
		}
	}
}
