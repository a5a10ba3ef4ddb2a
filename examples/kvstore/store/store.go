package store

import (
	"errors"
	"fmt"
	"log/slog"
	"path"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"

	"github.com/seed695671cb/raft/replica"
)

// Opening and closing, and what the parts of the store share.

// Errors of a store as a whole.
var (
	// ErrClosed is returned by everything that is called after Close.
	ErrClosed = errors.New("the store is closed")
	// ErrFailed is returned by everything after the disk has failed; Options.OnFatal was told the reason.
	ErrFailed = errors.New("the store has failed")
)

var _ replica.DurableStateMachine = (*Store)(nil)

// A Store is the state machine of one member. Apply, Commit, Recover, Capture and Restore belong to its replica;
// everything else may be called from any goroutine.
type Store struct {
	db   *pebble.DB
	opts Options
	dir  string
	log  *slog.Logger

	fault fault
	wake  wakeup
	// published is what readers are to see, as of the last Commit.
	published atomic.Pointer[published]

	// access is held for reading while db is used, and for writing to close it and to switch generations.
	access sync.RWMutex
	closed bool
	gen    byte // generation in use

	viewing sync.Mutex         // guards views
	views   map[*view]struct{} // those that are open, so that Close can end them

	writing sync.Mutex // guards w
	w       writer
	// tableBytes is the size of the tables that Restore writes.
	tableBytes int
}

// published is what a commit has brought about.
type published struct {
	state   state
	applied uint64
}

// Open opens the store in a directory, which is made if it does not exist. One process at a time can have it open.
func Open(dir string, o Options) (*Store, error) {
	o.setDefaults()
	s := &Store{opts: o, dir: dir, log: o.Logger, tableBytes: 64 << 20, views: map[*view]struct{}{}}
	s.w.cache.most = o.keyCacheBytes
	s.fault.log, s.fault.tell, s.fault.release = o.Logger, o.OnFatal, s.wake.close
	if err := o.FS.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the directory of the store: %w", err)
	}
	if err := o.FS.RemoveAll(s.restoreDir()); err != nil {
		return nil, fmt.Errorf("remove what a restore has left: %w", err)
	}
	db, err := pebble.Open(dir, s.pebbleOptions())
	if err != nil {
		return nil, fmt.Errorf("open the store in %s: %w", dir, err)
	}
	s.db = db
	if err := s.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("open the store in %s: %w", dir, err), db.Close())
	}
	return s, nil
}

func (s *Store) restoreDir() string { return s.opts.FS.PathJoin(s.dir, "restore") }

// pebbleOptions keeps the formats on disk fixed, so that another version of the library changes nothing by itself.
func (s *Store) pebbleOptions() *pebble.Options {
	o := &pebble.Options{
		FS:                          s.opts.FS,
		FormatMajorVersion:          pebble.FormatTableFormatV6,
		CacheSize:                   s.opts.CacheBytes + 2*int64(s.opts.MemTableBytes), // the tables in memory take theirs from it
		MemTableSize:                s.opts.MemTableBytes,
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       2,
		L0StopWritesThreshold:       1000,
		LBaseMaxBytes:               64 << 20,
		WALBytesPerSync:             1 << 20,
		BytesPerSync:                1 << 20,
		CompactionConcurrencyRange:  func() (int, int) { return 1, 2 },
		Logger:                      pebbleLogger{fault: &s.fault},
		EventListener: &pebble.EventListener{
			BackgroundError: func(err error) { s.log.Error("store: background work of pebble failed", "dir", s.dir, "error", err) },
			DataCorruption: func(info pebble.DataCorruptionInfo) {
				s.log.Error("store: damaged file", "file", path.Base(info.Path), "error", info.Details)
			},
		},
	}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		o.Levels[i].BlockSize = 8 << 10
		o.Levels[i].IndexBlockSize = 128 << 10 // one index for most tables
	}
	return o
}

// load discards what an unfinished Restore has left, and takes the committed state from disk.
func (s *Store) load() error {
	unfinished, err := s.has(localRestore)
	if err != nil {
		return err
	}
	if unfinished {
		s.log.Warn("store: a restore did not end, beginning with an empty state", "dir", s.dir)
		if err := s.wipe(); err != nil {
			return err
		}
	}
	gen, err := s.loadGen()
	if err != nil {
		return err
	}
	applied, err := s.loadApplied()
	if err != nil {
		return err
	}
	st, err := s.loadState(gen, applied)
	if err != nil {
		return err
	}
	if st.bounds != s.opts.Bounds {
		s.log.Warn("store: the bounds given are not those of the stored state, which count", "given", s.opts.Bounds, "stored", st.bounds)
	}
	s.access.Lock()
	s.gen = gen
	s.access.Unlock()
	s.w.reset(s.db, gen, st)
	s.published.Store(&published{state: st, applied: applied})
	s.wake.set(st.rev)
	return nil
}

// enter lets a reader use the database until leave. It fails if there is none any more.
func (s *Store) enter() error {
	if err := s.fault.error(); err != nil {
		return err
	}
	s.access.RLock()
	if s.closed {
		s.access.RUnlock()
		return ErrClosed
	}
	return nil
}

func (s *Store) leave() { s.access.RUnlock() }

// Close closes the store. Reads that run are waited for, views that are open are closed, watchers get ErrClosed. Commits
// that were not synced may be made durable. Further calls return ErrClosed.
func (s *Store) Close() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	var views error
	for _, v := range s.endViews() {
		views = errors.Join(views, v.end())
	}
	s.access.Lock()
	defer s.access.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.closed = true
	s.wake.close()
	s.w.discard()
	if err := s.fault.error(); err != nil {
		return err // the database may never return from closing
	}
	return errors.Join(views, s.db.Close())
}

// endViews takes the views that are open.
func (s *Store) endViews() []*view {
	s.viewing.Lock()
	defer s.viewing.Unlock()
	var open []*view
	for v := range s.views {
		open = append(open, v)
	}
	clear(s.views)
	return open
}
