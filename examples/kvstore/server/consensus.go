package server

// What the handlers need of the layers below, as narrow as it can be: package replica and package store provide it, and
// tests replace it.

import (
	"context"

	"github.com/seed695671cb/raft/examples/kvstore/store"
	"github.com/seed695671cb/raft/replica"
)

// consensus is the Raft member. *replica.Replica is one.
type consensus interface {
	Read(ctx context.Context, c replica.Consistency) (index uint64, err error)
	AddMember(ctx context.Context, m replica.Member) error
	PromoteMember(ctx context.Context, id uint64) error
	RemoveMember(ctx context.Context, id uint64) error
	TransferLeadership(ctx context.Context, to uint64) error
	Compact(ctx context.Context) (index uint64, err error)
	Status() replica.Status
	Members() []replica.Member
	Err() error
}

// proposer has commands applied, once each. A sessionPool is one.
type proposer interface {
	Propose(ctx context.Context, command []byte) (replica.Result, error)
}

// keyspace is the state that reads and watches see. *store.Store is one.
type keyspace interface {
	Get(key []byte) (store.KeyValue, bool, error)
	ValueBytes(key []byte) (int, error)
	List(o store.ListOptions) (store.Page, error)
	Watch(prefix []byte, from store.Position) (*store.Watcher, error)
	Stats() store.Stats
	Applied() uint64
	Rev() uint64
}

var (
	_ consensus = (*replica.Replica)(nil)
	_ keyspace  = (*store.Store)(nil)
)
