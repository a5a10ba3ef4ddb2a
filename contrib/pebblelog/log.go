package pebblelog

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// Reading the log of a group, and compacting it (Raft §5.3, §7).

// InitialState implements raft.Storage.
func (g *group) InitialState() (pb.HardState, pb.ConfState, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.removed {
		return pb.HardState{}, pb.ConfState{}, errRemoved
	}
	if g.snapshot == nil {
		return g.head.hard, pb.ConfState{}, nil
	}
	return g.head.hard, g.snapshot.meta.ConfState, nil
}

// FirstIndex implements raft.Storage.
func (g *group) FirstIndex() (uint64, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.removed {
		return 0, errRemoved
	}
	return g.head.base.index + 1, nil
}

// LastIndex implements raft.Storage.
func (g *group) LastIndex() (uint64, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.removed {
		return 0, errRemoved
	}
	return g.head.last.index, nil
}

// Term implements raft.Storage.
func (g *group) Term(i uint64) (uint64, error) {
	if term, known, err := g.knownTerm(i); known || err != nil {
		return term, err
	}
	if err := g.store.begin(); err != nil {
		return 0, err
	}
	defer g.store.end()
	g.commit.RLock()
	defer g.commit.RUnlock()
	if term, known, err := g.knownTerm(i); known || err != nil {
		return term, err
	}
	return g.storedTerm(i)
}

// knownTerm returns the term at an index if memory has it.
func (g *group) knownTerm(i uint64) (term uint64, known bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch h := &g.head; {
	case g.removed:
		return 0, false, errRemoved
	case i < h.base.index:
		return 0, false, raft.ErrCompacted
	case i > h.last.index:
		return 0, false, raft.ErrUnavailable
	case i == h.base.index:
		return h.base.term, true, nil
	case i == h.last.index:
		return h.last.term, true, nil
	case g.tail.holds(i):
		return g.tail.at(i).Term, true, nil
	}
	return 0, false, nil
}

// storedTerm reads the term of an entry in the log. life and commit are held.
func (g *group) storedTerm(i uint64) (term uint64, err error) {
	err = g.store.read(entryKey(g.id, i), entryKeyAfter(g.id, i), func(iter *pebble.Iterator) error {
		e, err := g.readEntry(iter, iter.First(), i)
		term = e.Term
		return err
	})
	return term, g.damage(i, "", err)
}

// Entries implements raft.Storage. It returns an error, too, if lo is above hi.
func (g *group) Entries(lo, hi, maxSize uint64) ([]pb.Entry, error) {
	entries, known, err := g.knownEntries(lo, hi, maxSize)
	if known || err != nil {
		return entries, err
	}
	if err := g.store.begin(); err != nil {
		return nil, err
	}
	defer g.store.end()
	return g.storedEntries(lo, hi, maxSize)
}

// knownEntries returns the entries if memory has them.
func (g *group) knownEntries(lo, hi, maxSize uint64) (entries []pb.Entry, known bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.checkRange(lo, hi); err != nil {
		return nil, false, err
	}
	switch {
	case lo == hi:
		return nil, true, nil
	case g.tail.holds(lo):
		g.store.counts.hits.Add(1)
		return g.tail.slice(lo, hi, maxSize), true, nil
	}
	return nil, false, nil
}

// checkRange returns an error unless the log has the entries in [lo, hi). mu is held.
func (g *group) checkRange(lo, hi uint64) error {
	h := &g.head
	switch {
	case g.removed:
		return errRemoved
	case lo <= h.base.index:
		return raft.ErrCompacted
	case lo > hi:
		return fmt.Errorf("entries from index %d up to %d were asked for, give the lower bound first", lo, hi)
	case h.base.index == h.last.index || hi-1 > h.last.index:
		return raft.ErrUnavailable
	}
	return nil
}

// storedEntries reads entries. life is held.
func (g *group) storedEntries(lo, hi, maxSize uint64) ([]pb.Entry, error) {
	iter, err := g.entryIterator(lo, hi)
	if err != nil {
		return nil, g.damage(lo, "", err)
	}
	g.store.counts.misses.Add(1)
	var entries []pb.Entry
	size := uint64(0)
	err = readAll(iter, func(iter *pebble.Iterator) error {
		valid := iter.First()
		for i := lo; i < hi; i++ {
			e, err := g.readEntry(iter, valid, i)
			if err != nil {
				return err
			}
			size += uint64(e.Size())
			if size > maxSize && i > lo {
				return nil
			}
			entries = append(entries, e)
			valid = iter.Next()
		}
		return nil
	})
	if err != nil {
		return nil, g.damage(lo, "", err)
	}
	return entries, nil
}

// entryIterator returns an iterator that shows the log as it is now, in which the range is checked to be.
func (g *group) entryIterator(lo, hi uint64) (*pebble.Iterator, error) {
	g.commit.RLock()
	defer g.commit.RUnlock()
	g.mu.Lock()
	err := g.checkRange(lo, hi)
	g.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return g.store.iterate(entryKey(g.id, lo), entryKey(g.id, hi))
}

// readEntry returns the entry at the iterator, which must be that at an index. A gap is damage: the log has the index.
func (g *group) readEntry(iter *pebble.Iterator, valid bool, index uint64) (pb.Entry, error) {
	if !valid {
		if err := iter.Error(); err != nil {
			return pb.Entry{}, g.damage(index, "", err)
		}
		return pb.Entry{}, g.damage(index, "an entry is missing", nil)
	}
	_, _, found, _, err := splitKey(iter.Key())
	if err != nil || found != index {
		return pb.Entry{}, g.damage(index, "an entry is missing", err)
	}
	value, err := iter.ValueAndErr()
	if err != nil {
		return pb.Entry{}, g.damage(index, "", err)
	}
	e, err := decodeEntry(iter.Key(), value, index)
	if err != nil {
		return pb.Entry{}, g.damage(index, "an entry", err)
	}
	return e, nil
}

// Compact implements replica.Log. It writes one range tombstone, without Sync. Above LastIndex it returns an error that
// wraps raft.ErrUnavailable.
func (g *group) Compact(index uint64) error {
	if err := g.store.beginWrite(); err != nil {
		return err
	}
	defer g.store.end()
	g.commit.Lock()
	defer g.commit.Unlock()
	term, known, err := g.knownTerm(index)
	switch {
	case errors.Is(err, raft.ErrCompacted), known && index == g.head.base.index:
		return nil
	case err != nil:
		return fmt.Errorf("compact the log of group %d up to index %d: %w", g.id, index, err)
	case !known:
		if term, err = g.storedTerm(index); err != nil {
			return err
		}
	}
	h := g.head
	b := g.store.newBatch(0)
	if err := b.DeleteRange(entryKey(g.id, h.base.index+1), entryKeyAfter(g.id, index), nil); err != nil {
		return err
	}
	h.base = position{index: index, term: term}
	key := recordKey(g.id, kindHead)
	if err := b.Set(key, h.encode(key), nil); err != nil {
		return err
	}
	if err := g.store.apply(b, false); err != nil {
		return err
	}
	g.mu.Lock()
	g.head = h
	g.store.cache.setTail(g, g.tail.above(index))
	g.mu.Unlock()
	return g.store.wait(b, false)
}
