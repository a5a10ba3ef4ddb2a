package raft

import (
	"context"
	"errors"
	"sync"

	pb "github.com/seed695671cb/raft/raftpb"
)

// ErrStopped is returned by the methods of a Node that has been stopped.
var ErrStopped = errors.New("raft: stopped")

// Node is one member of a group, safe for use by any number of goroutines. Requests and messages take effect on the
// goroutine that brings them; what is to be done about them comes out of the channel that Ready returns.
//
// Methods that take a context return its error if it is done before they have an effect. After Stop all methods return
// ErrStopped, or do nothing. Storage is called with the Node locked: it must not call the Node.
type Node interface {
	// Tick lets one unit of time pass. It never waits for the Ready loop.
	Tick()
	// Campaign has the member ask for leadership at once. That it does not is no error, see RawNode.Campaign.
	Campaign(ctx context.Context) error
	// Propose asks for data to be appended to the log. It waits until a leader is known, and then returns nil or an
	// error that matches ErrProposalDropped and says why. Nil does not promise that the proposal will be committed, and
	// on a follower not even that the leader takes it. Do not call it from the goroutine of the Ready loop: no leader
	// is elected while that waits. The data must not be modified afterwards.
	Propose(ctx context.Context, data []byte) error
	// ProposeConfChange asks for a membership change, as Propose does for data. See RawNode.ProposeConfChange.
	ProposeConfChange(ctx context.Context, cc pb.ConfChangeI) error
	// Step takes in a message from another member, or a response of a local storage thread. It waits for nothing, and
	// may be called from the goroutine of the Ready loop: a MsgProp is dropped, with an error that says why, where
	// Propose would wait for a leader. For errors see RawNode.Step.
	//
	// Compat: what another member sends in good faith and comes too late to be of use is no error here, as it is in
	// RawNode: a response of a member that has been removed, a proposal that was passed on and is dropped. Transports
	// close a connection whose message ends in an error.
	Step(ctx context.Context, msg pb.Message) error
	// Ready returns the channel of what is to be done. With synchronous writes each Ready must be followed by Advance
	// before the next one comes. After Stop nothing comes any more; the channel is not closed.
	Ready() <-chan Ready
	// Advance says that the Ready received last is done: its writes are durable, its membership changes were given to
	// ApplyConfChange, and its other committed entries are applied, or will be in their order. It does nothing if no
	// Ready was received since the last Advance, or with asynchronous storage writes. It may let other goroutines run
	// first, once, so that proposals of those whom the Ready answers go into the next Ready together.
	Advance()
	// ApplyConfChange makes a committed membership change take effect. See RawNode.ApplyConfChange. It may be called
	// while a Ready is being processed, from any goroutine. After Stop it does nothing and returns an empty ConfState,
	// which must not be stored as the membership.
	ApplyConfChange(cc pb.ConfChangeI) *pb.ConfState
	// TransferLeadership asks the leader to hand leadership to transferee (thesis §3.10). A follower passes the request
	// to the leader it knows; lead is not read. For what is refused, and how the outcome shows, see
	// RawNode.TransferLeader.
	TransferLeadership(ctx context.Context, lead, transferee uint64)
	// ForgetLeader makes a follower forget who leads. See RawNode.ForgetLeader.
	ForgetLeader(ctx context.Context) error
	// ReadIndex asks for an index at which a read is linearizable. See RawNode.ReadIndex.
	ReadIndex(ctx context.Context, rctx []byte) error
	// Status returns the state of the member; the zero Status after Stop.
	Status() Status
	// ReportUnreachable says that a message to the member was not delivered. See RawNode.ReportUnreachable.
	ReportUnreachable(id uint64)
	// ReportSnapshot says how the sending of a MsgSnap to the member ended. It must be called for every one. See
	// RawNode.ReportSnapshot.
	ReportSnapshot(id uint64, status SnapshotStatus)
	// Stop ends the Node and returns once nothing of it runs any more. It may be called more than once.
	Stop()
}

// BasicStatuser is implemented by every Node of this package. BasicStatus costs no allocation, where Status copies the
// progress of every member; after Stop it returns the zero BasicStatus.
type BasicStatuser interface {
	BasicStatus() BasicStatus
}

var _ BasicStatuser = (*node)(nil)

// node is a RawNode behind a lock. With synchronous writes at most one Ready is on its way, so whoever causes it puts
// it into the channel, which has room for one. With asynchronous writes the next one is due as soon as the former is
// received, of which nobody is told: there a goroutine waits at a channel without room.
//
// Invariant: offered <==> a Ready was put into the channel and not advanced (synchronous writes only).
type node struct {
	ready chan Ready
	// wake has room for one: a token in it says that there may be a Ready to offer (asynchronous writes only).
	wake chan struct{}
	stop chan struct{}
	// done is closed when run has returned, or never ran.
	done chan struct{}

	mu      sync.Mutex
	rn      *RawNode
	async   bool
	offered bool
	// committed is the number of committed entries in the Ready offered last.
	committed int
	// pausing is set while Advance pauses. Nothing is offered meanwhile, since offered is still set.
	pausing bool
	pause   pause
	stopped bool
	// elected is closed when a leader is known. It is nil while nobody waits for that.
	elected chan struct{}
	// failure is why the Node never started, or nil.
	failure error
}

// NewNode returns a running member with the state that c.Storage holds, or an error as of NewRawNode. If there are
// peers it begins a new group with them, as StartNode does, and returns an error as of Bootstrap.
func NewNode(c *Config, peers []Peer) (Node, error) {
	rn, err := NewRawNode(c)
	if err != nil {
		return nil, err
	}
	if len(peers) > 0 {
		if err := rn.Bootstrap(withSelf(peers, c.ID)); err != nil {
			return nil, err
		}
	}
	return runNode(rn, c.AsyncStorageWrites), nil
}

// StartNode returns a member that begins a new group with the given peers, or, without peers, one that joins an
// existing group: its leader will send it what it needs once it has been added. Peers are all first members in the
// same order everywhere, or all but this one: it is then added, and the list ordered by ID. A member whose storage is
// not empty has begun before: that is logged, and it restarts.
//
// If c or the peers are not valid, or Storage fails, the error is logged, and every method of the Node returns it,
// wrapped with ErrStopped. NewNode returns it at once.
func StartNode(c *Config, peers []Peer) Node {
	n, err := NewNode(c, peers)
	if errors.Is(err, errNotEmpty) {
		loggerOf(c).Warningf("raft: node restarted: %v", err)
		n, err = NewNode(c, nil)
	}
	if err != nil {
		return failedNode(c, err)
	}
	return n
}

// RestartNode returns a member with the state that c.Storage holds. For errors see StartNode.
func RestartNode(c *Config) Node { return StartNode(c, nil) }

func newNode(rn *RawNode, async bool) *node {
	room := 1
	if async {
		room = 0
	}
	return &node{
		ready: make(chan Ready, room),
		wake:  make(chan struct{}, 1),
		stop:  make(chan struct{}),
		done:  make(chan struct{}),
		rn:    rn,
		async: async,
	}
}

// runNode returns a Node that drives rn.
func runNode(rn *RawNode, async bool) *node {
	n := newNode(rn, async)
	if async {
		go n.run()
	} else {
		close(n.done)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.settle()
	return n
}

// loggerOf returns the logger that c names, or the default.
func loggerOf(c *Config) Logger {
	if c != nil && c.Logger != nil {
		return c.Logger
	}
	return getLogger()
}

// failedNode returns a Node that was never started, because of err.
func failedNode(c *Config, err error) Node {
	loggerOf(c).Errorf("raft: node not started: %v", err)
	n := newNode(nil, false)
	n.stopped = true
	n.failure = errors.Join(ErrStopped, err)
	close(n.stop)
	close(n.done)
	return n
}

// offer puts the next Ready into the channel, which has room for it, if there is one and the former was advanced
// (synchronous writes). The lock is held.
func (n *node) offer() {
	if !n.offered && n.rn.HasReady() {
		rd := n.rn.Ready()
		n.offered, n.committed = true, len(rd.CommittedEntries)
		n.ready <- rd
	}
}

// run offers one Ready after the other, each made when the former was received (asynchronous writes).
func (n *node) run() {
	defer close(n.done)
	for {
		select {
		case <-n.wake:
		case <-n.stop:
			return
		}
		for rd, ok := n.next(); ok; rd, ok = n.next() {
			select {
			case n.ready <- rd:
			case <-n.stop:
				return
			}
		}
	}
}

// next returns the next Ready, if there is one.
func (n *node) next() (Ready, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopped || !n.rn.HasReady() {
		return Ready{}, false
	}
	return n.rn.Ready(), true
}

// signal has run look for a Ready.
func (n *node) signal() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// do runs f with the RawNode, and sees to what follows from it.
func (n *node) do(f func(rn *RawNode) error) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopped {
		return n.stopError()
	}
	err := f(n.rn)
	n.settle()
	return err
}

// settle wakes those who wait for what the RawNode may now have.
func (n *node) settle() {
	switch {
	case !n.async:
		n.offer()
	case n.rn.HasReady():
		n.signal()
	}
	if n.elected != nil && n.rn.hasLeader() {
		close(n.elected)
		n.elected = nil
	}
}

func (n *node) stopError() error {
	if n.failure != nil {
		return n.failure
	}
	return ErrStopped
}

// doContext is do, unless ctx is done.
func (n *node) doContext(ctx context.Context, f func(rn *RawNode) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return n.do(f)
}

// doWithLeader is do, once a leader is known.
func (n *node) doWithLeader(ctx context.Context, f func(rn *RawNode) error) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		elected, err := n.tryWithLeader(f)
		if elected == nil {
			return err
		}
		select {
		case <-elected:
		case <-ctx.Done():
			return ctx.Err()
		case <-n.stop:
			return n.stopError()
		}
	}
}

// tryWithLeader is do if a leader is known, and otherwise returns a channel that will be closed when one is.
func (n *node) tryWithLeader(f func(rn *RawNode) error) (<-chan struct{}, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.stopped:
		return nil, n.stopError()
	case !n.rn.hasLeader():
		if n.elected == nil {
			n.elected = make(chan struct{})
		}
		return n.elected, nil
	}
	err := f(n.rn)
	n.settle()
	return nil, err
}

func (n *node) Tick() {
	_ = n.do(func(rn *RawNode) error { rn.Tick(); return nil })
}

func (n *node) Campaign(ctx context.Context) error {
	return n.doContext(ctx, (*RawNode).Campaign)
}

func (n *node) Propose(ctx context.Context, data []byte) error {
	return n.doWithLeader(ctx, func(rn *RawNode) error { return rn.Propose(data) })
}

func (n *node) ProposeConfChange(ctx context.Context, cc pb.ConfChangeI) error {
	return n.doWithLeader(ctx, func(rn *RawNode) error { return rn.ProposeConfChange(cc) })
}

func (n *node) Step(ctx context.Context, msg pb.Message) error {
	return n.doContext(ctx, func(rn *RawNode) error {
		err := rn.Step(msg)
		if err != nil && isTooLate(err) && msg.From != None && msg.From != rn.BasicStatus().ID {
			return nil
		}
		return err
	})
}

// isTooLate reports whether the error is of a message that would have been welcome earlier, or elsewhere.
func isTooLate(err error) bool {
	return errors.Is(err, ErrStepPeerNotFound) || errors.Is(err, ErrProposalDropped)
}

func (n *node) Ready() <-chan Ready { return n.ready }

func (n *node) Advance() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopped || !n.offered || n.pausing || len(n.ready) > 0 {
		return
	}
	n.rn.Advance(Ready{})
	if n.pause.due(n.committed) {
		n.pausing = true
		n.mu.Unlock()
		took := timeToYield()
		n.mu.Lock()
		n.pausing = false
		n.pause.took(took, n.committed)
		if n.stopped {
			return
		}
	}
	n.offered = false
	n.settle()
}

func (n *node) ApplyConfChange(cc pb.ConfChangeI) *pb.ConfState {
	cs := &pb.ConfState{}
	_ = n.do(func(rn *RawNode) error { cs = rn.ApplyConfChange(cc); return nil })
	return cs
}

func (n *node) TransferLeadership(ctx context.Context, _, transferee uint64) {
	_ = n.doContext(ctx, func(rn *RawNode) error { rn.TransferLeader(transferee); return nil })
}

func (n *node) ForgetLeader(ctx context.Context) error {
	return n.doContext(ctx, (*RawNode).ForgetLeader)
}

func (n *node) ReadIndex(ctx context.Context, rctx []byte) error {
	return n.doContext(ctx, func(rn *RawNode) error { rn.ReadIndex(rctx); return nil })
}

func (n *node) Status() Status {
	var s Status
	_ = n.do(func(rn *RawNode) error { s = rn.Status(); return nil })
	return s
}

func (n *node) BasicStatus() BasicStatus {
	var s BasicStatus
	_ = n.do(func(rn *RawNode) error { s = rn.BasicStatus(); return nil })
	return s
}

func (n *node) ReportUnreachable(id uint64) {
	_ = n.do(func(rn *RawNode) error { rn.ReportUnreachable(id); return nil })
}

func (n *node) ReportSnapshot(id uint64, status SnapshotStatus) {
	_ = n.do(func(rn *RawNode) error { rn.ReportSnapshot(id, status); return nil })
}

func (n *node) Stop() {
	n.mu.Lock()
	if !n.stopped {
		n.stopped = true
		close(n.stop)
	}
	n.mu.Unlock()
	<-n.done
	select {
	case <-n.ready: // offered and not received
	default:
	}
}
