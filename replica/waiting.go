package replica

import (
	"context"
	"fmt"
	"slices"
	"sync"

	pb "github.com/seed695671cb/raft/raftpb"
)

// What callers wait for: proposals until they are applied, reads until their index is.

// Result is what became of a command.
type Result struct {
	// Index is that of the log entry by which the command was applied.
	Index uint64
	// Data is what the state machine returned for it.
	Data []byte
}

type outcome struct {
	result Result
	err    error
}

// A proposal is a command, or another entry, that a caller waits for.
type proposal struct {
	number uint64
	data   []byte
	// change is set for a membership change, instead of data.
	change *pb.ConfChangeV2
	// again says that the proposal may be proposed again: it is applied once however often it is in the log.
	again   bool
	outcome chan outcome

	// inLog is guarded by waiting.mu; before is what it was before the last begin.
	inLog
	before inLog
	// tick is that of the last proposing. It belongs to the stepping goroutine.
	tick uint64
}

// inLog says where a proposal may be: stepped is set when it may have got into a log; term is that in which it is in this
// member's own log and nowhere else, or 0.
type inLog struct {
	stepped bool
	term    uint64
}

// waiting is what callers wait for.
type waiting struct {
	maxCount, maxBytes, maxReads int

	mu        sync.Mutex
	proposals map[uint64]*proposal
	bytes     int
	reads     int
	// confirmed are reads that wait until their index is applied, in ascending order of it.
	confirmed []confirmedReads
	closed    error
	// term is that of the last entry applied.
	term uint64
}

type confirmedReads struct {
	index uint64
	reads []*read
}

func (w *waiting) init(c *Config) {
	w.maxCount, w.maxBytes, w.maxReads = c.MaxProposals, c.MaxProposalBytes, c.MaxReads
	w.proposals = map[uint64]*proposal{}
}

// addProposal has a caller wait, if there is room.
func (w *waiting) addProposal(p *proposal) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.closed != nil:
		return w.closed
	case len(w.proposals) >= w.maxCount:
		return &BusyError{Queue: "proposals", Bound: w.maxCount}
	case len(w.proposals) > 0 && w.bytes+len(p.data) > w.maxBytes:
		return &BusyError{Queue: "proposal bytes", Bound: w.maxBytes}
	}
	w.proposals[p.number] = p
	w.bytes += len(p.data)
	return nil
}

// remove takes the proposal out, if it is there.
func (w *waiting) remove(number uint64) *proposal {
	p := w.proposals[number]
	if p != nil {
		delete(w.proposals, number)
		w.bytes -= len(p.data)
	}
	return p
}

// settle gives a proposal its outcome, if somebody still waits for it.
func (w *waiting) settle(number uint64, o outcome) {
	w.mu.Lock()
	p := w.remove(number)
	w.mu.Unlock()
	if p != nil {
		p.outcome <- o
	}
}

// awaited reports whether somebody still waits for the proposal.
func (w *waiting) awaited(p *proposal) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.proposals[p.number] == p
}

// begin notes that a proposal is about to get into a log: into that of this member in its term, unless that is 0. It reports
// whether somebody still waits for it; if not, it must not be proposed.
func (w *waiting) begin(p *proposal, term uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.proposals[p.number] != p {
		return false
	}
	p.before = inLog{p.stepped, p.term}
	p.stepped, p.term = true, term
	return true
}

// retract notes that it did not after all.
func (w *waiting) retract(p *proposal) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p.inLog = p.before
}

// survives notes that a proposal is applied, and yet not settled.
func (w *waiting) survives(number uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.proposals[number]; p != nil {
		p.term = 0
	}
}

// abandon ends a caller's wait and returns why it has no result.
func (w *waiting) abandon(p *proposal, leader uint64, cause error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.remove(p.number) == nil {
		return nil
	}
	if p.stepped {
		return unknown{fmt.Errorf("no result yet, it may still be applied: %w", cause)}
	}
	if leader == 0 {
		return notApplied{fmt.Errorf("%w: it could not be proposed: %w", ErrNoLeader, cause)}
	}
	return notApplied{fmt.Errorf("it could not be proposed in time: %w", cause)}
}

// applied notes that entries up to an index, the last one of the term, are applied, and releases who waited for that. A
// proposal that is in a leader's log only, and not yet applied when an entry of a later term is, will never be: all members' logs
// are the same up to that entry (Raft §5.3).
func (w *waiting) applied(index, term uint64) {
	w.mu.Lock()
	var lost []*proposal
	if term > w.term {
		w.term = term
		lost = w.lost(term)
	}
	n := 0
	for n < len(w.confirmed) && w.confirmed[n].index <= index {
		n++
	}
	released := slices.Clone(w.confirmed[:n])
	w.confirmed = slices.Delete(w.confirmed, 0, n)
	w.mu.Unlock()
	for _, p := range lost {
		p.outcome <- outcome{err: notApplied{fmt.Errorf("leadership changed before it was committed: propose it again")}}
	}
	for _, c := range released {
		finishReads(c.reads, outcome{result: Result{Index: c.index}})
	}
}

// lost takes out the proposals that entered this member's log in an earlier term and nowhere else.
func (w *waiting) lost(term uint64) (lost []*proposal) {
	for number, p := range w.proposals {
		if p.term != 0 && p.term < term && !p.again {
			w.remove(number)
			lost = append(lost, p)
		}
	}
	return lost
}

// superseded settles what a snapshot may have applied without its results being known, and that cannot be proposed again.
func (w *waiting) superseded() {
	w.mu.Lock()
	var gone []*proposal
	for number, p := range w.proposals {
		if p.stepped && !p.again {
			w.remove(number)
			gone = append(gone, p)
		}
	}
	w.mu.Unlock()
	for _, p := range gone {
		p.outcome <- outcome{err: unknown{fmt.Errorf("a snapshot was restored instead of the entries: read what became of it")}}
	}
}

// confirm has reads wait until an index is applied, unless it is.
func (w *waiting) confirm(reads []*read, index uint64, applied func() uint64) {
	w.mu.Lock()
	if applied() < index {
		at := len(w.confirmed)
		for at > 0 && w.confirmed[at-1].index > index {
			at--
		}
		w.confirmed = slices.Insert(w.confirmed, at, confirmedReads{index: index, reads: reads})
		w.mu.Unlock()
		return
	}
	w.mu.Unlock()
	finishReads(reads, outcome{result: Result{Index: index}})
}

// reserveRead makes room for one more read.
func (w *waiting) reserveRead() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.closed != nil:
		return w.closed
	case w.reads >= w.maxReads:
		return &BusyError{Queue: "reads", Bound: w.maxReads}
	}
	w.reads++
	return nil
}

func (w *waiting) releaseRead() {
	w.mu.Lock()
	w.reads--
	w.mu.Unlock()
}

// close ends all waits: the replica has stopped.
func (w *waiting) close(cause error) {
	w.mu.Lock()
	w.closed = notApplied{cause}
	for number, p := range w.proposals {
		w.remove(number)
		p.outcome <- outcome{err: outcomeOf(p, cause)} // there is room for one outcome, and this is it
	}
	confirmed := w.confirmed
	w.confirmed = nil
	w.mu.Unlock()
	for _, c := range confirmed {
		finishReads(c.reads, outcome{err: cause})
	}
}

// size returns how many proposals wait, and how many bytes they have.
func (w *waiting) size() (proposals, bytes int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.proposals), w.bytes
}

func (w *waiting) counts() (proposals, reads int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.proposals), w.reads
}

// await waits for a proposal's outcome.
func (r *Replica) await(ctx context.Context, p *proposal) (Result, error) {
	select {
	case o := <-p.outcome:
		return o.result, o.err
	case <-ctx.Done():
	}
	leader, _ := r.Leader()
	if err := r.waiting.abandon(p, leader, context.Cause(ctx)); err != nil {
		return Result{}, err
	}
	// It was settled at the same moment.
	o := <-p.outcome
	return o.result, o.err
}
