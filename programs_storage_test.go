// What programs do with a Storage. etcd and Fabric compact the MemoryStorage and compare what comes back with ==, from
// other goroutines than that of the Ready loop; Fabric reaches it through an interface of its own, and test benches wrap
// it to inject failures; Dgraph implements Storage over its disk, and answers with the library's errors, bare. Each
// relies on being asked: what a wrapper overrides must never be passed by.

package raft_test

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// compactable is the interface by which Fabric reaches its MemoryStorage.
type compactable interface {
	raft.Storage
	Append(entries []pb.Entry) error
	SetHardState(st pb.HardState) error
	CreateSnapshot(i uint64, cs *pb.ConfState, data []byte) (pb.Snapshot, error)
	Compact(compactIndex uint64) error
	ApplySnapshot(snap pb.Snapshot) error
}

var _ compactable = raft.NewMemoryStorage()

// numbered returns entries of the term at the indexes from lo up to and including hi.
func numbered(term, lo, hi uint64) []pb.Entry {
	var ents []pb.Entry
	for i := lo; i <= hi; i++ {
		ents = append(ents, pb.Entry{Term: term, Index: i, Data: []byte{byte(i)}})
	}
	return ents
}

func TestProgramsCompareStorageErrorsWithEquals(t *testing.T) {
	ms := raft.NewMemoryStorage()
	require.NoError(t, ms.Append(numbered(1, 1, 9)))
	_, err := ms.CreateSnapshot(5, &pb.ConfState{Voters: []uint64{1}}, nil)
	require.NoError(t, err)
	require.NoError(t, ms.Compact(5))

	for what, c := range map[string]struct {
		want error
		call func() error
	}{
		"Compact twice":             {raft.ErrCompacted, func() error { return ms.Compact(5) }},
		"Compact below":             {raft.ErrCompacted, func() error { return ms.Compact(0) }},
		"Term below":                {raft.ErrCompacted, func() error { _, err := ms.Term(4); return err }},
		"Term above":                {raft.ErrUnavailable, func() error { _, err := ms.Term(10); return err }},
		"Entries below":             {raft.ErrCompacted, func() error { _, err := ms.Entries(5, 7, noSizeLimit); return err }},
		"Entries above":             {raft.ErrUnavailable, func() error { _, err := ms.Entries(9, 11, noSizeLimit); return err }},
		"snapshot of the same":      {raft.ErrSnapOutOfDate, func() error { _, err := ms.CreateSnapshot(5, nil, nil); return err }},
		"snapshot of an earlier":    {raft.ErrSnapOutOfDate, func() error { _, err := ms.CreateSnapshot(3, nil, nil); return err }},
		"restoring an old snapshot": {raft.ErrSnapOutOfDate, func() error { return ms.ApplySnapshot(pb.Snapshot{}) }},
	} {
		err := c.call()
		require.True(t, err == c.want, "%s: %v", what, err)
	}
}

// sealedStorage keeps the data of its entries sealed, and opens it for readers.
type sealedStorage struct {
	*raft.MemoryStorage
	opened int
}

// sealed returns the entries with their data sealed if it is open, and open if it is sealed.
func sealed(ents []pb.Entry) []pb.Entry {
	out := slices.Clone(ents)
	for i := range out {
		out[i].Data = slices.Clone(out[i].Data)
		for k := range out[i].Data {
			out[i].Data[k] ^= 0xff
		}
	}
	return out
}

func (s *sealedStorage) Append(ents []pb.Entry) error { return s.MemoryStorage.Append(sealed(ents)) }

func (s *sealedStorage) Entries(lo, hi, maxSize uint64) ([]pb.Entry, error) {
	s.opened++
	ents, err := s.MemoryStorage.Entries(lo, hi, maxSize)
	return sealed(ents), err
}

// What is handed out to be applied, and what is sent to a member that has missed it, comes through the wrapper.
func TestProgramsWrapMemoryStorageToReadEntries(t *testing.T) {
	var inner *sealedStorage
	f := newFleet(t, asSwarmkit, 3, func(m *member, cfg *raft.Config) {
		if m.id == 1 {
			inner = &sealedStorage{MemoryStorage: m.storage}
			cfg.Storage = inner
		}
	})
	f.members[1].handle = func(m *member, rd raft.Ready) {
		m.noteRole(rd)
		require.NoError(t, inner.Append(rd.Entries))
		m.send(rd.Messages)
		m.apply(rd.CommittedEntries)
		m.node.Advance()
	}
	// Its first entries were stored as they were.
	require.NoError(t, inner.Append(mustEntries(t, inner.MemoryStorage)))
	f.elect(1)
	f.away[3] = true
	f.propose(1, "a", "b", "c")
	f.away[3] = false
	f.beat(1)
	f.requireData([]string{"a", "b", "c"})
	require.Positive(t, inner.opened)
}

// mustEntries returns all entries of the storage.
func mustEntries(t testing.TB, s raft.Storage) []pb.Entry {
	t.Helper()
	first, err := s.FirstIndex()
	require.NoError(t, err)
	last, err := s.LastIndex()
	require.NoError(t, err)
	if last < first {
		return nil
	}
	ents, err := s.Entries(first, last+1, noSizeLimit)
	require.NoError(t, err)
	return ents
}

// lazySnapshots has the state put into a snapshot when it is asked for, which takes until the second time.
type lazySnapshots struct {
	*raft.MemoryStorage
	m     *member
	asked int
}

func (s *lazySnapshots) Snapshot() (pb.Snapshot, error) {
	if s.asked++; s.asked == 1 {
		return pb.Snapshot{}, raft.ErrSnapshotTemporarilyUnavailable
	}
	snap, err := s.MemoryStorage.Snapshot()
	snap.Data = []byte(strings.Join(s.m.data, " "))
	return snap, err
}

func TestProgramsWrapMemoryStorageToMakeSnapshots(t *testing.T) {
	var wrapper *lazySnapshots
	f := newFleet(t, asDgraph, 3, func(m *member, cfg *raft.Config) {
		if m.id == 1 {
			wrapper = &lazySnapshots{MemoryStorage: m.storage, m: m}
			cfg.Storage = wrapper
		}
	})
	leader := f.elect(1)
	f.away[3] = true
	f.propose(1, "a", "b")
	_, err := leader.storage.CreateSnapshot(leader.applied, &leader.conf, nil)
	require.NoError(t, err)
	require.NoError(t, leader.storage.Compact(leader.applied))
	f.away[3] = false
	f.beat(1)
	require.Equal(t, 1, wrapper.asked)
	require.Empty(t, f.members[3].data, "the snapshot is not made yet")
	f.beat(1)
	require.Equal(t, 2, wrapper.asked)
	f.requireData([]string{"a", "b"})
}

// ownStorage is a Storage over a program's disk, without a MemoryStorage.
type ownStorage struct {
	disk  *journal
	calls map[string]int
}

var _ raft.Storage = ownStorage{}

func (s ownStorage) InitialState() (pb.HardState, pb.ConfState, error) {
	s.calls["InitialState"]++
	return s.disk.hard, s.disk.snap.Metadata.ConfState, nil
}

func (s ownStorage) FirstIndex() (uint64, error) {
	s.calls["FirstIndex"]++
	return s.disk.snap.Metadata.Index + 1, nil
}

func (s ownStorage) LastIndex() (uint64, error) {
	s.calls["LastIndex"]++
	if n := len(s.disk.ents); n > 0 {
		return max(s.disk.ents[n-1].Index, s.disk.snap.Metadata.Index), nil
	}
	return s.disk.snap.Metadata.Index, nil
}

// find returns where the entry at the index is, and the error if there is none.
func (s ownStorage) find(index uint64) (int, error) {
	at := slices.IndexFunc(s.disk.ents, func(e pb.Entry) bool { return e.Index == index })
	switch {
	case index <= s.disk.snap.Metadata.Index:
		return 0, raft.ErrCompacted
	case at < 0:
		return 0, raft.ErrUnavailable
	}
	return at, nil
}

func (s ownStorage) Term(i uint64) (uint64, error) {
	s.calls["Term"]++
	if i == s.disk.snap.Metadata.Index {
		return s.disk.snap.Metadata.Term, nil
	}
	at, err := s.find(i)
	if err != nil {
		return 0, err
	}
	return s.disk.ents[at].Term, nil
}

func (s ownStorage) Entries(lo, hi, _ uint64) ([]pb.Entry, error) {
	s.calls["Entries"]++
	from, err := s.find(lo)
	if err != nil {
		return nil, err
	}
	if _, err := s.find(hi - 1); err != nil {
		return nil, err
	}
	return slices.Clone(s.disk.ents[from : from+int(hi-lo)]), nil
}

func (s ownStorage) Snapshot() (pb.Snapshot, error) {
	s.calls["Snapshot"]++
	return s.disk.snap, nil
}

// A group of members that read nothing but their own disks lives through all that a group with MemoryStorage does.
func TestProgramsImplementStorage(t *testing.T) {
	calls := map[string]int{}
	f := newFleet(t, asDgraph, 3, func(m *member, cfg *raft.Config) {
		cfg.Storage = ownStorage{disk: &m.disk, calls: calls}
		cfg.Applied = m.disk.snap.Metadata.Index
	})
	liveThrough(t, f, asDgraph)
	for _, method := range []string{"InitialState", "FirstIndex", "LastIndex", "Term", "Entries", "Snapshot"} {
		require.Positive(t, calls[method], method)
	}
}

// With the embedded lock held, several reads see one state, and a writer waits.
func TestProgramsReadMemoryStorageUnderItsLock(t *testing.T) {
	ms := raft.NewMemoryStorage()
	require.NoError(t, ms.Append(numbered(1, 1, 4)))
	finishes(t, "the reading and the writing", func() {
		ms.Lock()
		begins, done := make(chan struct{}), make(chan error, 1)
		go func() { close(begins); done <- ms.Append(numbered(2, 3, 9)) }()
		<-begins
		for range 1000 {
			runtime.Gosched()
			last, err := ms.LastIndex()
			require.NoError(t, err)
			term, err := ms.Term(last)
			require.NoError(t, err)
			require.Equal(t, [2]uint64{4, 1}, [2]uint64{last, term})
		}
		require.Len(t, mustEntries(t, ms), 4)
		require.False(t, ms.TryLock())
		ms.Unlock()
		require.NoError(t, <-done)
		require.Len(t, mustEntries(t, ms), 9)
	})
}

// A program that keeps its own fields under the embedded lock holds it for as long as it likes, calling nothing of the
// storage. The Node, which only reads, goes on meanwhile: here it hands out what it reads of the log.
func TestProgramsHoldTheLockWhileTheNodeGoesOn(t *testing.T) {
	f := newFleet(t, asSwarmkit, 1)
	leader := f.elect(1)
	f.propose(1, "before")
	require.NoError(t, leader.node.Propose(context.Background(), []byte("during")))
	leader.save(mustOffer(t, leader.node))

	leader.storage.Lock()
	unlock := sync.OnceFunc(leader.storage.Unlock)
	t.Cleanup(unlock)
	finishes(t, "what the Node does with the lock held", func() {
		leader.node.Advance()
		rd := mustOffer(t, leader.node)
		leader.apply(rd.CommittedEntries)
		leader.node.Tick()
		require.Equal(t, raft.StateLeader, leader.node.Status().RaftState)
		require.NoError(t, leader.node.Propose(context.Background(), []byte("next")))
		require.NoError(t, leader.node.ReadIndex(context.Background(), []byte("read")))
	})
	unlock()
	f.requireData([]string{"before", "during"})
	leader.node.Advance()
	f.settle()
	f.requireData([]string{"before", "during", "next"})
}

// etcd and Fabric make snapshots, and compact, from another goroutine than that which appends, while the Node reads.
func TestProgramsCompactFromAnotherGoroutine(t *testing.T) {
	f := newFleet(t, asSwarmkit, 1)
	leader := f.elect(1)
	applied := make(chan uint64)
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		for index := range applied {
			_, err := leader.storage.CreateSnapshot(index, &pb.ConfState{Voters: []uint64{1}}, nil)
			assert.NoError(t, err)
			assert.NoError(t, leader.storage.Compact(index-1))
			_, err = leader.storage.Term(1)
			assert.True(t, err == raft.ErrCompacted)
			_, err = leader.storage.Term(index)
			assert.NoError(t, err)
		}
	}()
	var want []string
	for i := range 200 {
		want = append(want, string(rune('a'+i%26)))
		f.propose(1, want[i])
		applied <- leader.applied
	}
	close(applied)
	wg.Wait()
	f.requireData(want)
}
