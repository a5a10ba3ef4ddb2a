package pebblelog

import (
	"log/slog"
	"runtime"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// How a store is set up.

// Options say how a store is opened. The zero value is good for most.
type Options struct {
	// FS is the file system that the database is in. The operating system's, with a watch for slow disks.
	FS vfs.FS
	// Logger is told what goes wrong. Nothing is logged that the caller gets as an error, nor what goes well, except at
	// the level of Debug. slog.Default().
	Logger *slog.Logger

	// EntryCacheBytes bounds the newest entries that are kept in memory, of all groups together. It does not count what
	// their Data shares memory with: entries are kept as they were given to Write. 4 MiB; below zero, none are kept.
	EntryCacheBytes int
	// BlockCacheBytes bounds the cache of what is read from the database. 16 MiB.
	BlockCacheBytes int64
	// MemTableBytes is how much is gathered in memory before it is written to a table. Up to four such tables may be in
	// memory. Entries that are compacted before they are written to one never cost another write. 32 MiB.
	MemTableBytes uint64

	// ReadOnly opens the store to look at it. Writing to it returns ErrReadOnly.
	ReadOnly bool

	// OnFatal is called once, when the disk has failed in such a way that it is unknown what is durable, as when
	// the write-ahead log or the manifest cannot be written. By default the error is logged and the process ends with status 1, as
	// Pebble does. A function that is set here should end the process, too. If it returns and the failure was met by a call of
	// this package, that call and all later ones return the error; if it was met by a goroutine of the database's own, the
	// process panics. After a failure Close leaves the database's files open. OnFatal must not call the store.
	OnFatal func(error)

	// For tests: changes the database's options, and how long chunks are.
	adjust     func(*pebble.Options)
	chunkBytes int
}

// chunkBytes is how long the pieces are in which the contents of snapshots are stored.
const chunkBytes = 256 << 10

// reclaimDelay is how long the removal of entries may wait before the database begins to reclaim their space.
const reclaimDelay = 30 * time.Second

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.EntryCacheBytes == 0 {
		o.EntryCacheBytes = 4 << 20
	}
	if o.BlockCacheBytes == 0 {
		o.BlockCacheBytes = 16 << 20
	}
	if o.MemTableBytes == 0 {
		o.MemTableBytes = 32 << 20
	}
	if o.chunkBytes == 0 {
		o.chunkBytes = chunkBytes
	}
	return o
}

// database returns the options of the database. Those that are not set have Pebble's defaults.
func (o Options) database(guard *guard) *pebble.Options {
	options := &pebble.Options{
		ReadOnly:           o.ReadOnly,
		ErrorIfNotExists:   o.ReadOnly,
		FormatMajorVersion: pebble.FormatTableFormatV6, // its write-ahead log tells damage from a torn end
		Logger:             guard,
		EventListener:      guard.events(),

		CacheSize:                   o.BlockCacheBytes,
		MemTableSize:                o.MemTableBytes,
		MemTableStopWritesThreshold: 4,
		// Keys of a group that is written without pause hardly overlap those in the tables below: more tables may gather
		// in level 0 before reads suffer.
		L0CompactionThreshold: 4,
		L0StopWritesThreshold: 24,
		LBaseMaxBytes:         64 << 20,
		CompactionConcurrencyRange: func() (lower, upper int) {
			return 1, max(1, min(3, runtime.GOMAXPROCS(0)/2))
		},
		// Chunks of snapshots are written without Sync: have the disk take them as they come, so that the next write with
		// Sync need not wait for all of them.
		WALBytesPerSync:       512 << 10,
		BytesPerSync:          512 << 10,
		FlushDelayDeleteRange: reclaimDelay,
	}
	if options.FS = o.FS; o.FS == nil {
		options.WithFSDefaults()
	}
	if !o.ReadOnly {
		options.FS = orderedFS{options.FS}
	}
	if o.adjust != nil {
		o.adjust(options)
	}
	return options
}
