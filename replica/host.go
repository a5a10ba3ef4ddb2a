package replica

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// A Host runs this process's members of any number of groups. Its methods may be called from any goroutine.
type Host struct {
	id        uint64
	store     LogStore
	transport Transport
	logger    *slog.Logger
	clock     *hostClock

	steps    *scheduler
	applies  *scheduler
	appender *appender
	peers    *peerTable
	// saving, sending and receiving bound the snapshots of each kind that are under way.
	saving, sending, receiving chan struct{}

	mu       sync.RWMutex
	replicas map[uint64]*Replica
	starting map[uint64]bool
	starts   sync.WaitGroup
	// order holds the replicas in the order of their groups; nil if it is to be made anew.
	order   []*Replica
	stopped bool
	// failure is why the log store cannot be used any more.
	failure error

	// unknown counts messages for groups that are not started here.
	unknown atomic.Uint64
	// refused counts messages that must not come over a network.
	refused atomic.Uint64

	stop     chan struct{}
	ticking  sync.WaitGroup
	shutdown sync.Once
	closed   chan struct{}
}

const (
	defaultTick      = 100 * time.Millisecond
	defaultSnapshots = 4
)

// NewHost starts a host without replicas. The error says which field of the configuration is wrong, or why the transport does
// not start.
func NewHost(config HostConfig) (*Host, error) {
	switch {
	case config.ID == 0:
		return nil, errors.New("HostConfig.ID must not be 0: give each host an identity of its own")
	case config.Store == nil:
		return nil, errors.New("HostConfig.Store is nil: a host needs a LogStore")
	case config.Transport == nil:
		return nil, errors.New("HostConfig.Transport is nil: a host needs a Transport")
	case config.Tick < 0 || config.Workers < 0 || config.MaxSnapshots < 0:
		return nil, errors.New("HostConfig.Tick, Workers and MaxSnapshots must not be negative")
	}
	snapshots := cmp.Or(config.MaxSnapshots, defaultSnapshots)
	workers := cmp.Or(config.Workers, runtime.GOMAXPROCS(0))
	h := &Host{
		id:        config.ID,
		store:     config.Store,
		transport: config.Transport,
		logger:    cmp.Or(config.Logger, slog.Default()),
		clock:     newHostClock(cmp.Or(config.Tick, defaultTick)),
		saving:    make(chan struct{}, snapshots),
		sending:   make(chan struct{}, snapshots),
		receiving: make(chan struct{}, snapshots),
		replicas:  map[uint64]*Replica{},
		starting:  map[uint64]bool{},
		stop:      make(chan struct{}),
		closed:    make(chan struct{}),
	}
	h.peers = newPeerTable(h.id, h.transport)
	if err := h.transport.Start(h); err != nil {
		return nil, fmt.Errorf("the transport does not start: %w", err)
	}
	h.steps = newScheduler(workers, h.newOutbox)
	h.applies = newScheduler(workers, h.newOutbox)
	h.appender = newAppender(h)
	h.ticking.Add(1)
	go h.tick()
	return h, nil
}

func (h *Host) newOutbox() *outbox { return &outbox{host: h} }

// Replica returns the host's member of a group, or nil if it was not started.
func (h *Host) Replica(group uint64) *Replica {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.replicas[group]
}

// all returns the replicas in the order of their groups. The slice is not modified any more.
func (h *Host) all() []*Replica {
	h.mu.RLock()
	order := h.order
	h.mu.RUnlock()
	if order != nil {
		return order
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sortReplicas()
	return h.order
}

// reserve makes sure that a group is started once at a time, and that the host waits for that start to end.
func (h *Host) reserve(group uint64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.stopped:
		return fmt.Errorf("host %d: %w", h.id, ErrStopped)
	case h.failure != nil:
		return fmt.Errorf("host %d: %w", h.id, h.failure)
	case h.replicas[group] != nil || h.starting[group]:
		return fmt.Errorf("group %d is started on host %d already: stop it first", group, h.id)
	}
	h.starting[group] = true
	h.starts.Add(1)
	return nil
}

// release ends a reservation.
func (h *Host) release(group uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.starting, group)
	h.starts.Done()
}

// register makes a replica known that is ready to be stepped, unless the host has been stopped, or has failed, meanwhile. The
// order is made anew when it is asked for: groups are often started by the thousand.
func (h *Host) register(r *Replica) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.stopped:
		return fmt.Errorf("host %d: %w", h.id, ErrStopped)
	case h.failure != nil:
		return fmt.Errorf("host %d: %w", h.id, h.failure)
	}
	h.replicas[r.group] = r
	h.order = nil
	return nil
}

func (h *Host) unregister(r *Replica) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.replicas[r.group] == r {
		delete(h.replicas, r.group)
		h.order = nil
	}
}

// tick tells time to the replicas for which something is due.
func (h *Host) tick() {
	defer h.ticking.Done()
	ticker := time.NewTicker(h.clock.tick)
	defer ticker.Stop()
	for {
		select {
		case <-h.stop:
			return
		case <-ticker.C:
		}
		now, _ := h.clock.read()
		for _, r := range h.all() {
			if r.due.Load() <= now {
				h.steps.add(r.stepper())
			}
		}
		h.peers.forget(now)
	}
}

// HandleMessages implements Handler.
func (h *Host) HandleMessages(from uint64, batch []Message) {
	for i := range batch {
		m := &batch[i]
		if !h.mayCome(&m.Message) {
			h.refused.Add(1)
			continue
		}
		r := h.Replica(m.Group)
		if r == nil {
			h.unknown.Add(1)
			continue
		}
		if !r.deliver(&m.Message) {
			h.refused.Add(1)
		}
	}
}

// mayCome reports whether a message may come over the network. What this host's own goroutines tell each other may not,
// nor may a snapshot without its contents; see HandleSnapshot.
func (h *Host) mayCome(m *pb.Message) bool {
	switch m.Type {
	case pb.MsgSnap, pb.MsgStorageAppend, pb.MsgStorageAppendResp, pb.MsgStorageApply, pb.MsgStorageApplyResp:
		return false
	}
	local := m.From == raft.LocalAppendThread || m.From == raft.LocalApplyThread || m.From == h.id
	return m.To == h.id && !local && !raft.IsLocalMsg(m.Type)
}

// HandleUnreachable implements Handler.
func (h *Host) HandleUnreachable(id uint64) {
	for _, r := range h.all() {
		r.reportUnreachable(id)
	}
}

// HandleSnapshot implements Handler.
func (h *Host) HandleSnapshot(header SnapshotHeader) (SnapshotSink, error) {
	r := h.Replica(header.Group)
	if r == nil {
		return nil, fmt.Errorf("group %d is not started on host %d", header.Group, h.id)
	}
	return r.receiveSnapshot(header)
}

// undelivered tells the groups of messages that the transport has dropped them.
func (h *Host) undelivered(to uint64, batch []Message) {
	for i := range batch {
		if r := h.Replica(batch[i].Group); r != nil {
			r.reportUnreachable(to)
		}
	}
}

// fail stops all replicas, because the log store has failed.
func (h *Host) fail(err error) {
	h.mu.Lock()
	h.failure = err
	h.mu.Unlock()
	for _, r := range h.all() {
		r.fail(err)
	}
}

// Refused returns how many messages came that cannot have been sent by a host that works.
func (h *Host) Refused() uint64 { return h.refused.Load() }

// UnknownGroups returns how many messages came for groups that were not started here.
func (h *Host) UnknownGroups() uint64 { return h.unknown.Load() }

// Stop stops all replicas, see Replica.Stop, and then the host. The log store may be closed afterwards. If ctx ends, the
// rest is stopped without waiting for leadership to be handed over, and the error matches that of ctx.
func (h *Host) Stop(ctx context.Context) error {
	h.mu.Lock()
	h.stopped = true
	h.mu.Unlock()
	h.starts.Wait()
	err := h.stopReplicas(ctx)
	h.shutdown.Do(func() {
		close(h.stop)
		h.ticking.Wait()
		err = errors.Join(err, h.transport.Close())
		h.steps.close()
		h.appender.close()
		h.applies.close()
		close(h.closed)
	})
	<-h.closed
	return err
}

// stopReplicas stops all replicas at the same time. That ctx has ended is told once, and not for each of them.
func (h *Host) stopReplicas(ctx context.Context) error {
	replicas := h.all()
	errs := make([]error, 1+len(replicas))
	var ended sync.Once
	var wg sync.WaitGroup
	for i, r := range replicas {
		wg.Go(func() {
			if err := r.end(ctx); err != nil {
				ended.Do(func() { errs[0] = err })
			}
			errs[1+i] = r.Err()
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (h *Host) sortReplicas() {
	h.order = slices.SortedFunc(maps.Values(h.replicas), func(a, b *Replica) int { return cmp.Compare(a.group, b.group) })
}
