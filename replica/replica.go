package replica

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// A Replica is a host's member of one group. Its methods may be called from any goroutine.
type Replica struct {
	host   *Host
	id     uint64
	group  uint64
	config Config
	logger *slog.Logger
	// life distinguishes what this replica proposes from what it proposed before it was started, and from what others do.
	life uint64
	// number counts its proposals.
	number atomic.Uint64

	log Log
	// loaded is set before anything is stepped: what is wrong with the log is no longer for Start to return.
	loaded bool
	inbox  inbox
	// stepping is what belongs to the goroutine that steps the replica, applying what belongs to that which applies.
	stepping stepping
	applying applying
	waiting  waiting
	staging  staging
	views    views
	trail    trail

	// due is the host's tick at which the replica has to be stepped although nothing has come.
	due atomic.Uint64
	// applied is the index that the state machine has.
	applied atomic.Uint64
	// members are those of the membership that is applied; sessions is how many are open.
	members  atomic.Pointer[membership]
	sessions atomic.Int64

	// stop is closed when the replica is to end; done when it has.
	stop     chan struct{}
	stopOnce sync.Once
	done     chan struct{}
	err      atomic.Pointer[error]
	// refusing is set when Stop has been called: nothing new is accepted.
	refusing  atomic.Bool
	handsOver sync.Once
	// background are snapshots under way; they end with ctx.
	background sync.WaitGroup
	ctx        context.Context
	cancel     context.CancelFunc

	// ownsHost is set by Run.
	ownsHost bool
	events   events
}

// Start starts this host's member of a group, from what the log store and the state machine hold.
func (h *Host) Start(config Config) (*Replica, error) {
	config, err := config.complete(h.id)
	if err != nil {
		return nil, err
	}
	r := &Replica{
		host: h, id: h.id, group: config.Group, config: config,
		logger: h.logger.With("group", config.Group, "member", h.id),
		stop:   make(chan struct{}), done: make(chan struct{}),
	}
	r.stepping.init(r)
	r.applying.init(r)
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.waiting.init(&config)
	r.events.handler, r.events.failed = config.OnEvent, r.fail
	if r.life, err = randomNumber(); err != nil {
		return nil, err
	}
	if err := h.reserve(r.group); err != nil {
		return nil, err
	}
	defer h.release(r.group)
	if err := guarded("the start", r.load); err != nil {
		r.forgetPeers()
		r.cancel()
		return nil, fmt.Errorf("group %d on host %d: %w", r.group, r.id, err)
	}
	if err := h.register(r); err != nil {
		r.finish()
		return nil, err
	}
	h.steps.add(r.stepper())
	return r, nil
}

// Run starts a host with one replica. The replica's Stop stops the host too.
func Run(host HostConfig, config Config) (*Replica, error) {
	h, err := NewHost(host)
	if err != nil {
		return nil, err
	}
	r, err := h.Start(config)
	if err != nil {
		return nil, errors.Join(err, h.Stop(context.Background()))
	}
	r.ownsHost = true
	return r, nil
}

func randomNumber() (uint64, error) {
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return 0, fmt.Errorf("no random number for the replica: %w", err)
	}
	return binary.LittleEndian.Uint64(b[:]), nil
}

// load opens the log, recovers the state machine, and makes the RawNode.
func (r *Replica) load() error {
	var err error
	if r.log, err = r.host.store.Open(r.group); err != nil {
		return fmt.Errorf("the log cannot be opened: %w", err)
	}
	if err := r.recover(); err != nil {
		return err
	}
	r.applied.Store(r.applying.index)
	if err := r.newRawNode(); err != nil {
		return err
	}
	if err := r.bootstrap(); err != nil {
		return err
	}
	r.stepping.ticked, r.stepping.unnoticed = r.host.clock.read()
	r.loaded = true
	return nil
}

// newRawNode makes the consensus of what is stored.
func (r *Replica) newRawNode() error {
	readOption := raft.ReadOnlySafe
	if r.config.LeaseReads {
		readOption = raft.ReadOnlySafeWithLease
	}
	rn, err := raft.NewRawNode(&raft.Config{
		ID:                        r.id,
		ElectionTick:              r.config.ElectionTicks,
		HeartbeatTick:             r.config.HeartbeatTicks,
		Storage:                   &groupStorage{Log: r.log, r: r},
		Applied:                   r.applying.index,
		AsyncStorageWrites:        true,
		MaxSizePerMsg:             maxAppendBytes,
		MaxCommittedSizePerReady:  maxApplyBytes,
		MaxUncommittedEntriesSize: uint64(r.config.MaxProposalBytes),
		MaxInflightMsgs:           maxInflightAppends,
		MaxInflightBytes:          maxInflightBytes,
		CheckQuorum:               true,
		PreVote:                   true,
		ReadOnlyOption:            readOption,
		MaxPendingReads:           r.config.MaxReads,
		StepDownOnRemoval:         true,
		Logger:                    raft.NewSlogLogger(r.logger),
	})
	if err != nil {
		return fmt.Errorf("the consensus cannot be started: %w", err)
	}
	r.stepping.rn = rn
	return nil
}

const (
	maxAppendBytes     = 1 << 20
	maxApplyBytes      = 8 << 20
	maxInflightAppends = 256
	maxInflightBytes   = 16 << 20
)

// bootstrap begins the group if nothing is stored, and makes the members known to the transport.
func (r *Replica) bootstrap() error {
	r.membersChanged()
	last, err := r.log.LastIndex()
	if err != nil {
		return err
	}
	hard, _, err := r.log.InitialState()
	if err != nil {
		return err
	}
	if r.config.Join || last > 0 || r.applying.index > 0 || !raft.IsEmptyHardState(hard) {
		return nil
	}
	peers, voters := make([]raft.Peer, len(r.config.Peers)), make([]uint64, len(r.config.Peers))
	for i, p := range r.config.Peers {
		c := changeContext{addresses: []memberAddress{{id: p.ID, address: p.Address}}}
		peers[i], voters[i] = raft.Peer{ID: p.ID, Context: c.encode()}, p.ID
	}
	// It is the membership in force from now on, before the entries are applied that lead to it.
	r.applying.confState = pb.ConfState{Voters: voters}
	return r.stepping.rn.Bootstrap(peers)
}

// ID returns the member's ID, Group its group.
func (r *Replica) ID() uint64 { return r.id }

// Group returns the replica's group.
func (r *Replica) Group() uint64 { return r.group }

// Applied returns the index up to which the state machine has applied the log.
func (r *Replica) Applied() uint64 { return r.applied.Load() }

// Done is closed when the replica has stopped.
func (r *Replica) Done() <-chan struct{} { return r.done }

// Err returns why the replica stopped of itself: nil as long as it runs, and if it was stopped by Stop.
func (r *Replica) Err() error {
	if err := r.err.Load(); err != nil {
		return *err
	}
	return nil
}

// deliver takes a message of another member. It returns false if it is not one that another member sends.
func (r *Replica) deliver(m *pb.Message) bool {
	if m.Type == pb.MsgProp && !proposable(m.Entries) {
		return false
	}
	if r.inbox.putMessage(m, r.config.MaxMessages, r.config.MaxMessageBytes) {
		r.host.steps.add(r.stepper())
	}
	return true
}

// proposable reports whether entries are what another member passes on to its leader. What is committed has to be applied, so that
// what cannot be must not get into the log. Membership changes are not passed on.
func proposable(entries []pb.Entry) bool {
	for i := range entries {
		e := &entries[i]
		if e.Type != pb.EntryNormal {
			return false
		}
		if _, err := decodeEnvelope(e.Data); err != nil {
			return false
		}
	}
	return len(entries) > 0
}

func (r *Replica) reportUnreachable(id uint64) {
	known := slices.ContainsFunc(r.members.Load().list, func(m Member) bool { return m.ID == id })
	if known && r.inbox.putUnreachable(id) {
		r.host.steps.add(r.stepper())
	}
}

// call has the stepping goroutine run f, and waits for it. It reports whether it ran.
func (r *Replica) call(ctx context.Context, f func()) bool {
	ran := make(chan struct{})
	if !r.inbox.put(func(l *letters) { l.calls = append(l.calls, func() { f(); close(ran) }) }) {
		return false
	}
	r.host.steps.add(r.stepper())
	select {
	case <-ran:
		return true
	case <-ctx.Done():
		return false
	case <-r.stop:
		// It may be running.
		select {
		case <-ran:
			return true
		case <-r.stepping.ended:
			return false
		}
	}
}
