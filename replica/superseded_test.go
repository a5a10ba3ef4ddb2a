package replica

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// A gatedRegister waits before it applies hold+=..., and remembers which membership it was given with which index.
type gatedRegister struct {
	*durableRegister
	entered, gate chan struct{}

	mu          sync.Mutex
	memberships map[uint64]pb.ConfState
}

func (r *gatedRegister) Apply(commands []Command) ([][]byte, error) {
	for _, c := range commands {
		if bytes.HasPrefix(c.Data, []byte("hold")) {
			close(r.entered)
			<-r.gate
		}
	}
	return r.durableRegister.Apply(commands)
}

func (r *gatedRegister) Commit(applied uint64, records []Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, record := range records {
		if !bytes.Equal(record.Key, []byte{recordConfState}) {
			continue
		}
		var cs pb.ConfState
		if err := cs.Unmarshal(record.Value); err != nil {
			return err
		}
		r.memberships[applied] = cs
	}
	return r.durableRegister.Commit(applied, records)
}

// A member is still to apply a membership change when its consensus takes in a snapshot, with the membership of a later index.
// It was once that one which was stored with the change: after a crash, before the snapshot was durable, the member went on with
// a membership to which the changes that had led to it were still to be made.
func TestAMembershipIsStoredWithTheIndexThatItBelongsTo(t *testing.T) {
	g := newTestGroup(t, 3, func(c *Config) { c.TrailingEntries, c.ElectionTicks = 1, 50 })
	g.durable = true
	machine := &gatedRegister{entered: make(chan struct{}), gate: make(chan struct{}), memberships: map[uint64]pb.ConfState{}}
	for _, p := range g.peers {
		g.start(p.ID, func(c *Config) {
			if p.ID == 3 {
				machine.durableRegister = c.StateMachine.(*durableRegister)
				c.StateMachine = machine
			}
		})
	}
	behind := g.members[3]
	leader := g.leadBy(1)
	go func() { _, _ = leader.Propose(patient(t), []byte("hold+=1")) }()
	<-machine.entered
	learner := func(id uint64) {
		require.Eventually(t, func() bool { // whoever leads
			return g.leader(1, 2).AddMember(patient(t), Member{ID: id, Address: fmt.Sprint("memory:", id), Learner: true}) == nil
		}, time.Minute, 10*time.Millisecond)
	}
	learner(4)
	require.Eventually(t, func() bool { return len(behind.waitingChanges()) == 1 }, time.Minute, time.Millisecond)
	changedAt := behind.waitingChanges()[0]

	g.network.Isolate(behind.id)
	learner(5)
	g.write(g.leader(1, 2), "k", 10)
	for id := uint64(1); id <= 2; id++ {
		g.catchUp(g.members[id], g.leader(1, 2))
		_, err := g.members[id].Compact(patient(t))
		require.NoError(t, err)
	}
	g.network.Heal()
	require.Eventually(t, func() (accepted bool) {
		behind.call(patient(t), func() { _, accepted = behind.stepping.rn.Status().Config.Learners[5] })
		return accepted
	}, time.Minute, time.Millisecond, "no snapshot arrives")
	require.Less(t, behind.Applied(), changedAt)
	close(machine.gate)
	g.catchUp(behind, g.leader(1, 2))

	machine.mu.Lock()
	defer machine.mu.Unlock()
	stored, known := machine.memberships[changedAt]
	require.True(t, known, "the change at index %d was not applied: the test shows nothing", changedAt)
	require.Equal(t, pb.ConfState{Voters: []uint64{1, 2, 3}, Learners: []uint64{4}}, stored)
	require.Len(t, behind.Members(), 5)
	require.NoError(t, behind.Err())
}

// waitingChanges returns the indexes of membership changes in jobs that wait to be applied.
func (m *testMember) waitingChanges() (indexes []uint64) {
	q := &m.applying.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, j := range q.waiting {
		for _, e := range j.entries {
			if e.Type != pb.EntryNormal {
				indexes = append(indexes, e.Index)
			}
		}
	}
	return indexes
}

// What a member stores is what its consensus has in force, at every step of a group's life.
func TestTheMembershipStoredIsThatInForce(t *testing.T) {
	g := newCalmGroup(t, 3, nil).startAll()
	leader := g.leader()
	agrees := func(voters []uint64, learners ...uint64) {
		t.Helper()
		require.Eventually(t, func() (same bool) {
			leader.call(patient(t), func() {
				inForce := *leader.stepping.rn.ApplyConfChange(nil)
				same = len(inForce.VotersOutgoing) == 0 && slices.Equal(inForce.Voters, voters) && slices.Equal(inForce.Learners, learners)
			})
			return same
		}, time.Minute, time.Millisecond)
		require.Eventually(t, func() bool { _, err := leader.Compact(patient(t)); return err == nil }, time.Minute, time.Millisecond)
		newest, err := leader.log.Snapshot()
		require.NoError(t, err)
		require.Equal(t, pb.ConfState{Voters: voters, Learners: learners}, newest.Metadata.ConfState)
	}
	g.write(leader, "k", 1)
	agrees([]uint64{1, 2, 3})
	add := func(id uint64) Member { return Member{ID: id, Address: fmt.Sprint("memory:", id), Learner: true} }
	require.NoError(t, leader.ChangeMembers(patient(t), Change{Add: []Member{add(4), add(5)}}))
	agrees([]uint64{1, 2, 3}, 4, 5)
	gone := g.except(leader.id)[0]
	voters := slices.DeleteFunc([]uint64{1, 2, 3, 4}, func(id uint64) bool { return id == gone })
	g.start(4, func(c *Config) { c.Join = true })
	g.catchUp(g.members[4], leader)
	change := Change{Add: []Member{{ID: 4, Address: "memory:4"}}, Remove: []uint64{gone}}
	require.NoError(t, leader.ChangeMembers(patient(t), change))
	agrees(voters, 5)
}
