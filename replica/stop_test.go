package replica

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft"
)

// How replicas and hosts end when something else is going on.

// within returns what comes, which it has to.
func within(t *testing.T, answer <-chan error, what string) error {
	t.Helper()
	select {
	case err := <-answer:
		return err
	case <-time.After(time.Minute):
		t.Fatal(what, "does not end")
		return nil
	}
}

// The one that is to take over cannot be elected, since most of the others are cut off. Stop without a deadline once waited for
// it.
func TestStoppingEndsWhereNobodyCanTakeOver(t *testing.T) {
	g := newTestGroup(t, 5, nil).startAll()
	leader, successor := g.leader(), g.follower()
	g.propose(leader, "k+=x")
	g.agree("k", "x")
	for _, id := range g.except(leader.id, successor.id) {
		g.network.Isolate(id)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- leader.Stop(context.Background()) }()
	require.NoError(t, within(t, stopped, "Stop"))
}

// A second Stop once ended the replica while the first was handing leadership over.
func TestStopsAtTheSameTimeHandLeadershipOver(t *testing.T) {
	g := newCalmGroup(t, 3, nil).startAll()
	leader := g.leader()
	_, err := leader.Propose(patient(t), []byte("k+=x"))
	require.NoError(t, err)
	g.agree("k", "x")
	g.network.SetDelay(5 * testTick) // so that handing over takes a while
	ctx := patient(t)
	var wg sync.WaitGroup
	stop := func() {
		wg.Go(func() {
			if err := leader.Stop(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	stop()
	require.Eventually(t, leader.refusing.Load, time.Minute, time.Microsecond)
	stop()
	stop()
	wg.Wait()
	leader.mu.Lock()
	defer leader.mu.Unlock()
	require.Equal(t, Stopped{}, leader.events[len(leader.events)-1])
	before, is := leader.events[len(leader.events)-2].(LeaderChanged)
	require.True(t, is)
	require.NotEqual(t, raft.StateLeader, before.Role, "it leads until its end")
}

// OnEvent must not call the replica, but what it starts may.
func TestAnEventCanHaveTheReplicaStopped(t *testing.T) {
	for _, size := range []int{1, 3} {
		t.Run(fmt.Sprint("size=", size), func(t *testing.T) {
			ctx := patient(t)
			var g *testGroup
			var leads, ended sync.Once
			ready, stopped, again := make(chan uint64), make(chan error, 1), make(chan error, 1)
			g = newTestGroup(t, size, func(c *Config) {
				tell := c.OnEvent
				c.OnEvent = func(e Event) {
					tell(e)
					switch e := e.(type) {
					case LeaderChanged:
						if e.Role == raft.StateLeader {
							leads.Do(func() { go func() { ready <- e.Leader; stopped <- g.members[e.Leader].Stop(ctx) }() })
						}
					case Stopped:
						ended.Do(func() { go func() { again <- g.members[<-ready].Stop(ctx) }() })
					}
				}
			})
			g.startAll()
			first := <-ready
			require.NoError(t, within(t, stopped, "Stop"))
			<-g.members[first].Done()
			ready <- first
			require.NoError(t, within(t, again, "another Stop"))
			require.Equal(t, 1, count(g.members[first], func(e Event) bool { _, is := e.(Stopped); return is }))
		})
	}
}

// A gatedStore opens one group's log not before its gate is opened.
type gatedStore struct {
	*MemoryLogStore
	group         uint64
	entered, gate chan struct{}
}

func newGatedStore(group uint64) *gatedStore {
	return &gatedStore{NewMemoryLogStore(), group, make(chan struct{}), make(chan struct{})}
}

func (s *gatedStore) Open(group uint64) (Log, error) {
	if group == s.group {
		close(s.entered)
		<-s.gate
	}
	return s.MemoryLogStore.Open(group)
}

func startHostOn(t *testing.T, store LogStore) *Host {
	h, err := NewHost(HostConfig{ID: 1, Store: store, Transport: NewMemoryNetwork().Transport(1), Tick: testTick,
		Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { stopHosts(map[uint64]*Host{1: h}) })
	return h
}

func alone(group uint64) Config {
	return Config{Group: group, StateMachine: newRegister(), Peers: []Member{{ID: 1}}}
}

// The log store may be closed when Stop returns. A Start that was under way once used it longer.
func TestStopWaitsForAStartThatIsUnderWay(t *testing.T) {
	s := newGatedStore(1)
	h := startHostOn(t, s)
	started, stopped := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := h.Start(alone(1))
		started <- err
	}()
	<-s.entered
	go func() { stopped <- h.Stop(context.Background()) }()
	require.Eventually(t, func() bool {
		_, err := h.Start(alone(2))
		return errors.Is(err, ErrStopped)
	}, time.Minute, time.Millisecond)
	require.Never(t, func() bool { return len(stopped) > 0 }, 10*testTick, time.Millisecond)
	close(s.gate)
	require.ErrorIs(t, within(t, started, "Start"), ErrStopped)
	require.NoError(t, within(t, stopped, "Stop"))
	require.Nil(t, h.Replica(1))
}

// After a failed write it is unknown what the log store has: nothing can be started on it. What was started then once neither
// worked nor failed.
func TestNothingIsStartedOnALogStoreThatHasFailed(t *testing.T) {
	s := newGatedStore(3)
	h := startHostOn(t, s)
	r, err := h.Start(alone(1))
	require.NoError(t, err)
	_, err = r.Propose(patient(t), []byte("k:=1"))
	require.NoError(t, err)
	underWay := make(chan error, 1)
	go func() {
		_, err := h.Start(alone(3))
		underWay <- err
	}()
	<-s.entered
	broken := errors.New("no space left")
	s.FailWrites(broken)
	_, err = r.Propose(patient(t), []byte("k:=2"))
	require.Error(t, err)
	<-r.Done()
	s.FailWrites(nil)
	_, err = h.Start(alone(2))
	require.ErrorIs(t, err, broken)
	close(s.gate)
	require.ErrorIs(t, within(t, underWay, "Start"), broken)
	require.Nil(t, h.Replica(2))
	require.Nil(t, h.Replica(3))
}
