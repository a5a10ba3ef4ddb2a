package pebblelog

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Figures about a store.

// Metrics are figures about a store since it was opened.
type Metrics struct {
	// Writes is how many batches were written, and WrittenBytes their size. Syncs is how many of them were made durable
	// before they were acknowledged.
	Writes, WrittenBytes, Syncs uint64
	// Entries is how many entries were appended.
	Entries uint64
	// SyncTime is how long writes waited for the disk, all together. SyncBuckets says how often it was how long.
	SyncTime    time.Duration
	SyncBuckets []Bucket
	// CacheHits and CacheMisses are how often entries were read from memory, and from the database. CachedBytes is how much
	// is kept there.
	CacheHits, CacheMisses uint64
	CachedBytes            uint64
	// DiskBytes is the size of the database's files.
	DiskBytes uint64
	// Groups is how many groups were opened.
	Groups int
	// Damage is how often the database itself met damaged data, also in the background.
	Damage uint64
}

// A Bucket counts durations.
type Bucket struct {
	// UpTo is the longest duration that is counted here. The shorter ones are counted in the buckets before.
	UpTo  time.Duration
	Count uint64
}

const (
	syncBuckets = 18
	firstBucket = 32 * time.Microsecond // each bucket reaches twice as far as that before it, the last up to 4.2 s and beyond
)

type counts struct {
	writes, writtenBytes, syncs, entries atomic.Uint64
	syncTime                             atomic.Int64
	buckets                              [syncBuckets]atomic.Uint64
	hits, misses                         atomic.Uint64
}

func (c *counts) batch(bytes int) {
	c.writes.Add(1)
	c.writtenBytes.Add(uint64(bytes))
}

func (c *counts) synced(took time.Duration) {
	c.syncs.Add(1)
	c.syncTime.Add(int64(took))
	bucket := bits.Len64(uint64(max(took-1, 0) / firstBucket))
	c.buckets[min(bucket, syncBuckets-1)].Add(1)
}

// Metrics returns figures about the store. It may be called at any time from any goroutine, and takes some microseconds.
func (s *Store) Metrics() Metrics {
	c := &s.counts
	m := Metrics{
		Writes: c.writes.Load(), WrittenBytes: c.writtenBytes.Load(), Syncs: c.syncs.Load(), Entries: c.entries.Load(),
		SyncTime:  time.Duration(c.syncTime.Load()),
		CacheHits: c.hits.Load(), CacheMisses: c.misses.Load(), CachedBytes: uint64(s.cache.bytes()),
		Damage: s.guard.corrupt.Load(),
	}
	for i := range c.buckets {
		m.SyncBuckets = append(m.SyncBuckets, Bucket{UpTo: firstBucket << i, Count: c.buckets[i].Load()})
	}
	s.groupsMu.RLock()
	m.Groups = len(s.groups)
	s.groupsMu.RUnlock()
	if s.begin() == nil {
		defer s.end()
		m.DiskBytes = s.db.Metrics().DiskSpaceUsage()
	}
	return m
}
