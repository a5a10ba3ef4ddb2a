// Package demo runs a whole cluster on one machine for a person to look at and to break: kvstore demo.
//
// [Run] starts each member as a process of its own, with its data in a directory of its own, waits for a leader, writes
// one key through a follower, reads it back through the leader, and says what it did. Then it serves the controls that
// API.md describes, with which the dashboard kills, restarts, pauses and partitions members. Members reach each other
// through a proxy of package proxy, so that the network between them can be taken away while clients still reach them.
//
// No member outlives the demo: it ends them when it ends, and on Linux the kernel kills them if it is killed itself.
// What a member prints goes to DIR/ID/log.txt. Who listens where is kept in DIR/demo.json, and a directory that is used again is used
// with the same members on the same ports.
package demo
