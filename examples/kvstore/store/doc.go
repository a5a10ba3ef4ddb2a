// Package store is the state of kvstore: keys with revisions, transactions, the history of changes that watchers follow, and
// the results of commands with idempotency keys. It is kept on disk in Pebble, and is a replica.DurableStateMachine: the same
// commands lead to the same state and the same results on every member.
//
// # Writing
//
// A member encodes a Command with Encode, proposes the bytes, and decodes the result of the proposal with DecodeResult:
//
//	data, err := store.Encode(&store.Command{Kind: store.KindPut, Key: key, Value: value, Cond: store.IfRev(7)})
//	result, err := replica.Propose(ctx, data)
//	r, err := store.DecodeResult(result.Data) // r.Code, r.Rev, ...
//
// Commands are never rejected by an error of Apply: what is wrong with one is in its Result. Every command that changes something
// gets the next revision. Revisions belong to the whole store, begin at 1, and leave no gaps.
//
// # Reading
//
// Get, List, Stats and Watch may be called from any goroutine, also while commands are applied. They see what Commit has
// published: all that is committed before they are called, and a command either with all its changes or not at all.
// The caller brings about the consistency it needs before, by replica.Read.
//
// A Watcher delivers every change of keys with a prefix, in order, none left out, none twice. It reads the stored history at its own
// pace: slow watchers hold up nobody and need no memory. History is bounded; what a watcher has missed is a
// CompactedError. Positions mean the same on every member, before and after a snapshot.
//
// # What is promised
//
// Commit is atomic and, after a crash, what is there is the state at some committed index, not older than the last Sync, with the
// replica's records of that index. Restore is invisible to readers until the Commit after it; if the process ends in between, the
// store is empty and begins at index 0. A snapshot is checked block by block as it is read, and what is
// damaged is an error. Its bytes are equal on all members that have the same state, as is Hash.
//
// What is remembered of a command with an idempotency key is small, however much it wrote or read: see MaxRememberedBytes.
//
// The Bounds of history and idempotency are part of the state: they count when a store is created, must be common to all
// members, and travel with snapshots.
package store
