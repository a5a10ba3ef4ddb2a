package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/seed695671cb/raft/replica"
)

// What makes applied commands visible and durable, and what is found again after a restart.

// Commit publishes what Apply or Restore have done since the last Commit, together with the index and the records, in one
// atomic write. See replica.DurableStateMachine.
func (s *Store) Commit(applied uint64, records []replica.Record) error {
	if err := s.beginWriting(); err != nil {
		return err
	}
	defer s.writing.Unlock()
	if err := s.w.usable(); err != nil {
		return err
	}
	err := s.commit(applied, records)
	if err != nil {
		return s.fault.set(fmt.Errorf("commit index %d: %w", applied, err))
	}
	p := &published{state: s.w.st, applied: applied}
	s.published.Store(p)
	s.w.committed()
	s.wake.set(p.state.rev)
	return nil
}

// beginWriting locks writing if the store can be written to. Close is kept out meanwhile.
func (s *Store) beginWriting() error {
	s.writing.Lock()
	err := s.fault.error()
	if err == nil && s.closed {
		err = ErrClosed
	}
	if err != nil {
		s.writing.Unlock()
	}
	return err
}

// commit writes the batch. One that ends a Restore keeps readers out meanwhile, so that none mixes generations.
func (s *Store) commit(applied uint64, records []replica.Record) error {
	batch, err := s.w.finish(applied, records)
	if err != nil {
		return err
	}
	if !s.w.restored {
		return s.commitBatch(batch, pebble.NoSync)
	}
	if err := endRestore(batch, s.w.gen); err != nil {
		return err
	}
	s.access.Lock()
	defer s.access.Unlock()
	s.gen = s.w.gen
	return s.commitBatch(batch, pebble.NoSync)
}

// commitBatch writes a batch and gives it back.
func (s *Store) commitBatch(batch *pebble.Batch, o *pebble.WriteOptions) error {
	return s.fault.guard(func() error {
		if err := batch.Commit(o); err != nil {
			return err
		}
		return batch.Close()
	})
}

// finish completes the batch with the counters, the index and the records.
func (w *writer) finish(applied uint64, records []replica.Record) (*pebble.Batch, error) {
	if err := errors.Join(w.purgeHistory(), w.purgeIdempotency()); err != nil {
		return nil, err
	}
	batch := w.open()
	w.buf = w.st.append(w.buf[:0])
	if err := batch.Set(stateKey(w.gen), w.buf, nil); err != nil {
		return nil, err
	}
	w.buf = binary.BigEndian.AppendUint64(w.buf[:0], applied)
	if err := batch.Set([]byte(localApplied), w.buf, nil); err != nil {
		return nil, err
	}
	for _, r := range records {
		if err := setRecord(batch, r); err != nil {
			return nil, err
		}
	}
	w.batch = nil
	return batch, nil
}

func setRecord(batch *pebble.Batch, r replica.Record) error {
	if r.Value == nil {
		return batch.Delete(recordKey(r.Key), nil)
	}
	return batch.Set(recordKey(r.Key), r.Value, nil)
}

// Sync makes durable what was committed. It may be called while commands are applied.
func (s *Store) Sync() error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	return s.fault.guard(func() error { return s.db.LogData(nil, pebble.Sync) })
}

// Recover returns what the last Commit stored, and drops what was applied since. A Restore without Commit after it leaves the
// store empty. See replica.DurableStateMachine.
func (s *Store) Recover() (uint64, []replica.Record, error) {
	if err := s.beginWriting(); err != nil {
		return 0, nil, err
	}
	defer s.writing.Unlock()
	if err := s.load(); err != nil {
		return 0, nil, fmt.Errorf("recover the store: %w", err)
	}
	records, err := s.loadRecords()
	if err != nil {
		return 0, nil, fmt.Errorf("recover the records of the replica: %w", err)
	}
	return s.published.Load().applied, records, nil
}

func (s *Store) loadRecords() ([]replica.Record, error) {
	iter, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{recordPrefix}, UpperBound: []byte{recordPrefix + 1}})
	if err != nil {
		return nil, err
	}
	var records []replica.Record
	for ok := iter.First(); ok; ok = iter.Next() {
		value, err := iter.ValueAndErr()
		if err != nil {
			return nil, errors.Join(err, iter.Close())
		}
		records = append(records, replica.Record{
			Key:   append([]byte{}, iter.Key()[1:]...),
			Value: append([]byte{}, value...),
		})
	}
	return records, errors.Join(iter.Error(), iter.Close())
}

// has says whether a key is there.
func (s *Store) has(key string) (bool, error) {
	value, err := s.readLocal(key)
	return value != nil, err
}

// readLocal reads one small value, nil if it is not there.
func (s *Store) readLocal(key string) ([]byte, error) {
	value, closer, err := s.db.Get([]byte(key))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", key, err)
	}
	defer closer.Close()
	return append([]byte{}, value...), nil
}

func (s *Store) loadGen() (byte, error) {
	value, err := s.readLocal(localGen)
	if err != nil || value == nil {
		return genA, err
	}
	if len(value) != 1 || value[0] != genA && value[0] != genB {
		return 0, fmt.Errorf("the generation is damaged: %x: %w", value, ErrInvalid)
	}
	return value[0], nil
}

func (s *Store) loadApplied() (uint64, error) {
	value, err := s.readLocal(localApplied)
	if err != nil || value == nil {
		return 0, err
	}
	if len(value) != 8 {
		return 0, fmt.Errorf("the applied index is damaged: %x: %w", value, ErrInvalid)
	}
	return binary.BigEndian.Uint64(value), nil
}

// loadState reads the counters. Those of a new store are stored at once, so that readers always find them.
func (s *Store) loadState(gen byte, applied uint64) (state, error) {
	value, err := s.readLocal(string(stateKey(gen)))
	if err != nil {
		return state{}, err
	}
	if value != nil {
		return decodeState(value)
	}
	if applied != 0 {
		return state{}, fmt.Errorf("the counters of applied index %d are missing: %w", applied, ErrInvalid)
	}
	st := newState(s.opts.Bounds)
	batch := s.db.NewBatch()
	if err := batch.Set(stateKey(gen), st.append(nil), nil); err != nil {
		return state{}, err
	}
	return st, s.commitBatch(batch, pebble.Sync)
}
