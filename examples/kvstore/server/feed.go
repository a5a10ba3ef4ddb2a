package server

// What a watch reads, within a budget: a client that reads slowly holds what was read for it, and there may be hundreds of them.

import (
	"context"
	"errors"
	"time"

	"github.com/seed695671cb/raft/examples/kvstore/store"
)

// errNoRoom says that a watch found no memory for what comes next, for as long as it waits.
var errNoRoom = errors.New("there is no memory for more events")

const (
	// batchRoom is what has to be free before a batch is read. What it does not need is given back at once.
	batchRoom = store.MaxBatchBytes + 512*itemOverhead
	// roomPause is how long to wait until somebody else may have given back some.
	roomPause = 50 * time.Millisecond
)

// A watchFeed reads what a watcher sees.
type watchFeed struct {
	api     *api
	watcher *store.Watcher
	held    reservation
	starved time.Time // since when there is no room; zero if there is
}

// next waits for events and returns them. It returns none, and no error, if there were none, or no room, for the time of a sign of life. What
// it returns counts until done is called, which comes before the next call.
func (f *watchFeed) next(ctx context.Context) ([]store.Event, error) {
	wait, cancel := context.WithTimeout(ctx, f.api.limits.keepAlive)
	defer cancel()
	for {
		events, err := f.try(wait)
		if errors.Is(err, errNoRoom) && f.mayWait() {
			pause(wait, roomPause)
			continue
		}
		if errors.Is(err, context.DeadlineExceeded) {
			return nil, nil
		}
		if err != nil || len(events) > 0 {
			return events, err
		}
	}
}

// try waits until there is something, and reads it if there is room for it. It may return nothing.
func (f *watchFeed) try(ctx context.Context) ([]store.Event, error) {
	if err := f.watcher.Wait(ctx); err != nil {
		return nil, err
	}
	if err := f.api.reading.enter(ctx); err != nil {
		return nil, err
	}
	defer f.api.reading.leave()
	if !f.held.grow(batchRoom) {
		return nil, errNoRoom
	}
	f.starved = time.Time{}
	events, err := f.watcher.Poll()
	f.held.shrink(eventsSize(events))
	return events, err
}

// mayWait says whether there is hope yet.
func (f *watchFeed) mayWait() bool {
	now := time.Now()
	if f.starved.IsZero() {
		f.starved = now
	}
	return now.Sub(f.starved) < f.api.limits.writeStall
}

// done gives back what the events have taken.
func (f *watchFeed) done() { f.held.release() }

func eventsSize(events []store.Event) int64 {
	size := len(events) * itemOverhead
	for i := range events {
		size += len(events[i].Key) + len(events[i].Value)
	}
	return int64(size)
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
