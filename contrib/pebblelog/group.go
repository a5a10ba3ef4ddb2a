package pebblelog

import (
	"container/list"
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/replica"
)

// What is kept in memory of a group, and how it is read when the group is opened.

// A group is one group's part of a Store. It implements replica.Log.
//
// Whoever writes holds commit from before it looks at the fields below until the database and they have changed: the two
// always fit together for who holds commit for reading. Those who need the fields alone take mu, for which nobody waits long.
type group struct {
	store *Store
	id    uint64

	commit sync.RWMutex
	// staging is held while StageSnapshot looks at what is staged.
	staging sync.Mutex

	mu       sync.Mutex
	head     head
	tail     tail
	snapshot *snapshot // nil: none
	staged   *staged   // nil: none
	contents uint64    // the last ID that was given to contents of a snapshot
	removed  bool

	inCache *list.Element // guarded by the cache's mu
}

var _ replica.Log = (*group)(nil)

// A contents is what the group knows of the contents of a snapshot. Its chunks are removed when it is doomed and nobody
// reads it.
type contents struct {
	contentsRecord
	readers int
	doomed  bool
}

// A snapshot is the newest one of a group. It does not change.
type snapshot struct {
	meta     pb.SnapshotMetadata
	contents *contents // nil: dropped
}

// A staged is a snapshot that is being staged, or has been.
type staged struct {
	meta     pb.SnapshotMetadata
	encoded  []byte // meta
	stream   uint64
	contents *contents
	finished bool
	writer   *stageWriter // who may write to it, nil: nobody
	progress progress     // how far it got, if known is set
	known    bool         // false after the store was opened, until the chunks were read
}

// load reads what is stored of a group, and checks that it fits together.
func (s *Store) load(id uint64) (*group, error) {
	g := &group{store: s, id: id}
	var orphans []uint64
	err := s.read(groupStart(id), groupEnd(id), func(iter *pebble.Iterator) (err error) {
		if !iter.First() {
			return nil
		}
		if err := g.loadRecords(iter); err != nil {
			return err
		}
		if err := g.loadEnds(iter); err != nil {
			return err
		}
		orphans, err = g.loadContents(iter)
		return err
	})
	if err != nil {
		return nil, g.damage(0, "", err)
	}
	if len(orphans) == 0 || s.readOnly {
		return g, nil
	}
	// Contents that were still read when the process ended, or that were being replaced.
	b := s.newBatch(0)
	for _, orphan := range orphans {
		if err := b.DeleteRange(contentsStart(id, orphan), contentsEnd(id, orphan), nil); err != nil {
			return nil, err
		}
	}
	if err := s.apply(b, false); err != nil {
		return nil, err
	}
	return g, s.wait(b, false)
}

// loadRecords reads the head, the newest snapshot, and the staged one.
func (g *group) loadRecords(iter *pebble.Iterator) error {
	for ok := iter.Valid(); ok; ok = iter.Next() {
		_, k, _, _, err := splitKey(iter.Key())
		if err != nil {
			return g.damage(0, "a key", err)
		}
		if k >= kindEntry {
			break
		}
		value, err := iter.ValueAndErr()
		if err != nil {
			return err
		}
		if err := g.loadRecord(k, iter.Key(), value); err != nil {
			return err
		}
	}
	var index uint64
	if g.snapshot != nil {
		index = g.snapshot.meta.Index
	}
	if index != g.head.snapshot {
		return g.damage(g.head.snapshot, fmt.Sprintf("the newest snapshot is that at index %d", index), iter.Error())
	}
	return nil
}

func (g *group) loadRecord(k kind, key, value []byte) error {
	switch k {
	case kindHead:
		h, err := decodeHead(key, value)
		if err != nil {
			return g.damage(0, "the record of the hard state and the ends of the log", err)
		}
		g.head = h
	case kindSnapshot:
		r, err := decodeSnapshotRecord(key, value)
		if err != nil {
			return g.damage(0, "the record of the newest snapshot", err)
		}
		g.snapshot = &snapshot{meta: r.meta}
		if !r.dropped {
			g.snapshot.contents = &contents{contentsRecord: r.contentsRecord}
		}
	case kindStaged:
		r, err := decodeStagedRecord(key, value)
		if err != nil {
			return g.damage(0, "the record of the staged snapshot", err)
		}
		encoded, err := r.meta.Marshal()
		if err != nil {
			return err
		}
		g.staged = &staged{
			meta: r.meta, encoded: encoded, stream: r.stream, finished: r.finished,
			contents: &contents{contentsRecord: r.contentsRecord},
		}
	}
	return nil
}

// loadEnds checks that the first and the last entry are where the head says, and that there is none before or after.
func (g *group) loadEnds(iter *pebble.Iterator) error {
	base, last := g.head.base, g.head.last
	first, found, err := g.entryAt(iter, iter.SeekGE(recordKey(g.id, kindEntry)))
	switch {
	case err != nil:
		return err
	case found && base.index == last.index:
		return g.damage(first, "an entry that is not in the log", nil)
	case !found && base.index == last.index:
		return nil
	case !found || first != base.index+1:
		return g.damage(base.index+1, "the first entry is missing, or not the first", nil)
	}
	end, _, err := g.entryAt(iter, iter.SeekLT(recordKey(g.id, kindEntry+1)))
	if err != nil {
		return err
	}
	if end != last.index {
		return g.damage(last.index, "the last entry is missing, or not the last", nil)
	}
	value, err := iter.ValueAndErr()
	if err != nil {
		return err
	}
	e, err := decodeEntry(iter.Key(), value, end)
	if err != nil {
		return g.damage(end, "an entry", err)
	}
	if e.Term != last.term {
		return g.damage(end, fmt.Sprintf("the last entry has term %d instead of %d", e.Term, last.term), nil)
	}
	return nil
}

// entryAt returns the index of the entry that the iterator is at, or that it is at none.
func (g *group) entryAt(iter *pebble.Iterator, valid bool) (index uint64, found bool, err error) {
	if !valid {
		return 0, false, iter.Error()
	}
	_, k, index, _, err := splitKey(iter.Key())
	if err != nil {
		return 0, false, g.damage(0, "a key", err)
	}
	return index, k == kindEntry, nil
}

// loadContents finds out which contents are stored, and returns those that nothing refers to.
func (g *group) loadContents(iter *pebble.Iterator) (orphans []uint64, err error) {
	inUse := map[uint64]bool{}
	if g.snapshot != nil && g.snapshot.contents != nil {
		inUse[g.snapshot.contents.id] = true
		g.contents = max(g.contents, g.snapshot.contents.id)
	}
	if g.staged != nil {
		inUse[g.staged.contents.id] = true
		g.contents = max(g.contents, g.staged.contents.id)
	}
	for ok := iter.SeekGE(recordKey(g.id, kindChunk)); ok; {
		_, _, id, _, err := splitKey(iter.Key())
		if err != nil {
			return nil, g.damage(0, "a key", err)
		}
		if !inUse[id] {
			orphans = append(orphans, id)
		}
		g.contents = max(g.contents, id)
		if id == math.MaxUint64 {
			break
		}
		ok = iter.SeekGE(contentsEnd(g.id, id))
	}
	return orphans, nil
}

// damage returns a *DamageError if what happened is damage: what was met is named, or the database says so. Other errors it
// returns as they are.
func (g *group) damage(index uint64, what string, err error) error {
	if what == "" {
		var known *DamageError
		if err == nil || errors.As(err, &known) || !pebble.IsCorruptionError(err) {
			return err
		}
		what = "a file of the database"
	}
	return &DamageError{Group: g.id, Index: index, What: what, Err: err}
}
