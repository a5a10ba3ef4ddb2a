package replica

import (
	"io"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// What a host needs of the disk: the logs, hard states and snapshots of its groups (Raft §5.1, §7).

// A LogStore keeps the logs of any number of groups, and writes for several of them at once, so that they share the cost
// of making a write durable (group commit). MemoryLogStore keeps them in memory; contrib/pebblelog keeps them on disk.
//
// All methods may be called from any goroutine, but Write from one at a time.
type LogStore interface {
	// Open returns the log of a group, which is empty if nothing was written for it. It is called once for a group
	// that is started, and again only after that replica has stopped.
	Open(group uint64) (Log, error)

	// Write makes the updates, in their order, in one atomic write: after a crash either all of them are there or
	// none, and if Sync is set in one of them, they are durable when Write returns. What was written without Sync may be
	// lost, but not while something written later survives. Updates may hold several for one group.
	//
	// After an error it is unknown what was written: the host stops all its replicas.
	Write(updates []Update) error

	// Remove deletes all that is kept for a group that is not started.
	Remove(group uint64) error

	// Groups returns the groups of which something is kept, in ascending order.
	Groups() ([]uint64, error)
}

// An Update is what is to be written for one group.
type Update struct {
	Group uint64
	// HardState replaces the one before, unless it is empty.
	HardState pb.HardState
	// Snapshot, unless nil, names the staged and finished snapshot, see Log.StageSnapshot, that replaces the whole log: its
	// contents become the newest snapshot, all entries are removed, and the log goes on after Snapshot.Index. It
	// is made before Entries are.
	Snapshot *pb.SnapshotMetadata
	// Entries are appended. Those in the log from Entries[0].Index on are removed first. They never leave a gap.
	Entries []pb.Entry
	// Sync says that the update has to be durable when Write returns.
	Sync bool
}

// A Log is one group's part of a LogStore. Its methods may be called from any goroutine, also while the LogStore
// writes: they then show the log either as it was before or as it is after.
//
// Of raft.Storage, InitialState returns the hard state written last and the ConfState of the newest snapshot. Snapshot
// returns the newest snapshot that was adopted or installed, with its metadata alone: Data is empty, the contents come from
// OpenSnapshot. If there is none it is the zero value. Damaged data must be returned as an error that says what
// is damaged, never as an entry.
type Log interface {
	raft.Storage

	// Compact removes the entries up to and including index, which is at most the last one's. Their space need not
	// be free at once, and after a crash some of them may be in the log again. Below FirstIndex it does nothing.
	Compact(index uint64) error

	// StageSnapshot begins to write the contents of a snapshot, which count for nothing until they are finished and then
	// adopted, or installed by an Update. If contents of the same stream with the same metadata were staged before,
	// even in an earlier life of the process, it goes on with them where they end: see SnapshotWriter.Offset. Others
	// that were staged and neither adopted nor installed are removed.
	StageSnapshot(stream uint64, meta pb.SnapshotMetadata) (SnapshotWriter, error)

	// AdoptSnapshot makes a finished snapshot, made of this member's own state, the newest one, durably. The log stays
	// as it is. It returns raft.ErrSnapOutOfDate if the newest one is not older. Contents of older ones are removed when
	// nobody reads them any more.
	AdoptSnapshot(meta pb.SnapshotMetadata) error

	// OpenSnapshot reads the contents of the newest snapshot.
	OpenSnapshot() (io.ReadCloser, error)

	// DropSnapshot removes the contents of the newest snapshot if its index is at most the given one: the state machine
	// keeps durably what they stand for. The metadata stays.
	DropSnapshot(index uint64) error
}

// A SnapshotWriter takes the contents of one snapshot, in order. It is used by one goroutine at a time.
type SnapshotWriter interface {
	// Write appends to the contents. They need not be durable before Finish.
	io.Writer
	// Offset returns how many bytes are staged: the next Write continues there.
	Offset() uint64
	// Finish says that the contents are complete. They are durable when it returns.
	Finish() error
	// Close ends the use of the writer. Without Finish before, what was staged stays, to be continued.
	Close() error
}
