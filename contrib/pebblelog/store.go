package pebblelog

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/seed695671cb/raft/replica"
)

// The store as a whole: opening and closing it, and which groups it keeps.

// A Store keeps the logs, hard states and snapshots of any number of groups in one Pebble database. It implements
// replica.LogStore; see there for what its methods promise, and the package's documentation for how.
type Store struct {
	db         *pebble.DB
	guard      *guard
	readOnly   bool
	chunkBytes int
	cache      tailCache
	counts     counts

	acknowledged acknowledgements

	// life is held for reading by whoever uses db, and for writing by Close.
	life   sync.RWMutex
	closed bool

	// writing is held by Write.
	writing sync.Mutex
	scratch []change

	// loading is held by whoever adds a group or removes one. Order of locks: life, writing, loading, the commit locks
	// of groups in ascending order, groupsMu or the mu of a group, the cache's.
	loading  sync.Mutex
	groupsMu sync.RWMutex
	groups   map[uint64]*group
}

var _ replica.LogStore = (*Store)(nil)

// Open opens the store in a directory, which is made if it does not exist. Only one process may have it open. What the
// store keeps of its groups is read when they are opened.
//
// It returns an error that wraps ErrFormat if the directory holds a database of something else, and one that wraps ErrLost if
// the database has lost what was acknowledged.
func Open(dir string, options Options) (*Store, error) {
	options = options.withDefaults()
	guard := newGuard(options)
	guard.opening.Store(true)
	s := &Store{
		guard:      guard,
		readOnly:   options.ReadOnly,
		chunkBytes: options.chunkBytes,
		cache:      tailCache{budget: options.EntryCacheBytes},
		groups:     map[uint64]*group{},
	}
	s.acknowledged.logger = options.Logger
	database := options.database(guard)
	if err := guard.protect(func() (err error) {
		s.db, err = pebble.Open(dir, database)
		return err
	}); err != nil {
		return nil, fmt.Errorf("open the log store in %s: %w", dir, err)
	}
	if err := guard.protect(func() error {
		if err := s.checkFormat(); err != nil {
			return err
		}
		return s.acknowledged.open(s.db, database.FS, dir, s.readOnly)
	}); err != nil {
		_ = s.Close() // the error that counts is that before
		return nil, fmt.Errorf("open the log store in %s: %w", dir, err)
	}
	guard.opening.Store(false)
	return s, nil
}

// checkFormat returns an error unless this version of the package wrote the database. It marks one that is new.
func (s *Store) checkFormat() error {
	value, closer, err := s.db.Get([]byte(formatKey))
	if err == nil {
		found := string(value)
		if err := closer.Close(); err != nil {
			return err
		}
		if found != formatText {
			return fmt.Errorf("%w: it says %.40q and should say %q, open it with the version that wrote it",
				ErrFormat, found, formatText)
		}
		return nil
	}
	if !errors.Is(err, pebble.ErrNotFound) {
		return err
	}
	iter, err := s.db.NewIter(nil)
	if err != nil {
		return err
	}
	foreign := iter.First()
	if err := iter.Close(); err != nil {
		return err
	}
	if foreign {
		return fmt.Errorf("%w: it has keys and no format, use a directory of its own", ErrFormat)
	}
	if s.readOnly {
		return nil
	}
	return s.db.Set([]byte(formatKey), []byte(formatText), pebble.Sync)
}

// Close waits for the calls that are under way and closes the database. Snapshot readers and writers return errors then.
func (s *Store) Close() error {
	if err := s.guard.err(); err != nil {
		return err // some call may never return
	}
	s.life.Lock()
	defer s.life.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.closed = true
	if err := s.guard.err(); err != nil {
		return err
	}
	return errors.Join(s.acknowledged.close(), s.guard.protect(s.db.Close))
}

// begin is called before the database is used, and end, if it returned no error, after it.
func (s *Store) begin() error {
	s.life.RLock()
	err := s.guard.err()
	if s.closed {
		err = ErrClosed
	}
	if err != nil {
		s.life.RUnlock()
	}
	return err
}

func (s *Store) end() { s.life.RUnlock() }

// beginWrite is begin for what writes.
func (s *Store) beginWrite() error {
	if s.readOnly {
		return ErrReadOnly
	}
	return s.begin()
}

// Open implements replica.LogStore. It returns a *DamageError if what is stored of the group does not fit together.
func (s *Store) Open(group uint64) (replica.Log, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end()
	g, err := s.group(group)
	if err != nil {
		return nil, err
	}
	return g, nil
}

// group returns what is known of a group, and reads it if need be. life is held.
func (s *Store) group(id uint64) (*group, error) {
	if g := s.known(id); g != nil {
		return g, nil
	}
	s.loading.Lock()
	defer s.loading.Unlock()
	if g := s.known(id); g != nil {
		return g, nil
	}
	g, err := s.load(id)
	if err != nil {
		return nil, err
	}
	s.groupsMu.Lock()
	defer s.groupsMu.Unlock()
	s.groups[id] = g
	return g, nil
}

func (s *Store) known(id uint64) *group {
	s.groupsMu.RLock()
	defer s.groupsMu.RUnlock()
	return s.groups[id]
}

// Remove implements replica.LogStore. The removal is durable when it returns. A Log of the group that is still used returns
// errors.
func (s *Store) Remove(id uint64) error {
	if err := s.beginWrite(); err != nil {
		return err
	}
	defer s.end()
	s.loading.Lock()
	defer s.loading.Unlock()
	if g := s.known(id); g != nil {
		g.commit.Lock()
		defer g.commit.Unlock()
		defer s.forget(g)
	}
	b := s.newBatch(0)
	if err := b.DeleteRange(groupStart(id), groupEnd(id), nil); err != nil {
		return err
	}
	if err := s.apply(b, true); err != nil {
		return err
	}
	return s.wait(b, true)
}

// forget has the group's Log fail, and a new one begin.
func (s *Store) forget(g *group) {
	g.mu.Lock()
	g.removed = true
	s.cache.setTail(g, tail{})
	g.mu.Unlock()

	s.groupsMu.Lock()
	defer s.groupsMu.Unlock()
	delete(s.groups, g.id)
}

// Groups implements replica.LogStore. It takes a few microseconds for each group.
func (s *Store) Groups() ([]uint64, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end()
	var groups []uint64
	err := s.read(groupStart(0), []byte{groupsEnd}, func(iter *pebble.Iterator) error {
		for ok := iter.First(); ok; {
			group, _, _, _, err := splitKey(iter.Key())
			if err != nil {
				return err
			}
			groups = append(groups, group)
			if group == math.MaxUint64 {
				return nil
			}
			ok = iter.SeekGE(groupEnd(group))
		}
		return nil
	})
	return slices.Clip(groups), err
}

// read has f read what lies between two keys, as it is now.
func (s *Store) read(from, to []byte, f func(*pebble.Iterator) error) error {
	iter, err := s.iterate(from, to)
	if err != nil {
		return err
	}
	return readAll(iter, f)
}

func (s *Store) iterate(from, to []byte) (*pebble.Iterator, error) {
	return s.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
}

// readAll has f read, and closes the iterator. A panic of the database, which damage can lead to, is an error.
func readAll(iter *pebble.Iterator, f func(*pebble.Iterator) error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("the database has panicked while it read: %v", cause)
		}
	}()
	err = f(iter)
	if ended := iter.Error(); ended != nil {
		err = ended // what f made of the end that it met is not to the point
	}
	if closed := iter.Close(); closed != nil && err == nil {
		err = closed
	}
	return err
}
