package replica

import (
	"context"
	"flag"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

var manyGroups = flag.Int("groups", 1000, "how many groups TestManyGroupsShareAHost runs")

// A nothing is a state machine without state.
type nothing struct{ register }

func (*nothing) Apply(commands []Command) ([][]byte, error) {
	return make([][]byte, len(commands)), nil
}

// Groups of three on three hosts: a host has as many goroutines as with one group, all groups elect, commit and read, and the
// heartbeats of all leaders between two hosts travel in few batches.
func TestManyGroupsShareAHost(t *testing.T) {
	groups := *manyGroups
	network := NewMemoryNetwork()
	tick := 100 * time.Millisecond
	members := []Member{{ID: 1, Address: "1"}, {ID: 2, Address: "2"}, {ID: 3, Address: "3"}}
	hosts := map[uint64]*Host{}
	for _, m := range members {
		h, err := NewHost(HostConfig{ID: m.ID, Store: NewMemoryLogStore(), Transport: network.Transport(m.ID), Tick: tick,
			Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		hosts[m.ID] = h
	}
	defer stopHosts(hosts)
	before := runtime.NumGoroutine()
	memory := heap()
	replicas := map[uint64][]*Replica{}
	for group := range groups {
		for _, m := range members {
			r, err := hosts[m.ID].Start(Config{Group: uint64(group), StateMachine: &nothing{}, Peers: members})
			require.NoError(t, err)
			replicas[m.ID] = append(replicas[m.ID], r)
		}
	}
	require.Eventually(t, func() bool {
		for _, r := range replicas[1] {
			if lead, _ := r.Leader(); lead == 0 {
				return false
			}
		}
		return true
	}, 2*time.Minute, 50*time.Millisecond, "not every group elects a leader")
	require.LessOrEqual(t, runtime.NumGoroutine(), before+20, "goroutines do not grow with groups")
	t.Logf("%d groups of 3: %d goroutines, %.1f KiB a replica", groups, runtime.NumGoroutine(), float64(heap()-memory)/float64(3*groups)/1024)

	proposeToAll(t, replicas[2])
	traffic, messages := batchesOf(network, func() { time.Sleep(20 * tick) })
	t.Logf("20 ticks of idleness: %d messages in %d batches", messages, traffic)
	require.Greater(t, messages, uint64(groups), "leaders send heartbeats")
	require.Less(t, traffic*10, messages, "heartbeats of many groups travel together")
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func stopHosts(hosts map[uint64]*Host) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var wg sync.WaitGroup
	for _, h := range hosts {
		wg.Go(func() { _ = h.Stop(ctx) })
	}
	wg.Wait()
}

// proposeAgain proposes until there is an answer: what is passed to a leader that is replaced just then may be lost.
func proposeAgain(ctx context.Context, r *Replica) error {
	for {
		once, cancel := context.WithTimeout(ctx, 5*time.Second)
		_, err := r.Propose(once, []byte("x"))
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// proposeToAll proposes to every group and reads from it.
func proposeToAll(t *testing.T, replicas []*Replica) {
	var next, failed atomic.Int64
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(replicas) {
					return
				}
				err := proposeAgain(patient(t), replicas[i])
				if err == nil {
					_, err = replicas[i].Read(patient(t), Linearizable)
				}
				if err != nil {
					t.Log(replicas[i].Status(), err)
					failed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	require.Zero(t, failed.Load())
}

// batchesOf returns what travelled between all hosts meanwhile.
func batchesOf(network *MemoryNetwork, f func()) (batches, messages uint64) {
	sum := func() (b, m uint64) {
		for from := uint64(1); from <= 3; from++ {
			for to := uint64(1); to <= 3; to++ {
				traffic := network.Traffic(from, to)
				b += traffic.Batches
				m += traffic.Messages
			}
		}
		return b, m
	}
	b0, m0 := sum()
	f()
	b1, m1 := sum()
	return b1 - b0, m1 - m0
}

func TestAHostRefusesWhatIsWrong(t *testing.T) {
	network := NewMemoryNetwork()
	good := HostConfig{ID: 1, Store: NewMemoryLogStore(), Transport: network.Transport(1)}
	for name, wrong := range map[string]func(*HostConfig){
		"ID":        func(c *HostConfig) { c.ID = 0 },
		"Store":     func(c *HostConfig) { c.Store = nil },
		"Transport": func(c *HostConfig) { c.Transport = nil },
		"Tick":      func(c *HostConfig) { c.Tick = -1 },
	} {
		c := good
		wrong(&c)
		_, err := NewHost(c)
		require.ErrorContains(t, err, name)
	}
	h, err := NewHost(good)
	require.NoError(t, err)
	defer stopHosts(map[uint64]*Host{1: h})
	one := []Member{{ID: 1}}
	for name, c := range map[string]Config{
		"StateMachine":       {Peers: one},
		"ID 0":               {StateMachine: newRegister(), Peers: []Member{{}}},
		"twice":              {StateMachine: newRegister(), Peers: []Member{{ID: 1}, {ID: 1}}},
		"learner":            {StateMachine: newRegister(), Peers: []Member{{ID: 1, Learner: true}}},
		"member 1":           {StateMachine: newRegister(), Peers: []Member{{ID: 2}}},
		"MaxReads":           {StateMachine: newRegister(), Peers: one, MaxReads: -1},
		"HeartbeatTicks":     {StateMachine: newRegister(), Peers: one, HeartbeatTicks: 10, ElectionTicks: 10},
		"no peers, no group": {StateMachine: newRegister()},
	} {
		_, err := h.Start(c)
		if name == "no peers, no group" {
			require.Error(t, err)
			continue
		}
		require.ErrorContains(t, err, name)
	}
	_, err = h.Start(Config{StateMachine: newRegister(), Peers: one})
	require.NoError(t, err)
	_, err = h.Start(Config{StateMachine: newRegister(), Peers: one})
	require.ErrorContains(t, err, "started on host 1 already")
	require.NotNil(t, h.Replica(0))
	require.Nil(t, h.Replica(1))
}

func TestAProcessThatStoodStillCountsAllTicksForLeadersAlone(t *testing.T) {
	c := newHostClock(time.Hour)
	c.start = c.start.Add(-2 * time.Hour)
	now, unnoticed := c.read()
	require.Equal(t, []uint64{2, 0}, []uint64{now, unnoticed})
	c.start = c.start.Add(-50 * time.Hour)
	now, unnoticed = c.read()
	require.Equal(t, []uint64{52, 50 - maxJump}, []uint64{now, unnoticed})
	now, unnoticed = c.read()
	require.Equal(t, []uint64{52, 50 - maxJump}, []uint64{now, unnoticed}, "nothing passed")
}

// strayMessages are what must not come to a member in a batch of another, or never.
func strayMessages(from, to, term uint64) []pb.Message {
	high := pb.SnapshotMetadata{Index: 1000, Term: term, ConfState: pb.ConfState{Voters: []uint64{from}}}
	entries := []pb.Entry{{Index: 1000, Term: term}}
	return []pb.Message{
		{Type: pb.MsgSnap, From: from, Snapshot: &pb.Snapshot{Metadata: high}},
		{Type: pb.MsgStorageAppend, From: from, Entries: entries},
		{Type: pb.MsgStorageAppendResp, From: raft.LocalAppendThread, Index: 1000, LogTerm: term},
		{Type: pb.MsgStorageAppendResp, From: from, Snapshot: &pb.Snapshot{Metadata: high}},
		{Type: pb.MsgStorageApply, From: from, Entries: entries},
		{Type: pb.MsgStorageApplyResp, From: raft.LocalApplyThread, Entries: entries},
		{Type: pb.MsgStorageApplyResp, From: from, Entries: entries},
		{Type: pb.MsgAppResp, From: raft.LocalAppendThread, Index: 1000},
		{Type: pb.MsgAppResp, From: to, Index: 1000},
		{Type: pb.MsgHeartbeat, From: to, Commit: 1000},
		{Type: pb.MsgVote, From: to, Index: 1000, LogTerm: term},
		{Type: pb.MsgHup, From: from},
		{Type: pb.MsgBeat, From: from},
		{Type: pb.MsgCheckQuorum, From: from},
		{Type: pb.MsgUnreachable, From: from},
		{Type: pb.MsgSnapStatus, From: from},
	}
}

// What the goroutines of a host tell each other, a snapshot without contents, and what seems to come from the host itself, was
// once stepped when another host sent it, and stopped the replica.
func TestMessagesThatNoHostSendsAreCountedAndNothingElse(t *testing.T) {
	g := newTestGroup(t, 3, nil).startAll()
	g.propose(g.leader(), "k+=x")
	for _, m := range g.members {
		unknown := m.host.UnknownGroups() // of the time before the group was started there
		from := g.except(m.id)[0]
		_, term := m.Leader()
		var batch []Message
		for _, stray := range strayMessages(from, m.id, term) {
			stray.To, stray.Term = m.id, term
			batch = append(batch, Message{Group: m.group, Message: stray})
		}
		astray := pb.Message{Type: pb.MsgHeartbeat, From: m.id, To: from, Term: term}
		batch = append(batch, Message{Group: m.group, Message: astray})
		for i := range batch {
			m.host.HandleMessages(from, batch[i:i+1])
			require.EqualValues(t, i+1, m.host.Refused(), "%v from %x", batch[i].Type, batch[i].From)
		}
		// The rest of a batch counts: this one has the member know of a later term.
		later := pb.Message{Type: pb.MsgAppResp, From: from, To: m.id, Term: term + 1}
		m.host.HandleMessages(from, append(batch, Message{Group: m.group, Message: later}))
		require.EqualValues(t, 2*len(batch), m.host.Refused())
		require.Eventually(t, func() bool { _, now := m.Leader(); return now > term }, time.Minute, time.Millisecond)
		require.Equal(t, unknown, m.host.UnknownGroups())
	}
	g.leader()
	for _, m := range g.members {
		g.propose(m, "k+=y")
		require.NoError(t, m.Err())
	}
	g.agree("k", "xyyy")
}
