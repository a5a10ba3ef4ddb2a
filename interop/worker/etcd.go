//go:build etcd36 || etcd37

package main

import (
	cryptorand "crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"log"
	"math/rand/v2"

	"go.etcd.io/raft/v3"

	"github.com/seed695671cb/raft/interop/wire"
)

// What the versions of etcd's library have in common.

type (
	config        = raft.Config
	rawNode       = raft.RawNode
	ready         = raft.Ready
	memoryStorage = raft.MemoryStorage
)

const (
	readOnlyLeaseBased = raft.ReadOnlyLeaseBased
	snapshotFinish     = raft.SnapshotFinish
	snapshotFailure    = raft.SnapshotFailure
)

var errSnapshotTemporarilyUnavailable = raft.ErrSnapshotTemporarilyUnavailable

func newMemoryStorage() *memoryStorage { return raft.NewMemoryStorage() }

// quiet keeps what the library logs to itself; what it panics with is an answer.
func quiet() { raft.SetLogger(&raft.DefaultLogger{Logger: log.New(io.Discard, "", 0)}) }

// extend replaces the source of chance of the whole process, from which the library draws.
func extend(_ *config, s *wire.Start) error {
	source := &rand.PCG{}
	cryptorand.Reader = &chance{source: source}
	return source.UnmarshalBinary(s.Rand)
}

// chance is a stream of bytes from a seeded source.
type chance struct {
	source *rand.PCG
	left   []byte
}

func (c *chance) Read(p []byte) (int, error) {
	for n := 0; n < len(p); {
		if len(c.left) == 0 {
			c.left = binary.LittleEndian.AppendUint64(nil, c.source.Uint64())
		}
		k := copy(p[n:], c.left)
		c.left = c.left[k:]
		n += k
	}
	return len(p), nil
}

func outcomeOf(err error) wire.Outcome {
	switch {
	case errors.Is(err, raft.ErrProposalDropped):
		return wire.OutcomeDropped
	case errors.Is(err, raft.ErrStepPeerNotFound):
		return wire.OutcomeRefused
	}
	return wire.OutcomeInvalid
}

// lostReads are not reported by these.
func lostReads(*ready) []wire.Read { return nil }
