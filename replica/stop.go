package replica

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed695671cb/raft"
)

// How a replica ends: by Stop, or of itself.

// Stop ends the replica: it takes nothing new, hands leadership over if it leads and somebody can take it, and returns when
// nothing uses its log and its state machine any more. What still waits for an outcome is told that it is unknown. If ctx ends
// before leadership is handed over, that is not waited for any longer, and the error matches that of ctx. Otherwise the error
// says why the replica had stopped of itself before, or what failed while it stopped.
func (r *Replica) Stop(ctx context.Context) error {
	err := errors.Join(r.end(ctx), r.Err())
	if r.ownsHost {
		err = errors.Join(err, r.host.Stop(ctx))
	}
	return err
}

// end stops the replica. The error is that of ctx if that has ended before leadership was handed over.
func (r *Replica) end(ctx context.Context) (err error) {
	r.refusing.Store(true)
	r.handsOver.Do(func() { err = r.handOver(ctx) })
	r.finish()
	return err
}

// handOver has the most advanced voter lead instead, if this member leads. The error is that of ctx if that has ended before.
func (r *Replica) handOver(ctx context.Context) error {
	if r.stopping() {
		return nil
	}
	if err := endOf(ctx); err != nil {
		return err
	}
	t := &transfer{away: true, outcome: make(chan error, 1)}
	began := r.call(ctx, func() {
		if t.to = r.successor(); t.to == raft.None {
			t.outcome <- nil
			return
		}
		r.beginTransfer(t)
	})
	if !began {
		return endOf(ctx)
	}
	err := r.awaitTransfer(ctx, t)
	if err == nil {
		return nil
	}
	r.logger.Info("leadership was not handed over", "error", err)
	return endOf(ctx)
}

// endOf returns the error of a context that has ended.
func endOf(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("stopped without waiting for leadership to be handed over: %w", context.Cause(ctx))
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

// fail stops the replica, which cannot go on. When it returns nothing more is stepped or applied, but for what other goroutines
// have begun. May be called from any goroutine.
func (r *Replica) fail(err error) {
	if !r.err.CompareAndSwap(nil, &err) {
		return
	}
	r.refusing.Store(true)
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
		r.forgetPeers()
		r.events.emit(Stopped{Err: r.Err()})
		close(r.done)
	})
	<-r.done
}

// syncAtEnd makes durable what a durable state machine has, which shortens the next start.
func (r *Replica) syncAtEnd() {
	if d := r.applying.durable; d != nil && r.Err() == nil {
		if err := guarded("the state machine", d.Sync); err != nil {
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
