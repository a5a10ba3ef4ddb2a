package raft

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// What a Config may hold, and what is said of one that may not; and storage that fails or contradicts itself when a
// member starts (Raft Fig. 2, persistent state).

// badConfig spoils one field; the error must hold the words.
type badConfig struct {
	spoil func(c *Config)
	words []string
}

func badConfigs() []badConfig {
	return []badConfig{
		{func(c *Config) { c.ID = None }, []string{"ID is 0", "want 1 to 18446744073709551613"}},
		{func(c *Config) { c.ID = LocalAppendThread }, []string{"ID is 18446744073709551615", "want 1 to"}},
		{func(c *Config) { c.ID = LocalApplyThread }, []string{"ID is 18446744073709551614", "want 1 to"}},
		{func(c *Config) { c.HeartbeatTick = 0 }, []string{"HeartbeatTick is 0", "want at least 1"}},
		{func(c *Config) { c.HeartbeatTick = -3 }, []string{"HeartbeatTick is -3", "want at least 1"}},
		{func(c *Config) { c.ElectionTick = 0 }, []string{"ElectionTick is 0", "want more than HeartbeatTick (1)"}},
		{func(c *Config) { c.ElectionTick = 1 }, []string{"ElectionTick is 1", "want more than HeartbeatTick (1)"}},
		{func(c *Config) { c.ElectionTick = math.MaxInt32 + 1 }, []string{"ElectionTick is 2147483648", "want at most 2147483647"}},
		{func(c *Config) { c.Storage = nil }, []string{"Storage is nil", "want a Storage"}},
		{func(c *Config) { c.MaxInflightMsgs = 0 }, []string{"MaxInflightMsgs is 0", "want at least 1"}},
		{func(c *Config) { c.MaxInflightMsgs = -1 }, []string{"MaxInflightMsgs is -1", "want at least 1"}},
		{func(c *Config) { c.MaxSizePerMsg, c.MaxInflightBytes = 10, 9 },
			[]string{"MaxInflightBytes is 9", "want 0, or at least MaxSizePerMsg (10)"}},
		{func(c *Config) { c.MaxPendingReads = -1 }, []string{"MaxPendingReads is -1", "want 0 for the default"}},
		{func(c *Config) { c.ReadOnlyOption = ReadOnlyLeaseBased }, []string{"ReadOnlyOption is ReadOnlyLeaseBased", "want CheckQuorum"}},
		{func(c *Config) { c.ReadOnlyOption = 7 }, []string{"ReadOnlyOption is 7", "want ReadOnlySafe, ReadOnlyLeaseBased or ReadOnlySafeWithLease"}},
		{func(c *Config) { withLeaseReads(c); c.LeaseMargin = -1 }, []string{"LeaseMargin is -1", "want 0 for the default, to ElectionTick (10)"}},
		{func(c *Config) { withLeaseReads(c); c.LeaseMargin = 11 }, []string{"LeaseMargin is 11", "to ElectionTick (10)"}},
		{func(c *Config) { c.Applied = 9 }, []string{"Applied is 9", "want at most the last index 0 in storage"}},
	}
}

// Every field out of bounds is an error that names the field, its value, and what is allowed, and nothing else happens.
func TestConfigErrors(t *testing.T) {
	for _, tc := range badConfigs() {
		cfg := testConfig(1, NewMemoryStorage())
		tc.spoil(cfg)
		before := *cfg
		rn, err := NewRawNode(cfg)
		require.Nil(t, rn)
		require.ErrorIs(t, err, ErrConfig)
		for _, words := range tc.words {
			require.ErrorContains(t, err, words)
		}
		require.Equal(t, before, *cfg, "the Config was modified")
	}
	_, err := NewRawNode(nil)
	require.ErrorIs(t, err, ErrConfig)
	require.ErrorContains(t, err, "it is nil")
}

// The smallest and the largest values that are allowed are.
func TestConfigBoundsAreInclusive(t *testing.T) {
	for _, set := range []func(c *Config){
		func(c *Config) { c.ID = LocalApplyThread - 1 },
		func(c *Config) { c.ElectionTick = 2 },
		func(c *Config) { c.ElectionTick = math.MaxInt32 },
		func(c *Config) { c.MaxInflightMsgs = 1 },
		func(c *Config) { c.MaxSizePerMsg, c.MaxInflightBytes = 10, 10 },
		func(c *Config) { c.MaxSizePerMsg = 0 },
		func(c *Config) { withLeaseReads(c); c.LeaseMargin = 10 },
		func(c *Config) { c.LeaseMargin = -1 },
		func(c *Config) { c.Rand = nil },
	} {
		cfg := testConfig(1, NewMemoryStorage())
		set(cfg)
		_, err := NewRawNode(cfg)
		require.NoError(t, err)
	}
}

// A Config is read and not modified: not when the member starts, and not while it runs.
func TestConfigIsNotModified(t *testing.T) {
	c := newVoters(t, 3, withLeaseReads)
	before := *c.members[1].cfg
	letLeasesPass(c)
	c.elect(1)
	c.propose(1, "a")
	c.stabilize()
	require.Equal(t, before, *c.members[1].cfg)
}

// Zero stands for a default.
func TestConfigDefaults(t *testing.T) {
	cfg := testConfig(1, NewMemoryStorage())
	s := cfg.settings()
	require.Equal(t, payloadSize(noLimit), s.maxUncommittedSize)
	require.Equal(t, int32(1<<16), s.maxPendingReads)
	require.Equal(t, uint64(3), s.leaseMargin, "two and a tenth of 10")
	require.Equal(t, encodedSize(noLimit), cfg.maxApplyingSize(), "that of MaxSizePerMsg")
	cfg.MaxSizePerMsg = 0
	require.Equal(t, encodedSize(1), cfg.maxApplyingSize(), "one entry at a time")
	cfg.MaxCommittedSizePerReady = 77
	require.Equal(t, encodedSize(77), cfg.maxApplyingSize())
	cfg.LeaseMargin, cfg.MaxPendingReads, cfg.MaxUncommittedEntriesSize = 4, 5, 6
	s = cfg.settings()
	require.Equal(t, []uint64{4, 5, 6}, []uint64{s.leaseMargin, uint64(s.maxPendingReads), uint64(s.maxUncommittedSize)})
}

func ptr[T any](v T) *T { return &v }

// Storage that fails, or contradicts itself, is an error that says how, and not a panic.
func TestNewRawNodeReportsStorage(t *testing.T) {
	broken := errors.New("disk on fire")
	for words, spoil := range map[string]func(s *faultyStorage){
		"failed to return its initial state":            func(s *faultyStorage) { s.stateErr = broken },
		"failed to return its first index":              func(s *faultyStorage) { s.firstErr = broken },
		"failed to return its last index":               func(s *faultyStorage) { s.lastErr = broken },
		"failed to return the term of its last index 3": func(s *faultyStorage) { s.termErr = broken },
	} {
		s := &faultyStorage{Storage: storedLog(t)}
		spoil(s)
		_, err := NewRawNode(testConfig(1, s))
		require.ErrorIs(t, err, broken)
		require.ErrorContains(t, err, words)
	}
}

// storedLog returns a storage with a snapshot at 1/1 and entries up to 2/3.
func storedLog(t *testing.T) *MemoryStorage {
	s := NewMemoryStorage()
	require.NoError(t, s.ApplySnapshot(pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: voters(1, 2, 3)}}))
	require.NoError(t, s.Append(entriesAt(at(1, 2), at(2, 3))))
	require.NoError(t, s.SetHardState(pb.HardState{Term: 2, Commit: 2}))
	return s
}

func TestNewRawNodeReportsContradictions(t *testing.T) {
	for words, spoil := range map[string]func(s *faultyStorage){
		"first index 0 and last index 3: want 1 <= first":          func(s *faultyStorage) { s.first = ptr(uint64(0)) },
		"first index 5 and last index 3: want 1 <= first":          func(s *faultyStorage) { s.first = ptr(uint64(5)) },
		fmt.Sprintf("last index %d: want below", uint64(maxIndex)): func(s *faultyStorage) { s.last = ptr(uint64(maxIndex)) },
		"impossible membership":                                    func(s *faultyStorage) { s.confState = &pb.ConfState{Voters: []uint64{1, 1}} },
		"hard state commit 4 above its last index 3":               func(s *faultyStorage) { s.hardState = &pb.HardState{Term: 2, Commit: 4} },
		fmt.Sprintf("hard state term %d: want", uint64(maxTerm)+1): func(s *faultyStorage) { s.hardState = &pb.HardState{Term: maxTerm + 1} },
	} {
		s := &faultyStorage{Storage: storedLog(t)}
		spoil(s)
		require.NotPanics(t, func() {
			_, err := NewRawNode(testConfig(1, s))
			require.ErrorContains(t, err, words)
		})
	}
}

// A log that holds entries of a later term than the hard state names (it was not written, or the two are of
// different lives) is either an error, or the member starts in the term of its log. In a lower one it would
// campaign in a term that its own log denies.
func TestNewRawNodeWithALogAheadOfItsTerm(t *testing.T) {
	s := &faultyStorage{Storage: storedLog(t), hardState: &pb.HardState{Term: 1, Commit: 2}}
	rn, err := NewRawNode(testConfig(1, s))
	if err != nil {
		require.ErrorContains(t, err, "term")
		return
	}
	require.GreaterOrEqual(t, rn.BasicStatus().Term, uint64(2))
}

// A member without a Logger and a source of randomness gets one of each.
func TestNewRawNodeWithoutLoggerAndRand(t *testing.T) {
	cfg := testConfig(1, storedLog(t))
	cfg.Logger, cfg.Rand = nil, nil
	defer SetLogger(getLogger())
	SetLogger(DiscardLogger{})
	rn, err := NewRawNode(cfg)
	require.NoError(t, err)
	require.Nil(t, cfg.Rand)
	other, err := NewRawNode(cfg)
	require.NoError(t, err)
	require.NotEqual(t, rn.raft.rand.Uint64(), other.raft.rand.Uint64(), "two members draw the same timeouts")
}

// The application may be ahead of the commit index in storage, which need not be durable, and behind it.
func TestNewRawNodeAppliedIndex(t *testing.T) {
	for applied, want := range map[uint64]uint64{0: 1, 1: 1, 2: 2, 3: 3} {
		cfg := testConfig(1, storedLog(t))
		cfg.Applied = applied
		rn, err := NewRawNode(cfg)
		require.NoError(t, err)
		require.Equal(t, want, rn.BasicStatus().Applied)
	}
}
