package store

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Reads of what is committed, from any goroutine.

// A KeyValue is a key with what it is set to.
type KeyValue struct {
	Key, Value []byte
	// Rev is the revision that last changed the key, CreateRev the one that created it, and Version how often it was
	// set since then, 1 at first.
	Rev, CreateRev, Version uint64
}

// Get returns what a key is set to, and false if it does not exist. The caller owns the value.
func (s *Store) Get(key []byte) (KeyValue, bool, error) {
	if err := CheckKey(key); err != nil {
		return KeyValue{}, false, err
	}
	if err := s.enter(); err != nil {
		return KeyValue{}, false, err
	}
	defer s.leave()
	data, closer, err := s.db.Get(appendDataKey(make([]byte, 0, 2+len(key)), s.gen, key))
	if errors.Is(err, pebble.ErrNotFound) {
		return KeyValue{}, false, nil
	}
	if err != nil {
		return KeyValue{}, false, fmt.Errorf("read key %q: %w", key, err)
	}
	defer closer.Close()
	kv, err := decodeKeyValue(key, data)
	return kv, err == nil, err
}

// decodeKeyValue copies what is stored for a key.
func decodeKeyValue(key, data []byte) (KeyValue, error) {
	k, err := decodeData(data)
	if err != nil {
		return KeyValue{}, fmt.Errorf("what is stored for key %q is damaged: %w", key, err)
	}
	return KeyValue{
		Key: bytes.Clone(key), Value: append([]byte{}, k.value...),
		Rev: k.rev, CreateRev: k.create, Version: k.version,
	}, nil
}

// ListOptions say what List returns.
type ListOptions struct {
	// Prefix of the keys, all if empty.
	Prefix []byte
	// After, unless empty, leaves out the keys up to and including it.
	After []byte
	// Limit bounds the keys. 100 if zero.
	Limit int
	// MaxBytes bounds the bytes of keys and values, but at least one key is returned. 8 MiB if zero.
	MaxBytes int
	// KeysOnly leaves the values nil.
	KeysOnly bool
}

// A Page is a part of the keys, in the order of their bytes, as they were at one revision.
type Page struct {
	// Rev is the store's revision at which the page is true.
	Rev   uint64
	Items []KeyValue
	// More says that there are further keys: they come after the last one of Items.
	More bool
}

// List returns keys with a prefix. The caller owns the page.
func (s *Store) List(o ListOptions) (Page, error) {
	if o.Limit <= 0 {
		o.Limit = 100
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 8 << 20
	}
	if err := s.enter(); err != nil {
		return Page{}, err
	}
	defer s.leave()
	iter, err := s.newIter(s.gen)
	if err != nil {
		return Page{}, err
	}
	page, err := listPage(iter, s.gen, o)
	if err = errors.Join(err, iter.Close()); err != nil {
		return Page{}, fmt.Errorf("list keys: %w", err)
	}
	return page, nil
}

// newIter returns an iterator over a generation, as it is now.
func (s *Store) newIter(gen byte) (*pebble.Iterator, error) {
	return s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{gen}, UpperBound: []byte{gen + 1}})
}

// iterState reads the counters that belong to what the iterator sees.
func iterState(iter *pebble.Iterator, gen byte) (state, error) {
	key := stateKey(gen)
	if !iter.SeekGE(key) || !bytes.Equal(iter.Key(), key) {
		return state{}, errors.Join(iter.Error(), fmt.Errorf("the counters are missing: %w", ErrInvalid))
	}
	value, err := iter.ValueAndErr()
	if err != nil {
		return state{}, err
	}
	return decodeState(value)
}

func listPage(iter *pebble.Iterator, gen byte, o ListOptions) (Page, error) {
	st, err := iterState(iter, gen)
	if err != nil {
		return Page{}, err
	}
	page := Page{Rev: st.rev}
	prefix := appendDataKey(nil, gen, o.Prefix)
	start := prefix
	if len(o.After) > 0 {
		after := append(appendDataKey(nil, gen, o.After), 0)
		if bytes.Compare(after, start) > 0 {
			start = after
		}
	}
	size := 0
	for ok := iter.SeekGE(start); ok && bytes.HasPrefix(iter.Key(), prefix); ok = iter.Next() {
		data, err := iter.ValueAndErr()
		if err != nil {
			return Page{}, err
		}
		size += len(iter.Key()) + len(data)
		if len(page.Items) > 0 && (len(page.Items) == o.Limit || size > o.MaxBytes) {
			page.More = true
			return page, nil
		}
		kv, err := decodeItem(iter.Key()[2:], data, o.KeysOnly)
		if err != nil {
			return Page{}, err
		}
		page.Items = append(page.Items, kv)
	}
	return page, iter.Error()
}

func decodeItem(key, data []byte, keyOnly bool) (KeyValue, error) {
	if !keyOnly {
		return decodeKeyValue(key, data)
	}
	k, err := decodeData(data)
	if err != nil {
		return KeyValue{}, fmt.Errorf("what is stored for key %q is damaged: %w", key, err)
	}
	return KeyValue{Key: bytes.Clone(key), Rev: k.rev, CreateRev: k.create, Version: k.version}, nil
}

// Stats are the store's figures after some commit.
type Stats struct {
	// Applied is the index of that commit, Rev the revision, 0 before the first.
	Applied, Rev uint64
	// Keys is how many there are, DataBytes the bytes of all keys and values.
	Keys, DataBytes uint64
	// Oldest is the first revision that watchers can still see; Events and EventBytes are those of the history.
	Oldest, Events, EventBytes uint64
	// Idempotency is how many results are remembered, IdempotencyBytes their size.
	Idempotency, IdempotencyBytes uint64
	// DiskBytes is what the files of the store take up.
	DiskBytes uint64
}

// Stats returns the figures. After Close they are those of the last commit, without DiskBytes.
func (s *Store) Stats() Stats {
	p := s.published.Load()
	stats := Stats{
		Applied: p.applied, Rev: p.state.rev,
		Keys: p.state.keys, DataBytes: p.state.dataBytes,
		Oldest: p.state.oldest, Events: p.state.events, EventBytes: p.state.eventBytes,
		Idempotency: p.state.idemNext - p.state.idemOldest, IdempotencyBytes: p.state.idemBytes,
	}
	if s.enter() == nil {
		stats.DiskBytes = s.db.Metrics().DiskSpaceUsage()
		s.leave()
	}
	return stats
}

// Applied returns the index of the last Commit. What is read afterwards is at least as new.
func (s *Store) Applied() uint64 { return s.published.Load().applied }

// Rev returns the revision at the last Commit.
func (s *Store) Rev() uint64 { return s.published.Load().state.rev }
