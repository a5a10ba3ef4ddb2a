package pebblelog

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/replica"
)

// Writing for many groups in one batch (group commit), so that they share one fsync.

// A change is what becomes of one group by a Write: first the fields are as they were, then as they will be.
type change struct {
	g        *group
	head     head
	tail     tail
	snapshot *snapshot
	staged   *staged
	finished bool        // staged is
	doomed   []*contents // what nothing refers to any more
}

// Write implements replica.LogStore. Updates that do not fit the log are refused with an error, and nothing is written: gaps,
// and snapshots that are not staged, finished and newer (ErrNotStaged, raft.ErrSnapOutOfDate). Entries at or below the
// compacted index are left out. Every other error is final: the store has failed.
//
// Entries are kept in memory, see Options.EntryCacheBytes: neither they nor their Data may be modified afterwards.
func (s *Store) Write(updates []replica.Update) error {
	if len(updates) == 0 {
		return nil
	}
	if err := s.beginWrite(); err != nil {
		return err
	}
	defer s.end()
	s.writing.Lock()
	defer s.writing.Unlock()

	if err := s.collect(updates); err != nil {
		return err
	}
	defer func() { clear(s.scratch) }()
	b, sync, err := s.writeAll(updates)
	if err != nil {
		return err
	}
	if err := s.wait(b, sync); err != nil {
		return err
	}
	s.cache.trim()
	for i := range s.scratch {
		for _, c := range s.scratch[i].doomed {
			if err := s.scratch[i].g.discard(c); err != nil {
				return err
			}
		}
	}
	return nil
}

// collect fills scratch with one change for each group, in ascending order.
func (s *Store) collect(updates []replica.Update) error {
	s.scratch = s.scratch[:0]
	for i := range updates {
		g, err := s.group(updates[i].Group)
		if err != nil {
			return err
		}
		s.scratch = append(s.scratch, change{g: g})
	}
	slices.SortFunc(s.scratch, func(a, b change) int { return cmp.Compare(a.g.id, b.g.id) })
	s.scratch = slices.CompactFunc(s.scratch, func(a, b change) bool { return a.g == b.g })
	return nil
}

// writeAll makes the changes and shows them to readers. They are durable after wait.
func (s *Store) writeAll(updates []replica.Update) (b *batch, sync bool, err error) {
	for i := range s.scratch {
		s.scratch[i].g.commit.Lock()
		defer s.scratch[i].g.commit.Unlock()
		if err := s.scratch[i].begin(); err != nil {
			return nil, false, err
		}
	}
	b = s.newBatch(batchSize(updates))
	for i := range updates {
		u := &updates[i]
		at, _ := slices.BinarySearchFunc(s.scratch, u.Group, func(c change, group uint64) int {
			return cmp.Compare(c.g.id, group)
		})
		if err := s.scratch[at].update(b, u); err != nil {
			_ = b.Close() // it was not written, and the error that counts is the other
			return nil, false, fmt.Errorf("write to group %d: %w", u.Group, err)
		}
		sync = sync || u.Sync
		s.counts.entries.Add(uint64(len(u.Entries)))
	}
	for i := range s.scratch {
		if err := s.scratch[i].finish(b); err != nil {
			return nil, false, err
		}
	}
	if sync && b.Empty() {
		// What was written before without Sync becomes durable all the same.
		if err := b.LogData([]byte{0}, nil); err != nil {
			return nil, false, err
		}
	}
	if err := s.apply(b, sync); err != nil {
		return nil, false, err
	}
	for i := range s.scratch {
		s.scratch[i].publish()
	}
	return b, sync, nil
}

// batchSize estimates how large the batch will be.
func batchSize(updates []replica.Update) int {
	size := 64
	for i := range updates {
		size += 128
		for j := range updates[i].Entries {
			size += entryKeySize + 32 + len(updates[i].Entries[j].Data)
		}
	}
	return size
}

// begin takes over what the group is. Its commit lock is held.
func (c *change) begin() error {
	g := c.g
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.removed {
		return errRemoved
	}
	c.head, c.tail, c.snapshot, c.staged = g.head, g.tail, g.snapshot, g.staged
	c.finished = g.staged != nil && g.staged.finished
	return nil
}

// update adds one update to the batch.
func (c *change) update(b *batch, u *replica.Update) error {
	if !raft.IsEmptyHardState(u.HardState) {
		c.head.hard = u.HardState
	}
	if u.Snapshot != nil {
		if err := c.install(b, u.Snapshot); err != nil {
			return err
		}
	}
	return c.append(b, u.Entries)
}

// install replaces the whole log by the staged snapshot.
func (c *change) install(b *batch, meta *pb.SnapshotMetadata) error {
	if err := c.adopt(b, meta); err != nil {
		return err
	}
	if err := c.removeFrom(b, c.head.base.index+1); err != nil {
		return err
	}
	c.head.base = position{index: meta.Index, term: meta.Term}
	c.head.last = c.head.base
	return nil
}

// adopt makes the staged snapshot the newest one.
func (c *change) adopt(b *batch, meta *pb.SnapshotMetadata) error {
	if meta.Index <= c.head.snapshot {
		return raft.ErrSnapOutOfDate
	}
	encoded, err := meta.Marshal()
	if err != nil {
		return fmt.Errorf("encode the metadata of a snapshot: %w", err)
	}
	if c.staged == nil || !c.finished || !bytes.Equal(encoded, c.staged.encoded) {
		return fmt.Errorf("%w at index %d, stage and finish it first", ErrNotStaged, meta.Index)
	}
	key := recordKey(c.g.id, kindSnapshot)
	record := snapshotRecord{meta: c.staged.meta, contentsRecord: c.staged.contents.contentsRecord}
	value, err := record.encode(key)
	if err != nil {
		return err
	}
	if err := errors.Join(b.Set(key, value, nil), b.Delete(recordKey(c.g.id, kindStaged), nil)); err != nil {
		return err
	}
	if c.snapshot != nil && c.snapshot.contents != nil {
		c.doomed = append(c.doomed, c.snapshot.contents)
	}
	c.snapshot = &snapshot{meta: c.staged.meta, contents: c.staged.contents}
	c.head.snapshot = meta.Index
	c.staged = nil
	return nil
}

// append adds entries, and removes those that they replace.
func (c *change) append(b *batch, entries []pb.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	for i := range entries[1:] {
		if before, index := entries[i].Index, entries[i+1].Index; index == 0 || index-1 != before {
			return fmt.Errorf("index %d follows index %d in the entries, they must not leave a gap", index, before)
		}
	}
	base, last := c.head.base.index, c.head.last.index
	if entries[len(entries)-1].Index <= base {
		return nil
	}
	if first := entries[0].Index; first <= base {
		entries = entries[base-first+1:]
	}
	first := entries[0].Index // above base: it may be subtracted from
	if first-1 > last {
		return fmt.Errorf("the entries begin at index %d but the log ends at %d, they must not leave a gap", first, last)
	}
	if err := c.removeFrom(b, first); err != nil {
		return err
	}
	for i := range entries {
		e := &entries[i]
		op := b.SetDeferred(entryKeySize, entryValueSize(e))
		putEntryKey(op.Key, c.g.id, e.Index)
		putEntry(op.Key, op.Value, e)
		if err := op.Finish(); err != nil {
			return err
		}
	}
	c.tail = c.tail.plus(entries)
	end := &entries[len(entries)-1]
	c.head.last = position{index: end.Index, term: end.Term}
	return nil
}

// removeFrom removes the entries at an index above base and after it.
func (c *change) removeFrom(b *batch, index uint64) error {
	last := c.head.last.index
	if index > last {
		return nil
	}
	c.tail = c.tail.below(index)
	return b.DeleteRange(entryKey(c.g.id, index), entryKeyAfter(c.g.id, last), nil)
}

// finish adds the head to the batch if it has changed.
func (c *change) finish(b *batch) error {
	if c.head == c.g.head { // only who holds the commit lock changes it
		return nil
	}
	key := recordKey(c.g.id, kindHead)
	return b.Set(key, c.head.encode(key), nil)
}

// publish shows the change to readers.
func (c *change) publish() {
	g := c.g
	g.mu.Lock()
	defer g.mu.Unlock()
	g.head, g.snapshot, g.staged = c.head, c.snapshot, c.staged
	if budget := g.store.cache.budget; c.tail.bytes > budget {
		c.tail = c.tail.newest(budget / 2)
	}
	g.store.cache.setTail(g, c.tail)
}
