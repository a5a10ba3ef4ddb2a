// Package server holds tests only: etcd's server, unmodified, with this library in the place of go.etcd.io/raft.
// Members run in the process of the test, on ports of 127.0.0.1; README.md says what is asked of them.
package server
