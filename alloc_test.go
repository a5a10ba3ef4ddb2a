package raft

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// What the hot path allocates: nothing for each entry, and little for each Ready.

// quietCluster returns three voters, 1 leading, that do not verify their invariants after every call.
func quietCluster(t testing.TB) *cluster {
	c := newVoters(t, 3, func(c *Config) { c.verify = false })
	c.elect(1)
	return c
}

// cycle has the leader take n proposals, hand them out, and see them acknowledged, committed and applied. Nothing
// of it is the harness's own work but the writing.
func cycle(c *cluster, data []byte, n int) {
	m := c.members[1]
	for range n {
		_ = m.rn.Propose(data)
	}
	for m.rn.HasReady() {
		rd := m.rn.Ready()
		_ = m.storage.Append(rd.Entries)
		m.rn.Advance(rd)
	}
	last := m.rn.raft.log.lastIndex()
	for _, id := range []uint64{2, 3} {
		_ = m.rn.Step(ackFrom(id, 1, 2, last))
	}
	for m.rn.HasReady() {
		m.rn.Advance(m.rn.Ready())
	}
}

// The whole cycle costs as many allocations for a thousand entries as for ten, but for the arrays that hold them.
func TestReplicationAllocatesNothingPerEntry(t *testing.T) {
	if alwaysVerify {
		t.Skip("the checks of invariants allocate")
	}
	data := make([]byte, 100)
	allocs := func(n int) float64 {
		c := quietCluster(t)
		for range 20 {
			cycle(c, data, n)
		}
		return testing.AllocsPerRun(50, func() { cycle(c, data, n) })
	}
	few, many := allocs(10), allocs(1000)
	t.Logf("a cycle of 10 entries: %v allocations, of 1000: %v", few, many)
	require.LessOrEqual(t, few, 4.0)
	require.LessOrEqual(t, many, 12.0)
}

// A proposal alone allocates nothing but its share of an array.
func TestProposeAllocatesNothing(t *testing.T) {
	if alwaysVerify {
		t.Skip("the checks of invariants allocate")
	}
	c := quietCluster(t)
	data := make([]byte, 100)
	for range 4 {
		cycle(c, data, 4000)
	}
	perBatch := testing.AllocsPerRun(20, func() {
		for range 200 {
			_ = c.members[1].rn.Propose(data)
		}
	})
	require.LessOrEqual(t, perBatch, 1.0, "200 proposals")
}

// A follower takes an append and acknowledges it with few allocations.
func TestFollowingAllocatesNothingPerEntry(t *testing.T) {
	if alwaysVerify {
		t.Skip("the checks of invariants allocate")
	}
	c := quietCluster(t)
	m := c.members[2]
	follow := func(n uint64) float64 {
		return testing.AllocsPerRun(50, func() {
			last := m.rn.raft.log.lastID()
			ents := make([]pb.Entry, n)
			for i := range ents {
				ents[i] = pb.Entry{Term: 2, Index: last.index + uint64(i) + 1}
			}
			_ = m.rn.Step(pb.Message{
				Type: pb.MsgApp, From: 1, To: 2, Term: 2,
				LogTerm: last.term, Index: last.index, Entries: ents, Commit: last.index,
			})
			for m.rn.HasReady() {
				rd := m.rn.Ready()
				_ = m.storage.Append(rd.Entries)
				m.rn.Advance(rd)
			}
		})
	}
	follow(100)
	few, many := follow(10), follow(500)
	t.Logf("an append of 10 entries: %v allocations, of 500: %v", few, many)
	require.LessOrEqual(t, few, 4.0)
	require.LessOrEqual(t, many, 8.0)
}

// Ticks, questions and status cost no memory.
func TestIdleMembersAllocateNothing(t *testing.T) {
	if alwaysVerify {
		t.Skip("the checks of invariants allocate")
	}
	c := quietCluster(t)
	rn := c.members[2].rn
	require.Zero(t, testing.AllocsPerRun(100, func() {
		rn.raft.clock.resetElection()
		rn.Tick()
		_ = rn.HasReady()
		_ = rn.TicksUntilDue()
		_ = rn.BasicStatus()
	}))
	lead := c.members[1].rn
	sum := uint64(0)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		_ = lead.BasicStatus()
		lead.WithProgress(func(_ uint64, _ ProgressType, pr Progress) { sum += pr.Match })
	}))
	require.NotZero(t, sum)
}
