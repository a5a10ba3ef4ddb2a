package replica

import (
	"context"
	"io"

	pb "github.com/seed695671cb/raft/raftpb"
)

// What a host needs of the network: batches of messages to other hosts, and streams of snapshots.

// A Message is a message of one group. Its sender and its receiver are hosts: within a group, the ID of a member is that of
// the host that it runs on.
type Message struct {
	Group uint64
	pb.Message
}

// A Transport carries messages between hosts. It may lose, delay and reorder them; the fewer the better. It must not repeat
// a MsgProp: what it carries would be applied twice, unless it belongs to a session.
// MemoryNetwork connects hosts of one process; contrib/httptransport connects processes.
//
// All methods may be called from any goroutine. None waits for the network.
type Transport interface {
	// Start has what arrives delivered to the handler, from now until Close. It is called once, before any other method.
	Start(handler Handler) error

	// Send sends messages to a host. It keeps nothing of the slice, whose messages must not be modified. If the
	// host is not known, or what waits for it has reached the transport's bound, the messages that do not fit are
	// dropped and the error says so.
	Send(to uint64, batch []Message) error

	// SendSnapshot streams a snapshot to the host Header.To, on goroutines of the transport's own.
	SendSnapshot(snapshot *OutgoingSnapshot)

	// SetPeer says at what address a host is reached, or that it has changed.
	SetPeer(id uint64, address string)

	// RemovePeer says that a host is no longer to be talked to.
	RemovePeer(id uint64)

	// Close ends all streams and waits for the transport's goroutines. Nothing is delivered after it returns.
	Close() error
}

// A Handler is what a transport delivers to. A Host is one. Its methods may be called from any goroutine.
type Handler interface {
	// HandleMessages takes messages from a host. It does not wait: what exceeds the bounds of its queues is dropped.
	// The messages are the handler's for ever, the slice is not.
	HandleMessages(from uint64, batch []Message)

	// HandleUnreachable is called when messages to a host may have been lost, at most about once a second for a host.
	HandleUnreachable(id uint64)

	// HandleSnapshot begins, or resumes, to take a snapshot. An error refuses it and is reported to the sender. A sink
	// that was returned for the same header before is closed.
	HandleSnapshot(header SnapshotHeader) (SnapshotSink, error)
}

// A SnapshotHeader says what a snapshot is.
type SnapshotHeader struct {
	Group uint64
	// From and To are hosts.
	From, To uint64
	// Stream identifies the contents: two attempts with the same header are about the same bytes.
	Stream uint64
	// Message is the MsgSnap that the contents belong to. Its Snapshot.Data is empty.
	Message pb.Message
}

// A SnapshotSink takes the contents of a snapshot that arrives. It is used by one goroutine at a time.
type SnapshotSink interface {
	// Offset returns how many bytes are there already: the next Write continues there.
	Offset() uint64
	// Write appends to the contents.
	io.Writer
	// Finish says that the contents are complete. It returns when they have been checked and are durable, and has the
	// replica restore them. What is wrong with them is an error: of this, or of a Write before.
	Finish() error
	// Close ends the use of the sink. Without Finish before, what has arrived is kept, to be resumed.
	Close() error
}

// An OutgoingSnapshot is a snapshot that a transport is to stream.
type OutgoingSnapshot struct {
	Header SnapshotHeader
	// Context ends when the snapshot is not wanted any more.
	Context context.Context
	// Open returns the contents from an offset on. They are the same bytes each time. Offsets other than 0 may take as long
	// as reading what is before.
	Open func(offset uint64) (io.ReadCloser, error)
	// Progress is called from time to time with how many bytes the receiver has.
	Progress func(received uint64)
	// Done is called once, at the end: with nil if the receiver has finished, otherwise with the reason.
	Done func(err error)
}
