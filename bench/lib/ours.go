//go:build !etcd36 && !etcd37

package lib

import (
	"io"
	"log"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// Name is the library that is measured.
const Name = "ours"

type (
	// Config configures a member.
	Config = raft.Config
	// RawNode is a member that is driven step by step.
	RawNode = raft.RawNode
	// Node is a member that is driven through channels.
	Node = raft.Node
	// Ready is what a member wants done.
	Ready = raft.Ready
	// MemoryStorage is a log in memory.
	MemoryStorage = raft.MemoryStorage
	// Message is a message as Ready hands it out and Step takes it.
	Message = pb.Message
	// Entry is an entry as Ready hands it out.
	Entry = pb.Entry

	hardState = pb.HardState
	snapshot  = pb.Snapshot
	confState = pb.ConfState
)

const (
	// StateLeader is the role of a leader.
	StateLeader = raft.StateLeader
	// ReadOnlySafe is the way of reading that asks a quorum.
	ReadOnlySafe = raft.ReadOnlySafe
	// ReadOnlyLeaseBased is the way of reading that trusts the leader's lease.
	ReadOnlyLeaseBased = raft.ReadOnlyLeaseBased
)

const (
	msgApp           = pb.MsgApp
	msgAppResp       = pb.MsgAppResp
	msgHeartbeat     = pb.MsgHeartbeat
	msgHeartbeatResp = pb.MsgHeartbeatResp
	msgProp          = pb.MsgProp
	msgVoteResp      = pb.MsgVoteResp
	msgStorageAppend = pb.MsgStorageAppend
	msgStorageApply  = pb.MsgStorageApply
)

// NewRawNode returns a member with what its storage holds.
func NewRawNode(c *Config) (*RawNode, error) { return raft.NewRawNode(c) }

// RestartNode starts a member with what its storage holds.
func RestartNode(c *Config) Node { return raft.RestartNode(c) }

// NewMemoryStorage returns an empty log.
func NewMemoryStorage() *MemoryStorage { return raft.NewMemoryStorage() }

// Quiet has the library log nothing.
func Quiet() { raft.SetLogger(&raft.DefaultLogger{Logger: log.New(io.Discard, "", 0)}) }

// HasAlias says whether UnmarshalAlias is there.
const HasAlias = true

// UnmarshalAlias decodes data into a message whose contents lie in data.
func UnmarshalAlias(m *Message, data []byte) error { return m.UnmarshalAlias(data) }
