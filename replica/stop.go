package replica

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed695671cb/raft"
)

// How a replica ends: by Stop, or of itself.

// Stop ends the replica: it takes nothing new, hands leadership over if it leads and somebody can take it, and returns when
// nothing uses its log and its state machine any more. What still waits for an outcome is told that it is unknown. If ctx ends,
// leadership is not waited for any longer. The error says why the replica had stopped of itself before, if it had.
func (r *Replica) Stop(ctx context.Context) error {
	r.refusing.Store(true)
	r.handsOver.Do(func() { r.handOver(ctx) })
	r.finish()
	err := r.Err()
	if r.ownsHost {
		err = errors.Join(err, r.host.Stop(ctx))
	}
	return err
}

// handOver has the most advanced voter lead instead, if this member leads.
func (r *Replica) handOver(ctx context.Context) {
	t := &transfer{away: true, outcome: make(chan error, 1)}
	began := r.call(ctx, func() {
		if t.to = r.successor(); t.to == raft.None {
			t.outcome <- nil
			return
		}
		r.beginTransfer(t)
	})
	if !began {
		return
	}
	if err := r.awaitTransfer(ctx, t); err != nil {
		r.logger.Info("leadership was not handed over", "error", err)
	}
}

// successor returns the voter that has the most of this leader's log, or None if this member does not lead or there is
// nobody.
func (r *Replica) successor() uint64 {
	var s Status
	r.consensusStatus(&s)
	best, match := raft.None, uint64(0)
	for _, p := range s.Progress {
		if !p.Learner && p.Active && p.State == "replicate" && p.Match > match {
			best, match = p.ID, p.Match
		}
	}
	return best
}

// fail stops the replica, which cannot go on. May be called from any goroutine.
func (r *Replica) fail(err error) {
	if r.stopping() || !r.err.CompareAndSwap(nil, &err) {
		return
	}
	r.logger.Error("the replica stops", "error", err)
	go r.finish()
}

// finish ends everything that belongs to the replica, and waits for it.
func (r *Replica) finish() {
	r.stopOnce.Do(func() {
		close(r.stop)
		r.cancel()
		r.refusing.Store(true)
		r.waiting.close(r.stoppedError())
		left := r.inbox.close()
		r.host.steps.add(r.stepper())
		r.host.applies.add(&r.applying.job)
		<-r.stepping.ended
		<-r.applying.ended
		r.host.appender.barrier()
		r.staging.close()
		r.background.Wait()
		r.views.closeAll()
		finishReads(left.reads, outcome{err: r.stoppedError()})
		r.syncAtEnd()
		r.host.unregister(r)
		r.introduce(nil)
		r.events.emit(Stopped{Err: r.Err()})
		close(r.done)
	})
	<-r.done
}

// syncAtEnd makes durable what a durable state machine has, which shortens the next start.
func (r *Replica) syncAtEnd() {
	if d := r.applying.durable; d != nil && r.Err() == nil {
		if err := d.Sync(); err != nil {
			err = fmt.Errorf("the state machine could not make its state durable: %w", err)
			r.err.CompareAndSwap(nil, &err)
		}
	}
}

// stoppedError is what callers get once the replica has stopped.
func (r *Replica) stoppedError() error {
	if err := r.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrStopped, err)
	}
	return ErrStopped
}
