// Package server holds tests only: etcd's server, unmodified, with this library in the place of go.etcd.io/raft. Members
// run on 127.0.0.1, in the process of the test or in processes that it can kill; README.md says what is asked of them.
package server
