package pebblelog

import (
	"errors"
	"fmt"
)

// The errors by which the store says what is wrong.

// ErrClosed says that the store was closed.
var ErrClosed = errors.New("the log store is closed")

// ErrReadOnly says that the store was opened with Options.ReadOnly and cannot be written to.
var ErrReadOnly = errors.New("the log store is open for reading only")

// ErrFormat says that a directory holds a database that this version of the package did not write.
var ErrFormat = errors.New("not a database of this version of pebblelog")

// ErrLost says that writes which were acknowledged as durable are missing: the database's files are damaged at their ends, or
// were replaced by older ones.
var ErrLost = errors.New("the database has lost acknowledged writes")

// ErrNotStaged says that no finished contents are staged for a snapshot that is to be adopted or installed.
var ErrNotStaged = errors.New("no finished contents are staged for the snapshot")

// ErrSuperseded says that what a snapshot writer wrote was removed, because another snapshot was staged after it, or
// that another writer goes on with it.
var ErrSuperseded = errors.New("the staged snapshot was superseded by another one")

// errRemoved says that a Log is used whose group was removed.
var errRemoved = errors.New("the group was removed from the log store, open it again")

// A DamageError says that what is stored is not what was written: it was altered, it is missing, or it is in a place where
// it does not belong. What is damaged is never returned. The member has lost data that it has acknowledged; it must not
// go on, and is best removed from its group and added again under another ID.
type DamageError struct {
	// Group is the group whose data is damaged.
	Group uint64
	// Index is that of the damaged entry, or of the damaged snapshot. Zero if the damage has no index.
	Index uint64
	// What names the piece that is damaged, and how.
	What string
	// Err is what the database said, if it said it.
	Err error
}

// Error implements error.
func (e *DamageError) Error() string {
	text := fmt.Sprintf("the stored data of group %d are damaged", e.Group)
	if e.Index != 0 {
		text += fmt.Sprintf(" at index %d", e.Index)
	}
	text += ": " + e.What
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text + "; remove this member from the group and add it anew"
}

// Unwrap returns what the database said.
func (e *DamageError) Unwrap() error { return e.Err }
