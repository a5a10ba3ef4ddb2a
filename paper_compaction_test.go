package raft

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Raft §7: log compaction and snapshots.

// behind returns a leader 1 whose log is compacted up to its applied index, while member 3 was away.
func behind(t *testing.T, configure ...func(*Config)) *cluster {
	c := newVoters(t, 3, configure...)
	c.elect(1)
	c.isolated[3] = true
	for _, data := range []string{"a", "b", "c"} {
		c.propose(1, data)
		c.stabilize()
	}
	c.snapshot(1, c.raft(1).log.applied)
	return c
}

// §7: the leader sends its snapshot to a follower whose next entry it has discarded, and replication goes on after it.
func TestPaper_7_SnapshotForAFollowerThatIsBehind(t *testing.T) {
	for _, async := range []bool{false, true} {
		c := behind(t, func(c *Config) { c.AsyncStorageWrites = async })
		c.isolated[3] = false
		snapshots := 0
		c.lose = func(m pb.Message) bool {
			if m.Type == pb.MsgSnap {
				snapshots++
				require.Equal(t, "state at 5", string(m.Snapshot.Data))
			}
			return false
		}
		c.beat(1)
		c.beat(1)
		require.Equal(t, 1, snapshots)
		require.Equal(t, uint64(5), c.raft(3).log.applied)
		c.propose(1, "d")
		c.stabilize()
		require.Equal(t, []string{"d"}, c.data(3))
	}
}

// §7: a follower that is not behind is sent entries, however much was compacted.
func TestPaper_7_NoSnapshotWithoutNeed(t *testing.T) {
	c := behind(t)
	c.lose = func(m pb.Message) bool {
		require.NotEqual(t, pb.MsgSnap, m.Type)
		return false
	}
	c.propose(1, "d")
	c.stabilize()
	require.Contains(t, c.data(2), "d")
}

// §7: a snapshot with new information replaces the follower's whole log, and its state machine's state.
func TestPaper_7_SnapshotReplacesTheLog(t *testing.T) {
	c := newVoters(t, 3)
	replies(c, appendFrom(2, 1, 2, at(1, 1), 2, at(2, 2), at(2, 3)))
	m := snapshotFrom(2, 1, 3, at(3, 8), voters(1, 2, 4))
	require.NoError(t, c.step(m))
	rd := c.members[1].rn.Ready()
	require.Equal(t, *m.Snapshot, rd.Snapshot)
	c.write(c.members[1], rd.HardState, rd.Entries, rd.Snapshot)
	c.members[1].rn.Advance(rd)
	require.Empty(t, logOf(c, 1))
	require.Equal(t, at(3, 8), c.raft(1).log.lastID())
	require.Equal(t, "(1 2 4)", incomingVoters(c, 1), "its membership is in force, too (§6)")
	status := c.members[1].rn.BasicStatus()
	require.Equal(t, []uint64{8, 8}, []uint64{status.Commit, status.Applied})
}

// §7: if the snapshot stands for a prefix of the follower's log, what follows it stays.
func TestPaper_7_SnapshotOfAPrefixKeepsTheRest(t *testing.T) {
	c := newVoters(t, 3)
	replies(c, appendFrom(2, 1, 2, at(1, 1), 1, at(2, 2), at(2, 3), at(2, 4)))
	reply := soleReply(c, snapshotFrom(2, 1, 2, at(2, 3), voters(1, 2, 3)), pb.MsgAppResp)
	require.Equal(t, uint64(3), reply.Index)
	require.Equal(t, []entryID{at(2, 2), at(2, 3), at(2, 4)}, logOf(c, 1))
	require.Equal(t, uint64(3), c.raft(1).log.committed)
}

// §7: a stale snapshot is refused, and answered with what is committed.
func TestPaper_7_StaleSnapshotIsRefused(t *testing.T) {
	c := newVoters(t, 3)
	replies(c, appendFrom(2, 1, 2, at(1, 1), 4, at(2, 2), at(2, 3), at(2, 4)))
	for index := uint64(1); index <= 4; index++ {
		reply := soleReply(c, snapshotFrom(2, 1, 2, at(2, index), voters(9)), pb.MsgAppResp)
		require.Equal(t, uint64(4), reply.Index)
	}
	require.Equal(t, "(1 2 3)", incomingVoters(c, 1))
}

// §7: index and term of the last entry that the snapshot stands for serve the consistency check of the first append
// after it.
func TestPaper_7_ConsistencyCheckAfterASnapshot(t *testing.T) {
	for prev, accepted := range map[entryID]bool{at(3, 8): true, at(2, 8): false, at(3, 9): false} {
		c := newVoters(t, 3)
		replies(c, snapshotFrom(2, 1, 3, at(3, 8), voters(1, 2, 3)))
		reply := soleReply(c, appendFrom(2, 1, 3, prev, 8, at(3, prev.index+1)), pb.MsgAppResp)
		require.Equal(t, accepted, !reply.Reject, "after %s", prev)
	}
}

// §7: a leader restarts, and a follower's vote request works, with a log that holds only what a snapshot stands for.
func TestPaper_7_ElectionWithACompactedLog(t *testing.T) {
	c := behind(t)
	c.restart(1)
	require.Equal(t, at(2, 5), c.raft(1).log.lastID())
	c.elect(1)
	c.propose(1, "d")
	c.stabilize()
	require.Equal(t, uint64(7), c.raft(2).log.committed)
}

// A snapshot may be older than the member's addition and not name it. The member restores it, and has no part until the
// entries that follow add it.
func TestPaper_7_SnapshotOlderThanTheMember(t *testing.T) {
	c := newVoters(t, 3)
	reply := soleReply(c, snapshotFrom(2, 1, 2, at(2, 8), voters(2, 3)), pb.MsgAppResp)
	require.Equal(t, uint64(8), reply.Index)
	require.Equal(t, at(2, 8), c.raft(1).log.lastID())
	require.ErrorIs(t, c.raft(1).whyNotPromotable(), errNotVoter)
}

// Storage that is still making its snapshot is asked again, when the follower has been heard of again.
func TestPaper_7_SnapshotThatIsStillBeingMade(t *testing.T) {
	c := behind(t)
	c.members[1].disk.snapshotPending = true
	c.isolated[3] = false
	for range 3 {
		c.beat(1)
		require.Equal(t, uint64(2), c.raft(3).log.lastIndex())
	}
	c.members[1].disk.snapshotPending = false
	c.beat(1)
	c.beat(1)
	require.Equal(t, uint64(5), c.raft(3).log.lastIndex())
}

// While a snapshot is on its way nothing else is sent; when it is reported lost, or delivered, the follower is
// probed again.
func TestPaper_7_SnapshotReports(t *testing.T) {
	for _, status := range []SnapshotStatus{SnapshotFinish, SnapshotFailure} {
		c := behind(t)
		rn := c.members[1].rn
		p := &c.raft(1).leading.progress[2]
		alive := pb.Message{Type: pb.MsgHeartbeatResp, From: 3, To: 1, Term: 2}
		replies(c, rejectFrom(3, 1, 2, p.Next-1, at(1, 1)))
		require.Equal(t, ProgressStateSnapshot, p.State)
		replies(c, alive)
		c.propose(1, "d")
		for _, m := range outOf(c, 1) {
			require.True(t, m.To != 3 || m.Type == pb.MsgHeartbeat, "%s", DescribeMessage(m, nil))
		}
		rn.ReportSnapshot(2, status)
		rn.ReportSnapshot(9, status)
		require.Equal(t, ProgressStateSnapshot, p.State)
		rn.ReportSnapshot(3, status)
		require.Equal(t, ProgressStateProbe, p.State)
		require.Empty(t, ofType(outOf(c, 1), pb.MsgApp), "it waits until the follower has been heard of")
		out := replies(c, alive)
		if status == SnapshotFailure {
			require.Len(t, ofType(out, pb.MsgSnap), 1)
			continue
		}
		require.Equal(t, uint64(5), ofType(out, pb.MsgApp)[0].Index)
	}
}

// Storage that fails to give a snapshot, or has none, costs the follower its snapshot and the leader nothing.
func TestPaper_7_SnapshotThatStorageCannotGive(t *testing.T) {
	faulty := &faultyStorage{}
	c := newVoters(t, 3)
	faulty.Storage = c.members[1].cfg.Storage
	c.members[1].cfg.Storage = faulty
	c.restart(1)
	c.isolated[3] = true
	c.elect(1)
	c.propose(1, "a")
	c.stabilize()
	c.snapshot(1, c.raft(1).log.applied)
	c.isolated[3] = false
	faulty.snapErr = ErrUnavailable
	for range 3 {
		c.beat(1)
	}
	require.Equal(t, uint64(1), c.raft(3).log.lastIndex())
	faulty.snapErr = nil
	c.beat(1)
	c.beat(1)
	require.Equal(t, c.raft(1).log.lastIndex(), c.raft(3).log.lastIndex())
}
