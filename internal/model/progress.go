package model

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// standing is how far a search is, as the workers tell and the progress line shows.
type standing struct {
	states, transitions  atomic.Int64
	depth, queue, behind atomic.Int64 // behind: of the level that is being expanded, those that have been
}

// add tells of states that were expanded, and of what that brought.
func (n *standing) add(expanded, states, transitions int) {
	n.behind.Add(int64(expanded))
	n.states.Add(int64(states))
	n.transitions.Add(int64(transitions))
}

// entered tells of a new level.
func (n *standing) entered(depth, queue int) {
	n.depth.Store(int64(depth))
	n.queue.Store(int64(queue))
	n.behind.Store(0)
}

// defaultEvery is how often progress is told unless the options say otherwise.
const defaultEvery = 5 * time.Second

// watch ends the search when its time is over, and tells of its progress. It returns what ends the watch.
func (s *search) watch(ctx context.Context) (stop func()) {
	every := s.options.Every
	if every <= 0 {
		every = defaultEvery
	}
	done := make(chan struct{})
	var gone sync.WaitGroup
	gone.Add(1)
	go func() {
		defer gone.Done()
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		var end <-chan time.Time
		if s.options.MaxTime > 0 {
			end = time.After(s.options.MaxTime)
		}
		last := int64(0)
		for {
			select {
			case <-done:
				return
			case <-ctx.Done():
				s.cutOff("an interruption")
				return
			case <-end:
				s.cutOff(fmt.Sprintf("time (%s)", s.options.MaxTime))
				return
			case <-ticker.C:
				last = s.tell(last, every)
			}
		}
	}()
	return func() {
		close(done)
		gone.Wait()
	}
}

// tell writes a progress line, and returns the number of states in it.
func (s *search) tell(last int64, every time.Duration) int64 {
	states := s.now.states.Load()
	if s.options.Progress == nil {
		return states
	}
	used, capacity := s.visited.usage()
	queue, behind := s.now.queue.Load(), s.now.behind.Load()
	locals, messages, steps := s.machine.Counts()
	memory := 8*capacity + 6*used + s.pool.bytes()
	fmt.Fprintf(s.options.Progress,
		"%s: %s, %d states, %.0f/s (now %.0f/s), depth %d, %d of %d expanded, %.0f MB, table %d%% full; %d locals, %d messages, %d steps\n",
		s.bounds.Name, time.Since(s.began).Round(time.Second), states, float64(states)/time.Since(s.began).Seconds(),
		float64(states-last)/every.Seconds(), s.now.depth.Load(), behind, queue, float64(memory)/1e6, 100*used/capacity,
		locals, messages, steps)
	return states
}
