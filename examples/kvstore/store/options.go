package store

import (
	"log/slog"
	"math"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// How a store is opened.

// Options say how a store is opened. Zero values stand for the defaults that are given.
type Options struct {
	// FS is the file system. That of the operating system.
	FS vfs.FS
	// CacheBytes is the size of the cache of blocks. 64 MiB.
	CacheBytes int64
	// MemTableBytes is the size of a table in memory, of which there are a few. 32 MiB.
	MemTableBytes uint64
	// Bounds of a store that is created. An existing store keeps those that it has.
	Bounds Bounds
	// Logger. slog.Default().
	Logger *slog.Logger
	// OnFatal is called, at most once, when the disk has failed in a way that the store cannot go on with: every call
	// returns an error from then on, and some may not return at all, so that the process should end soon. It must not call the
	// store. Whether it is set or not, the error is logged.
	OnFatal func(error)

	keyCacheBytes int // of each half of the cache of keys; tests have it forget early
}

// Bounds are what is kept of the past. They are part of the replicated state, so they must be the same on all members. Zero
// values stand for the defaults that are given.
type Bounds struct {
	// MaxEvents and MaxEventBytes bound the history of changes, in events and in bytes of keys and values: the oldest
	// revisions are dropped, but never the newest. 1,000,000 and 256 MiB.
	MaxEvents     uint64
	MaxEventBytes uint64
	// MaxIdempotency and MaxIdempotencyBytes bound the remembered results of commands with an idempotency key: those that
	// came first are dropped first, but never the newest. 100,000, and as many bytes as MaxIdempotency of them can have, so
	// that the bytes alone drop none.
	MaxIdempotency      uint64
	MaxIdempotencyBytes uint64
}

func (o *Options) setDefaults() {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 64 << 20
	}
	if o.MemTableBytes == 0 {
		o.MemTableBytes = 32 << 20
	}
	if o.keyCacheBytes == 0 {
		o.keyCacheBytes = keyCacheBytes
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	o.Bounds.setDefaults()
}

func (b *Bounds) setDefaults() {
	set := func(v *uint64, value uint64) {
		if *v == 0 {
			*v = value
		}
	}
	set(&b.MaxEvents, 1_000_000)
	set(&b.MaxEventBytes, 256<<20)
	set(&b.MaxIdempotency, 100_000)
	set(&b.MaxIdempotencyBytes, min(b.MaxIdempotency, math.MaxUint64/MaxRememberedBytes)*MaxRememberedBytes)
}
