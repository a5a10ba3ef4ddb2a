package replica

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// An appender is the host's one goroutine that writes to the log store. What comes while it writes, of whatever group, makes up
// the next write (group commit); what rests on a write is sent when it is durable (thesis §10.2.1).
type appender struct {
	host *Host

	mu     sync.Mutex
	wake   sync.Cond
	queue  []append1
	spare  []append1
	closed bool
	// taken and written count writes, for barrier.
	taken, written uint64
	failed         error
	done           chan struct{}

	// writes counts the calls of the log store's Write that have begun and those that have ended: it is odd while one goes on.
	// That one began at the tick began.
	writes, began atomic.Uint64
}

// append1 is what one Ready of one replica wants written.
type append1 struct {
	r *Replica
	m pb.Message
}

func newAppender(h *Host) *appender {
	a := &appender{host: h, done: make(chan struct{})}
	a.wake.L = &a.mu
	go a.run()
	return a
}

func (a *appender) add(r *Replica, m *pb.Message) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.queue = append(a.queue, append1{r: r, m: *m})
	a.wake.Broadcast()
}

func (a *appender) run() {
	defer close(a.done)
	out := a.host.newOutbox()
	var updates []Update
	for {
		batch := a.next()
		if batch == nil {
			return
		}
		updates = a.write(batch, updates[:0])
		for i := range batch {
			if a.failed != nil {
				batch[i].r.fail(a.failed)
				continue
			}
			a.deliver(&batch[i], out)
		}
		out.flush()
		a.finish(batch)
	}
}

// next waits for something to write. It returns nil when the appender is closed and nothing is left.
func (a *appender) next() []append1 {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.queue) == 0 {
		if a.closed {
			return nil
		}
		a.wake.Wait()
	}
	batch := a.queue
	a.queue, a.spare = a.spare[:0], nil
	a.taken++
	return batch
}

func (a *appender) finish(batch []append1) {
	clear(batch)
	if cap(batch) > maxRoom {
		batch = nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.spare = batch
	a.written++
	a.wake.Broadcast()
}

// write makes one write of the batch, which holds something.
func (a *appender) write(batch []append1, updates []Update) []Update {
	if a.failed != nil {
		return updates
	}
	for i := range batch {
		if u, some := updateOf(&batch[i]); some {
			updates = append(updates, u)
		}
	}
	if len(updates) == 0 {
		return updates
	}
	began, _ := a.host.clock.read()
	a.began.Store(began)
	a.writes.Add(1)
	err := a.host.store.Write(updates)
	a.writes.Add(1)
	if err != nil {
		a.failed = fmt.Errorf("the log store has failed: %w", err)
		a.host.fail(a.failed)
	}
	return updates
}

// writing returns what tells the write of the log store that goes on from those before and after, and the tick at which it began, or
// 0. May be called from any goroutine.
func (a *appender) writing() (write, began uint64) {
	for {
		write, began = a.writes.Load(), a.began.Load()
		if write%2 == 0 {
			return 0, 0
		}
		if a.writes.Load() == write {
			return write, began
		}
	}
}

// updateOf says what a message to the append thread wants written. What has responses has to be durable before they are
// delivered; a commit index alone has none.
func updateOf(w *append1) (u Update, some bool) {
	m := &w.m
	u = Update{Group: w.r.group, Entries: m.Entries}
	hard := pb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit}
	if !raft.IsEmptyHardState(hard) {
		u.HardState = hard
	}
	if m.Snapshot != nil {
		meta := m.Snapshot.Metadata
		u.Snapshot = &meta
	}
	some = len(u.Entries) > 0 || u.Snapshot != nil || u.HardState != (pb.HardState{})
	u.Sync = len(u.Entries) > 0 || u.Snapshot != nil || len(m.Responses) > 0
	return u, some
}

// deliver does what rests on a write.
func (a *appender) deliver(w *append1, out *outbox) {
	if w.m.Snapshot != nil {
		// Before the acknowledgement: what is to be applied after the snapshot comes after it.
		w.r.apply(applyJob{restore: &w.m.Snapshot.Metadata})
	}
	own := 0
	for i := range w.m.Responses {
		if m := &w.m.Responses[i]; m.To == w.r.id {
			own++
		} else {
			w.r.send(out, m)
		}
	}
	if own > 0 {
		w.r.acknowledge(w.m.Responses)
	}
}

// acknowledge delivers those of the messages that are for the replica itself.
func (r *Replica) acknowledge(responses []pb.Message) {
	put := r.inbox.put(func(l *letters) {
		for i := range responses {
			if responses[i].To == r.id {
				l.acks = append(l.acks, responses[i])
			}
		}
	})
	if put {
		r.host.steps.add(r.stepper())
	}
}

// barrier waits until all is written that was added before.
func (a *appender) barrier() {
	a.mu.Lock()
	defer a.mu.Unlock()
	until := a.taken
	if len(a.queue) > 0 {
		until++
	}
	for a.written < until {
		a.wake.Wait()
	}
}

// close ends the goroutine when all is written.
func (a *appender) close() {
	a.mu.Lock()
	a.closed = true
	a.wake.Broadcast()
	a.mu.Unlock()
	<-a.done
}
