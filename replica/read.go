package replica

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/seed695671cb/raft"
)

// Reads (thesis §6.4). Those that come between two steps are confirmed together, by one round of heartbeats.

// A read is one that a caller waits for.
type read struct {
	lease   bool
	outcome chan outcome
	// gone is set when nobody waits any more.
	gone atomic.Bool
}

// Read waits until the state machine of this member may be read with the given consistency: what is read after it returns is at
// least as new as what the consistency demands when Read was called. It returns the index that the state machine has at
// least applied. Reads write nothing to the log.
//
// Where no leader is known, or it changes, the read is asked again until ctx ends.
func (r *Replica) Read(ctx context.Context, consistency Consistency) (index uint64, err error) {
	switch consistency {
	case Stale:
		return r.applied.Load(), r.Err()
	case Linearizable, Lease:
	default:
		return 0, fmt.Errorf("consistency %d is not known: use Linearizable, Lease or Stale", consistency)
	}
	if err := ctx.Err(); err != nil {
		return 0, context.Cause(ctx)
	}
	if err := r.waiting.reserveRead(); err != nil {
		return 0, err
	}
	defer r.waiting.releaseRead()
	rd := &read{lease: consistency == Lease, outcome: make(chan outcome, 1)}
	if !r.inbox.put(func(l *letters) { l.reads = append(l.reads, rd) }) {
		return 0, ErrStopped
	}
	r.host.steps.add(r.stepper())
	select {
	case o := <-rd.outcome:
		return o.result.Index, o.err
	case <-ctx.Done():
		rd.gone.Store(true)
		if leader, _ := r.Leader(); leader == 0 {
			return 0, fmt.Errorf("%w: the read could not be confirmed: %w", ErrNoLeader, context.Cause(ctx))
		}
		return 0, fmt.Errorf("the read was not confirmed by a leader in time: %w", context.Cause(ctx))
	case <-r.done:
		return 0, r.stoppedError()
	}
}

// reading is what the stepping goroutine knows of reads.
type reading struct {
	// asked are reads whose confirmation was asked for, by the number that is its context.
	asked  map[uint64][]*read
	number uint64
	// parked are to be asked for again, from the given tick on.
	parked     []*read
	parkedTill uint64
}

// takeReads asks for the confirmation of reads, those by lease first.
func (r *Replica) takeReads(reads []*read) {
	if len(reads) == 0 {
		return
	}
	ask := make([]*read, 0, len(reads))
	var byLease []*read
	for _, rd := range reads {
		switch {
		case rd.gone.Load():
		case rd.lease:
			byLease = append(byLease, rd)
		default:
			ask = append(ask, rd)
		}
	}
	if len(byLease) > 0 {
		if index, held := r.stepping.rn.LeaseRead(); held {
			r.waiting.confirm(byLease, index, r.applied.Load)
		} else {
			ask = append(ask, byLease...)
		}
	}
	r.askReads(ask)
}

func (r *Replica) askReads(reads []*read) {
	if len(reads) == 0 {
		return
	}
	rg := &r.stepping.reading
	if rg.asked == nil {
		rg.asked = map[uint64][]*read{}
	}
	rg.number++
	rg.asked[rg.number] = reads
	r.stepping.rn.ReadIndex(binary.BigEndian.AppendUint64(nil, rg.number))
}

// readConfirmed releases reads when their index is applied.
func (r *Replica) readConfirmed(state raft.ReadState) {
	if reads := r.askedReads(state.RequestCtx); reads != nil {
		r.waiting.confirm(reads, state.Index, r.applied.Load)
	}
}

// readLost has reads asked for again, a tick later at the earliest.
func (r *Replica) readLost(lost raft.LostRead) {
	reads := r.askedReads(lost.RequestCtx)
	if errors.Is(lost.Reason, raft.ErrTooManyReads) {
		finishReads(reads, outcome{err: &BusyError{Queue: "reads", Bound: r.config.MaxReads}})
		return
	}
	rg := &r.stepping.reading
	if _, live := r.waiting.counts(); len(rg.parked) >= 2*live+minPruned {
		rg.parked = slices.DeleteFunc(rg.parked, func(rd *read) bool { return rd.gone.Load() })
	}
	rg.parked = append(rg.parked, reads...)
	rg.parkedTill = r.stepping.ticked + 1
}

func (r *Replica) askedReads(context []byte) []*read {
	rg := &r.stepping.reading
	if len(context) != 8 {
		return nil
	}
	number := binary.BigEndian.Uint64(context)
	reads := rg.asked[number]
	delete(rg.asked, number)
	return reads
}

// readParked asks again for what was lost.
func (r *Replica) readParked() {
	rg := &r.stepping.reading
	if len(rg.parked) == 0 || r.stepping.leader == raft.None || r.stepping.ticked < rg.parkedTill {
		return
	}
	reads := rg.parked
	rg.parked = nil
	r.takeReads(reads)
}

func finishReads(reads []*read, o outcome) {
	for _, rd := range reads {
		rd.outcome <- o
	}
}
