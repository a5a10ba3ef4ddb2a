package raft

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
)

// ReadOnlyOption is how linearizable reads are confirmed.
type ReadOnlyOption int

const (
	// ReadOnlySafe confirms a read by a round of heartbeats to a quorum (thesis §6.4). It does not depend on clocks.
	ReadOnlySafe ReadOnlyOption = iota
	// ReadOnlyLeaseBased confirms a read without a message while the leader holds a lease: for somewhat less than an
	// election timeout after the sending of a heartbeat that a quorum has answered (thesis §6.4.1). It is as safe as
	// the clocks of the members: those of a leader and of the members that elect its successor may not drift apart
	// by more than LeaseMargin in one election timeout. Every voter must set CheckQuorum, and this or the next option.
	// Where no lease is held, reads are confirmed as by ReadOnlySafe.
	ReadOnlyLeaseBased
	// ReadOnlySafeWithLease confirms what ReadIndex asks for as ReadOnlySafe does, and has leaders keep the lease of
	// ReadOnlyLeaseBased as well, under the same conditions, for those reads that ask RawNode.LeaseRead.
	ReadOnlySafeWithLease
)

func (o ReadOnlyOption) name() string {
	return [...]string{"ReadOnlySafe", "ReadOnlyLeaseBased", "ReadOnlySafeWithLease"}[o]
}

// Config says how a member behaves. It is read once, by NewRawNode, StartNode or RestartNode, and not modified.
// Sizes are in bytes, times in ticks. Members of one group may differ in everything but what is said below to be
// common to all.
type Config struct {
	// ID is the identity of this member: not zero, not one of the two storage threads' IDs, and never used again by
	// another member of the group.
	ID uint64

	// ElectionTick is how many ticks a follower waits for a leader's message before it campaigns: a random number
	// in [ElectionTick, 2*ElectionTick) (Raft §5.2). Greater than HeartbeatTick; ten times as much is usual. Common to
	// all members.
	ElectionTick int
	// HeartbeatTick is how many ticks pass between a leader's heartbeats. At least 1.
	HeartbeatTick int

	// Storage holds the log, and the hard state and membership to start with.
	Storage Storage
	// Applied is the index up to which the application's state is what it starts with: what it has applied durably, or
	// what the snapshot that it was restored from stands for. Entries after it are handed out again, those before it
	// not. Storage.InitialState must return the membership as of that index. Zero: the last compacted index.
	Applied uint64

	// AsyncStorageWrites has writes and applications of entries handed out as messages to two local threads, and
	// acknowledged by their responses, instead of by Advance (thesis §10.2.1). See the package documentation.
	AsyncStorageWrites bool

	// MaxSizePerMsg bounds the encoded size of the entries in one append, to which a single entry of any size is
	// the exception. Zero: one entry a message. math.MaxUint64: no bound. An append may hold less than fits: where the
	// range goes from Storage into memory, and, if Storage is a *MemoryStorage, after some 1000 entries.
	MaxSizePerMsg uint64
	// MaxCommittedSizePerReady bounds the encoded size of committed entries handed out and not yet applied, to which
	// a single entry is the exception. Zero: the same as MaxSizePerMsg. One Ready may hold less than fits, as an append
	// may; the next holds more.
	MaxCommittedSizePerReady uint64
	// MaxUncommittedEntriesSize bounds the payload of entries that a leader has appended in its term and that are not
	// committed, or not yet handed out to be applied: above it, proposals are dropped. A single proposal is always
	// accepted when there are no such entries. Zero: no bound.
	MaxUncommittedEntriesSize uint64
	// MaxInflightMsgs bounds the appends sent to one follower and not answered. At least 1.
	MaxInflightMsgs int
	// MaxInflightBytes bounds their payload. Zero: no bound; otherwise at least MaxSizePerMsg.
	MaxInflightBytes uint64

	// CheckQuorum has a leader step down when it has not heard from a quorum for an election timeout, and a member
	// that hears from a leader ignore candidates (thesis §6.2, §4.2.3). Best common to all members.
	CheckQuorum bool
	// PreVote has a member ask, before it raises its term, whether it could win (thesis §9.6). Only with CheckQuorum
	// does a member that hears from a leader also refuse to say so.
	PreVote bool

	// ReadOnlyOption is how ReadIndex requests are confirmed. The options with a lease need CheckQuorum.
	ReadOnlyOption ReadOnlyOption
	// LeaseMargin is by how many ticks a leader's lease is shorter than ElectionTick. It covers the drift of the
	// members' clocks in one election timeout, and one tick for the granularity of each of two clocks. Zero: two and a
	// tenth of ElectionTick, rounded up. Only the options with a lease read it.
	LeaseMargin int
	// MaxPendingReads bounds the ReadIndex requests that await their confirmation here; further ones are reported
	// lost at once. Zero: 65536.
	MaxPendingReads int

	// Logger receives what is worth noting. Nil: the logger last given to SetLogger.
	Logger Logger

	// Rand is the source of election timeouts and of request tokens, all the randomness there is. The same source,
	// state and input give the same output, bit for bit. It must not be shared between members unless it is safe for
	// concurrent use, nor be seeded alike in two lives of one member. Nil: a generator seeded by the operating system.
	Rand rand.Source

	// DisableProposalForwarding has a follower drop proposals instead of passing them to the leader.
	DisableProposalForwarding bool
	// DisableConfChangeValidation has a leader append membership changes without checking that none is pending and
	// that the change fits the configuration. The application must then see to it. Common to all members: one that
	// checks takes it, when it restarts, that the leader did.
	DisableConfChangeValidation bool
	// StepDownOnRemoval has a leader become a follower when it applies its own removal, or its demotion to learner.
	// Otherwise it leads on, without counting itself, until another member campaigns (Raft §6, thesis §4.2.2). Once
	// removed it takes no proposals: the application is to see to it that another leads, by a transfer or by
	// stopping it.
	StepDownOnRemoval bool

	// TraceLogger is accepted and never called.
	//
	// Compat: tracing needs a build of the lineage's own; see StateTraceDeployed.
	TraceLogger TraceLogger

	// verify has the invariants checked after every call, as the build tag raftinvariants does for all members.
	verify bool
}

const (
	// maxTerm and maxIndex are the highest that are ever accepted or used. They are out of reach for a real group,
	// and low enough that sums do not overflow.
	maxTerm  = math.MaxUint64 / 2
	maxIndex = math.MaxUint64 / 2

	defaultMaxPendingReads = 1 << 16
)

// ErrConfig is matched, through errors.Is, by every error about a Config.
var ErrConfig = errors.New("invalid raft config")

func configError(field string, value any, want string) error {
	return fmt.Errorf("%w: %s is %v, want %s", ErrConfig, field, value, want)
}

// validate returns an error that names the first field out of bounds, its value, and what is allowed.
func (c *Config) validate() error {
	if c == nil {
		return fmt.Errorf("%w: it is nil", ErrConfig)
	}
	switch {
	case c.ID == None || IsLocalMsgTarget(c.ID):
		return configError("ID", c.ID, fmt.Sprintf("1 to %d", uint64(LocalApplyThread)-1))
	case c.HeartbeatTick <= 0:
		return configError("HeartbeatTick", c.HeartbeatTick, "at least 1")
	case c.ElectionTick <= c.HeartbeatTick:
		return configError("ElectionTick", c.ElectionTick, fmt.Sprintf("more than HeartbeatTick (%d)", c.HeartbeatTick))
	case c.ElectionTick > math.MaxInt32:
		return configError("ElectionTick", c.ElectionTick, fmt.Sprintf("at most %d", math.MaxInt32))
	case c.Storage == nil:
		return configError("Storage", "nil", "a Storage, such as NewMemoryStorage()")
	case c.MaxInflightMsgs <= 0:
		return configError("MaxInflightMsgs", c.MaxInflightMsgs, "at least 1")
	case c.MaxInflightBytes != 0 && c.MaxInflightBytes < c.MaxSizePerMsg:
		return configError("MaxInflightBytes", c.MaxInflightBytes,
			fmt.Sprintf("0, or at least MaxSizePerMsg (%d)", c.MaxSizePerMsg))
	case c.MaxPendingReads < 0:
		return configError("MaxPendingReads", c.MaxPendingReads, "0 for the default, or more")
	}
	return c.validateReads()
}

func (c *Config) validateReads() error {
	switch c.ReadOnlyOption {
	case ReadOnlySafe:
		return nil
	case ReadOnlyLeaseBased, ReadOnlySafeWithLease:
		if !c.CheckQuorum {
			return configError("ReadOnlyOption", c.ReadOnlyOption.name(), "CheckQuorum to be set with it: the lease rests on it")
		}
		if c.LeaseMargin < 0 || c.LeaseMargin > c.ElectionTick {
			return configError("LeaseMargin", c.LeaseMargin, fmt.Sprintf("0 for the default, to ElectionTick (%d)", c.ElectionTick))
		}
		return nil
	default:
		return configError("ReadOnlyOption", int(c.ReadOnlyOption), "ReadOnlySafe, ReadOnlyLeaseBased or ReadOnlySafeWithLease")
	}
}

// settings is a validated Config with its defaults filled in.
type settings struct {
	maxSizePerMsg      encodedSize
	maxUncommittedSize payloadSize
	maxInflightBytes   uint64
	maxInflightMsgs    int32
	maxPendingReads    int32
	leaseMargin        uint64

	checkQuorum               bool
	preVote                   bool
	leaseReads                bool // leases are kept
	quorumReads               bool // and yet ReadIndex asks a quorum
	asyncStorageWrites        bool
	disableProposalForwarding bool
	disableChangeValidation   bool
	stepDownOnRemoval         bool
}

func (c *Config) settings() settings {
	s := settings{
		maxSizePerMsg:             encodedSize(c.MaxSizePerMsg),
		maxUncommittedSize:        payloadSize(c.MaxUncommittedEntriesSize),
		maxInflightMsgs:           int32(min(c.MaxInflightMsgs, math.MaxInt32)),
		maxInflightBytes:          c.MaxInflightBytes,
		maxPendingReads:           int32(min(c.MaxPendingReads, math.MaxInt32)),
		leaseMargin:               uint64(c.LeaseMargin),
		checkQuorum:               c.CheckQuorum,
		preVote:                   c.PreVote,
		leaseReads:                c.ReadOnlyOption != ReadOnlySafe,
		quorumReads:               c.ReadOnlyOption == ReadOnlySafeWithLease,
		asyncStorageWrites:        c.AsyncStorageWrites,
		disableProposalForwarding: c.DisableProposalForwarding,
		disableChangeValidation:   c.DisableConfChangeValidation,
		stepDownOnRemoval:         c.StepDownOnRemoval,
	}
	if s.maxUncommittedSize == 0 {
		s.maxUncommittedSize = payloadSize(noLimit)
	}
	if s.maxPendingReads == 0 {
		s.maxPendingReads = defaultMaxPendingReads
	}
	if s.leaseMargin == 0 {
		s.leaseMargin = 2 + uint64(c.ElectionTick+9)/10
	}
	return s
}

func (c *Config) maxApplyingSize() encodedSize {
	if c.MaxCommittedSizePerReady != 0 {
		return encodedSize(c.MaxCommittedSizePerReady)
	}
	if c.MaxSizePerMsg != 0 {
		return encodedSize(c.MaxSizePerMsg)
	}
	return 1 // one entry at a time
}
