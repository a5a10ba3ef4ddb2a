package store

import "sync"

// How watchers learn that there is more history.

// A wakeup lets any number of goroutines wait for a revision. It costs commits next to nothing when nobody waits.
type wakeup struct {
	mu      sync.Mutex
	rev     uint64
	closed  bool
	changed chan struct{} // closed at the next change; nil if nobody waits
}

// wait returns a channel that is closed when there is something new, nil if revision rev is there or the store is closed.
func (w *wakeup) wait(rev uint64) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || rev <= w.rev {
		return nil
	}
	if w.changed == nil {
		w.changed = make(chan struct{})
	}
	return w.changed
}

// set publishes a revision.
func (w *wakeup) set(rev uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if rev == w.rev {
		return
	}
	w.rev = rev
	w.wakeAll()
}

func (w *wakeup) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.wakeAll()
}

func (w *wakeup) wakeAll() {
	if w.changed != nil {
		close(w.changed)
		w.changed = nil
	}
}
