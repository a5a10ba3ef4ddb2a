package store

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Replacing the state by that of a snapshot. It is written to tables of its own, which Pebble takes in, under the generation
// that is not in use, when all of the snapshot has been read and found good; the Commit after it switches over.

// Restore replaces the state by what a view has written. Readers see the state from before until the Commit that
// follows. After an error, which says what is wrong with the contents or the disk, only another Restore or Recover lets the
// store go on. It needs a few MiB of memory, whatever the size. See replica.StateMachine.
func (s *Store) Restore(contents io.Reader) error {
	if err := s.beginWriting(); err != nil {
		return err
	}
	defer s.writing.Unlock()
	if err := s.beginRestore(); err != nil {
		return s.fault.set(fmt.Errorf("begin a restore: %w", err))
	}
	st, paths, err := s.unpack(contents)
	if err == nil {
		err = s.ingest(paths)
	}
	err = errors.Join(err, s.opts.FS.RemoveAll(s.restoreDir()))
	if err != nil {
		return fmt.Errorf("restore a snapshot: %w", err)
	}
	s.w.reset(s.db, otherGen(s.gen), st)
	s.w.restoring, s.w.restored = true, true
	return nil
}

// beginRestore makes durable that the state is void, which is what Recover goes by, and clears the place for the new one.
func (s *Store) beginRestore() error {
	s.w.discard()
	s.w.restoring, s.w.restored = true, false
	used, err := s.genUsed(otherGen(s.gen))
	if err != nil {
		return err
	}
	batch := s.db.NewBatch()
	if used {
		err = clearGen(batch, otherGen(s.gen))
	}
	err = errors.Join(err,
		batch.Set([]byte(localRestore), nil, nil),
		batch.Delete([]byte(localApplied), nil),
		batch.DeleteRange([]byte{recordPrefix}, []byte{recordPrefix + 1}, nil),
	)
	if err != nil {
		return err
	}
	return s.commitBatch(batch, pebble.Sync)
}

// genUsed says whether there is anything in a generation. Where nothing was and nothing is deleted, tables are taken in
// most cheaply.
func (s *Store) genUsed(gen byte) (bool, error) {
	iter, err := s.newIter(gen)
	if err != nil {
		return false, err
	}
	used := iter.First()
	return used, errors.Join(iter.Error(), iter.Close())
}

func clearGen(batch *pebble.Batch, gen byte) error {
	return batch.DeleteRange([]byte{gen}, []byte{gen + 1}, nil)
}

// endRestore has a Commit switch over to a generation.
func endRestore(batch *pebble.Batch, gen byte) error {
	return errors.Join(
		batch.Set([]byte(localGen), []byte{gen}, nil),
		batch.Delete([]byte(localRestore), nil),
		clearGen(batch, otherGen(gen)),
	)
}

// wipe makes the state that of a new store, durably, after a Restore that did not end.
func (s *Store) wipe() error {
	s.w.discard()
	st := newState(s.opts.Bounds)
	batch := s.db.NewBatch()
	err := errors.Join(
		clearGen(batch, genA),
		clearGen(batch, genB),
		batch.DeleteRange([]byte{recordPrefix}, []byte{recordPrefix + 1}, nil),
		batch.Delete([]byte(localApplied), nil),
		batch.Delete([]byte(localGen), nil),
		batch.Delete([]byte(localRestore), nil),
		batch.Set(stateKey(genA), st.append(nil), nil),
	)
	if err != nil {
		return err
	}
	s.access.Lock()
	defer s.access.Unlock()
	s.gen = genA
	return s.commitBatch(batch, pebble.Sync)
}

// unpack reads a snapshot and writes it to tables, whose paths it returns.
func (s *Store) unpack(contents io.Reader) (state, []string, error) {
	in := newBlockReader(contents)
	st, err := in.header()
	if err != nil {
		return state{}, nil, err
	}
	out, err := s.newTables(otherGen(s.gen))
	if err != nil {
		return state{}, nil, err
	}
	check := checker{}
	for {
		key, value, err := in.record()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = check.add(key, value)
		}
		if err == nil {
			err = out.add(key, value)
		}
		if err != nil {
			return state{}, nil, errors.Join(err, out.finish())
		}
	}
	return st, out.paths, errors.Join(check.compare(&st), out.finish())
}

func (s *Store) ingest(paths []string) error {
	if len(paths) == 0 {
		return nil
	}
	return s.fault.guard(func() error { return s.db.Ingest(context.Background(), paths) })
}

// tables writes records, in ascending order, to files that Pebble can take in.
type tables struct {
	fs      vfs.FS
	dir     string
	options sstable.WriterOptions
	gen     byte
	most    int // bytes of a table
	paths   []string
	current *sstable.Writer // nil between tables
	size    int
	key     []byte
}

func (s *Store) newTables(gen byte) (*tables, error) {
	dir := s.restoreDir()
	if err := errors.Join(s.opts.FS.RemoveAll(dir), s.opts.FS.MkdirAll(dir, 0o755)); err != nil {
		return nil, fmt.Errorf("make a directory for the tables: %w", err)
	}
	o := s.pebbleOptions()
	o.EnsureDefaults()
	options := o.MakeWriterOptions(0, s.db.TableFormat())
	return &tables{fs: s.opts.FS, dir: dir, options: options, gen: gen, most: s.tableBytes}, nil
}

func (t *tables) add(key, value []byte) error {
	if t.current == nil {
		if err := t.begin(); err != nil {
			return err
		}
	}
	t.key = append(append(t.key[:0], t.gen), key...)
	if err := t.current.Set(t.key, value); err != nil {
		return fmt.Errorf("write a table: %w", err)
	}
	t.size += len(key) + len(value)
	if t.size < t.most {
		return nil
	}
	return t.finish()
}

func (t *tables) begin() error {
	file := t.fs.PathJoin(t.dir, fmt.Sprintf("%06d.sst", len(t.paths)))
	f, err := t.fs.Create(file, vfs.WriteCategoryUnspecified)
	if err != nil {
		return fmt.Errorf("make a table: %w", err)
	}
	t.current = sstable.NewWriter(objstorageprovider.NewFileWritable(f), t.options)
	t.paths = append(t.paths, file)
	t.size = 0
	return nil
}

// finish ends the table that is being written, if there is one.
func (t *tables) finish() error {
	if t.current == nil {
		return nil
	}
	err := t.current.Close()
	t.current = nil
	if err != nil {
		return fmt.Errorf("finish a table: %w", err)
	}
	return nil
}
