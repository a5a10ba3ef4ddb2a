// A LogStore in memory, for tests and caches. A test can make it crash, which loses what was not synced, and fail.

package replica

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// MemoryLogStore implements LogStore in memory. It is for tests, and for members whose state may be lost with the process, such
// as those of a cache of which a majority never stops at the same time. Nothing in it survives the process. It
// takes about twice the memory of the logs' bookkeeping, since it also knows what a crash would leave; what entries and
// snapshots hold is shared.
//
// All methods, and those of its logs, may be called from any goroutine.
type MemoryLogStore struct {
	mu   sync.RWMutex
	live memoryState
	// synced is live without the effects in unsynced.
	synced   memoryState
	unsynced []effect
	stagings uint64 // how many there were
	failure  error
}

var _ LogStore = (*MemoryLogStore)(nil)
var _ Log = (*memoryLog)(nil)
var _ SnapshotWriter = (*memorySnapshotWriter)(nil)

// NewMemoryLogStore returns a store that keeps nothing yet.
func NewMemoryLogStore() *MemoryLogStore {
	return &MemoryLogStore{live: memoryState{}, synced: memoryState{}}
}

// Crash returns a store as a disk would have it after a loss of power now: with what was durable at the end of the last
// synced write, of whatever group, and nothing that came later. Writes with Sync, AdoptSnapshot and Remove are synced.
// Of staged snapshots it has those that are finished. It does not fail, whatever this one does.
//
// This store stays as it is, and what is written to it does not reach the other one.
func (s *MemoryLogStore) Crash() *MemoryLogStore {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return &MemoryLogStore{live: s.synced.clone(), synced: s.synced.clone(), stagings: s.stagings}
}

// FailWrites has every later write fail with an error that wraps err, and change nothing, as if the disk had failed: Write, Remove,
// and the writing methods of logs and snapshot writers. Nil ends that.
func (s *MemoryLogStore) FailWrites(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = err
}

// Open implements LogStore.
func (s *MemoryLogStore) Open(group uint64) (Log, error) {
	return &memoryLog{store: s, id: group}, nil
}

// Write implements LogStore. After an error nothing of the failed update, nor of those behind it, was written.
func (s *MemoryLogStore) Write(updates []Update) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.failed(); err != nil {
		return err
	}
	sync := false
	for i := range updates {
		u := &updates[i]
		if err := s.update(u); err != nil {
			return fmt.Errorf("writing group %d: %w", u.Group, err)
		}
		sync = sync || u.Sync
	}
	if sync {
		s.sync()
	}
	return nil
}

func (s *MemoryLogStore) update(u *Update) error {
	g := s.live.group(u.Group)
	if err := g.check(u); err != nil {
		return err
	}
	if hard := u.HardState; !raft.IsEmptyHardState(hard) {
		s.do(u.Group, func(g *memoryGroup) { _ = g.log.SetHardState(hard) })
	}
	if u.Snapshot != nil {
		staged, err := g.hasStaged(*u.Snapshot)
		if err != nil {
			return err
		}
		s.do(u.Group, installEffect(staged))
	}
	if len(u.Entries) > 0 {
		entries := slices.Clone(u.Entries)
		s.do(u.Group, func(g *memoryGroup) { _ = g.log.Append(entries) })
	}
	return nil
}

// check returns an error if the update's entries do not fit the log, as it is after the update's snapshot.
func (g *memoryGroup) check(u *Update) error {
	last, _ := g.log.LastIndex()
	first, _ := g.log.FirstIndex()
	if u.Snapshot != nil {
		if u.Snapshot.Index == 0 {
			return errors.New("the snapshot to install has index 0, which stands for none")
		}
		first, last = u.Snapshot.Index+1, u.Snapshot.Index
	}
	for i := range u.Entries {
		index := u.Entries[i].Index
		if i == 0 && index < first {
			return fmt.Errorf("entries begin at index %d, but the log begins at %d", index, first)
		}
		if i == 0 && index > last+1 {
			return fmt.Errorf("entries begin at index %d, but the log ends at %d", index, last)
		}
		if i > 0 && index != u.Entries[i-1].Index+1 {
			return fmt.Errorf("entry %d follows entry %d", index, u.Entries[i-1].Index)
		}
	}
	return nil
}

// Remove implements LogStore. It is synced.
func (s *MemoryLogStore) Remove(group uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.failed(); err != nil {
		return err
	}
	s.sync()
	delete(s.live, group)
	delete(s.synced, group)
	return nil
}

// Groups implements LogStore.
func (s *MemoryLogStore) Groups() ([]uint64, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.live.kept(), nil
}

// do makes a change, which a crash undoes unless a sync follows. The caller holds the lock.
func (s *MemoryLogStore) do(group uint64, apply func(*memoryGroup)) {
	e := effect{group: group, apply: apply}
	s.live.apply(e)
	s.unsynced = append(s.unsynced, e)
}

// sync makes all changes durable. The caller holds the lock.
func (s *MemoryLogStore) sync() {
	for _, e := range s.unsynced {
		s.synced.apply(e)
	}
	clear(s.unsynced)
	s.unsynced = s.unsynced[:0]
}

// failed returns the error that FailWrites has asked for. The caller holds the lock.
func (s *MemoryLogStore) failed() error {
	if s.failure == nil {
		return nil
	}
	return fmt.Errorf("memory log store: %w", s.failure)
}

// memoryLog implements Log.
type memoryLog struct {
	store *MemoryLogStore
	id    uint64
}

// group returns the group to read from. The caller holds the lock.
func (l *memoryLog) group() *memoryGroup {
	if g := l.store.live[l.id]; g != nil {
		return g
	}
	return &memoryGroup{log: raft.NewMemoryStorage()}
}

// write calls change with the store locked, unless writes fail.
func (l *memoryLog) write(change func(s *MemoryLogStore, g *memoryGroup) error) error {
	l.store.mu.Lock()
	defer l.store.mu.Unlock()
	if err := l.store.failed(); err != nil {
		return err
	}
	return change(l.store, l.store.live.group(l.id))
}

func (l *memoryLog) InitialState() (pb.HardState, pb.ConfState, error) {
	l.store.mu.RLock()
	defer l.store.mu.RUnlock()
	g := l.group()
	hard, _, err := g.log.InitialState()
	return hard, copyMeta(g.newest).ConfState, err
}

func (l *memoryLog) FirstIndex() (uint64, error) {
	l.store.mu.RLock()
	defer l.store.mu.RUnlock()
	g := l.group()
	return g.log.FirstIndex()
}

func (l *memoryLog) LastIndex() (uint64, error) {
	l.store.mu.RLock()
	defer l.store.mu.RUnlock()
	g := l.group()
	return g.log.LastIndex()
}

func (l *memoryLog) Term(i uint64) (uint64, error) {
	l.store.mu.RLock()
	defer l.store.mu.RUnlock()
	g := l.group()
	return g.log.Term(i)
}

func (l *memoryLog) Entries(lo, hi, maxSize uint64) ([]pb.Entry, error) {
	l.store.mu.RLock()
	defer l.store.mu.RUnlock()
	g := l.group()
	return g.log.Entries(lo, hi, maxSize)
}

func (l *memoryLog) Snapshot() (pb.Snapshot, error) {
	l.store.mu.RLock()
	defer l.store.mu.RUnlock()
	g := l.group()
	return pb.Snapshot{Metadata: copyMeta(g.newest)}, nil
}

// Compact is not synced: after a crash the entries may be there again.
func (l *memoryLog) Compact(index uint64) error {
	return l.write(func(s *MemoryLogStore, g *memoryGroup) error {
		if first, _ := g.log.FirstIndex(); index < first {
			return nil
		}
		if last, _ := g.log.LastIndex(); index > last {
			return fmt.Errorf("compacting group %d up to index %d, but its log ends at %d", l.id, index, last)
		}
		s.do(l.id, func(g *memoryGroup) { _ = g.log.Compact(index) })
		return nil
	})
}

func (l *memoryLog) AdoptSnapshot(meta pb.SnapshotMetadata) error {
	return l.write(func(s *MemoryLogStore, g *memoryGroup) error {
		if g.newest.Index >= meta.Index {
			return raft.ErrSnapOutOfDate
		}
		staged, err := g.hasStaged(meta)
		if err != nil {
			return fmt.Errorf("adopting a snapshot of group %d: %w", l.id, err)
		}
		s.do(l.id, adoptEffect(staged))
		s.sync()
		return nil
	})
}

// OpenSnapshot returns an error that wraps fs.ErrNotExist if there are no contents.
func (l *memoryLog) OpenSnapshot() (io.ReadCloser, error) {
	l.store.mu.RLock()
	defer l.store.mu.RUnlock()
	g := l.group()
	if g.contents == nil {
		return nil, fmt.Errorf("group %d has no contents of a snapshot: %w", l.id, fs.ErrNotExist)
	}
	return io.NopCloser(bytes.NewReader(g.contents.data)), nil
}

// DropSnapshot is not synced: after a crash the contents may be there again.
func (l *memoryLog) DropSnapshot(index uint64) error {
	return l.write(func(s *MemoryLogStore, g *memoryGroup) error {
		if g.contents == nil || g.newest.Index > index {
			return nil
		}
		s.do(l.id, func(g *memoryGroup) { g.contents = nil })
		return nil
	})
}

func (l *memoryLog) StageSnapshot(stream uint64, meta pb.SnapshotMetadata) (SnapshotWriter, error) {
	w := &memorySnapshotWriter{log: l}
	err := l.write(func(s *MemoryLogStore, g *memoryGroup) error {
		if meta.Index == 0 {
			return fmt.Errorf("staging a snapshot of group %d: its index is 0, which stands for none", l.id)
		}
		if g.staged == nil || g.staged.stream != stream || !sameSnapshot(g.staged.meta, meta) {
			s.stagings++
			g.staged = &memoryStaging{serial: s.stagings, stream: stream, meta: copyMeta(meta)}
		}
		w.staging = g.staged
		return nil
	})
	if err != nil {
		return nil, err
	}
	return w, nil
}

// memorySnapshotWriter implements SnapshotWriter. Its staging is guarded by the store's lock.
type memorySnapshotWriter struct {
	log     *memoryLog
	staging *memoryStaging
	closed  bool
}

// change calls do, if the writer can still write to what it has staged.
func (w *memorySnapshotWriter) change(do func(s *MemoryLogStore)) error {
	return w.log.write(func(s *MemoryLogStore, g *memoryGroup) error {
		if w.closed {
			return fmt.Errorf("writing the contents of a snapshot of group %d: %w", w.log.id, fs.ErrClosed)
		}
		if g.staged != w.staging {
			return fmt.Errorf("writing the contents of the snapshot of group %d at index %d: they were removed, "+
				"because others were staged", w.log.id, w.staging.meta.Index)
		}
		do(s)
		return nil
	})
}

func (w *memorySnapshotWriter) Write(p []byte) (int, error) {
	err := w.change(func(*MemoryLogStore) {
		w.staging.data = append(w.staging.data, p...)
		w.staging.finished = w.staging.finished && len(p) == 0
	})
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

func (w *memorySnapshotWriter) Offset() uint64 {
	w.log.store.mu.RLock()
	defer w.log.store.mu.RUnlock()
	return uint64(len(w.staging.data))
}

// Finish makes the contents durable, and only them: what was written to the log before need not be.
func (w *memorySnapshotWriter) Finish() error {
	return w.change(func(s *MemoryLogStore) {
		w.staging.finished = true
		durable := *w.staging
		durable.data = slices.Clip(durable.data)
		s.synced.group(w.log.id).staged = &durable
	})
}

func (w *memorySnapshotWriter) Close() error {
	w.log.store.mu.Lock()
	defer w.log.store.mu.Unlock()
	w.closed = true
	return nil
}
