package store

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// The history of changes, of which the oldest revisions are dropped so that it stays within its bounds. What counts is
// decided after each command, so that it is the same on every member. The dropped events leave the disk later, many at a time.

// A history is what the writer needs to know in order to drop revisions.
type history struct {
	committedRev uint64
	pending      []revSize // of the revisions after committedRev
	ahead        []revSize // of the revisions from the oldest on, as far as they were read
	litter       litter    // dropped events that are not deleted yet, from a revision on
}

// A revSize is how much history one revision takes up.
type revSize struct{ events, bytes uint64 }

const (
	eventOverhead = 16      // counted for an event besides key and value
	readAhead     = 1024    // revisions whose sizes are read at a time
	readAheadSize = 4 << 20 // bytes after which that ends
)

func (h *history) reset(st *state) {
	*h = history{committedRev: st.rev, litter: litter{from: 1}}
}

func (h *history) committed(st *state) {
	h.committedRev = st.rev
	h.pending = h.pending[:0]
}

// addEvent stores a change in the history and returns its size.
func (w *writer) addEvent(c *change, p Position) (uint64, error) {
	kind := EventPut
	if c.remove {
		kind = EventDelete
	}
	value := c.value
	if c.remove {
		value = nil
	}
	header := eventHeaderBytes(c.prev.rev, c.key)
	op := w.open().SetDeferred(eventKeyBytes, header+len(value))
	appendEventKey(op.Key[:0], w.gen, p)
	appendEventHeader(op.Value[:0], kind, c.prev.rev, c.key)
	copy(op.Value[header:], value)
	return eventBytes(c.key, value), op.Finish()
}

// eventBytes is the size of an event for the bound of the history.
func eventBytes(key, value []byte) uint64 { return uint64(eventOverhead + len(key) + len(value)) }

// evictHistory drops the oldest revisions until the history is within its bounds, but not the newest.
func (w *writer) evictHistory() error {
	st := &w.st
	for st.oldest < st.rev && (st.events > st.bounds.MaxEvents || st.eventBytes > st.bounds.MaxEventBytes) {
		size, err := w.oldestSize()
		if err != nil {
			return err
		}
		st.events -= size.events
		st.eventBytes -= size.bytes
		st.oldest++
		w.history.litter.bytes += size.bytes
	}
	return nil
}

// oldestSize takes the size of the oldest revision.
func (w *writer) oldestSize() (revSize, error) {
	h := &w.history
	if w.st.oldest > h.committedRev {
		return h.pending[w.st.oldest-h.committedRev-1], nil
	}
	if len(h.ahead) == 0 {
		if err := w.readAhead(); err != nil {
			return revSize{}, fmt.Errorf("read the history from revision %d: %w", w.st.oldest, err)
		}
	}
	size := h.ahead[0]
	h.ahead = h.ahead[1:]
	return size, nil
}

// readAhead reads the sizes of committed revisions from the oldest on, of at least one.
func (w *writer) readAhead() error {
	iter, err := w.db.NewIter(&pebble.IterOptions{
		LowerBound: appendEventKey(nil, w.gen, Position{Rev: w.st.oldest}),
		UpperBound: appendEventKey(nil, w.gen, Position{Rev: min(w.st.oldest+readAhead, w.history.committedRev+1)}),
	})
	if err != nil {
		return err
	}
	sizes, err := readSizes(iter, w.st.oldest)
	if err == nil && len(sizes) == 0 {
		err = fmt.Errorf("it has no events: %w", ErrInvalid)
	}
	w.history.ahead = sizes
	return errors.Join(err, iter.Close())
}

// readSizes reads the sizes of the revisions from first on, each of them whole.
func readSizes(iter *pebble.Iterator, first uint64) ([]revSize, error) {
	var sizes []revSize
	var total uint64
	for ok := iter.First(); ok; ok = iter.Next() {
		p, err := decodePosition(iter.Key())
		if err != nil {
			return nil, err
		}
		begins := p == (Position{Rev: first + uint64(len(sizes))})
		if begins && total >= readAheadSize {
			return sizes, nil
		}
		if begins {
			sizes = append(sizes, revSize{})
		}
		last := len(sizes) - 1
		if last < 0 || p != (Position{Rev: first + uint64(last), Sub: uint32(sizes[last].events)}) {
			return nil, fmt.Errorf("event %d.%d is not in its place: %w", p.Rev, p.Sub, ErrInvalid)
		}
		value, err := iter.ValueAndErr()
		if err != nil {
			return nil, err
		}
		e, err := decodeEvent(p, value)
		if err != nil {
			return nil, err
		}
		size := eventBytes(e.Key, e.Value)
		sizes[last].events++
		sizes[last].bytes += size
		total += size
	}
	return sizes, iter.Error()
}

// purgeHistory deletes dropped events from the disk when there are many.
func (w *writer) purgeHistory() error {
	from, ok := w.history.litter.collect(w.st.oldest)
	if !ok {
		return nil
	}
	begin, end := Position{Rev: from}, Position{Rev: w.st.oldest}
	return w.open().DeleteRange(appendEventKey(nil, w.gen, begin), appendEventKey(nil, w.gen, end), nil)
}
