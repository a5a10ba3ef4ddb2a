package replica

import "io"

// What a replica needs of the application: a deterministic state machine (Raft §2).

// A StateMachine is what the committed commands are applied to. The same commands in the same order must lead to the same
// state and the same results on every member.
//
// A replica calls Apply, Capture and Restore from one goroutine at a time. Reading the state while they run is the
// application's own business. A panic is taken for an error: it stops the replica, and no other.
//
// No method of a state machine, nor of its views, may call the replica, its sessions or its host, nor wait for somebody who does:
// Stop waits until nothing is applied any more, and Propose until its own command is applied, so that they would never return.
type StateMachine interface {
	// Apply applies commands, in order, and returns the result of each. What a command cannot do, its result says. An
	// error means that the state machine has failed: the replica stops, and does not use the state machine again.
	//
	// It may stop early, so that large results need not be in memory together: it then returns those of the first
	// commands, of one at least, and is called again with the others.
	//
	// Data of commands and results must not be modified afterwards by either side.
	Apply(commands []Command) (results [][]byte, err error)

	// Capture returns the state as it is now, so that it can be written out while Apply goes on.
	Capture() (View, error)

	// Restore replaces the state by what a View wrote.
	Restore(contents io.Reader) error
}

// A Command is one that was proposed, as it is to be applied.
type Command struct {
	// Index is the command's index in the log. Indexes ascend, not always by one.
	Index uint64
	Data  []byte
}

// A Condenser is a StateMachine with results that are larger than what a session should remember. Every member keeps the
// results of a session's commands, in case its client has missed one, until the client has them: see Session.
type Condenser interface {
	StateMachine

	// Condense returns what is kept of a result: the result itself, or a smaller one, which is what a client gets that has
	// missed the first. The same result must lead to the same on every member. It is called after Apply, by the same
	// goroutine, once for each command of a session.
	Condense(result []byte) []byte
}

// A View is a state that does not change any more.
type View interface {
	// WriteTo writes the state out: the same bytes each time. It may be called by several goroutines at once.
	io.WriterTo
	// Close is called once, when the view is no longer needed.
	Close() error
}

// A DurableStateMachine keeps its state on disk by itself. A replica then needs no snapshots to start from: it goes on with
// what the state machine has, and compacts its log without writing the state out.
type DurableStateMachine interface {
	StateMachine

	// Commit is called after one or several calls of Apply, after Restore, and also when there was nothing to apply. In one
	// atomic write it stores what they have done, the index, and the records. The write need not be durable, but if it is lost, so must
	// be all later ones.
	Commit(applied uint64, records []Record) error

	// Recover returns the index and all records that Commit stored, less those that were deleted: when the replica starts,
	// before any other method. From the beginning of a Restore to the Commit after it the index it would return is 0.
	Recover() (applied uint64, records []Record, err error)

	// Sync makes durable what was committed.
	Sync() error
}

// A Record is a piece of the replica's own state, its members and sessions, that a DurableStateMachine keeps for it, apart
// from its own. Restore removes all of them. They are not part of what a View writes.
type Record struct {
	Key []byte
	// Value replaces the one before. Nil deletes the record.
	Value []byte
}
