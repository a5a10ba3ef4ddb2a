package store

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/seed695671cb/raft/replica"
)

// Carrying out commands. What they change is collected in one batch, which Commit writes; until then later commands see
// it in a small overlay.

// A writer is the state of the store as the replica has brought it about, ahead of what readers see.
type writer struct {
	db  *pebble.DB
	gen byte  // generation that is written
	st  state // after the last command
	// restoring says that a Restore has begun and no Commit come since; restored, that it has succeeded.
	restoring, restored bool

	batch   *pebble.Batch       // nil if nothing has changed since the last Commit
	overlay map[string]keyState // keys changed since then, with their values
	cache   keyCache            // keys changed lately, those of the overlay too
	history history
	idem    idempotency

	// scratch space
	command Command
	changes []change
	ops     []OpResult
	buf     []byte
	arena   []byte // encoded results of one Apply
}

// reset makes the writer go on from a committed state.
func (w *writer) reset(db *pebble.DB, gen byte, st state) {
	w.discard()
	*w = writer{db: db, gen: gen, st: st, overlay: map[string]keyState{}, cache: newKeyCache(w.cache.most)}
	w.history.reset(&w.st)
	w.idem.reset(&w.st)
}

// discard drops what is not committed.
func (w *writer) discard() {
	if w.batch != nil {
		_ = w.batch.Close() // gives memory back, nothing else
		w.batch = nil
	}
}

// committed is called when the batch is written.
func (w *writer) committed() {
	w.restoring, w.restored = false, false
	clear(w.overlay)
	w.history.committed(&w.st)
	w.idem.committed(&w.st)
}

// pending says whether there is something that is not committed.
func (w *writer) pending() bool { return w.batch != nil || w.restoring }

// usable returns an error between a Restore that has failed and the next one.
func (w *writer) usable() error {
	if w.restoring && !w.restored {
		return errors.New("the last restore has failed: restore again, or recover an empty state")
	}
	return nil
}

// open returns the batch of what is not committed.
func (w *writer) open() *pebble.Batch {
	if w.batch == nil {
		w.batch = w.db.NewBatch()
	}
	return w.batch
}

// Apply carries out commands, in order, and returns their encoded results: see DecodeResult. It stops early when they become
// large. What the commands change can be read after the next Commit. See replica.StateMachine.
func (s *Store) Apply(commands []replica.Command) ([][]byte, error) {
	if err := s.beginWriting(); err != nil {
		return nil, err
	}
	defer s.writing.Unlock()
	if err := s.w.usable(); err != nil {
		return nil, err
	}
	results := make([][]byte, 0, len(commands))
	s.w.arena = make([]byte, 0, 24*len(commands))
	for bytes := 0; len(results) < len(commands) && bytes < applyBytes; bytes += len(results[len(results)-1]) {
		command := commands[len(results)]
		result, err := s.w.apply(command.Data)
		if err != nil {
			return nil, s.fault.set(fmt.Errorf("apply the command at index %d: %w", command.Index, err))
		}
		results = append(results, result)
	}
	s.w.arena = nil
	return results, nil
}

// applyBytes is how large the results of one Apply get before it stops; the last one comes on top of it.
const applyBytes = 8 << 20

// apply carries out one command. The error is a failure of the disk; what the command cannot do is in the result.
func (w *writer) apply(data []byte) ([]byte, error) {
	c := &w.command
	if err := c.decode(data); err != nil {
		return w.encode(&Result{Code: CodeInvalid, Rev: w.st.rev, Message: err.Error()}), nil
	}
	if c.IdempotencyKey == "" {
		r, err := w.run(c)
		return w.encode(&r), err
	}
	return w.applyOnce(c, data)
}

// encode writes a result to the arena, where small results lie close together. They outlive it.
func (w *writer) encode(r *Result) []byte {
	if bytes := r.valueBytes(); bytes >= ownBytes {
		return r.Append(make([]byte, 0, bytes+bytes/8))
	}
	start := len(w.arena)
	w.arena = r.Append(w.arena)
	return w.arena[start:len(w.arena):len(w.arena)]
}

// ownBytes is how many bytes of values give a result a piece of memory of its own, so that nobody keeps it who keeps another.
const ownBytes = 1 << 10

// run carries out what the command says, and gives it a revision if that changes something.
func (w *writer) run(c *Command) (Result, error) {
	w.changes = w.changes[:0]
	var r Result
	var err error
	if c.Kind == KindTxn {
		r, err = w.runTxn(c)
	} else {
		r, err = w.runSingle(c)
	}
	if err != nil {
		return r, err
	}
	if len(w.changes) > 0 {
		r.Changed = true
		err = w.makeChanges()
	}
	r.Rev = w.st.rev
	return r, err
}

func (w *writer) runSingle(c *Command) (Result, error) {
	prev, err := w.lookup(c.Key, false)
	if err != nil {
		return Result{}, err
	}
	r := Result{Code: CodeOK, Exists: prev.exists, KeyRev: prev.rev}
	switch {
	case !c.Cond.holds(prev):
		r.Code = CodePreconditionFailed
	case c.Kind == KindDelete && !prev.exists:
		r.Code = CodeNotFound
	default:
		w.changes = append(w.changes, change{key: c.Key, value: c.Value, remove: c.Kind == KindDelete, prev: prev})
	}
	return r, nil
}

// lookup returns the state of a key after the commands so far; its value only on request.
func (w *writer) lookup(key []byte, withValue bool) (keyState, error) {
	if k, ok := w.known(key, withValue); ok {
		return k, nil
	}
	w.buf = appendDataKey(w.buf[:0], w.gen, key)
	data, closer, err := w.db.Get(w.buf)
	if errors.Is(err, pebble.ErrNotFound) {
		return keyState{}, nil
	}
	if err != nil {
		return keyState{}, fmt.Errorf("read key %q: %w", key, err)
	}
	defer closer.Close()
	k, err := decodeData(data)
	if err != nil {
		return keyState{}, fmt.Errorf("what is stored for key %q is damaged: %w", key, err)
	}
	if withValue {
		k.value = append([]byte{}, k.value...)
	} else {
		k.value = nil
	}
	return k, nil
}

// known returns the state of a key if it is at hand. The cache may have forgotten what is not committed.
func (w *writer) known(key []byte, withValue bool) (keyState, bool) {
	if k, ok := w.overlay[string(key)]; ok || withValue {
		return k, ok
	}
	return w.cache.get(key)
}

// A change is what a command does to one key.
type change struct {
	key, value []byte
	remove     bool
	prev       keyState // before the change, with those of the same command that come before it
}

// after returns the state of the key after the change by revision rev.
func (c *change) after(rev uint64) keyState {
	if c.remove {
		return keyState{}
	}
	k := keyState{exists: true, rev: rev, create: rev, version: 1, value: c.value, valueBytes: len(c.value)}
	if c.prev.exists {
		k.create, k.version = c.prev.create, c.prev.version+1
	}
	return k
}

// makeChanges makes the changes of one command, as one revision.
func (w *writer) makeChanges() error {
	rev := w.st.rev + 1
	var size revSize
	for i := range w.changes {
		c := &w.changes[i]
		k := c.after(rev)
		if err := w.setData(c, k); err != nil {
			return err
		}
		bytes, err := w.addEvent(c, Position{Rev: rev, Sub: uint32(i)})
		if err != nil {
			return err
		}
		key := string(c.key)
		w.overlay[key] = k
		w.cache.set(key, k)
		size.events++
		size.bytes += bytes
	}
	w.st.rev = rev
	w.history.pending = append(w.history.pending, size)
	w.st.events += size.events
	w.st.eventBytes += size.bytes
	return w.evictHistory()
}

// setData stores the new state of a key and counts it.
func (w *writer) setData(c *change, k keyState) error {
	if c.prev.exists {
		w.st.keys--
		w.st.dataBytes -= uint64(len(c.key) + c.prev.valueBytes)
	}
	batch := w.open()
	if c.remove {
		op := batch.DeleteDeferred(2 + len(c.key))
		appendDataKey(op.Key[:0], w.gen, c.key)
		return op.Finish()
	}
	w.st.keys++
	w.st.dataBytes += uint64(len(c.key) + len(c.value))
	var space [maxDataHeader]byte
	header := appendDataHeader(space[:0], k)
	op := batch.SetDeferred(2+len(c.key), len(header)+len(c.value))
	appendDataKey(op.Key[:0], w.gen, c.key)
	copy(op.Value[copy(op.Value, header):], c.value)
	return op.Finish()
}
