package raft

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// The contract of Ready (thesis §10.2.1; docs/STORAGE.md): throughout random runs of a group HasReady is exact, the
// parts of a Ready fit together, and nothing that was handed out is ever written again.

// keptBytes is a message or entry that was handed out, and how it was encoded then.
type keptBytes struct {
	now  func() ([]byte, error)
	then []byte
}

// readyRun is a group in which everything happens at random.
type readyRun struct {
	*cluster
	rnd  *rand.Rand
	kept []keptBytes
	// hard is the last HardState that each member has handed out, next the index of its next entry to be applied.
	hard map[uint64]pb.HardState
	next map[uint64]uint64
	// late are Readys handled and not advanced yet.
	late map[uint64]*Ready
}

func newReadyRun(t *testing.T, seed uint64, configure func(c *Config)) *readyRun {
	run := &readyRun{
		cluster: newVoters(t, 3, configure),
		rnd:     rand.New(rand.NewPCG(seed, 77)),
		hard:    map[uint64]pb.HardState{}, next: map[uint64]uint64{}, late: map[uint64]*Ready{},
	}
	for _, id := range run.ids {
		run.hard[id] = run.raft(id).hardState()
		run.next[id] = 2
	}
	return run
}

func (run *readyRun) keep(ents []pb.Entry, msgs []pb.Message) {
	for i := range ents {
		run.keepOne(ents[i].Marshal)
	}
	for i := range msgs {
		run.keepOne(msgs[i].Marshal)
	}
}

func (run *readyRun) keepOne(encode func() ([]byte, error)) {
	then, err := encode()
	require.NoError(run.t, err)
	run.kept = append(run.kept, keptBytes{now: encode, then: then})
}

// take asks for a Ready, whether HasReady reports one or not, and checks it.
func (run *readyRun) take(id uint64) {
	m := run.members[id]
	if run.late[id] != nil {
		m.rn.Advance(*run.late[id])
		run.late[id] = nil
		return
	}
	has := m.rn.HasReady()
	rd := m.rn.Ready()
	require.Equal(run.t, has, !isEmptyReady(rd), "HasReady is %t, the Ready is:\n%s", has, DescribeReady(rd, nil))
	run.check(id, rd)
	run.keep(rd.Entries, rd.Messages)
	run.keep(rd.CommittedEntries, nil)
	if m.cfg.AsyncStorageWrites {
		run.checkUnheld(m, rd.Messages)
		run.send(id, rd.Messages)
		return
	}
	run.write(m, rd.HardState, rd.Entries, rd.Snapshot)
	run.send(id, rd.Messages)
	run.apply(m, rd.CommittedEntries)
	run.late[id] = &rd
}

// check looks at how the parts of a Ready fit together.
func (run *readyRun) check(id uint64, rd Ready) {
	t, prev := run.t, run.hard[id]
	hard := prev
	if !IsEmptyHardState(rd.HardState) {
		require.NotEqual(t, prev, rd.HardState, "unchanged, but handed out")
		hard = rd.HardState
	}
	run.hard[id] = hard
	require.Equal(t, MustSync(hard, prev, len(rd.Entries)) || !IsEmptySnap(rd.Snapshot), rd.MustSync)
	require.GreaterOrEqual(t, hard.Commit, prev.Commit)
	if !IsEmptySnap(rd.Snapshot) {
		run.next[id] = rd.Snapshot.Metadata.Index + 1
	}
	for _, e := range rd.CommittedEntries {
		require.Equal(t, run.next[id], e.Index, "entries are applied in order, each once")
		require.LessOrEqual(t, e.Index, hard.Commit)
		run.next[id]++
	}
	for i, e := range rd.Entries {
		require.Equal(t, rd.Entries[0].Index+uint64(i), e.Index)
	}
	require.Equal(t, len(rd.Entries), cap(rd.Entries))
	require.Equal(t, len(rd.CommittedEntries), cap(rd.CommittedEntries))
	require.Equal(t, len(rd.Messages), cap(rd.Messages))
}

// checkUnheld requires that what leaves at once rests on nothing that is not durable: no message bears a term that
// is not, and what was written is acknowledged only from the storage thread.
func (run *readyRun) checkUnheld(m *testMember, msgs []pb.Message) {
	hs, _, _ := m.storage.InitialState()
	for i := range msgs {
		msg := &msgs[i]
		if IsLocalMsgTarget(msg.To) || msg.From != m.cfg.ID {
			continue
		}
		require.False(run.t, mustFollowWrite(msg.Type), "%s", DescribeMessage(*msg, nil))
		if msg.Type != pb.MsgPreVote && msg.Type != pb.MsgPreVoteResp {
			require.LessOrEqual(run.t, msg.Term, hs.Term, "%s", DescribeMessage(*msg, nil))
		}
	}
}

// checkSent requires that what a message acknowledges is durable when it leaves.
func (run *readyRun) checkSent() {
	for _, msg := range run.network {
		m := run.members[msg.From]
		if msg.Type == pb.MsgAppResp && !msg.Reject {
			last, _ := m.storage.LastIndex()
			hs, _, _ := m.storage.InitialState()
			require.True(run.t, msg.Index <= last || msg.Term < hs.Term, "%s, storage ends at %d", DescribeMessage(msg, nil), last)
		}
	}
}

// act lets one thing happen.
func (run *readyRun) act() {
	id := run.ids[run.rnd.IntN(len(run.ids))]
	m := run.members[id]
	switch run.rnd.IntN(24) {
	case 0, 1, 2, 3:
		m.rn.Tick()
	case 4, 5, 6:
		_ = m.rn.Propose([]byte(fmt.Sprint("data ", run.rnd.Uint64())))
	case 7:
		m.rn.ReadIndex([]byte("read"))
	case 8:
		if run.rnd.IntN(3) == 0 {
			m.rn.TransferLeader(1 + run.rnd.Uint64N(3))
		}
	case 9:
		if run.rnd.IntN(3) == 0 && run.late[id] == nil {
			_ = m.rn.Campaign()
		}
	case 10:
		m.rn.ReportUnreachable(1 + run.rnd.Uint64N(3))
	case 11:
		run.compact(m)
	case 12:
		_ = m.rn.ForgetLeader()
	case 13, 14, 15:
		run.runAppendThread(id)
	case 16:
		run.runApplyThread(id)
	default:
		run.deliverRandom()
		run.take(id)
	}
	run.checkSent()
}

func (run *readyRun) compact(m *testMember) {
	first, _ := m.storage.FirstIndex()
	if n := len(m.applied); n > 0 && m.applied[n-1].Index >= first+3 {
		index := m.applied[n-1].Index
		if last, _ := m.storage.LastIndex(); index <= last {
			run.snapshot(m.cfg.ID, index)
		}
	}
}

// deliverRandom delivers some messages, in any order, loses some, and delivers some twice.
func (run *readyRun) deliverRandom() {
	for range min(len(run.network), 6) {
		k := run.rnd.IntN(len(run.network))
		msg := run.network[k]
		if run.rnd.IntN(8) != 0 {
			run.network = append(run.network[:k:k], run.network[k+1:]...)
		}
		if run.rnd.IntN(12) != 0 {
			run.deliverOne(msg)
		}
	}
	if len(run.network) > 200 {
		run.network = nil
	}
}

func (run *readyRun) checkKept() {
	for _, k := range run.kept {
		now, err := k.now()
		require.NoError(run.t, err)
		require.Equal(run.t, k.then, now, "what was handed out was written again")
	}
}

func TestReadyContractInRandomRuns(t *testing.T) {
	for seed := uint64(0); seed < 24; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			run := newReadyRun(t, seed, func(c *Config) {
				c.AsyncStorageWrites = seed%2 == 1
				c.PreVote = seed%3 == 1
				c.CheckQuorum = seed%3 == 2
				c.MaxSizePerMsg = 100 << (seed % 4)
				c.MaxInflightMsgs = 4
				c.MaxCommittedSizePerReady = 100
			})
			for range 8000 {
				run.act()
			}
			run.checkKept()
			require.Greater(t, run.raft(1).log.committed, uint64(20), "nothing happened")
		})
	}
}
