// Package raftpb holds the values that members of a group exchange and store: log entries, messages, snapshots, hard
// state and memberships, and the two forms of a membership change.
//
// The types are generated from raft.proto. Their fields are plain values, their encoding is that of protocol buffers
// version 2, and a scalar field is written even when it is zero, so that equal values have equal encodings.
//
// No type or function here locks anything: a value may be read from many goroutines at once, and written by one while
// nobody reads it. A decoded value shares no memory with the bytes it was decoded from, unless it is a Message that
// UnmarshalAlias decoded. Unmarshal adds to what a value already holds; call Reset first to decode into a used one.
package raftpb
