// The contract between the library and the store that holds a replica's log, hard state and snapshots (Raft §5.1,
// §7). The library only reads through it; the application writes to its store what each Ready asks for.

package raft

import (
	"errors"

	pb "github.com/seed695671cb/raft/raftpb"
)

// ErrCompacted says that an index asked for is no longer in the log: a snapshot stands for it now. A leader that meets
// it sends that snapshot instead of entries.
var ErrCompacted = errors.New("requested index is compacted, use the snapshot instead")

// ErrSnapOutOfDate says that a snapshot is not newer than the one that the storage holds already.
var ErrSnapOutOfDate = errors.New("requested snapshot is not newer than the stored one")

// ErrUnavailable says that an index asked for lies after the last entry of the log, or that the log has no entries.
var ErrUnavailable = errors.New("requested entry is not available in the log")

// ErrSnapshotTemporarilyUnavailable says that a snapshot is being made and cannot be handed out yet. It is not a
// failure: the library asks again later.
var ErrSnapshotTemporarilyUnavailable = errors.New("snapshot is temporarily unavailable, ask again later")

// Storage is what a replica reads its durable state from. The log that it shows is one gapless run of indexes:
// FirstIndex up to and including LastIndex, possibly none. The position before FirstIndex is the end of what a snapshot
// stands for; its term is still known.
//
// Writing is the application's business: it stores the HardState, Entries and Snapshot of each Ready by whatever means
// its store has, and after that Storage must show them. MemoryStorage is a complete example.
//
// Errors: the sentinels named below are returned bare, not wrapped, because callers may compare them with ==. Any other
// error means that the store has failed; the replica cannot go on then.
//
// Concurrency: a replica calls its Storage from one goroutine at a time. The application may write meanwhile from
// another goroutine if the implementation is safe for that, as MemoryStorage is, and as AsyncStorageWrites needs.
type Storage interface {
	// InitialState returns the HardState last stored and the membership in force at Config.Applied: that at the end
	// of the newest snapshot, if no change was applied since. Changes up to there are not handed out again. Both
	// are zero for a replica that has never stored anything. It is called once, when a replica starts.
	InitialState() (pb.HardState, pb.ConfState, error)

	// FirstIndex returns the index of the first entry that Entries can return: one more than the last compacted
	// index, and 1 if nothing was compacted. It may be LastIndex+1, when the log has no entries.
	FirstIndex() (uint64, error)

	// LastIndex returns the index of the last entry, or the last compacted index if there are no entries. It is 0 for
	// a replica that has never stored anything.
	LastIndex() (uint64, error)

	// Term returns the term of the entry at index i, which must lie in [FirstIndex()-1, LastIndex()], both ends
	// included. Below, the error is ErrCompacted; above, ErrUnavailable. The term at FirstIndex()-1 is known even
	// though that entry is not, since followers are asked whether they hold it (Raft §5.3).
	Term(i uint64) (uint64, error)

	// Entries returns the entries from lo (included) up to hi (excluded), or the longest prefix of them whose encoded
	// size, the sum of Entry.Size in bytes, is at most maxSize. The first entry is returned whatever its size, so a
	// range that is not empty never gives an empty answer without an error.
	//
	// It returns ErrCompacted if lo is below FirstIndex, and ErrUnavailable if an entry below hi is above LastIndex
	// or if the log has no entries.
	//
	// The returned slice is shared. Its reader may keep it for as long as it likes but must not write to its
	// elements or to their Data, and the storage never again writes to that memory, not even when the entries are
	// compacted or replaced.
	Entries(lo, hi, maxSize uint64) ([]pb.Entry, error)

	// Snapshot returns the newest snapshot, or ErrSnapshotTemporarilyUnavailable if it is still being made. Its index
	// must be at least FirstIndex()-1, so that a follower that restores it can go on with entries. What the
	// snapshot's slices hold must not change afterwards.
	Snapshot() (pb.Snapshot, error)
}
