package replica

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Compaction (Raft §7, thesis §5): by policy, or on demand. A durable state machine is synced; the state of any other is
// written to the log store first, beside everything else that goes on.

// Compact makes a snapshot, or syncs the state machine if it is durable, and removes from the log what is not needed any more. It
// returns the index up to which the state is durable. Followers that are behind it need a snapshot, apart from
// Config.TrailingEntries.
func (r *Replica) Compact(ctx context.Context) (index uint64, err error) {
	done := make(chan outcome, 1)
	r.apply(applyJob{compact: done})
	select {
	case o := <-done:
		return o.result.Index, o.err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	case <-r.done:
		return 0, r.stoppedError()
	}
}

// maybeCompact compacts when enough was applied. It runs on the applying goroutine.
func (r *Replica) maybeCompact() error {
	a := &r.applying
	if a.entries < r.config.SnapshotEntries && a.bytes < r.config.SnapshotBytes {
		return nil
	}
	if a.durable == nil {
		return r.save(nil)
	}
	_, err := r.syncAndCompact()
	return err
}

// compactNow compacts on demand.
func (r *Replica) compactNow(done chan<- outcome) error {
	if r.applying.durable == nil && r.applying.index > 0 {
		return r.save(done)
	}
	index, err := uint64(0), error(nil)
	if r.applying.index > 0 {
		index, err = r.syncAndCompact()
	}
	done <- outcome{result: Result{Index: index}, err: err}
	return err
}

// syncAndCompact makes a durable state machine's state durable, and compacts behind it.
func (r *Replica) syncAndCompact() (uint64, error) {
	a := &r.applying
	if err := a.durable.Sync(); err != nil {
		return 0, fmt.Errorf("the state machine could not make its state durable: %w", err)
	}
	a.entries, a.bytes = 0, 0
	return a.index, r.compact(a.index)
}

// compact removes the entries that the state at index stands for, but for those that followers may need.
func (r *Replica) compact(index uint64) error {
	index = max(index-min(index, r.config.TrailingEntries), min(index, r.trail.beyond(r.config.TrailingBytes)))
	if oldest, some := r.views.oldest(); some {
		index = min(index, oldest)
	}
	first, err := r.log.FirstIndex()
	if err != nil {
		return fmt.Errorf("the log is not readable: %w", err)
	}
	if index < first {
		return nil
	}
	if err := r.log.Compact(index); err != nil {
		return fmt.Errorf("the log could not be compacted: %w", err)
	}
	r.events.emit(Compacted{Index: index})
	return nil
}

// save captures the state, and has it written to the log store while applying goes on. If that has been done already, it
// only compacts. If another snapshot is being written or received, or the host writes as many as it may, it does nothing: there
// will be another occasion.
func (r *Replica) save(done chan<- outcome) error {
	newest, err := r.log.Snapshot()
	if err != nil {
		return fmt.Errorf("the newest snapshot is not readable: %w", err)
	}
	if index := newest.Metadata.Index; index >= r.applying.index {
		tell(done, outcome{result: Result{Index: index}})
		return r.compact(index)
	}
	c, err := r.captureToSave()
	if err != nil || c == nil {
		tell(done, outcome{err: errSaving})
		return err
	}
	r.applying.entries, r.applying.bytes = 0, 0
	r.background.Add(1)
	go r.saveView(c, done)
	return nil
}

// errSaving is why a snapshot is not made on demand.
var errSaving = errors.New("other snapshots are being written or received at the moment: try again later")

func tell(done chan<- outcome, o outcome) {
	if done != nil {
		done <- o
	}
}

// captureToSave captures a view if there is a place to write it, which it takes, and otherwise returns nil.
func (r *Replica) captureToSave() (*capturedView, error) {
	if err := r.staging.acquire("saved", r.id, 0); err != nil {
		return nil, nil
	}
	select {
	case r.host.saving <- struct{}{}:
	default:
		r.staging.release()
		return nil, nil
	}
	c, err := r.captureView()
	if err != nil {
		<-r.host.saving
		r.staging.release()
	}
	return c, err
}

func (r *Replica) saveView(c *capturedView, done chan<- outcome) {
	defer r.background.Done()
	bytes, err := r.stage(c)
	if err == nil {
		err = r.compact(c.meta.Index)
	}
	_ = c.view.Close() // nothing is left to be done about it
	<-r.host.saving
	r.staging.release()
	if err == nil {
		r.events.emit(SnapshotSaved{Index: c.meta.Index, Bytes: bytes})
	} else if !r.stopping() {
		r.fail(fmt.Errorf("a snapshot could not be saved: %w", err))
	}
	tell(done, outcome{result: Result{Index: c.meta.Index}, err: err})
}

// stage writes the view to the log store and makes it the newest snapshot there.
func (r *Replica) stage(c *capturedView) (bytes uint64, err error) {
	writer, err := r.log.StageSnapshot(c.stream, c.meta)
	if err != nil {
		return 0, err
	}
	defer writer.Close()
	if bytes, err = c.writeTo(stopper{r: r, to: writer}); err != nil {
		return 0, err
	}
	if err := writer.Finish(); err != nil {
		return 0, err
	}
	return bytes, r.log.AdoptSnapshot(c.meta)
}

// A stopper writes until the replica stops.
type stopper struct {
	r  *Replica
	to io.Writer
}

func (s stopper) Write(p []byte) (int, error) {
	if s.r.stopping() {
		return 0, ErrStopped
	}
	return s.to.Write(p)
}
