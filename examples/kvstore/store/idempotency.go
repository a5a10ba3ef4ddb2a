package store

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Commands with an idempotency key are applied once: their results are remembered, in the order in which they came, and dropped
// in that order. Values that a transaction has read are not kept, so that nobody can drive out the keys of others with
// a few large results: each takes less than MaxRememberedBytes. The database has them by their order alone; recollections
// find them by their keys.

// An idempotency is what the writer remembers besides what is committed.
type idempotency struct {
	pending       []idemRecord // remembered since the last Commit
	committedNext uint64       // sequence of the first of those
	known         recollections
	litter        litter // dropped records that are not deleted yet, from a sequence on
}

// idemOverhead is counted for a remembered result besides its bytes and its key.
const idemOverhead = 64

func (m *idempotency) reset(st *state) {
	*m = idempotency{committedNext: st.idemNext, litter: litter{from: 1}}
}

func (m *idempotency) committed(st *state) {
	clear(m.pending)
	m.pending = m.pending[:0]
	m.committedNext = st.idemNext
}

// applyOnce carries out a command with an idempotency key, or returns what it led to before.
func (w *writer) applyOnce(c *Command, data []byte) ([]byte, error) {
	sum := sha256.Sum256(data)
	hash := [hashBytes]byte(sum[:])
	known, found, err := w.remembered(c.IdempotencyKey)
	if err != nil {
		return nil, err
	}
	if found && known.hash != hash {
		text := "the idempotency key was used for another request: use a new one"
		return w.encode(&Result{Code: CodeIdempotencyConflict, Rev: w.st.rev, Message: text}), nil
	}
	if found {
		start := len(w.arena)
		w.arena = append(w.arena, known.result...)
		result := w.arena[start:len(w.arena):len(w.arena)]
		result[resultFlagsAt] |= flagReplayed
		return result, nil
	}
	r, err := w.run(c)
	if err != nil {
		return nil, err
	}
	result := w.encode(&r)
	kept := result
	if r.omitValues() {
		kept = r.Append(nil)
	}
	return result, w.remember(idemRecord{key: c.IdempotencyKey, hash: hash, result: kept})
}

// remembered looks for an idempotency key. The record is not to be modified.
func (w *writer) remembered(key string) (idemRecord, bool, error) {
	if err := w.recollect(); err != nil {
		return idemRecord{}, false, err
	}
	for seq := w.idem.known.last(key); seq >= w.st.idemOldest; seq = w.idem.known.before(seq) {
		r, err := w.recordAt(seq)
		if err != nil {
			return idemRecord{}, false, fmt.Errorf("read idempotency record %d: %w", seq, err)
		}
		if r.key == key {
			return r, true, nil
		}
	}
	return idemRecord{}, false, nil
}

// recordAt returns a record that was not dropped.
func (w *writer) recordAt(seq uint64) (idemRecord, error) {
	if seq >= w.idem.committedNext {
		return w.idem.pending[seq-w.idem.committedNext], nil
	}
	w.buf = appendIdemKey(w.buf[:0], w.gen, seq)
	data, closer, err := w.db.Get(w.buf)
	if err != nil {
		return idemRecord{}, err
	}
	defer closer.Close()
	r, err := decodeIdem(data)
	if err != nil {
		return idemRecord{}, fmt.Errorf("it is damaged: %w", err)
	}
	r.result = append([]byte{}, r.result...)
	return r, nil
}

// recollect reads the keys that are remembered, once after each reset. Nothing is pending then.
func (w *writer) recollect() error {
	if w.idem.known.loaded() {
		return nil
	}
	known := newRecollections(w.st.idemOldest)
	iter, err := w.db.NewIter(&pebble.IterOptions{
		LowerBound: appendIdemKey(nil, w.gen, w.st.idemOldest), UpperBound: appendIdemKey(nil, w.gen, w.st.idemNext),
	})
	if err != nil {
		return fmt.Errorf("read the idempotency keys: %w", err)
	}
	for valid := iter.First(); valid; valid = iter.Next() {
		r, err := decodeIdem(iter.Value())
		if err != nil {
			return errors.Join(fmt.Errorf("read the idempotency keys: %w", err), iter.Close())
		}
		known.add(r.key, r.size())
	}
	if err := errors.Join(iter.Error(), iter.Close()); err != nil {
		return fmt.Errorf("read the idempotency keys: %w", err)
	}
	if n := w.st.idemNext - w.st.idemOldest; known.len() != n {
		return fmt.Errorf("read the idempotency keys: %d are there, and should be %d: %w", known.len(), n, ErrInvalid)
	}
	w.idem.known = known
	return nil
}

// remember stores a result, and drops the oldest ones that exceed the bounds.
func (w *writer) remember(r idemRecord) error {
	st := &w.st
	size := r.size()
	op := w.open().SetDeferred(idemKeyBytes, r.bytes())
	appendIdemKey(op.Key[:0], w.gen, st.idemNext)
	r.append(op.Value[:0])
	if err := op.Finish(); err != nil {
		return err
	}
	w.idem.pending = append(w.idem.pending, r)
	w.idem.known.add(r.key, size)
	st.idemNext++
	st.idemBytes += size
	for st.idemOldest+1 < st.idemNext &&
		(st.idemNext-st.idemOldest > st.bounds.MaxIdempotency || st.idemBytes > st.bounds.MaxIdempotencyBytes) {
		dropped := w.idem.known.drop()
		st.idemOldest++
		st.idemBytes -= dropped
		w.idem.litter.bytes += dropped
	}
	return nil
}

// purgeIdempotency deletes dropped records from the disk when there are many.
func (w *writer) purgeIdempotency() error {
	from, ok := w.idem.litter.collect(w.st.idemOldest)
	if !ok {
		return nil
	}
	return w.open().DeleteRange(appendIdemKey(nil, w.gen, from), appendIdemKey(nil, w.gen, w.st.idemOldest), nil)
}
