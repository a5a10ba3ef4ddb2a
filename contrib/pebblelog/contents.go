package pebblelog

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"

	"github.com/cockroachdb/pebble/v2"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// The newest snapshot of a group: adopting it, reading its contents, letting go of them (Raft §7).

// Snapshot implements raft.Storage. Its Data is empty, see OpenSnapshot.
func (g *group) Snapshot() (pb.Snapshot, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.removed {
		return pb.Snapshot{}, errRemoved
	}
	if g.snapshot == nil {
		return pb.Snapshot{}, nil
	}
	return pb.Snapshot{Metadata: g.snapshot.meta}, nil
}

// AdoptSnapshot implements replica.Log. If no finished contents are staged with the same metadata it returns an error that
// wraps ErrNotStaged.
func (g *group) AdoptSnapshot(meta pb.SnapshotMetadata) error {
	if err := g.store.beginWrite(); err != nil {
		return err
	}
	defer g.store.end()
	c := change{g: g}
	b, err := c.commitAdoption(&meta)
	if err != nil {
		return err
	}
	if err := g.store.wait(b, true); err != nil {
		return err
	}
	for _, old := range c.doomed {
		if err := g.discard(old); err != nil {
			return err
		}
	}
	return nil
}

func (c *change) commitAdoption(meta *pb.SnapshotMetadata) (*batch, error) {
	c.g.commit.Lock()
	defer c.g.commit.Unlock()
	if err := c.begin(); err != nil {
		return nil, err
	}
	b := c.g.store.newBatch(0)
	err := c.adopt(b, meta)
	if err == nil {
		err = c.finish(b)
	}
	switch {
	case errors.Is(err, raft.ErrSnapOutOfDate):
		return nil, raft.ErrSnapOutOfDate
	case err != nil:
		return nil, fmt.Errorf("adopt a snapshot of group %d: %w", c.g.id, err)
	}
	if err := c.g.store.apply(b, true); err != nil {
		return nil, err
	}
	c.publish()
	return b, nil
}

// DropSnapshot implements replica.Log.
func (g *group) DropSnapshot(index uint64) error {
	if err := g.store.beginWrite(); err != nil {
		return err
	}
	defer g.store.end()
	old, err := g.dropContents(index)
	if err != nil || old == nil {
		return err
	}
	return g.discard(old)
}

// dropContents has the newest snapshot have no contents if its index is at most the given one, and returns what they were.
func (g *group) dropContents(index uint64) (*contents, error) {
	g.commit.Lock()
	defer g.commit.Unlock()
	g.mu.Lock()
	newest, removed := g.snapshot, g.removed
	g.mu.Unlock()
	if removed {
		return nil, errRemoved
	}
	if newest == nil || newest.contents == nil || newest.meta.Index > index {
		return nil, nil
	}
	key := recordKey(g.id, kindSnapshot)
	record := snapshotRecord{meta: newest.meta, dropped: true}
	value, err := record.encode(key)
	if err != nil {
		return nil, err
	}
	b := g.store.newBatch(0)
	if err := b.Set(key, value, nil); err != nil {
		return nil, err
	}
	if err := g.store.apply(b, false); err != nil {
		return nil, err
	}
	g.mu.Lock()
	g.snapshot = &snapshot{meta: newest.meta}
	g.mu.Unlock()
	return newest.contents, g.store.wait(b, false)
}

// discard removes contents that nothing refers to, or has the last of their readers do it. life is held. If the process ends
// before, they are removed when the group is opened again.
func (g *group) discard(c *contents) error {
	g.mu.Lock()
	c.doomed = true
	inUse := c.readers > 0 || g.removed
	g.mu.Unlock()
	if inUse {
		return nil
	}
	b := g.store.newBatch(0)
	if err := b.DeleteRange(contentsStart(g.id, c.id), contentsEnd(g.id, c.id), nil); err != nil {
		return err
	}
	if err := g.store.apply(b, false); err != nil {
		return err
	}
	return g.store.wait(b, false)
}

// OpenSnapshot implements replica.Log. It returns an error that wraps fs.ErrNotExist if there is no snapshot, or if its
// contents were dropped. The reader keeps the contents until it is closed, whatever becomes the newest snapshot; it holds
// one piece of them in memory, and returns a *DamageError before it would return anything else than what was written.
func (g *group) OpenSnapshot() (io.ReadCloser, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.removed {
		return nil, errRemoved
	}
	if g.snapshot == nil {
		return nil, fmt.Errorf("group %d has no snapshot: %w", g.id, fs.ErrNotExist)
	}
	if g.snapshot.contents == nil {
		return nil, fmt.Errorf("the contents of group %d's snapshot at index %d were dropped: %w",
			g.id, g.snapshot.meta.Index, fs.ErrNotExist)
	}
	g.snapshot.contents.readers++
	return &contentsReader{g: g, contents: g.snapshot.contents, index: g.snapshot.meta.Index}, nil
}

// A contentsReader reads the contents of a snapshot. It is used by one goroutine at a time.
type contentsReader struct {
	g        *group
	contents *contents
	index    uint64 // of the snapshot

	chunk  uint64 // the next one
	read   uint64 // bytes in the chunks before
	sum    uint32 // of these
	buffer []byte
	rest   []byte // what of the buffer is not handed out yet
	closed bool
}

// Read implements io.Reader.
func (r *contentsReader) Read(p []byte) (int, error) {
	if r.closed {
		return 0, fs.ErrClosed
	}
	if len(p) == 0 {
		return 0, nil
	}
	if len(r.rest) == 0 {
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// next reads a chunk. Of the last one it also checks that all of them together are what was written.
func (r *contentsReader) next() error {
	length := r.contents.length
	if r.read == length {
		if r.sum != r.contents.sum {
			return r.g.damage(r.index, "the contents of a snapshot", errSum)
		}
		return io.EOF
	}
	if err := r.g.store.begin(); err != nil {
		return err
	}
	defer r.g.store.end()
	err := r.load()
	if err != nil {
		return r.g.damage(r.index, "", err)
	}
	sum := crc32.Update(r.sum, crc32.MakeTable(crc32.Castagnoli), r.buffer)
	read := r.read + uint64(len(r.buffer))
	if len(r.buffer) == 0 || read > length || read == length && sum != r.contents.sum {
		return r.g.damage(r.index, "the contents of a snapshot are not as long as they were, or altered", nil)
	}
	r.chunk, r.read, r.sum, r.rest = r.chunk+1, read, sum, r.buffer
	return nil
}

// load reads the next chunk into the buffer. life is held.
func (r *contentsReader) load() error {
	key := chunkKey(r.g.id, r.contents.id, r.chunk)
	iter, err := r.iterator(key)
	if err != nil {
		return err
	}
	return readAll(iter, func(iter *pebble.Iterator) error {
		if !iter.First() {
			return r.g.damage(r.index, fmt.Sprintf("piece %d of a snapshot's contents is missing", r.chunk), iter.Error())
		}
		value, err := iter.ValueAndErr()
		if err != nil {
			return err
		}
		chunk, err := open(key, value)
		if err != nil {
			return r.g.damage(r.index, fmt.Sprintf("piece %d of a snapshot's contents", r.chunk), err)
		}
		r.buffer = append(r.buffer[:0], chunk...)
		return nil
	})
}

// iterator returns one that shows a chunk. A group that was removed may have begun anew, with other chunks.
func (r *contentsReader) iterator(key []byte) (*pebble.Iterator, error) {
	r.g.commit.RLock()
	defer r.g.commit.RUnlock()
	r.g.mu.Lock()
	removed := r.g.removed
	r.g.mu.Unlock()
	if removed {
		return nil, errRemoved
	}
	return r.g.store.iterate(key, chunkKey(r.g.id, r.contents.id, r.chunk+1))
}

// Close implements io.Closer.
func (r *contentsReader) Close() error {
	if r.closed {
		return nil
	}
	r.closed, r.buffer, r.rest = true, nil, nil
	r.g.mu.Lock()
	r.contents.readers--
	last := r.contents.doomed && r.contents.readers == 0
	r.g.mu.Unlock()
	if !last || r.g.store.beginWrite() != nil {
		return nil // the contents are removed when the group is opened next
	}
	defer r.g.store.end()
	return r.g.discard(r.contents)
}
