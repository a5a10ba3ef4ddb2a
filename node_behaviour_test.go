package raft

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// How Nodes are started, and what programs of the lineage do with the library that its types do not forbid.

// votersOf returns a storage of a member of voters 1 to n, compacted up to index 1 of term 1.
func votersOf(t testing.TB, n int) *MemoryStorage {
	s := NewMemoryStorage()
	var cs pb.ConfState
	for id := uint64(1); id <= uint64(n); id++ {
		cs.Voters = append(cs.Voters, id)
	}
	require.NoError(t, s.ApplySnapshot(pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: cs}}))
	require.NoError(t, s.SetHardState(pb.HardState{Term: 1, Commit: 1}))
	return s
}

var errDisk = errors.New("the disk is on fire")

// brokenStorage fails at once.
type brokenStorage struct{ *MemoryStorage }

func (brokenStorage) InitialState() (pb.HardState, pb.ConfState, error) {
	return pb.HardState{}, pb.ConfState{}, errDisk
}

// errorCounter counts what is logged as an error.
type errorCounter struct {
	DiscardLogger
	n atomic.Int64
}

func (l *errorCounter) Errorf(string, ...any) { l.n.Add(1) }

func TestStartNodeWithEveryPeerOrOnlyTheOthers(t *testing.T) {
	all := []Peer{{ID: 1}, {ID: 2}, {ID: 3}}
	lists := map[string][]Peer{"all": all, "others": {{ID: 3}, {ID: 1}}, "others, ordered": {{ID: 1}, {ID: 3}}}
	for name, peers := range lists {
		t.Run(name, func(t *testing.T) {
			n := StartNode(testConfig(2, NewMemoryStorage()), peers)
			defer n.Stop()
			rd := nextReady(t, n)
			require.Equal(t, pb.HardState{Term: 1, Commit: 3}, rd.HardState)
			require.Len(t, rd.Entries, 3)
			for i, e := range rd.Entries {
				var cc pb.ConfChange
				require.NoError(t, cc.Unmarshal(e.Data))
				require.Equal(t, pb.ConfChange{Type: pb.ConfChangeAddNode, NodeID: uint64(i + 1)}, cc)
			}
			require.Equal(t, rd.Entries, rd.CommittedEntries)
			require.Len(t, n.Status().Config.Voters.IDs(), 3)
		})
	}
	require.Equal(t, []Peer{{ID: 1}, {ID: 2}, {ID: 3}}, all, "the caller's list is not modified")
}

func TestStartNodeWithoutPeersJoins(t *testing.T) {
	for _, peers := range [][]Peer{nil, {}} {
		s := NewMemoryStorage()
		n := StartNode(testConfig(4, s), peers)
		defer n.Stop()
		for range 100 {
			n.Tick()
		}
		requireNoReady(t, n)
		require.NoError(t, n.Campaign(context.Background()))
		require.Equal(t, StateFollower, n.Status().RaftState, "it is no voter yet")
		cs := pb.ConfState{Voters: []uint64{1, 4}}
		snap := pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 7, Term: 2, ConfState: cs}}
		ctx := context.Background()
		require.NoError(t, n.Step(ctx, pb.Message{Type: pb.MsgSnap, From: 1, To: 4, Term: 2, Snapshot: &snap}))
		rd := nextReady(t, n)
		require.Equal(t, snap, rd.Snapshot)
		require.Equal(t, pb.HardState{Term: 2, Commit: 7}, rd.HardState)
		persist(t, s, rd)
		n.Advance()
		require.Equal(t, uint64(7), n.Status().Applied)
	}
}

func TestStartNodeReportsWhatIsWrong(t *testing.T) {
	cases := []struct {
		name  string
		spoil func(*Config)
		peers []Peer
		want  error
	}{
		{"no ID", func(c *Config) { c.ID = 0 }, nil, ErrConfig},
		{"no storage", func(c *Config) { c.Storage = nil }, []Peer{{ID: 1}}, ErrConfig},
		{"no ticks", func(c *Config) { c.ElectionTick = 0 }, nil, ErrConfig},
		{"a disk that fails", func(c *Config) { c.Storage = brokenStorage{} }, nil, errDisk},
		{"peer named twice", func(*Config) {}, []Peer{{ID: 1}, {ID: 2}, {ID: 2}}, nil},
		{"peer zero", func(*Config) {}, []Peer{{ID: 0}}, nil},
		{"peer that is a thread", func(*Config) {}, []Peer{{ID: LocalAppendThread}}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			logger := &errorCounter{}
			cfg := testConfig(1, NewMemoryStorage())
			cfg.Logger = logger
			c.spoil(cfg)
			_, err := NewNode(cfg, c.peers)
			require.Error(t, err)
			if c.want == nil {
				require.ErrorContains(t, err, "bootstrap peer")
			} else {
				require.ErrorIs(t, err, c.want)
			}
			require.Zero(t, logger.n.Load(), "NewNode returns the error, the caller logs it")
			n := StartNode(cfg, c.peers)
			require.Equal(t, int64(1), logger.n.Load())
			requireStopped(t, n, ErrStopped)
			require.ErrorContains(t, n.Propose(context.Background(), nil), err.Error())
		})
	}
	n := StartNode(nil, nil)
	requireStopped(t, n, ErrConfig)
	requireStopped(t, RestartNode(nil), ErrConfig)
}

func TestNewNodeOnUsedStorageIsRefused(t *testing.T) {
	s := votersOf(t, 1)
	_, err := NewNode(testConfig(1, s), []Peer{{ID: 1}})
	require.ErrorContains(t, err, "restart")
	rn, err := NewRawNode(testConfig(1, s))
	require.NoError(t, err)
	require.Error(t, rn.Bootstrap([]Peer{{ID: 1}}))
	require.False(t, rn.HasReady(), "nothing changed")
	empty, err := NewRawNode(testConfig(1, NewMemoryStorage()))
	require.NoError(t, err)
	require.Error(t, empty.Bootstrap(nil))
}

// A program that always starts with its peers restarts the member whose storage is not empty.
func TestStartNodeOnUsedStorageRestarts(t *testing.T) {
	s := votersOf(t, 1)
	n := StartNode(testConfig(1, s), []Peer{{ID: 1}, {ID: 2}})
	defer n.Stop()
	require.NoError(t, n.Campaign(context.Background()))
	driveUntil(t, n, s, leads)
	basic := n.(BasicStatuser).BasicStatus()
	require.Equal(t, n.Status().BasicStatus, basic)
	require.Equal(t, StateLeader, basic.RaftState)
}

func TestSingleNodeStartsAndRestarts(t *testing.T) {
	s := NewMemoryStorage()
	ctx := context.Background()
	n := StartNode(testConfig(1, s), []Peer{{ID: 1}})
	driveUntil(t, n, s, func(Ready) bool { return true })
	for n.Status().RaftState != StateCandidate {
		n.Tick()
	}
	driveUntil(t, n, s, leads)
	require.NoError(t, n.Propose(ctx, []byte("first life")))
	driveUntil(t, n, s, appliesData("first life"))
	n.Stop()

	hs, _, err := s.InitialState()
	require.NoError(t, err)
	cfg := testConfig(1, &confStorage{MemoryStorage: s, cs: pb.ConfState{Voters: []uint64{1}}})
	cfg.Applied = hs.Commit
	n = RestartNode(cfg)
	defer n.Stop()
	requireNoReady(t, n)
	require.NoError(t, n.Campaign(ctx))
	driveUntil(t, n, s, leads)
	require.NoError(t, n.Propose(ctx, []byte("second life")))
	rd := driveUntil(t, n, s, appliesData("second life"))
	require.Greater(t, rd.CommittedEntries[0].Index, cfg.Applied, "nothing is applied twice")
}

// confStorage is a storage of the application's own kind: it embeds MemoryStorage and keeps the membership elsewhere.
type confStorage struct {
	*MemoryStorage
	cs    pb.ConfState
	terms atomic.Int64
}

func (s *confStorage) InitialState() (pb.HardState, pb.ConfState, error) {
	hs, _, err := s.MemoryStorage.InitialState()
	return hs, s.cs, err
}

func (s *confStorage) Term(i uint64) (uint64, error) {
	s.terms.Add(1)
	// The embedded lock keeps writers out, not readers.
	s.Lock()
	defer s.Unlock()
	return s.MemoryStorage.Term(i)
}

// countingNode is a Node of the application's own kind.
type countingNode struct {
	Node
	proposals atomic.Int64
}

func (n *countingNode) Propose(ctx context.Context, data []byte) error {
	n.proposals.Add(1)
	return n.Node.Propose(ctx, data)
}

func TestNodeAndStorageCanBeWrapped(t *testing.T) {
	s := &confStorage{MemoryStorage: NewMemoryStorage(), cs: pb.ConfState{Voters: []uint64{1}}}
	n := &countingNode{Node: RestartNode(testConfig(1, s))}
	defer n.Stop()
	var asInterface Node = n
	require.NoError(t, asInterface.Campaign(context.Background()))
	driveUntil(t, n, s.MemoryStorage, leads)
	require.NoError(t, asInterface.Propose(context.Background(), []byte("x")))
	driveUntil(t, n, s.MemoryStorage, appliesData("x"))
	require.Equal(t, int64(1), n.proposals.Load())
	require.Positive(t, s.terms.Load())
}

func TestStorageErrorsCanBeComparedWithEquals(t *testing.T) {
	s := votersOf(t, 1)
	require.NoError(t, s.Append([]pb.Entry{{Term: 1, Index: 2}, {Term: 1, Index: 3}}))
	require.NoError(t, s.Compact(2))
	_, err := s.Term(1)
	require.True(t, err == ErrCompacted)
	_, err = s.Entries(2, 3, noLimit)
	require.True(t, err == ErrCompacted)
	_, err = s.Term(4)
	require.True(t, err == ErrUnavailable)
	_, err = s.Entries(3, 5, noLimit)
	require.True(t, err == ErrUnavailable)
	require.True(t, s.Compact(2) == ErrCompacted)
	_, err = s.CreateSnapshot(1, nil, nil)
	require.True(t, err == ErrSnapOutOfDate)
	require.True(t, s.ApplySnapshot(pb.Snapshot{}) == ErrSnapOutOfDate)
}

func TestMemoryStorageIsReadUnderItsLock(t *testing.T) {
	s := votersOf(t, 1)
	require.NoError(t, s.Append([]pb.Entry{{Term: 1, Index: 2}}))
	s.Lock()
	defer s.Unlock()
	first, _ := s.FirstIndex()
	last, _ := s.LastIndex()
	term, _ := s.Term(last)
	ents, err := s.Entries(first, last+1, noLimit)
	require.NoError(t, err)
	require.Equal(t, []pb.Entry{{Term: 1, Index: 2}}, ents)
	require.Equal(t, uint64(1), term)
	snap, err := s.Snapshot()
	require.NoError(t, err)
	require.Equal(t, uint64(1), snap.Metadata.Index)
}

// A leader sends before it writes. What its followers acknowledge meanwhile is committed without its own disk.
func TestLeaderSendsBeforeItWrites(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	c.propose(1, "x")
	rd := c.members[1].rn.Ready()
	last := rd.Entries[len(rd.Entries)-1].Index
	c.send(1, rd.Messages)
	c.stabilize(2, 3)
	require.Equal(t, last, c.raft(1).log.committed, "two of three hold it")
	c.write(c.members[1], rd.HardState, rd.Entries, rd.Snapshot)
	c.members[1].rn.Advance(rd)
	c.stabilize()
	for _, id := range c.ids {
		require.Equal(t, []string{"x"}, c.data(id))
	}
}

// panickyLogger panics where the interface says that a method does not return, and counts.
type panickyLogger struct {
	DiscardLogger
	calls atomic.Int64
}

func (l *panickyLogger) Panicf(format string, v ...any) {
	l.calls.Add(1)
	panic(fmt.Sprintf(format, v...))
}

func (l *panickyLogger) Fatalf(format string, v ...any) { l.Panicf(format, v...) }
func (l *panickyLogger) Panic(v ...any)                 { l.Panicf("%v", v) }
func (l *panickyLogger) Fatal(v ...any)                 { l.Panicf("%v", v) }

func TestLoggersThatPanicAreNotProvoked(t *testing.T) {
	logger := &panickyLogger{}
	cfg := testConfig(1, votersOf(t, 3))
	cfg.Logger = logger
	n := startedNode(t, cfg)
	for _, m := range hostileMessages() {
		require.NotPanics(t, func() { _ = n.Step(context.Background(), m) }, "%v", m)
	}
	require.Zero(t, logger.calls.Load())
}

// hostileMessages returns messages from members that are unknown, and with contents that nobody should send.
func hostileMessages() []pb.Message {
	var out []pb.Message
	for typ := pb.MessageType(-1); typ < 30; typ++ {
		for _, from := range []uint64{0, 1, 2, 99, LocalAppendThread, LocalApplyThread} {
			for _, term := range []uint64{0, 1, 2, maxTerm, noLimit} {
				m := pb.Message{Type: typ, From: from, To: 1, Term: term, Index: 1, LogTerm: 1}
				out = append(out, m)
				m.Index, m.LogTerm, m.Commit, m.RejectHint, m.Reject = noLimit, noLimit, noLimit, noLimit, true
				out = append(out, m)
			}
		}
	}
	return out
}

func TestRestartHandsOutOnlyWhatIsAboveApplied(t *testing.T) {
	s := votersOf(t, 3)
	require.NoError(t, s.Append([]pb.Entry{{Term: 1, Index: 2}, {Term: 1, Index: 3}, {Term: 1, Index: 4}, {Term: 1, Index: 5}}))
	require.NoError(t, s.SetHardState(pb.HardState{Term: 1, Commit: 4}))
	for applied, want := range map[uint64]int{0: 3, 1: 3, 2: 2, 4: 0} {
		cfg := testConfig(1, s)
		cfg.Applied = applied
		rn, err := NewRawNode(cfg)
		require.NoError(t, err)
		require.Equal(t, want > 0, rn.HasReady())
		if want > 0 {
			require.Len(t, rn.Ready().CommittedEntries, want, "applied %d", applied)
		}
	}
	cfg := testConfig(1, s)
	cfg.Applied = 6
	_, err := NewRawNode(cfg)
	require.ErrorIs(t, err, ErrConfig)
}

// Ready says that the commit index alone may be lost. What was applied was committed, and bears that out.
func TestRestartWithAppliedAboveALostCommitIndex(t *testing.T) {
	s := votersOf(t, 3)
	require.NoError(t, s.Append([]pb.Entry{{Term: 1, Index: 2}, {Term: 1, Index: 3}}))
	cfg := testConfig(1, s)
	cfg.Applied = 3
	rn, err := NewRawNode(cfg)
	require.NoError(t, err)
	require.Equal(t, uint64(3), rn.BasicStatus().Commit)
}

// A snapshot without a membership says that the group has no members: nobody is restored by it, and nothing panics.
func TestSnapshotWithoutMembershipIsNotRestored(t *testing.T) {
	c := newVoters(t, 3)
	snap := pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 9, Term: 2}}
	_ = c.step(pb.Message{Type: pb.MsgSnap, From: 2, To: 1, Term: 2, Snapshot: &snap})
	require.Nil(t, c.raft(1).log.unstable.snapshot)
	require.Equal(t, uint64(1), c.raft(1).log.committed)
	require.Len(t, c.raft(1).membership.Members, 3)
}

func TestNilAndEmptyDataAreEntriesLikeAnyOther(t *testing.T) {
	c := newVoters(t, 3)
	c.elect(1)
	before := len(c.members[3].applied)
	for _, id := range []uint64{1, 2} {
		require.NoError(t, c.members[id].rn.Propose(nil))
		require.NoError(t, c.members[id].rn.Propose([]byte{}))
	}
	c.stabilize()
	for _, id := range c.ids {
		news := c.members[id].applied[before:]
		require.Len(t, news, 4)
		for _, e := range news {
			require.Empty(t, e.Data)
			require.Equal(t, pb.EntryNormal, e.Type)
		}
	}
}

func TestUnknownMembersAreNamedEverywhere(t *testing.T) {
	c := newVoters(t, 3)
	for _, leading := range []bool{false, true} {
		if leading {
			c.elect(1)
		}
		rn := c.members[1].rn
		before := rn.Status()
		for _, id := range []uint64{0, 99, LocalAppendThread, noLimit} {
			rn.TransferLeader(id)
			rn.ReportUnreachable(id)
			rn.ReportSnapshot(id, SnapshotFinish)
			rn.ReportSnapshot(id, SnapshotStatus(77))
			for _, typ := range []pb.MessageType{pb.MsgAppResp, pb.MsgHeartbeatResp, pb.MsgVoteResp, pb.MsgReadIndexResp} {
				require.Error(t, rn.Step(pb.Message{Type: typ, From: id, To: 1, Term: 2, Index: 2}), "%v from %x", typ, id)
			}
		}
		require.Equal(t, before, rn.Status())
	}
	require.Equal(t, ErrStepPeerNotFound, c.step(pb.Message{Type: pb.MsgAppResp, From: 99, To: 1, Term: 2}))
}
