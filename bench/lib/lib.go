// Package lib is the library under measurement: one of several with nearly the same API, chosen by build tags. Without
// tags it is github.com/seed695671cb/raft; with the tag etcd36 or etcd37 it is go.etcd.io/raft/v3, in the version that
// the module file of that name in peers/ asks for. Workloads are written against this package only, so that every
// library runs the very same driver. Its functions are small enough for the compiler to inline.
package lib
