package replica

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft"
)

func TestMembersAreAddedPromotedAndRemoved(t *testing.T) {
	for _, durable := range []bool{false, true} {
		t.Run(fmt.Sprint("durable=", durable), func(t *testing.T) {
			g := newCalmGroup(t, 3, func(c *Config) { c.SnapshotEntries, c.TrailingEntries = 10, 1 })
			g.durable = durable
			g.startAll()
			leader := g.leader()
			want := ""
			for i := range 50 {
				text := fmt.Sprint(i, ",")
				want += text
				_, err := leader.Propose(patient(t), []byte("k+="+text))
				require.NoError(t, err)
			}
			leader.compacted(t)
			join := func(c *Config) { c.Join = true }
			g.start(4, join)
			require.NoError(t, leader.AddMember(patient(t), Member{ID: 4, Address: "memory:4", Learner: true}))
			g.agree("k", want)
			g.receivesSnapshot(g.members[4], "the log is compacted: it takes a snapshot")
			require.Contains(t, g.members[4].Members(), Member{ID: 4, Address: "memory:4", Learner: true})
			g.promote(leader, 4)
			require.Contains(t, leader.Members(), Member{ID: 4, Address: "memory:4"})
			other := g.follower()
			require.NoError(t, leader.RemoveMember(patient(t), other.id))
			require.Len(t, leader.Members(), 3)
			_, err := leader.Propose(patient(t), []byte("k+=end"))
			require.NoError(t, err)

			// What was restored survives a restart, with the membership that belongs to it.
			g.crash(4)
			g.start(4, join)
			require.Eventually(t, func() bool { return g.members[4].value("k") == want+"end" }, time.Minute, time.Millisecond)
			require.Eventually(t, func() bool { return len(g.members[4].Members()) == 3 }, time.Minute, time.Millisecond)
		})
	}
}

// TestChangesFollowEachOther makes each change as soon as the one before it is answered: none is refused.
func TestChangesFollowEachOther(t *testing.T) {
	g := newTestGroup(t, 1, nil).startAll()
	leader := g.leader()
	for id := uint64(2); id < 300; id++ {
		require.NoError(t, leader.AddMember(patient(t), Member{ID: id, Address: "x", Learner: true}))
		require.NoError(t, leader.RemoveMember(patient(t), id))
	}
}

// A new leader must not change the members before it has applied what the leaders before it have left, which may be a change. It once
// said that one was pending although there was none.
func TestANewLeaderMakesAChangeWhenItHasAppliedWhatWasLeft(t *testing.T) {
	for _, deposed := range []bool{false, true} {
		t.Run(fmt.Sprint("deposed=", deposed), func(t *testing.T) {
			slow := &sparing{register: newRegister(), held: make(chan struct{})}
			release := sync.OnceFunc(func() { close(slow.held) })
			g := newTestGroup(t, 3, func(c *Config) { c.ElectionTicks = 50 })
			t.Cleanup(release)
			m := g.start(1, func(c *Config) { c.StateMachine = slow })
			g.start(2, nil)
			g.start(3, nil)
			g.write(g.leadBy(2), "k", 1)
			g.leadBy(1)
			answer := make(chan error, 1)
			go func() { answer <- m.AddMember(patient(t), Member{ID: 4, Address: "memory:4", Learner: true}) }()
			require.Eventually(t, func() bool {
				waits := 0
				m.call(patient(t), func() { waits = len(m.stepping.proposing.changes) })
				return waits == 1
			}, time.Minute, time.Millisecond)
			if deposed {
				g.network.Isolate(1)
				require.ErrorIs(t, <-answer, ErrNotApplied, "it hears from nobody, or leads no more")
				g.network.Heal()
				return
			}
			release()
			require.NoError(t, <-answer)
			require.Len(t, m.Members(), 4)
		})
	}
}

func TestChangesThatCannotBeMadeSayWhy(t *testing.T) {
	g := newTestGroup(t, 3, func(c *Config) { c.ElectionTicks = 100 }).startAll() // it leads on for a while when it is cut off
	leader, follower := g.leader(), g.follower()
	var not *NotLeaderError
	require.ErrorAs(t, follower.AddMember(patient(t), Member{ID: 4}), &not)
	require.Equal(t, leader.id, not.Leader)
	require.ErrorAs(t, follower.TransferLeadership(patient(t), follower.id), &not)
	require.ErrorIs(t, leader.AddMember(patient(t), Member{}), ErrRefused)
	require.ErrorIs(t, leader.RemoveMember(patient(t), 9), ErrRefused)
	require.ErrorIs(t, leader.PromoteMember(patient(t), 9), ErrRefused)
	require.ErrorIs(t, leader.ChangeMembers(patient(t), Change{}), ErrRefused)
	require.ErrorIs(t, leader.TransferLeadership(patient(t), 9), ErrRefused)

	// A second change is refused while the first cannot be committed, and the first is answered when its fate is known.
	g.network.Isolate(leader.id)
	first := make(chan error, 1)
	go func() { first <- leader.AddMember(patient(t), Member{ID: 4, Address: "memory:4", Learner: true}) }()
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 10*testTick)
		defer cancel()
		err := leader.AddMember(ctx, Member{ID: 5, Address: "memory:5", Learner: true})
		var dropped *raft.ProposalDroppedError
		return errors.Is(err, ErrRefused) && errors.As(err, &dropped) && dropped.Reason == raft.DroppedChangePending
	}, time.Minute, testTick)
	var others []uint64
	for id := uint64(1); id <= 3; id++ {
		if id != leader.id {
			others = append(others, id)
		}
	}
	g.leader(others...)
	g.network.Heal()
	err := <-first
	require.ErrorIs(t, err, ErrNotApplied, "another led: it is lost for certain")
}

func TestLeadershipIsTransferred(t *testing.T) {
	g := newCalmGroup(t, 3, func(c *Config) { c.ElectionTicks = 100 }).startAll() // for so long a transfer is waited for
	for range 3 {
		leader, follower := g.leader(), g.follower()
		require.NoError(t, leader.TransferLeadership(patient(t), follower.id))
		require.Equal(t, follower.id, g.leader().id)
	}
	leader, follower := g.leader(), g.follower()
	g.network.Cut(leader.id, follower.id)
	require.ErrorIs(t, leader.TransferLeadership(patient(t), follower.id), ErrRefused)
}

func TestStoppingHandsLeadershipOver(t *testing.T) {
	g := newCalmGroup(t, 3, nil).startAll()
	leader := g.leader()
	_, err := leader.Propose(patient(t), []byte("k+=x"))
	require.NoError(t, err)
	_, before := leader.Leader()
	require.NoError(t, leader.Stop(patient(t)))
	var others []uint64
	for id := uint64(1); id <= 3; id++ {
		if id != leader.id {
			others = append(others, id)
		}
	}
	_, after := g.leader(others...).Leader()
	require.Equal(t, before+1, after, "one transfer, and no election that failed")
	_, err = leader.Propose(patient(t), []byte("k+=y"))
	require.ErrorIs(t, err, ErrStopped)
	require.ErrorIs(t, err, ErrNotApplied)
	require.NoError(t, leader.Err())
}

func TestAFailingDiskStopsTheReplicaAndLosesNothing(t *testing.T) {
	g := newTestGroup(t, 3, nil).startAll()
	leader := g.leader()
	g.propose(leader, "k+=kept,")
	broken := errors.New("no space left")
	leader.store.FailWrites(broken)
	_, err := leader.Propose(patient(t), []byte("k+=lost"))
	require.Error(t, err)
	<-leader.Done()
	require.ErrorIs(t, leader.Err(), broken)
	_, err = leader.Read(patient(t), Linearizable)
	require.ErrorIs(t, err, broken)
	other := g.follower()
	_, err = other.Read(patient(t), Linearizable)
	require.NoError(t, err)
	require.Contains(t, other.value("k"), "kept,")
}

func TestAFailingStateMachineStopsTheReplica(t *testing.T) {
	g := newTestGroup(t, 1, nil).startAll()
	m := g.leader()
	broken := errors.New("does not compute")
	machine := m.machine.(*register)
	machine.mu.Lock()
	machine.fail = broken
	machine.mu.Unlock()
	_, err := m.Propose(patient(t), []byte("k+=x"))
	require.ErrorIs(t, err, ErrUnknownOutcome)
	<-m.Done()
	require.ErrorIs(t, m.Err(), broken)
}

// A log that is never compacted has any learner be near enough to its end.
func TestALearnerIsPromotedHoweverLongTheLogIsKept(t *testing.T) {
	g := newTestGroup(t, 1, func(c *Config) { c.TrailingEntries = math.MaxUint64 }).startAll()
	leader := g.leader()
	require.NoError(t, leader.AddMember(patient(t), Member{ID: 2, Address: "2", Learner: true}))
	g.start(2, func(c *Config) { c.Join = true })
	g.catchUp(g.members[2], leader)
	g.promote(leader, 2) // which it has to be heard of for
}
