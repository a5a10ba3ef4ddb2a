package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Watching: a cursor over the stored history, woken by commits.

// An EventType says what happened to a key.
type EventType uint8

// The types of events.
const (
	EventPut EventType = 1 + iota
	EventDelete
)

// A Position is the place of a change in the history: the revision, and the number of the change within it, from 0. It means the
// same on every member.
type Position struct {
	Rev uint64
	Sub uint32
}

// Next returns the position to go on from after the change at p.
func (p Position) Next() Position { return Position{Rev: p.Rev, Sub: p.Sub + 1} }

// An Event is one change of a key.
type Event struct {
	Position
	Type EventType
	Key  []byte
	// Value belongs to EventPut.
	Value []byte
	// PrevRev is the revision that the key had before, 0 if it did not exist.
	PrevRev uint64
}

// A CompactedError says that a watcher wants changes that the history does not hold any more.
type CompactedError struct {
	// From is the position from which it would have gone on, Oldest the first revision that there is.
	From   Position
	Oldest uint64
}

func (e *CompactedError) Error() string {
	return fmt.Sprintf("changes since revision %d are no longer kept: the oldest is %d, read the keys and watch from there",
		e.From.Rev, e.Oldest)
}

// ErrCompacted is what every CompactedError is, by errors.Is.
var ErrCompacted = errors.New("compacted")

// Is makes a CompactedError an ErrCompacted.
func (e *CompactedError) Is(target error) bool { return target == ErrCompacted }

const (
	watchEvents = 512     // events that Next returns at most
	watchBytes  = 1 << 20 // bytes of keys and values after which it returns
	watchScan   = 1 << 14 // events that it looks at before it lets go of what it reads from
)

// A Watcher delivers the changes of keys with a prefix. It is used by one goroutine at a time. It holds nothing, so
// there is nothing to close.
type Watcher struct {
	store  *Store
	prefix []byte
	next   Position // first position that was not looked at
	rev    uint64   // all up to this revision was delivered, or was not asked for
}

// Watch returns a Watcher of the keys with a prefix, all if it is empty, that begins with the change at from, or the first
// one after it. A position that the store has not reached yet is waited for: whether there will be such a one is for the caller
// to judge. Revision 0 means: from the next change on. The error is a CompactedError if changes from there on are missing.
func (s *Store) Watch(prefix []byte, from Position) (*Watcher, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	st := &s.published.Load().state
	if from.Rev == 0 {
		from = Position{Rev: st.rev + 1}
	}
	if from.Rev < st.oldest {
		return nil, &CompactedError{From: from, Oldest: st.oldest}
	}
	return &Watcher{store: s, prefix: bytes.Clone(prefix), next: from, rev: min(from.Rev-1, st.rev)}, nil
}

// Rev returns the revision up to which all changes have been delivered, itself included, and never one that the store has not
// reached. It may grow although Next returns nothing, when other keys change. Of the revision after it, a part may have been
// delivered too: to go on, use Position.
func (w *Watcher) Rev() uint64 { return w.rev }

// Position returns where the Watcher goes on: a Watcher from there delivers what this one has not. It never moves back, and
// moves on, as Rev does, although Next returns nothing.
func (w *Watcher) Position() Position { return w.next }

// Next waits for changes and returns them in order: at least one, and no more than about 1 MiB, or one larger. The caller owns
// them. It returns the error of the context when that ends, and can then be called again; a CompactedError if the
// watcher has fallen behind; ErrClosed.
func (w *Watcher) Next(ctx context.Context) ([]Event, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		woken := w.store.wake.wait(w.next.Rev)
		if woken == nil {
			events, err := w.read()
			if err != nil || len(events) > 0 {
				return events, err
			}
			continue
		}
		select {
		case <-woken:
		case <-ctx.Done():
		}
	}
}

// read returns matching events from the history as it is now, and moves on behind what it has looked at.
func (w *Watcher) read() ([]Event, error) {
	s := w.store
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	iter, err := s.newIter(s.gen)
	if err != nil {
		return nil, err
	}
	st, err := iterState(iter, s.gen)
	if err == nil && w.next.Rev < st.oldest {
		err = &CompactedError{From: w.next, Oldest: st.oldest}
	}
	var events []Event
	if err == nil {
		events, err = w.scan(iter, s.gen, st.rev)
	}
	return events, errors.Join(err, iter.Close())
}

// scan reads on up to revision last, the newest that the iterator sees.
func (w *Watcher) scan(iter *pebble.Iterator, gen byte, last uint64) ([]Event, error) {
	var events []Event
	size := 0
	ok := iter.SeekGE(appendEventKey(nil, gen, w.next))
	for looked := 0; ok && iter.Key()[1] == kindEvent; ok = iter.Next() {
		if looked == watchScan || len(events) == watchEvents || size >= watchBytes {
			return events, nil
		}
		looked++
		e, err := w.event(iter)
		if err != nil {
			return events, err
		}
		w.rev, w.next = e.Rev-1, e.Position.Next()
		if bytes.HasPrefix(e.Key, w.prefix) {
			e.Key, e.Value = bytes.Clone(e.Key), bytes.Clone(e.Value)
			events = append(events, e)
			size += len(e.Key) + len(e.Value)
		}
	}
	if err := iter.Error(); err != nil {
		return events, err
	}
	if w.next.Rev <= last {
		w.rev, w.next = last, Position{Rev: last + 1}
	}
	return events, nil
}

// event decodes the event under the iterator, and makes sure that it is the one that has to come.
func (w *Watcher) event(iter *pebble.Iterator) (Event, error) {
	p, err := decodePosition(iter.Key())
	if err != nil {
		return Event{}, err
	}
	begins := p.Sub == 0 && (p.Rev == w.next.Rev && w.next.Sub == 0 || p.Rev == w.next.Rev+1 && w.next.Sub > 0)
	if p != w.next && !begins {
		return Event{}, fmt.Errorf("the history is damaged: after position %d.%d comes %d.%d: %w",
			w.next.Rev, w.next.Sub, p.Rev, p.Sub, ErrInvalid)
	}
	data, err := iter.ValueAndErr()
	if err != nil {
		return Event{}, err
	}
	e, err := decodeEvent(p, data)
	if err != nil {
		return Event{}, fmt.Errorf("the event at %d.%d is damaged: %w", p.Rev, p.Sub, err)
	}
	return e, nil
}
