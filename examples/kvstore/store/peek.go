package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// What a caller can know before it reads: whether there is something, and how much memory it will take.

// MaxBatchBytes bounds the keys and values of the events that Next and Poll return at once.
const MaxBatchBytes = watchBytes + MaxKeyBytes + MaxValueBytes

// ValueBytes returns the size of a key's value, 0 if the key does not exist. It copies nothing.
func (s *Store) ValueBytes(key []byte) (int, error) {
	if err := CheckKey(key); err != nil {
		return 0, err
	}
	if err := s.enter(); err != nil {
		return 0, err
	}
	defer s.leave()
	data, closer, err := s.db.Get(appendDataKey(make([]byte, 0, 2+len(key)), s.gen, key))
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read key %q: %w", key, err)
	}
	defer closer.Close()
	k, err := decodeData(data)
	if err != nil {
		return 0, fmt.Errorf("what is stored for key %q is damaged: %w", key, err)
	}
	return k.valueBytes, nil
}

// Wait waits until there are changes that the Watcher has not looked at, of whatever keys, and reads none of them. The error is that of the
// context. It also returns when the store is closed, which Poll tells.
func (w *Watcher) Wait(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		woken := w.store.wake.wait(w.next.Rev)
		if woken == nil {
			return nil
		}
		select {
		case <-woken:
		case <-ctx.Done():
		}
	}
}

// Poll is Next without waiting: it may return no events, and moves on nevertheless if all that it has looked at were changes of other
// keys. Its errors are those of Next, but for that of the context.
func (w *Watcher) Poll() ([]Event, error) { return w.read() }
