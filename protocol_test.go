package raft

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// The twelve points of the protocol, each as one promise to whoever embeds the library. What the papers say of each
// point in detail is in the tests named Paper and Thesis; what went wrong elsewhere in those named Lesson.

// 1. Elections with randomised timeouts, pre-vote, check-quorum, the lease, forget-leader, campaign on request: any
// mixture of them elects one leader that can commit, again and again.
func TestProtocol01_Elections(t *testing.T) {
	for mix := range 8 {
		c := newVoters(t, 3, func(c *Config) {
			c.PreVote = mix&1 != 0
			c.CheckQuorum = mix&2 != 0
			c.AsyncStorageWrites = mix&4 != 0
		})
		for round := range 5 {
			lead := runUntilLeader(c, 200, c.ids...)
			c.propose(lead, fmt.Sprint(round))
			c.stabilize()
			require.Len(t, c.data(lead), round+1)
			for _, id := range c.ids {
				require.NoError(t, c.members[id].rn.ForgetLeader())
			}
			next := c.ids[round%3]
			require.NoError(t, c.members[next].rn.Campaign())
			c.stabilize()
		}
	}
}

// 2. Replication: whatever is lost on the way, all logs come to agree, and followers learn of commits even when the
// appends that carried them were lost.
func TestProtocol02_ReplicationSurvivesLosses(t *testing.T) {
	for seed := uint64(0); seed < 10; seed++ {
		rnd := rand.New(rand.NewPCG(seed, 2))
		c := newVoters(t, 3)
		c.elect(1)
		c.lose = func(pb.Message) bool { return rnd.IntN(3) == 0 }
		for i := range 50 {
			c.propose(1, fmt.Sprint(i))
			c.beat(1)
		}
		c.lose = nil
		for range 3 {
			c.beat(1)
		}
		for _, id := range c.ids {
			require.Len(t, c.data(id), 50)
		}
	}
}

// 2. A follower whose appends with the last commit index were lost learns of it from what comes next, without a
// proposal.
func TestProtocol02_CommitIndexReachesIdleFollowers(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	c.propose(1, "a")
	c.lose = func(m pb.Message) bool { return m.Commit == 3 }
	c.stabilize()
	require.Equal(t, uint64(2), c.raft(2).log.committed)
	c.lose = nil
	c.beat(1)
	require.Equal(t, uint64(3), c.raft(2).log.committed)
}

// 3. While probing, one append at a time is under way, and another one only after a sign of life.
func TestProtocol03_OneProbeAtATime(t *testing.T) {
	c := leaderOf(t, 3)
	require.Len(t, ofType(outOf(c, 1), pb.MsgApp), 2)
	for i := range 10 {
		c.propose(1, fmt.Sprint(i))
		require.Empty(t, ofType(outOf(c, 1), pb.MsgApp))
	}
	out := replies(c, pb.Message{Type: pb.MsgHeartbeatResp, From: 2, To: 1, Term: 2})
	require.Len(t, ofType(out, pb.MsgApp), 1)
	require.Equal(t, uint64(2), out[0].To)
}

// 3. Flow control by number of messages, and by bytes: no more is under way than allowed, and it goes on when
// answers come.
func TestProtocol03_FlowControl(t *testing.T) {
	for name, configure := range map[string]func(*Config){
		"messages": func(c *Config) { c.MaxInflightMsgs = 3; c.MaxSizePerMsg = 0 },
		"bytes":    func(c *Config) { c.MaxInflightBytes = 300; c.MaxSizePerMsg = 0 },
	} {
		c := newVoters(t, 2, configure)
		c.elect(1)
		inFlight := 0
		for range 20 {
			require.NoError(t, c.members[1].rn.Propose(make([]byte, 100)))
			inFlight += len(ofType(outOf(c, 1), pb.MsgApp))
		}
		require.Equal(t, 3, inFlight, name)
		c.members[1].rn.ReportUnreachable(2)
		c.stabilize()
		c.beat(1)
		require.Equal(t, c.raft(1).log.lastIndex(), c.raft(2).log.lastIndex(), name)
	}
}

// 3. Heartbeats carry a commit index that the follower is sure to hold.
func TestProtocol03_HeartbeatsCarryASafeCommit(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	c.isolated[3] = true
	c.propose(1, "a")
	c.stabilize()
	c.tick(1, 1)
	for _, m := range ofType(outOf(c, 1), pb.MsgHeartbeat) {
		require.Equal(t, map[uint64]uint64{2: 3, 3: 2}[m.To], m.Commit)
	}
}

// 4. Compaction at any time, on any member, with members that come and go: everybody ends with the same state.
func TestProtocol04_CompactionAtAnyTime(t *testing.T) {
	for seed := uint64(0); seed < 10; seed++ {
		rnd := rand.New(rand.NewPCG(seed, 4))
		c := newVoters(t, 3)
		c.elect(1)
		for i := range 100 {
			id := c.ids[rnd.IntN(3)]
			clear(c.isolated)
			c.isolated[2+rnd.Uint64N(2)] = true
			c.propose(1, fmt.Sprint(i))
			c.stabilize()
			m := c.members[id]
			first, _ := m.storage.FirstIndex()
			if applied := c.raft(id).log.applied; applied >= first+2 {
				c.snapshot(id, applied)
			}
		}
		clear(c.isolated)
		for range 4 {
			c.beat(1)
		}
		for _, id := range c.ids {
			require.Equal(t, uint64(102), c.raft(id).log.applied)
		}
	}
}

// 5. Members are added, removed, promoted, demoted, replaced, and changes cancelled; the group works all the way.
func TestProtocol05_MembershipChanges(t *testing.T) {
	c := newVoters(t, 1)
	c.elect(1)
	want := map[string]string{}
	for i, step := range []struct{ change, config string }{
		{"l2", "voters=(1) learners=(2)"},
		{"v2", "voters=(1 2)"},
		{"v3", "voters=(1 2 3)"},
		{"v4 r2", "voters=(1 3 4)"},
		{"l3", "voters=(1 4) learners=(3)"},
		{"v3 l4", "voters=(1 3) learners=(4)"},
		{"u3", "voters=(1 3) learners=(4)"},
		{"v0", "voters=(1 3) learners=(4)"},
		{"r4", "voters=(1 3)"},
	} {
		for id := uint64(2); id <= 4; id++ {
			if c.members[id] == nil {
				c.add(id, pb.ConfState{})
			}
		}
		c.change(1, step.change)
		for range 3 {
			c.beat(1)
		}
		require.Equal(t, step.config, c.members[1].rn.Status().Config.String(), "after %q", step.change)
		data := fmt.Sprint(i)
		c.propose(1, data)
		c.stabilize()
		require.Contains(t, c.data(1), data)
		want[step.change] = data
	}
	require.Len(t, want, 9)
	require.Equal(t, c.raft(1).log.committed, c.raft(3).log.committed)
}

// 6. Reads are linearizable: none is answered with an index below what was committed when it was made, through
// elections and losses, and every one is answered or reported lost.
func TestProtocol06_ReadsAreLinearizable(t *testing.T) {
	answered := 0
	for seed := uint64(0); seed < 10; seed++ {
		run := &readRun{t: t, cluster: newVoters(t, 3), rnd: rand.New(rand.NewPCG(seed, 6)), floor: map[string]uint64{}}
		run.lose = func(pb.Message) bool { return run.rnd.IntN(6) == 0 }
		for i := range 300 {
			run.act(i)
		}
		run.lose = nil
		clear(run.isolated)
		for range 60 {
			run.tick(1)
			run.stabilize()
		}
		run.check()
		answered += run.answered
	}
	require.Greater(t, answered, 200, "too little happened to show anything")
}

// readRun is a group that is asked for reads while it goes through faults.
type readRun struct {
	t *testing.T
	*cluster
	rnd *rand.Rand
	// floor is what was committed anywhere when the read with this context was made.
	floor    map[string]uint64
	answered int
}

func (run *readRun) act(i int) {
	id := run.ids[run.rnd.IntN(3)]
	switch run.rnd.IntN(8) {
	case 0, 1:
		_ = run.members[id].rn.Propose([]byte(fmt.Sprint(i)))
	case 2, 3:
		var floor uint64
		for _, id := range run.ids {
			floor = max(floor, run.raft(id).log.committed)
		}
		ctx := fmt.Sprintf("%d at %d", i, id)
		run.floor[ctx] = floor
		run.members[id].rn.ReadIndex([]byte(ctx))
	case 4:
		clear(run.isolated)
		run.isolated[id] = run.rnd.IntN(2) == 0
	default:
		run.tick(1+run.rnd.IntN(3), id)
	}
	for range run.rnd.IntN(5) {
		for _, id := range run.ids {
			run.ready(id)
		}
		run.deliver()
	}
}

func (run *readRun) check() {
	for _, id := range run.ids {
		m := run.members[id]
		for _, read := range m.reads {
			floor, asked := run.floor[string(read.RequestCtx)]
			require.True(run.t, asked, "answered twice, or never asked: %s", read.RequestCtx)
			require.GreaterOrEqual(run.t, read.Index, floor, "stale read %s", read.RequestCtx)
			delete(run.floor, string(read.RequestCtx))
			run.answered++
		}
		for _, lost := range m.lost {
			require.Contains(run.t, run.floor, string(lost.RequestCtx))
			require.Error(run.t, lost.Reason)
			delete(run.floor, string(lost.RequestCtx))
		}
	}
	require.Empty(run.t, run.floor, "neither answered nor reported lost")
}

// 7. Leadership goes where it is sent, again and again, with proposals in between.
func TestProtocol07_Transfers(t *testing.T) {
	c := newVoters(t, 5, withPreVote, withCheckQuorum)
	c.elect(1)
	lead := uint64(1)
	for i := range 20 {
		to := uint64(1 + (i*3)%5)
		c.members[lead].rn.TransferLeader(to)
		c.stabilize()
		require.Equal(t, to, c.leader())
		lead = to
		c.propose(lead, fmt.Sprint(i))
		c.stabilize()
	}
	require.Len(t, c.data(3), 20)
}

// 8. A proposal that is dropped says why; every reason has its words.
func TestProtocol08_DroppedProposalsSayWhy(t *testing.T) {
	c := newVoters(t, 3, func(c *Config) {
		c.DisableProposalForwarding = c.ID == 3
		c.MaxUncommittedEntriesSize = 10
	})
	reasonOf := func(id uint64, data string) DropReason {
		err := c.members[id].rn.Propose([]byte(data))
		require.ErrorIs(t, err, ErrProposalDropped)
		var why *ProposalDroppedError
		require.ErrorAs(t, err, &why)
		require.NotContains(t, why.Error(), "DropReason(")
		return why.Reason
	}
	require.Equal(t, DroppedNoLeader, reasonOf(2, "x"))
	c.elect(1)
	require.NoError(t, c.members[2].rn.Propose([]byte("forwarded")))
	require.Equal(t, DroppedForwardingDisabled, reasonOf(3, "x"))
	require.NoError(t, c.members[1].rn.Propose([]byte("however large it is")))
	require.Equal(t, DroppedTooLarge, reasonOf(1, "x"))
	require.NoError(t, c.members[1].rn.Propose(nil), "without payload it costs nothing")
	c.isolated[2] = true
	c.members[1].rn.TransferLeader(2)
	require.Equal(t, DroppedTransferring, reasonOf(1, "x"))
	for reason := DroppedNoLeader; reason <= DroppedChangeImpossible; reason++ {
		require.NotContains(t, reason.String(), "DropReason(")
	}
	require.Equal(t, "DropReason(99)", DropReason(99).String())
}

// 8. A candidate takes no proposals, and a follower's reach the leader in order.
func TestProtocol08_ForwardedProposals(t *testing.T) {
	c := newVoters(t, 3)
	require.NoError(t, c.members[2].rn.Campaign())
	require.ErrorIs(t, c.members[2].rn.Propose([]byte("x")), ErrProposalDropped)
	c.elect(1)
	for i := range 10 {
		c.propose(2, fmt.Sprint(i))
	}
	c.stabilize()
	require.Equal(t, []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}, c.data(3))
}

// 9. Bounds: appends, and what is handed out to be applied, keep to their sizes, but for a single entry that is larger.
func TestProtocol09_Bounds(t *testing.T) {
	for _, limit := range []uint64{0, 1, 50, 200, 1000} {
		c := newVoters(t, 2, func(c *Config) {
			c.MaxSizePerMsg = limit
			c.MaxCommittedSizePerReady = max(1, limit)
		})
		c.elect(1)
		c.lose = func(m pb.Message) bool {
			size := encodedSizeOf(m.Entries)
			require.True(t, len(m.Entries) <= 1 || size <= encodedSize(limit), "%d entries of %d bytes", len(m.Entries), size)
			return false
		}
		for i := range 50 {
			require.NoError(t, c.members[1].rn.Propose(make([]byte, i%30)))
		}
		for busy := true; busy; {
			busy = c.deliver()
			for _, id := range c.ids {
				for c.ready(id) {
					busy = true
					ents := c.members[id].lastReady.CommittedEntries
					require.True(t, len(ents) <= 1 || encodedSizeOf(ents) <= encodedSize(limit))
				}
			}
		}
		require.Equal(t, uint64(52), c.raft(2).log.applied)
	}
}

// 10. A crash at any point of a write loses nothing that was acknowledged, with either way of writing.
func TestProtocol10_CrashesLoseNothing(t *testing.T) {
	for _, async := range []bool{false, true} {
		total := 0
		for seed := uint64(0); seed < 8; seed++ {
			rnd := rand.New(rand.NewPCG(seed, 10))
			c := newVoters(t, 3, func(c *Config) { c.AsyncStorageWrites = async })
			committed := map[uint64]entryID{}
			for i := range 1500 {
				id := c.ids[rnd.IntN(3)]
				crashStep(c, rnd, id, i)
				l := &c.raft(id).log
				for index := max(l.firstIndex(), 2); index <= l.committed; index++ {
					e := l.identify(index)
					require.True(t, committed[index] == entryID{} || committed[index] == e, "%s instead of %s", e, committed[index])
					committed[index] = e
				}
			}
			total += len(committed)
		}
		require.Greater(t, total, 150, "too little happened to show anything")
	}
}

// crashStep lets one thing happen at the member.
func crashStep(c *cluster, rnd *rand.Rand, id uint64, i int) {
	switch rnd.IntN(16) {
	case 0:
		if rnd.IntN(4) == 0 {
			c.restart(id)
		}
	case 1:
		_ = c.members[id].rn.Propose([]byte(fmt.Sprint(i)))
	case 2:
		c.tick(1+rnd.IntN(4), id)
	case 3, 4, 5:
		c.runAppendThread(id)
	case 6, 7:
		c.runApplyThread(id)
	case 8, 9, 10, 11:
		c.deliver()
	default:
		c.ready(id)
	}
}

// 11. A group of one serves itself: it elects itself, commits, reads, restarts.
func TestProtocol11_SingleMember(t *testing.T) {
	for _, async := range []bool{false, true} {
		c := newVoters(t, 1, func(c *Config) { c.AsyncStorageWrites = async })
		for i := range 3 {
			runUntilLeader(c, 50, 1)
			c.propose(1, fmt.Sprint(i))
			c.members[1].rn.ReadIndex([]byte("r"))
			c.stabilize()
			require.Len(t, c.members[1].reads, i+1)
			c.restart(1)
		}
		require.Equal(t, []string{"0", "1", "2"}, c.data(1))
	}
}

// 12. The same state and the same input give the same output, bit for bit: two groups that go through the same are
// the same.
func TestProtocol12_Determinism(t *testing.T) {
	var prints [2][]string
	for i := range prints {
		rnd := rand.New(rand.NewPCG(12, 12))
		c := newVoters(t, 5, withPreVote)
		c.lose = func(pb.Message) bool { return rnd.IntN(10) == 0 }
		for k := range 200 {
			id := c.ids[rnd.IntN(5)]
			c.tick(2, id)
			_ = c.members[id].rn.Propose([]byte(fmt.Sprint(k)))
			c.stabilize()
			prints[i] = append(prints[i], fingerprint(c.raft(id)))
		}
	}
	require.True(t, slices.Equal(prints[0], prints[1]))
}
