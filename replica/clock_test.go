package replica

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// What a replica makes of ticks that have passed without its having been stepped, since others kept the workers of its host
// busy: the host has noticed all of them.

const starvedElection = 300

// starve lets ticks pass as the host notices them.
func (m *testMember) starve(ticks int) {
	c := m.host.clock
	for range ticks {
		c.mu.Lock()
		c.start = c.start.Add(-c.tick)
		c.mu.Unlock()
		c.read()
	}
}

// starvedGroup returns a group in which all timeouts are long.
func starvedGroup(t *testing.T) (g *testGroup, leader, follower *testMember) {
	g = newTestGroup(t, 3, func(c *Config) { c.ElectionTicks = starvedElection }).startAll()
	for id := uint64(3); id > 0; id-- { // the last one campaigns, and the others promise nobody their silence any more
		ticks := map[bool]int{true: 2 * starvedElection, false: starvedElection}[id == 1]
		g.members[id].call(patient(t), func() { g.members[id].starve(ticks) })
	}
	leader = g.leadBy(1)
	g.write(leader, "k", 1)
	for _, m := range g.members {
		g.catchUp(m, leader)
	}
	return g, leader, g.members[2]
}

func (m *testMember) role() raft.StateType { return m.stepping.rn.BasicStatus().RaftState }

func TestAStarvedFollowerHearsItsLeaderBeforeItCampaigns(t *testing.T) {
	_, leader, follower := starvedGroup(t)
	_, term := leader.Leader()
	from := func(kind pb.MessageType, term uint64) *letters {
		return &letters{messages: []pb.Message{{Type: kind, From: leader.id, To: follower.id, Term: term}}}
	}
	var starved, silent, earlier, other raft.StateType
	var elapsed uint64
	follower.call(patient(t), func() {
		rn := follower.stepping.rn
		before := rn.TicksUntilDue()
		follower.starve(2 * starvedElection)
		follower.passTicks(from(pb.MsgHeartbeat, term))
		starved, elapsed = follower.role(), before-rn.TicksUntilDue()
		follower.starve(2 * starvedElection)
		follower.passTicks(from(pb.MsgHeartbeat, term-1))
		earlier = follower.role()
		follower.stepIn(&pb.Message{Type: pb.MsgHeartbeat, From: leader.id, To: follower.id, Term: term})
		follower.starve(2 * starvedElection)
		follower.passTicks(from(pb.MsgProp, term))
		other = follower.role()
		follower.stepIn(&pb.Message{Type: pb.MsgHeartbeat, From: leader.id, To: follower.id, Term: term})
		follower.starve(2 * starvedElection)
		follower.passTicks(&letters{})
		silent = follower.role()
	})
	require.Equal(t, raft.StateFollower, starved, "its leader's heartbeat waits")
	require.EqualValues(t, maxJump, elapsed, "some of the ticks count")
	require.Equal(t, raft.StatePreCandidate, earlier, "what waits is of an earlier leader")
	require.Equal(t, raft.StatePreCandidate, other, "what waits is nothing of a leader's")
	require.Equal(t, raft.StatePreCandidate, silent, "nothing waits")
}

// Its votes wait while it would campaign anew, and not count them.
func TestAStarvedCandidateCountsItsVotesBeforeItCampaignsAnew(t *testing.T) {
	g := newTestGroup(t, 3, func(c *Config) { c.ElectionTicks = starvedElection })
	m := g.start(1, nil)
	var elapsed uint64
	require.Eventually(t, func() bool {
		m.call(patient(t), func() {
			before := m.stepping.rn.TicksUntilDue()
			m.starve(2 * starvedElection)
			if m.stepping.role != raft.StatePreCandidate || before <= 2*maxJump {
				return // the next step has it campaign
			}
			m.passTicks(&letters{messages: []pb.Message{{Type: pb.MsgPreVoteResp, From: 2, To: 1}}})
			elapsed = before - m.stepping.rn.TicksUntilDue()
		})
		return elapsed > 0
	}, time.Minute, time.Millisecond)
	require.EqualValues(t, maxJump, elapsed)
}

// A leader finds out whether a quorum follows it once an election timeout, by what it has heard since. It once stepped down
// while all that it was to hear waited in its inbox. That it heard of it does not make its lease longer.
func TestAStarvedLeaderHearsItsFollowersBeforeItStepsDown(t *testing.T) {
	g, leader, _ := starvedGroup(t)
	held := func() bool {
		_, held := leader.stepping.rn.LeaseRead()
		return held
	}
	var before, lease, after bool
	var stepped, starved, unheard raft.StateType
	var left int
	require.Eventually(t, func() bool {
		leader.call(patient(t), func() {
			if before = held(); !before {
				return
			}
			g.network.Isolate(leader.id) // nothing else is heard
			_, term := leader.Leader()
			answers := func() *letters {
				return &letters{messages: []pb.Message{
					{Type: pb.MsgHeartbeatResp, From: 2, To: 1, Term: term}, {Type: pb.MsgHeartbeatResp, From: 3, To: 1, Term: term},
					{Type: pb.MsgHeartbeatResp, From: 3, To: 1, Term: term - 1}, {Type: pb.MsgPreVote, From: 3, To: 1, Term: term + 1},
				}}
			}
			leader.starve(starvedElection)
			leader.passTicks(&letters{}) // what was heard before has been counted
			stepped = leader.role()
			leader.starve(starvedElection)
			in := answers()
			leader.passTicks(in)
			starved, lease, left = leader.role(), held(), len(in.messages)
			after = leader.hears(2)
			leader.starve(starvedElection)
			leader.passTicks(&letters{})
			unheard = leader.role()
		})
		return before
	}, time.Minute, time.Millisecond, "no lease is held")
	require.Equal(t, raft.StateLeader, stepped)
	require.Equal(t, raft.StateLeader, starved, "both followers' answers wait")
	require.False(t, lease, "all ticks have passed before anything rests on them")
	require.Equal(t, 2, left, "the rest is taken in afterwards")
	require.True(t, after)
	require.Equal(t, raft.StateFollower, unheard, "nothing waits")
}
