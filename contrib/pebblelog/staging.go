package pebblelog

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/cockroachdb/pebble/v2"

	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/replica"
)

// Writing the contents of snapshots (Raft §7), piece by piece.

// A progress is how far contents were written.
type progress struct {
	chunks uint64 // that are stored and full
	length uint64 // bytes in them
	sum    uint32 // CRC-32C of these
	rest   []byte // what follows them, shorter than a chunk
}

func (p *progress) add(chunk []byte) {
	p.chunks++
	p.length += uint64(len(chunk))
	p.sum = crc32.Update(p.sum, crc32.MakeTable(crc32.Castagnoli), chunk)
}

// StageSnapshot implements replica.Log. After the store was opened it reads all that was staged of the same stream, to find
// the end of what is undamaged; otherwise it takes a few microseconds.
func (g *group) StageSnapshot(stream uint64, meta pb.SnapshotMetadata) (replica.SnapshotWriter, error) {
	if err := g.store.beginWrite(); err != nil {
		return nil, err
	}
	defer g.store.end()
	encoded, err := meta.Marshal()
	if err != nil {
		return nil, fmt.Errorf("encode the metadata of a snapshot: %w", err)
	}
	g.staging.Lock()
	defer g.staging.Unlock()
	st, err := g.claim(stream, encoded)
	if err != nil {
		return nil, err
	}
	if st == nil {
		return g.stageAnew(stream, encoded)
	}
	if !st.known {
		if err := g.examine(st); err != nil {
			return nil, err
		}
	}
	return g.newWriter(st)
}

// claim returns what is staged of the stream, if it is, and keeps others from writing to it.
func (g *group) claim(stream uint64, encoded []byte) (*staged, error) {
	g.commit.Lock() // a writer may be writing a chunk
	defer g.commit.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.removed {
		return nil, errRemoved
	}
	st := g.staged
	if st == nil || st.stream != stream || !bytes.Equal(st.encoded, encoded) {
		return nil, nil
	}
	st.writer = nil
	return st, nil
}

func (g *group) newWriter(st *staged) (*stageWriter, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.staged != st {
		return nil, ErrSuperseded
	}
	w := &stageWriter{g: g, st: st}
	w.progress = st.progress
	w.rest = append(make([]byte, 0, g.store.chunkBytes), st.progress.rest...)
	st.writer = w
	return w, nil
}

// stageAnew begins to stage, in place of whatever is staged. staging is held.
func (g *group) stageAnew(stream uint64, encoded []byte) (*stageWriter, error) {
	st := &staged{encoded: encoded, stream: stream, known: true}
	if err := st.meta.Unmarshal(encoded); err != nil { // a copy: the caller's may change
		return nil, fmt.Errorf("decode the metadata of a snapshot: %w", err)
	}
	before, err := g.replaceStaged(st)
	if err != nil {
		return nil, err
	}
	if before != nil {
		if err := g.discard(before.contents); err != nil {
			return nil, err
		}
	}
	return g.newWriter(st)
}

// replaceStaged stores the record of what is staged, and returns what was staged before.
func (g *group) replaceStaged(st *staged) (before *staged, err error) {
	g.commit.Lock()
	defer g.commit.Unlock()
	g.mu.Lock()
	if g.removed {
		g.mu.Unlock()
		return nil, errRemoved
	}
	g.contents++
	st.contents = &contents{contentsRecord: contentsRecord{id: g.contents}}
	g.mu.Unlock()
	b, err := g.stagedBatch(st)
	if err != nil {
		return nil, err
	}
	if err := g.store.apply(b, false); err != nil {
		return nil, err
	}
	g.mu.Lock()
	before, g.staged = g.staged, st
	g.mu.Unlock()
	return before, g.store.wait(b, false)
}

// stagedBatch returns a batch that stores the record of what is staged.
func (g *group) stagedBatch(st *staged) (*batch, error) {
	key := recordKey(g.id, kindStaged)
	record := stagedRecord{
		meta: st.meta, stream: st.stream, contentsRecord: st.contents.contentsRecord, finished: st.finished,
	}
	value, err := record.encode(key)
	if err != nil {
		return nil, err
	}
	b := g.store.newBatch(0)
	return b, b.Set(key, value, nil)
}

// examine finds out how much of what was staged in an earlier life of the process is there and undamaged, and removes what
// comes after it. staging is held, and st has no writer.
func (g *group) examine(st *staged) error {
	var found progress
	id := st.contents.id
	err := g.store.read(contentsStart(g.id, id), contentsEnd(g.id, id), func(iter *pebble.Iterator) error {
		for ok := iter.First(); ok && len(found.rest) == 0; ok = iter.Next() {
			chunk, good := g.goodChunk(iter, id, found.chunks)
			switch {
			case !good:
				return nil
			case len(chunk) == g.store.chunkBytes:
				found.add(chunk)
			default:
				found.rest = bytes.Clone(chunk)
			}
		}
		return nil
	})
	if err != nil && !pebble.IsCorruptionError(err) {
		return err
	}
	whole := st.finished && found.total() == st.contents.length
	switch {
	case whole && found.totalSum() == st.contents.sum:
		st.progress, st.known = found, true
		return nil
	case whole:
		found = progress{} // each chunk is good and all of them are not: none can be trusted
	}
	return g.goBack(st, found)
}

// goodChunk returns the chunk at the iterator if it is the one that is wanted, and undamaged.
func (g *group) goodChunk(iter *pebble.Iterator, id, number uint64) (chunk []byte, good bool) {
	key := chunkKey(g.id, id, number)
	if !bytes.Equal(iter.Key(), key) {
		return nil, false
	}
	value, err := iter.ValueAndErr()
	if err != nil {
		return nil, false
	}
	chunk, err = open(key, value)
	return chunk, err == nil && len(chunk) > 0 && len(chunk) <= g.store.chunkBytes
}

// goBack has what is staged end where the progress ends.
func (g *group) goBack(st *staged, found progress) error {
	g.commit.Lock()
	defer g.commit.Unlock()
	g.mu.Lock()
	if g.staged != st {
		g.mu.Unlock()
		return ErrSuperseded
	}
	st.finished, st.contents.length, st.contents.sum = false, 0, 0
	g.mu.Unlock()
	b, err := g.stagedBatch(st)
	if err != nil {
		return err
	}
	id, chunks := st.contents.id, found.chunks
	if len(found.rest) > 0 {
		chunks++
	}
	if err := b.DeleteRange(chunkKey(g.id, id, chunks), contentsEnd(g.id, id), nil); err != nil {
		return err
	}
	if err := g.store.apply(b, false); err != nil {
		return err
	}
	st.progress, st.known = found, true
	return g.store.wait(b, false)
}

func (p *progress) total() uint64 { return p.length + uint64(len(p.rest)) }

func (p *progress) totalSum() uint32 {
	return crc32.Update(p.sum, crc32.MakeTable(crc32.Castagnoli), p.rest)
}

// A stageWriter implements replica.SnapshotWriter.
//
// Invariant: rest is shorter than a chunk, and has room for one.
type stageWriter struct {
	g  *group
	st *staged
	progress
	closed bool
}

var errWriterClosed = errors.New("the snapshot writer was closed")

// Write implements io.Writer.
func (w *stageWriter) Write(p []byte) (n int, err error) {
	if err := w.g.store.beginWrite(); err != nil {
		return 0, err
	}
	defer w.g.store.end()
	finished, err := w.check()
	if err != nil {
		return 0, err
	}
	if finished && len(p) > 0 {
		return 0, fmt.Errorf("the staged snapshot is finished after %d bytes, stage it as another stream to write it anew",
			w.total())
	}
	for len(p) > 0 {
		take := min(len(p), cap(w.rest)-len(w.rest))
		w.rest = append(w.rest, p[:take]...)
		if len(w.rest) == cap(w.rest) {
			if err := w.flush(); err != nil {
				w.rest = w.rest[:len(w.rest)-take]
				return n, err
			}
			w.add(w.rest)
			w.rest = w.rest[:0]
			w.remember()
		}
		p, n = p[take:], n+take
	}
	return n, nil
}

// Offset implements replica.SnapshotWriter.
func (w *stageWriter) Offset() uint64 { return w.total() }

// check returns an error if the writer must not write any more, and whether it has finished.
func (w *stageWriter) check() (finished bool, err error) {
	w.g.mu.Lock()
	defer w.g.mu.Unlock()
	switch {
	case w.closed:
		return false, errWriterClosed
	case w.g.removed:
		return false, errRemoved
	case w.g.staged != w.st || w.st.writer != w:
		return false, ErrSuperseded
	}
	return w.st.finished, nil
}

// remember has the next writer go on where this one is. What it has must be stored.
func (w *stageWriter) remember() {
	w.g.mu.Lock()
	defer w.g.mu.Unlock()
	if w.st.writer != w {
		return // the next writer has begun
	}
	w.st.progress = w.progress
	w.st.progress.rest = bytes.Clone(w.rest)
}

// flush stores rest as the next chunk. The same chunk may be stored again when it is longer.
func (w *stageWriter) flush() error {
	g := w.g
	g.commit.RLock() // whoever supersedes the writer waits for it
	defer g.commit.RUnlock()
	if _, err := w.check(); err != nil {
		return err
	}
	key := chunkKey(g.id, w.st.contents.id, w.chunks)
	b := g.store.newBatch(len(key) + len(w.rest) + 64)
	op := b.SetDeferred(len(key), sumSize+len(w.rest))
	copy(op.Key, key)
	copy(op.Value[sumSize:], w.rest)
	seal(key, op.Value)
	if err := op.Finish(); err != nil {
		return err
	}
	if err := g.store.apply(b, false); err != nil {
		return err
	}
	return g.store.wait(b, false)
}

// Finish implements replica.SnapshotWriter.
func (w *stageWriter) Finish() error {
	if err := w.g.store.beginWrite(); err != nil {
		return err
	}
	defer w.g.store.end()
	finished, err := w.check()
	if finished || err != nil {
		return err
	}
	if len(w.rest) > 0 {
		if err := w.flush(); err != nil {
			return err
		}
	}
	w.remember()
	b, err := w.complete()
	if err != nil {
		return err
	}
	if err := w.g.store.wait(b, true); err != nil {
		return err
	}
	w.g.mu.Lock()
	defer w.g.mu.Unlock()
	w.st.finished = true
	return nil
}

// complete stores how long the contents are. They count as finished when that is durable.
func (w *stageWriter) complete() (*batch, error) {
	g := w.g
	g.commit.Lock()
	defer g.commit.Unlock()
	if _, err := w.check(); err != nil {
		return nil, err
	}
	g.mu.Lock()
	w.st.contents.length, w.st.contents.sum = w.total(), w.totalSum()
	record := *w.st
	g.mu.Unlock()
	record.finished = true
	b, err := g.stagedBatch(&record)
	if err != nil {
		return nil, err
	}
	return b, g.store.apply(b, true)
}

// Close implements replica.SnapshotWriter.
func (w *stageWriter) Close() error {
	defer func() { w.closed = true }()
	finished, err := w.check()
	if finished || err != nil || len(w.rest) == 0 {
		return nil // there is nothing to keep
	}
	if err := w.g.store.beginWrite(); err != nil {
		return err
	}
	defer w.g.store.end()
	if err := w.flush(); err != nil {
		return err
	}
	w.remember()
	return nil
}
