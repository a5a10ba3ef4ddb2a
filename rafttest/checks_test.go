package rafttest

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft"
	"github.com/seed695671cb/raft/internal/linear"
	pb "github.com/seed695671cb/raft/raftpb"
)

// elected returns a group of three that 1 leads in term 2, with entries 2/2 and 2/3 committed and applied everywhere.
func elected(t *testing.T) *crashRun {
	t.Helper()
	c := &crashRun{group: newCrashGroup(false)}
	found := guard(func() {
		c.do(action{kind: actCampaign, member: 1})
		c.settle(false)
		c.do(action{kind: actPropose, member: 1, a: 0, b: 0})
		c.settle(false)
		c.do(action{kind: actTick, member: 1, a: 1})
		c.settle(false)
	})
	require.Nil(t, found)
	require.Equal(t, entryID{term: 2, index: 3}, c.known.last)
	require.Equal(t, c.byID[1], c.leader())
	for _, m := range c.members {
		require.Equal(t, uint64(3), m.app.applied)
	}
	return c
}

// wrong is something that a check is there to find.
type wrong struct {
	name, property string
	make           func(c *crashRun)
}

func entryOf(term, index uint64, data string) pb.Entry {
	return pb.Entry{Term: term, Index: index, Data: []byte(data)}
}

// changed returns the status of a member, changed.
func changed(c *crashRun, id uint64, change func(*raft.BasicStatus)) *raft.BasicStatus {
	st := c.byID[id].seen.status
	change(&st)
	return &st
}

func sendWrong(c *crashRun, m pb.Message) { c.checkSent(c.byID[m.From], &m) }

// wrongLeaders is what leaders do.
func wrongLeaders() []wrong {
	return []wrong{
		{"two leaders", "election safety", func(c *crashRun) {
			c.checkElectionSafety(c.byID[2], changed(c, 2, func(*raft.BasicStatus) {}))
		}},
		{"a leader without a committed entry", "leader completeness", func(c *crashRun) {
			c.byID[3].seen.told.terms = c.byID[3].seen.told.terms[:1]
			c.checkLeaderCompleteness(c.byID[3], changed(c, 3, func(st *raft.BasicStatus) { st.Term = 3 }))
		}},
		{"a leader that replaces its log", "leader append-only", func(c *crashRun) {
			c.byID[1].seen.ledSince = 2
			c.checkAppendOnly(c.byID[1], []pb.Entry{entryOf(2, 3, "x")})
		}},
		{"a follower commits", "committed on a quorum", func(c *crashRun) {
			c.checkCommit(c.byID[2], changed(c, 2, func(st *raft.BasicStatus) { st.Commit = 4 }))
		}},
		{"a leader commits alone", "committed on a quorum", func(c *crashRun) {
			m := c.byID[1]
			m.seen.told.append([]pb.Entry{entryOf(2, 4, "")})
			c.checkCommit(m, changed(c, 1, func(st *raft.BasicStatus) { st.Commit = 4 }))
		}},
		{"a leader commits what is nowhere", "committed on a quorum", func(c *crashRun) {
			c.checkCommit(c.byID[1], changed(c, 1, func(st *raft.BasicStatus) { st.Commit = 4 }))
		}},
		{"a leader without a quorum", "check of the quorum", func(c *crashRun) {
			m := c.byID[1]
			m.settings.CheckQuorum = true
			m.seen.contact.now += 100
			c.checkContact(m)
		}},
		{"a member that is disturbed", "check of the quorum", func(c *crashRun) {
			c.byID[2].seen.status.Term++
			c.checkUndisturbed(c.byID[2], &pb.Message{Type: pb.MsgVote, From: 3, To: 2, Term: 9})
		}},
	}
}

// wrongLogs is what logs and disks hold.
func wrongLogs() []wrong {
	return []wrong{
		{"another entry", "log matching", func(c *crashRun) {
			c.checkLogMatching(c.byID[2], []pb.Entry{entryOf(2, 3, "x")})
		}},
		{"another predecessor", "log matching", func(c *crashRun) {
			c.byID[2].seen.told.terms[0] = 1
			c.checkLogMatching(c.byID[2], []pb.Entry{entryOf(2, 3, "")})
		}},
		{"another entry committed", "state machine safety", func(c *crashRun) {
			c.byID[2].seen.told.terms[1] = 1
			c.checkSameCommit(c.byID[2], 3)
		}},
		{"a quorum loses an entry", "committed entries are durable", func(c *crashRun) {
			c.byID[3].seen.durable.terms[1] = 1
			c.checkTruncation(c.byID[2], []pb.Entry{entryOf(3, 3, "")})
		}},
		{"a snapshot of something else", "committed entries are durable", func(c *crashRun) {
			c.checkSnapshotDurable(c.byID[2], pb.SnapshotMetadata{Index: 3, Term: 1})
		}},
		{"a disk that forgets", "storage", func(c *crashRun) {
			c.byID[2].seen.durableHard.Vote = 3
			c.checkDisk(c.byID[2])
		}},
	}
}

// wrongStatus is what a member says of itself.
func wrongStatus() []wrong {
	return []wrong{
		{"a term that falls", "monotony", func(c *crashRun) { c.checkMonotone(c.byID[2], changed(c, 2, func(st *raft.BasicStatus) { st.Term-- })) }},
		{"a commit that falls", "monotony", func(c *crashRun) {
			c.checkMonotone(c.byID[2], changed(c, 2, func(st *raft.BasicStatus) { st.Commit-- }))
		}},
		{"a vote that changes", "monotony", func(c *crashRun) {
			c.checkMonotone(c.byID[2], changed(c, 2, func(st *raft.BasicStatus) { st.Vote = 3 }))
		}},
		{"applied that falls", "monotony", func(c *crashRun) {
			c.checkMonotone(c.byID[2], changed(c, 2, func(st *raft.BasicStatus) { st.Applied-- }))
		}},
		{"applied beyond the commit", "monotony", func(c *crashRun) {
			c.checkMonotone(c.byID[2], changed(c, 2, func(st *raft.BasicStatus) { st.Applied = 9 }))
		}},
	}
}

// wrongMessages is what is sent.
func wrongMessages() []wrong {
	return []wrong{
		{"a term told too early", "persistence before telling", func(c *crashRun) {
			sendWrong(c, pb.Message{Type: pb.MsgHeartbeatResp, From: 2, To: 1, Term: 3})
		}},
		{"a vote told too early", "persistence before telling", func(c *crashRun) {
			sendWrong(c, pb.Message{Type: pb.MsgVoteResp, From: 2, To: 3, Term: 2})
		}},
		{"entries told too early", "persistence before telling", func(c *crashRun) {
			sendWrong(c, pb.Message{Type: pb.MsgAppResp, From: 2, To: 1, Term: 2, Index: 4})
		}},
		{"a candidacy told too early", "persistence before telling", func(c *crashRun) {
			sendWrong(c, pb.Message{Type: pb.MsgVote, From: 2, To: 1, Term: 2})
		}},
		{"a message to itself", "ready contract", func(c *crashRun) {
			sendWrong(c, pb.Message{Type: pb.MsgHeartbeat, From: 2, To: 2, Term: 2})
		}},
		{"a message that was written to", "handed out for ever", func(c *crashRun) {
			msg := pb.Message{Type: pb.MsgApp, From: 1, To: 2, Term: 2, Entries: []pb.Entry{entryOf(2, 4, "x")}}
			p := packet{msg: msg, digest: messageDigest(&msg)}
			msg.Entries[0].Data[0] = 'y'
			c.checkIntact(&p)
		}},
		{"an append too large", "bounded memory", func(c *crashRun) {
			c.byID[1].settings.MaxSizePerMsg = 4
			sendWrong(c, pb.Message{Type: pb.MsgApp, From: 1, To: 2, Term: 2, Entries: []pb.Entry{entryOf(2, 4, "x"), entryOf(2, 5, "y")}})
		}},
	}
}

// wrongReadys is what is handed out.
func wrongReadys() []wrong {
	return []wrong{
		{"an empty Ready", "ready contract", func(c *crashRun) { c.checkReady(c.byID[2], &raft.Ready{}) }},
		{"a gap in what is applied", "ready contract", func(c *crashRun) {
			c.checkReadyCommitted(c.byID[2], &raft.Ready{CommittedEntries: []pb.Entry{entryOf(2, 5, "")}})
		}},
		{"MustSync missing", "ready contract", func(c *crashRun) {
			c.checkReadyState(c.byID[2], &raft.Ready{Entries: []pb.Entry{entryOf(2, 4, "")}})
		}},
		{"an older snapshot", "ready contract", func(c *crashRun) {
			c.checkReadySnapshot(c.byID[2], &raft.Ready{Snapshot: pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 2, Term: 2}}})
		}},
		{"a refusal", "no panic, no refusal", func(c *crashRun) {
			c.checkRefusal(c.byID[2], &pb.Message{From: 1, To: 2}, raft.ErrInvalidMessage)
		}},
		{"too many reads", "bounded memory", func(c *crashRun) {
			m := c.byID[1]
			m.settings.MaxPendingReads, m.seen.reads = 1, make([]pendingRead, 2)
			c.checkPendingReads(m)
		}},
		{"too much uncommitted", "bounded memory", func(c *crashRun) {
			m := c.byID[1]
			m.settings.MaxUncommitted, m.seen.ledSince = 1, 2
			c.checkUncommitted(m, &raft.Ready{Entries: []pb.Entry{{Term: 2, Data: make([]byte, biggestPadding+1000)}}})
		}},
	}
}

// wrongApplied is what is applied and read.
func wrongApplied() []wrong {
	return []wrong{
		{"applied twice", "state machine safety", func(c *crashRun) {
			e := entryOf(2, 3, "")
			c.checkApply(c.byID[2], &e)
		}},
		{"applied, not committed", "state machine safety", func(c *crashRun) {
			e := entryOf(2, 4, "")
			c.checkApply(c.byID[2], &e)
		}},
		{"another entry applied", "state machine safety", func(c *crashRun) {
			c.byID[2].app.applied = 2
			e := entryOf(2, 3, "another")
			c.checkApply(c.byID[2], &e)
		}},
		{"another state", "state machine", func(c *crashRun) {
			c.byID[2].app.registers.values[0]++
			c.checkState(c.byID[2])
		}},
		{"another membership", "membership agreement", func(c *crashRun) {
			c.byID[1].app.applied, c.byID[2].app.applied = 3, 3
			c.checkMembership(c.byID[1])
			c.byID[2].app.membership.Voters = []uint64{1, 2}
			c.checkMembership(c.byID[2])
		}},
		{"a stale read", "linearizable reads", func(c *crashRun) {
			c.checkRead(c.byID[2], &pendingRead{floor: 3}, 2)
		}},
		{"an answer to nothing", "linearizable reads", func(c *crashRun) { c.answerRead(c.byID[2], "?", true) }},
		{"a stale value", "linearizability", func(c *crashRun) {
			c.history = append(c.history, linear.Operation{Client: 4, Key: 0, Value: 0, Call: c.event + 1, Return: c.event + 2})
			c.checkHistory()
		}},
	}
}

// TestEachCheckFindsWhatItIsFor: what each check is there to find is made to be seen, in a group that is sound.
func TestEachCheckFindsWhatItIsFor(t *testing.T) {
	all := slices.Concat(wrongLeaders(), wrongLogs(), wrongStatus(), wrongMessages(), wrongReadys(), wrongApplied())
	for _, w := range all {
		t.Run(w.name, func(t *testing.T) {
			c := elected(t)
			found := guard(func() { w.make(c) })
			require.NotNil(t, found)
			require.Equal(t, w.property, found.Property, found.Detail)
			require.NotEmpty(t, found.Detail)
		})
	}
}

// TestGuard: what panics is found too.
func TestGuard(t *testing.T) {
	found := guard(func() { panic("out of range") })
	require.Equal(t, "no panic, no refusal", found.Property)
	require.Equal(t, "out of range", found.Detail)
	require.Nil(t, guard(func() {}))
}
