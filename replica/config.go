package replica

import (
	"log/slog"
	"time"

	"github.com/seed695671cb/raft"
)

// HostConfig says how a Host runs. Zero values stand for the defaults that are given.
type HostConfig struct {
	// ID is the identity of the host, and of the member that it runs in each group. Not zero, never used again by another
	// host, nor by this one if it has lost its disk.
	ID uint64
	// Store keeps the logs. The caller closes it, after Stop.
	Store LogStore
	// Transport carries the messages. The host starts and closes it.
	Transport Transport
	// Tick is the unit of time of all groups. 100 ms.
	Tick time.Duration
	// Workers is how many goroutines step replicas, and as many apply entries, and restore snapshots: a state machine that
	// takes long keeps one of these from other groups. GOMAXPROCS.
	Workers int
	// MaxSnapshots bounds the snapshots that are written, sent and received at the same time, each. 4.
	MaxSnapshots int
	// Logger. slog.Default().
	Logger *slog.Logger
}

// Config says how a replica runs. Zero values stand for the defaults that are given. The timeouts and LeaseReads must be common
// to all members of a group.
type Config struct {
	// Group is the replicas' group. Zero is a group like any other.
	Group uint64
	// StateMachine is what committed commands are applied to. When the replica starts it has to be empty, unless it is a
	// DurableStateMachine: what was applied before is applied to it again, from the newest snapshot and from the log. One that another
	// replica has used, or this one before it was stopped, cannot be used again.
	StateMachine StateMachine

	// Peers are the members that begin the group, this host among them: the same on each of them. Empty for a member that
	// joins a group that exists, which it does when it is added there; see Join. They count for nothing but their addresses
	// once anything is stored.
	Peers []Member
	// Join says that the replica is to be added to a group that exists. Peers are then only where some of its members are
	// reached, until it has heard of all.
	Join bool

	// ElectionTicks is how many ticks a follower waits for its leader before it campaigns: between this and twice
	// this, at random. 10.
	ElectionTicks int
	// HeartbeatTicks is how many ticks are between heartbeats. 1.
	HeartbeatTicks int
	// LeaseReads has leaders keep a lease, so that Read with Lease need not ask anybody. It relies on clocks that run at
	// the same speed, up to a tenth and two ticks (thesis §6.4.1), and that do not stand still: the monotonic clock does
	// while a machine is suspended, though not while a process is stopped.
	LeaseReads bool

	// MaxProposals bounds the commands proposed here that wait for their result, and MaxProposalBytes their size. 4096 and
	// 64 MiB.
	MaxProposals     int
	MaxProposalBytes int
	// MaxCommandBytes bounds the size of one command. 8 MiB.
	MaxCommandBytes int
	// MaxReads bounds the reads that wait here. 65536.
	MaxReads int
	// MaxMessages bounds the messages of other members that wait to be taken, and MaxMessageBytes their size: further ones are
	// dropped, as a network does. 4096 and 64 MiB.
	MaxMessages     int
	MaxMessageBytes int
	// MaxSessions bounds the client sessions that the group remembers: when one more is opened, that which was not used for the
	// longest time is forgotten. What counts is the configuration of the member on which that one is opened. 4096.
	MaxSessions int

	// SnapshotEntries and SnapshotBytes are after how many applied entries, and bytes of them, a snapshot is made, or the
	// state machine is synced if it is durable, and the log compacted; whatever comes first. 100,000 and 64 MiB.
	SnapshotEntries uint64
	SnapshotBytes   uint64
	// TrailingEntries and TrailingBytes are how many applied entries, and how many bytes of them, the log keeps for followers
	// that are behind; whatever is less. 10,000 and 64 MiB.
	TrailingEntries uint64
	TrailingBytes   uint64

	// OnEvent is told what happens, in order. It is called by the goroutines that run the replica and must not wait, nor
	// call the replica: that would wait for ever. If it panics the replica stops.
	OnEvent func(Event)
}

// A Member of a group, as the group knows it.
type Member struct {
	// ID is that of the host on which it runs.
	ID uint64
	// Address is where its transport reaches it.
	Address string
	// Learner members receive the log and do not vote (thesis §4.2.1).
	Learner bool
}

// Consistency says what a read has to see.
type Consistency uint8

const (
	// Linearizable sees all that was acknowledged before the read began, whatever clocks do: the leader makes sure that it
	// still leads by asking a quorum (thesis §6.4).
	Linearizable Consistency = iota
	// Lease sees the same as long as clocks run at about the same speed: see Config.LeaseReads. Where no lease is held, or
	// on a follower, the leader is asked, or a quorum.
	Lease
	// Stale sees what this member has applied.
	Stale
)

// An Event is something that happened to a replica: one of LeaderChanged, MembersChanged, SnapshotSaved,
// SnapshotSent, SnapshotReceived, Compacted and Stopped.
type Event interface{ event() }

type (
	// LeaderChanged says that this member knows of another leader, 0 if of none, or has another role or term.
	LeaderChanged struct {
		Leader, Term uint64
		Role         raft.StateType
	}
	// MembersChanged says that a membership change was applied.
	MembersChanged struct{ Members []Member }
	// SnapshotSaved says that a snapshot was written to the log store.
	SnapshotSaved struct{ Index, Bytes uint64 }
	// SnapshotSent says that sending a snapshot to a member has ended.
	SnapshotSent struct {
		To, Index, Bytes uint64
		Err              error
	}
	// SnapshotReceived says that the state was replaced by a snapshot.
	SnapshotReceived struct{ From, Index, Bytes uint64 }
	// Compacted says that entries up to and including Index were removed from the log.
	Compacted struct{ Index uint64 }
	// Stopped says that the replica has stopped, of itself if Err is not nil.
	Stopped struct{ Err error }
)

func (LeaderChanged) event()    {}
func (MembersChanged) event()   {}
func (SnapshotSaved) event()    {}
func (SnapshotSent) event()     {}
func (SnapshotReceived) event() {}
func (Compacted) event()        {}
func (Stopped) event()          {}
