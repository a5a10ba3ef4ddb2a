package pebblelog

import (
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// How a batch gets into the database: first where readers see it, then where a crash does not reach it.

// A batch is what is written at once.
type batch struct {
	*pebble.Batch
	number uint64 // of those that are to be durable, in the order in which they are applied
}

func (s *Store) newBatch(size int) *batch {
	return &batch{Batch: s.db.NewBatchWithSize(max(size, 256))}
}

// apply writes a batch: it can be read when apply returns. If sync is set, wait has to be called after it. Batches are
// durable in the order in which they were applied.
func (s *Store) apply(b *batch, sync bool) error {
	if !sync {
		s.counts.batch(b.Len())
		return s.guard.protect(func() error { return s.db.Apply(b.Batch, pebble.NoSync) })
	}
	s.acknowledged.ordering.Lock()
	defer s.acknowledged.ordering.Unlock()
	if err := s.acknowledged.number(b); err != nil {
		return err
	}
	s.counts.batch(b.Len())
	return s.guard.protect(func() error { return s.db.ApplyNoSyncWait(b.Batch, pebble.Sync) })
}

// wait returns when the batch is durable, if that was asked for, and releases it. No lock that readers want may be held.
func (s *Store) wait(b *batch, sync bool) error {
	if !sync {
		return b.Close()
	}
	began := time.Now()
	if err := b.SyncWait(); err != nil {
		return s.guard.fail(err)
	}
	// The database may have failed in the background while the write-ahead log did not. Nothing is acknowledged any more.
	if err := s.guard.err(); err != nil {
		return err
	}
	s.counts.synced(time.Since(began))
	s.acknowledged.mark(b.number)
	return b.Close()
}
