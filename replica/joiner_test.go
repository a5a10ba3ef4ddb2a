package replica

import (
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// A rememberingTransport remembers who is to be forgotten.
type rememberingTransport struct {
	watchedTransport
	mu      sync.Mutex
	removed map[uint64]bool
}

func (r *rememberingTransport) RemovePeer(id uint64) {
	r.mu.Lock()
	r.removed[id] = true
	r.mu.Unlock()
	r.Transport.RemovePeer(id)
}

func (r *rememberingTransport) forgot(id uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.removed[id]
}

// A member that joins and gets the log from its beginning applies the memberships of the past, one after the other. It once
// forgot whoever was not in one of them, its leader as well: then it could not answer any more, and never came to the
// entry that would have named the leader.
func TestAMemberThatJoinsKeepsThosePeersThatItWasGiven(t *testing.T) {
	for _, test := range []struct {
		name string
		// early has the member added before the one that leads it.
		early bool
	}{{"added last", false}, {"added before its leader", true}} {
		t.Run(test.name, func(t *testing.T) { joinPartly(t, test.early) })
	}
}

func joinPartly(t *testing.T, early bool) {
	var withheld atomic.Uint64 // what goes on above that is not sent to member 5
	withheld.Store(math.MaxUint64)
	transports := map[uint64]*rememberingTransport{}
	g := newCalmGroup(t, 3, nil)
	g.transportOf = func(id uint64, inner Transport) Transport {
		transports[id] = &rememberingTransport{removed: map[uint64]bool{}}
		transports[id].Transport = inner
		transports[id].lose = func(to uint64, m *pb.Message) bool {
			n := len(m.Entries)
			return to == 5 && n > 0 && m.Index <= withheld.Load() && m.Entries[n-1].Index > withheld.Load()
		}
		return transports[id]
	}
	g.startAll()
	all := append(g.peers, Member{ID: 4, Address: "memory:4"}, Member{ID: 6, Address: "memory:6"})
	join := func(c *Config) { c.Join, c.Peers = true, all }
	five := Member{ID: 5, Address: "memory:5", Learner: true}
	leader, add := g.leader(), func(m Member) { require.NoError(t, g.leader(1, 2, 3).AddMember(patient(t), m)) }
	fill := []byte("k:=" + strings.Repeat("x", maxAppendBytes)) // which is sent alone
	for range 2 {
		_, err := leader.Propose(patient(t), fill)
		require.NoError(t, err)
	}
	if early {
		add(five)
		withheld.Store(leader.lastIndex(t))
	} else {
		withheld.Store(5)
	}
	for range 2 {
		_, err := leader.Propose(patient(t), fill)
		require.NoError(t, err)
	}
	add(Member{ID: 4, Address: "memory:4", Learner: true})
	g.start(4, join)
	g.catchUp(g.members[4], leader)
	g.promote(leader, 4)
	g.leadBy(4, 1, 2, 3, 4)
	if !early {
		require.NoError(t, g.members[4].AddMember(patient(t), five))
	}
	m := g.start(5, join)
	require.Eventually(t, func() bool {
		lead, _ := m.Leader()
		return lead == 4 && m.Applied() >= 3
	}, time.Minute, time.Millisecond)
	began, _ := m.host.clock.read()
	require.Eventually(t, func() bool {
		now, _ := m.host.clock.read()
		return now > began+2*farewell
	}, time.Minute, testTick)
	require.False(t, transports[5].forgot(4), "it leads")
	if early { // its own addition may come later than what was waited for, and the farewell begins with it
		require.Eventually(t, func() bool { return transports[5].forgot(6) }, time.Minute, testTick)
	}
	require.Equal(t, early, transports[5].forgot(6), "who is not a member, and never was, is known until this one is a member")
	withheld.Store(math.MaxUint64)
	g.catchUp(m, g.members[4])
}
