package replica

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// A hangingStore does not come back from Write while its lock is held.
type hangingStore struct {
	LogStore
	mu sync.Mutex
}

func (s *hangingStore) Write(updates []Update) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.LogStore.Write(updates)
}

// hangingGroup returns a group whose members' disks can be made to hang.
func hangingGroup(t *testing.T, size int) (*testGroup, map[uint64]*hangingStore) {
	stores := map[uint64]*hangingStore{}
	g := newTestGroup(t, size, nil)
	g.storeOf = func(id uint64, s LogStore) LogStore {
		stores[id] = &hangingStore{LogStore: s}
		return stores[id]
	}
	return g, stores
}

// hang has a member's disk hang until the function that it returns is called, at the end of the test at the latest.
func (s *hangingStore) hang(t *testing.T) (goOn func()) {
	s.mu.Lock()
	goOn = sync.OnceFunc(s.mu.Unlock)
	t.Cleanup(goOn)
	return goOn
}

// tryWrites proposes by way of a member, without caring for the outcomes, until done.
func tryWrites(m *testMember, done func() bool) {
	for end := time.Now().Add(time.Minute); time.Now().Before(end) && !done(); {
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		_, _ = m.Propose(ctx, []byte("k+=1"))
		cancel()
	}
}

// Without its disk a leader goes on leading, since its heartbeats do not rest on writes, and the others commit without it. But it
// applies nothing, and once its bound of what is not applied was reached nobody in the group could write any more.
func TestALeaderWhoseDiskHangsIsReplaced(t *testing.T) {
	for _, test := range []struct {
		name string
		// deaf has nobody hear of a transfer of leadership.
		deaf bool
	}{{"by transfer", false}, {"by silence", true}} {
		t.Run(test.name, func(t *testing.T) {
			g, stores := hangingGroup(t, 3)
			var deaf atomic.Bool
			deaf.Store(test.deaf)
			g.transportOf = func(_ uint64, inner Transport) Transport {
				return &watchedTransport{Transport: inner, lose: func(_ uint64, m *pb.Message) bool {
					return m.Type == pb.MsgTimeoutNow && deaf.Load()
				}}
			}
			g.startAll()
			leader, follower := g.leader(), g.follower()
			g.write(follower, "k", 1)
			goOn := stores[leader.id].hang(t)
			tryWrites(follower, func() bool {
				lead, _ := follower.Leader()
				return lead != leader.id && lead != raft.None
			})
			rest := g.except(leader.id)
			other := g.leader(rest...)
			require.NotEqual(t, leader.id, other.id)
			g.write(other, "new", 3)
			_, err := other.Read(patient(t), Lease)
			require.NoError(t, err)
			require.Eventually(t, func() bool { lead, _ := leader.Leader(); return lead != leader.id }, time.Minute, time.Millisecond,
				"it knows that it leads no longer")
			goOn()
			g.agree("new", "111")
			deaf.Store(false)
			g.write(g.leadBy(leader.id), "new", 1)
			g.agree("new", "1111")
		})
	}
}

// If nobody goes on without it, to replace a leader would not help: the disks of the others are no better, or their number does
// not suffice.
func TestALeaderThatIsNeededDoesNotGiveUp(t *testing.T) {
	g, stores := hangingGroup(t, 2)
	g.calm, g.change = true, func(c *Config) { c.ElectionTicks = 30 }
	g.startAll()
	leader := g.leader()
	g.write(leader, "k", 1)
	goOn := stores[leader.id].hang(t)
	proposed := make(chan error, 1)
	ctx := patient(t)
	go func() {
		_, err := leader.Propose(ctx, []byte("k+=1"))
		proposed <- err
	}()
	require.Eventually(t, func() bool {
		var gaveUp, overdue bool
		require.True(t, leader.call(ctx, func() {
			s := &leader.stepping
			write, began := leader.host.appender.writing()
			gaveUp = s.stall.handing || s.stall.silent
			overdue = write != 0 && s.ticked > began+3*uint64(leader.config.ElectionTicks)
		}))
		require.False(t, gaveUp)
		return overdue
	}, time.Minute, testTick)
	goOn()
	require.NoError(t, <-proposed)
	g.agree("k", "11")
}

// A watchedTransport loses what it is told to, and counts requests for votes.
type watchedTransport struct {
	Transport
	lose     func(to uint64, m *pb.Message) bool
	requests atomic.Int64
}

func (w *watchedTransport) Send(to uint64, batch []Message) error {
	var kept []Message
	for i := range batch {
		m := &batch[i].Message
		if m.Type == pb.MsgPreVote || m.Type == pb.MsgVote {
			w.requests.Add(1)
		}
		if w.lose == nil || !w.lose(to, m) {
			kept = append(kept, batch[i])
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return w.Transport.Send(to, kept)
}

// The vote of a member for itself counts when it is stored. If it cannot be, others that gave it theirs would have elected nobody.
func TestAMemberWhoseDiskHangsAsksForNoVotes(t *testing.T) {
	g, stores := hangingGroup(t, 3)
	transports := map[uint64]*watchedTransport{}
	g.transportOf = func(id uint64, inner Transport) Transport {
		transports[id] = &watchedTransport{Transport: inner}
		return transports[id]
	}
	g.startAll()
	leader, hanging := g.leader(), g.follower()
	healthy := g.members[6-leader.id-hanging.id]
	g.write(leader, "k", 1)
	goOn := stores[hanging.id].hang(t)
	g.write(leader, "k", 1)
	require.Eventually(t, func() bool {
		write, began := hanging.host.appender.writing()
		now, _ := hanging.host.clock.read()
		return write != 0 && now > began+2*uint64(hanging.config.ElectionTicks)
	}, time.Minute, time.Millisecond)
	before := transports[healthy.id].requests.Load()
	asked := transports[hanging.id].requests.Load()
	g.network.Isolate(leader.id)
	require.Eventually(t, func() bool { return transports[healthy.id].requests.Load() > before+20 }, time.Minute, time.Millisecond)
	require.Equal(t, asked, transports[hanging.id].requests.Load())
	goOn()
	g.leader(healthy.id, hanging.id)
	g.network.Heal()
	g.write(g.leader(), "k", 1)
	g.agree("k", "111")
}
