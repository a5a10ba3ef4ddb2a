package store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/maphash"

	"github.com/cockroachdb/pebble/v2"
)

// Commands with an idempotency key are applied once: their results are remembered, in the order in which they came, and dropped
// in that order. Values that a transaction has read are not kept, so that nobody can drive out the keys of others with
// a few large results: each takes less than MaxRememberedBytes.

// An idempotency is what the writer remembers besides what is committed.
type idempotency struct {
	pending       map[string]idemRecord // remembered since the last Commit
	order         []idemEntry           // of those, in their order
	dropped       map[string]struct{}   // dropped since the last Commit
	committedNext uint64                // sequence of the first one that is not committed
	maybe         maybeKnown
}

// maybeKnown tells of most keys that are not remembered that they are not, without looking them up in the database: most
// commands come once. It counts the keys of each hash. What it says has no influence on results.
type maybeKnown struct {
	seed   maphash.Seed
	counts map[uint64]uint32 // nil until it is needed
}

func (m *maybeKnown) has(key string) bool { return m.counts[maphash.String(m.seed, key)] > 0 }

func (m *maybeKnown) add(key string) { m.counts[maphash.String(m.seed, key)]++ }

func (m *maybeKnown) remove(key string) {
	hash := maphash.String(m.seed, key)
	if m.counts[hash]--; m.counts[hash] == 0 {
		delete(m.counts, hash)
	}
}

// idemOverhead is counted for a remembered result besides its bytes and its key.
const idemOverhead = 64

func (m *idempotency) reset(st *state) {
	*m = idempotency{pending: map[string]idemRecord{}, dropped: map[string]struct{}{}, committedNext: st.idemNext}
}

func (m *idempotency) committed(st *state) {
	if m.committedNext == st.idemNext {
		return
	}
	clear(m.pending)
	clear(m.dropped)
	m.order = m.order[:0]
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
	return result, w.remember(c.IdempotencyKey, idemRecord{hash: hash, result: kept})
}

// remembered looks for an idempotency key. The record is not to be modified.
func (w *writer) remembered(key string) (idemRecord, bool, error) {
	if r, ok := w.idem.pending[key]; ok {
		return r, true, nil
	}
	if _, dropped := w.idem.dropped[key]; dropped {
		return idemRecord{}, false, nil
	}
	if err := w.loadMaybeKnown(); err != nil {
		return idemRecord{}, false, err
	}
	if !w.idem.maybe.has(key) {
		return idemRecord{}, false, nil
	}
	w.buf = appendIdemKey(w.buf[:0], w.gen, key)
	data, closer, err := w.db.Get(w.buf)
	if errors.Is(err, pebble.ErrNotFound) {
		return idemRecord{}, false, nil
	}
	if err != nil {
		return idemRecord{}, false, fmt.Errorf("read idempotency key %q: %w", key, err)
	}
	defer closer.Close()
	r, err := decodeIdem(data)
	if err == nil && len(r.result) <= resultFlagsAt {
		err = fmt.Errorf("its result has %d bytes: %w", len(r.result), ErrInvalid)
	}
	if err != nil {
		return idemRecord{}, false, fmt.Errorf("what is stored for idempotency key %q is damaged: %w", key, err)
	}
	r.result = append([]byte{}, r.result...)
	return r, true, nil
}

// loadMaybeKnown fills in the hashes of the keys that are remembered, once after each reset. Nothing is pending then.
func (w *writer) loadMaybeKnown() error {
	if w.idem.maybe.counts != nil {
		return nil
	}
	maybe := maybeKnown{seed: maphash.MakeSeed(), counts: map[uint64]uint32{}}
	iter, err := w.db.NewIter(&pebble.IterOptions{
		LowerBound: appendSeqKey(nil, w.gen, w.st.idemOldest), UpperBound: appendSeqKey(nil, w.gen, w.st.idemNext),
	})
	if err != nil {
		return fmt.Errorf("read the idempotency keys: %w", err)
	}
	for valid := iter.First(); valid; valid = iter.Next() {
		entry, err := decodeIdemEntry(iter.Value())
		if err != nil {
			return errors.Join(fmt.Errorf("read the idempotency keys: %w", err), iter.Close())
		}
		maybe.add(entry.key)
	}
	if err := errors.Join(iter.Error(), iter.Close()); err != nil {
		return fmt.Errorf("read the idempotency keys: %w", err)
	}
	w.idem.maybe = maybe
	return nil
}

// remember stores a result, and drops the oldest ones that exceed the bounds.
func (w *writer) remember(key string, r idemRecord) error {
	st := &w.st
	r.seq = st.idemNext
	entry := idemEntry{key: key, size: uint64(idemOverhead + len(key) + len(r.result))}
	batch := w.open()
	if err := batch.Set(appendIdemKey(nil, w.gen, key), r.append(w.buf[:0]), nil); err != nil {
		return err
	}
	if err := batch.Set(appendSeqKey(nil, w.gen, r.seq), entry.append(w.buf[:0]), nil); err != nil {
		return err
	}
	w.idem.pending[key] = r
	w.idem.maybe.add(key)
	w.idem.order = append(w.idem.order, entry)
	st.idemNext++
	st.idemBytes += entry.size
	for st.idemOldest+1 < st.idemNext &&
		(st.idemNext-st.idemOldest > st.bounds.MaxIdempotency || st.idemBytes > st.bounds.MaxIdempotencyBytes) {
		if err := w.forgetOldest(); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) forgetOldest() error {
	st := &w.st
	entry, err := w.oldestEntry(st.idemOldest)
	if err != nil {
		return fmt.Errorf("read idempotency entry %d: %w", st.idemOldest, err)
	}
	batch := w.open()
	if err := batch.Delete(appendIdemKey(nil, w.gen, entry.key), nil); err != nil {
		return err
	}
	if err := batch.Delete(appendSeqKey(nil, w.gen, st.idemOldest), nil); err != nil {
		return err
	}
	w.idem.maybe.remove(entry.key)
	delete(w.idem.pending, entry.key)
	w.idem.dropped[entry.key] = struct{}{}
	st.idemOldest++
	st.idemBytes -= entry.size
	return nil
}

func (w *writer) oldestEntry(seq uint64) (idemEntry, error) {
	if seq >= w.idem.committedNext {
		return w.idem.order[seq-w.idem.committedNext], nil
	}
	value, closer, err := w.db.Get(appendSeqKey(nil, w.gen, seq))
	if err != nil {
		return idemEntry{}, err
	}
	defer closer.Close()
	return decodeIdemEntry(value)
}
