package server_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/seed695671cb/raft/compat/server/internal/cluster"
	"github.com/seed695671cb/raft/compat/server/internal/load"
)

// Everything at once, in an order that the seed draws: faults and maintenance under load, for as long as -duration says.
// After each of them the cluster must go on acknowledging operations. Members of this process can be cut off from each
// other.
func TestMixedFaultsInOneProcess(t *testing.T) {
	t.Parallel()
	m := newMix(t, smallLog())
	m.run([]action{
		{"restart", 3, func() { m.member().Restart() }},
		{"stop for long", 2, m.stopForLong},
		{"cut off", 4, m.cutOff},
		{"cut off the leader", 3, m.cutOffLeader},
		{"move the leader", 4, func() { m.cluster.MoveLeader(m.member()) }},
		{"replace a member", 1, m.replace},
		{"defragment", 2, m.defragment},
		{"compact", 3, m.compact},
	})
}

// The same with a process for each member, which can be killed and stalled.
func TestMixedFaultsOfProcesses(t *testing.T) {
	t.Parallel()
	options := smallLog()
	options.Processes = true
	m := newMix(t, options)
	m.run([]action{
		{"kill", 3, func() { m.kill(m.member()) }},
		{"kill the leader", 3, func() { m.kill(m.cluster.Leader()) }},
		{"kill all", 1, m.killAll},
		{"stall", 2, func() { m.stall(m.member()) }},
		{"stall the leader", 3, func() { m.stall(m.cluster.Leader()) }},
		{"stop for long", 2, m.stopForLong},
		{"move the leader", 3, func() { m.cluster.MoveLeader(m.member()) }},
		{"replace a member", 1, m.replace},
		{"compact", 2, m.compact},
	})
}

// A mix does one thing after another to a cluster under load.
type mix struct {
	t       *testing.T
	cluster *cluster.Cluster
	load    *load.Load
	rng     *rand.Rand
	done    map[string]int
}

// An action is drawn as often as its weight says, among those of a mix.
type action struct {
	name   string
	weight int
	act    func()
}

func newMix(t *testing.T, options cluster.Options) *mix {
	t.Logf("seed %d, %s", *seed, *duration)
	c := cluster.New(t, options)
	return &mix{
		t:       t,
		cluster: c,
		load:    load.Start(t, c, "mixed", 4, *seed),
		rng:     rand.New(rand.NewPCG(*seed, 0)),
		done:    map[string]int{},
	}
}

func (m *mix) run(actions []action) {
	for end := time.Now().Add(*duration); time.Now().Before(end); {
		m.draw(actions)
		m.load.AwaitProgress(100)
	}
	m.load.Stop()
	snapshots := 0
	for _, member := range m.cluster.Members() {
		snapshots += len(member.Journal.Notes(cluster.SnapshotApplied))
	}
	m.t.Logf("%v; present members were brought up by %d snapshots", m.done, snapshots)
}

func (m *mix) draw(actions []action) {
	total := 0
	for _, a := range actions {
		total += a.weight
	}
	at := m.rng.IntN(total)
	for _, a := range actions {
		if at -= a.weight; at < 0 {
			m.done[a.name]++
			a.act()
			return
		}
	}
}

func (m *mix) member() *cluster.Member {
	members := m.cluster.Members()
	return members[m.rng.IntN(len(members))]
}

func (m *mix) kill(member *cluster.Member) {
	member.Kill()
	m.load.AwaitProgress(int64(m.rng.IntN(200)))
	member.Start()
}

func (m *mix) killAll() {
	for _, member := range m.cluster.Members() {
		member.Kill()
	}
	m.cluster.StartAll()
}

func (m *mix) stall(member *cluster.Member) {
	member.Stall()
	m.load.AwaitProgress(int64(m.rng.IntN(200)))
	member.Resume()
}

func (m *mix) cutOff() {
	member := m.member()
	m.cluster.Isolate(member)
	m.load.AwaitProgress(int64(m.rng.IntN(800)))
	m.cluster.Mend(member)
}

func (m *mix) cutOffLeader() {
	leader := m.cluster.Leader()
	m.cluster.Isolate(leader)
	m.cluster.LeaderAmong(m.cluster.Others(leader)...)
	m.load.AwaitProgress(int64(m.rng.IntN(200)))
	m.cluster.Mend(leader)
}

func (m *mix) stopForLong() {
	member := m.member()
	member.Stop()
	m.load.AwaitProgress(missed)
	member.Start()
}

func (m *mix) defragment() {
	member := m.member()
	cluster.Await(m.t, "defragment "+member.Name, func() error {
		_, err := m.cluster.Client().Defragment(bounded(m.t), member.Endpoint())
		return err
	})
}

// compact forgets all revisions but the newest.
func (m *mix) compact() {
	cluster.Await(m.t, "compact", func() error {
		ctx := bounded(m.t)
		now, err := m.cluster.Client().Get(ctx, "no such key")
		if err != nil {
			return err
		}
		_, err = m.cluster.Client().Compact(ctx, now.Header.Revision, clientv3.WithCompactPhysical())
		return err
	})
}

// replace has a new member join as a learner, gives it a vote, and removes one of the others.
func (m *mix) replace() {
	learner := m.cluster.AddLearner()
	m.load.AwaitProgress(50)
	m.cluster.Promote(learner)
	m.load.AwaitProgress(50)
	others := m.cluster.Others(learner)
	removed := others[m.rng.IntN(len(others))]
	m.cluster.Remove(removed)
	require.Len(m.t, m.cluster.Members(), 3, fmt.Sprintf("after %s has gone", removed.Name))
}
