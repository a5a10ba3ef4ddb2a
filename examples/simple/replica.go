package main

// One replica, and the loop that every program around the library has: feed the node with ticks and messages, and do
// what its Ready says.

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

const (
	// tick is the library's unit of time. The timeouts follow from it: heartbeats every tick, elections after 10 to 20.
	tick = 10 * time.Millisecond

	// snapshotBytes is how much is applied, at least, from one snapshot to the next.
	snapshotBytes = 64 << 10
)

// replica is one life of a member, from start or restart to crash. What outlives it is its disk.
type replica struct {
	id      uint64
	node    raft.Node
	disk    *raft.MemoryStorage
	net     *network
	inbox   <-chan pb.Message
	calls   chan func()   // to be run by the replica's goroutine
	stop    chan struct{} // closed by crash
	done    chan struct{} // closed when the goroutine has ended
	changed chan<- struct{}
	logger  raft.Logger

	// What follows belongs to the replica's goroutine.
	store   *store
	members pb.ConfState
	applied uint64 // the index of the last entry applied
	reads   reads

	snapshotAt   uint64 // the index of the newest snapshot
	snapshotSize int
	unsaved      int // the size of the entries applied since then

	// finished is store.last, for everybody to see.
	finished atomic.Uint64
}

// startReplica starts a member from what its disk holds. If there are peers, they begin a new group with it. Whenever
// it has applied or answered something, a token is put into changed, unless one is there.
func startReplica(id uint64, peers []raft.Peer, disk *raft.MemoryStorage, net *network, changed chan<- struct{},
	logger raft.Logger) (*replica, error) {
	r := &replica{
		id: id, disk: disk, net: net, changed: changed, logger: logger,
		calls: make(chan func()),
		stop:  make(chan struct{}),
		done:  make(chan struct{}),
		store: newStore(),
		reads: newReads(),
	}
	snapshot, err := disk.Snapshot()
	if err != nil {
		return nil, fmt.Errorf("replica %d cannot read its snapshot: %w", id, err)
	}
	if err := r.restore(snapshot); err != nil {
		return nil, err
	}
	r.finished.Store(r.store.last)
	r.node, err = raft.NewNode(&raft.Config{
		ID:            id,
		ElectionTick:  10,
		HeartbeatTick: 1,
		Storage:       disk,
		// The state is that of the snapshot. All entries after it will be handed out again.
		Applied:         r.applied,
		MaxSizePerMsg:   64 << 10,
		MaxInflightMsgs: 64,
		CheckQuorum:     true,
		PreVote:         true,
		// The client talks to the leader. If a follower could pass proposals on, they might be lost on the way, or
		// arrive in another order.
		DisableProposalForwarding: true,
		StepDownOnRemoval:         true,
		Logger:                    logger,
	}, peers)
	if err != nil {
		return nil, fmt.Errorf("replica %d cannot start: %w", id, err)
	}
	r.inbox = net.join(id)
	go r.run()
	return r, nil
}

// crash ends the replica. It loses all that is not on its disk, and the messages that wait in its inbox.
func (r *replica) crash() {
	r.net.leave(r.id)
	select {
	case <-r.stop:
	default:
		close(r.stop)
	}
	<-r.done
}

// alive reports whether the replica runs: it was not crashed, and its disk did not fail.
func (r *replica) alive() bool {
	select {
	case <-r.done:
		return false
	default:
		return true
	}
}

// do has the replica's goroutine run f, and reports whether it did: it does not once the replica has ended.
func (r *replica) do(f func()) bool {
	ran := make(chan struct{})
	select {
	case r.calls <- func() { f(); close(ran) }:
		<-ran
		return true
	case <-r.done:
		return false
	}
}

// run is the replica's goroutine. It alone touches the state machine, so that needs no lock.
func (r *replica) run() {
	defer close(r.done)
	defer r.reads.fail(errDown)
	defer r.node.Stop()
	clock := time.NewTicker(tick)
	defer clock.Stop()
	for {
		select {
		case <-clock.C:
			r.node.Tick()
		case m := <-r.inbox:
			// A message is refused if its sender has just been removed, for example. That is no worse than losing it.
			_ = r.node.Step(context.Background(), m)
		case rd := <-r.node.Ready():
			if err := r.handle(rd); err != nil {
				r.logger.Errorf("replica %d stops: %v", r.id, err)
				return
			}
			r.node.Advance()
		case f := <-r.calls:
			f()
		case <-r.stop:
			return
		}
	}
}

// handle does what a Ready says, in the order that it has to be done: what is written before it is sent cannot be
// taken back by a crash, and what is committed may be applied. After an error nothing is certain, and the replica
// must end.
func (r *replica) handle(rd raft.Ready) error {
	if err := r.write(rd); err != nil {
		return fmt.Errorf("cannot write to disk: %w", err)
	}
	r.send(rd.Messages)
	if !raft.IsEmptySnap(rd.Snapshot) {
		if err := r.restore(rd.Snapshot); err != nil {
			return err
		}
	}
	for i := range rd.CommittedEntries {
		if err := r.apply(&rd.CommittedEntries[i]); err != nil {
			return fmt.Errorf("cannot apply entry %d: %w", rd.CommittedEntries[i].Index, err)
		}
	}
	r.reads.confirm(rd.ReadStates)
	r.reads.lose(rd.LostReads)
	answered := r.reads.answer(r.applied)
	if r.finished.Swap(r.store.last) != r.store.last || answered {
		r.notify()
	}
	return r.maybeSnapshot()
}

// write makes durable what has to be before any message is sent.
func (r *replica) write(rd raft.Ready) error {
	if !raft.IsEmptySnap(rd.Snapshot) {
		if err := r.disk.ApplySnapshot(rd.Snapshot); err != nil {
			return err
		}
	}
	if err := r.disk.Append(rd.Entries); err != nil {
		return err
	}
	if raft.IsEmptyHardState(rd.HardState) {
		return nil
	}
	return r.disk.SetHardState(rd.HardState)
}

// send hands the messages to the network, and reports those that it does not deliver, so that the node need not wait
// for an answer to them.
func (r *replica) send(messages []pb.Message) {
	for _, m := range messages {
		delivered := r.net.send(m)
		if !delivered {
			r.node.ReportUnreachable(m.To)
		}
		if m.Type != pb.MsgSnap {
			continue
		}
		if delivered {
			r.node.ReportSnapshot(m.To, raft.SnapshotFinish)
		} else {
			r.node.ReportSnapshot(m.To, raft.SnapshotFailure)
		}
	}
}

// restore replaces the state by that of a snapshot. The empty snapshot, of a new disk, stands for the empty state.
func (r *replica) restore(snapshot pb.Snapshot) error {
	if raft.IsEmptySnap(snapshot) {
		return nil
	}
	restored, err := decodeStore(snapshot.Data)
	if err != nil {
		return fmt.Errorf("replica %d cannot restore its state: %w", r.id, err)
	}
	r.store = restored
	r.members = snapshot.Metadata.ConfState
	r.applied = snapshot.Metadata.Index
	r.noteSnapshot(snapshot)
	return nil
}

// apply takes one committed entry.
func (r *replica) apply(entry *pb.Entry) error {
	r.applied = entry.Index
	r.unsaved += entry.Size()
	switch {
	case entry.Type == pb.EntryConfChange:
		return r.applyMembership(entry.Data)
	case entry.Type != pb.EntryNormal:
		return errors.New("this program does not make joint membership changes")
	case len(entry.Data) == 0: // a new leader opens its term with an entry that says nothing
		return nil
	}
	return r.store.apply(entry.Data)
}

// applyMembership takes a committed membership change. It has a number, like any other change, and is cancelled if it
// is not the next one. The changes by which the group began have none.
func (r *replica) applyMembership(data []byte) error {
	var change pb.ConfChange
	if err := change.Unmarshal(data); err != nil {
		return err
	}
	if len(change.Context) > 0 {
		number, _ := binary.Uvarint(change.Context)
		if !r.store.admit(number) {
			change.NodeID = raft.None
		}
	}
	r.members = *r.node.ApplyConfChange(change)
	return nil
}

// maybeSnapshot keeps the log short (Raft §7). A snapshot takes as long as the state is large, so it is made when as
// much has been applied as the last one held. The log keeps what followed the last snapshot, so that a follower who is
// not far behind need not be sent this one.
func (r *replica) maybeSnapshot() error {
	if r.unsaved < max(snapshotBytes, r.snapshotSize) {
		return nil
	}
	compactTo := r.snapshotAt
	snapshot, err := r.disk.CreateSnapshot(r.applied, &r.members, r.store.encode())
	if err != nil {
		return fmt.Errorf("cannot write a snapshot: %w", err)
	}
	r.noteSnapshot(snapshot)
	if err := r.disk.Compact(compactTo); err != nil && !errors.Is(err, raft.ErrCompacted) {
		return fmt.Errorf("cannot compact the log: %w", err)
	}
	return nil
}

func (r *replica) noteSnapshot(snapshot pb.Snapshot) {
	r.snapshotAt = snapshot.Metadata.Index
	r.snapshotSize = len(snapshot.Data)
	r.unsaved = 0
}

func (r *replica) notify() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}
