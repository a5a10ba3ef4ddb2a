// Package raft is github.com/seed695671cb/raft under the import path of the etcd raft lineage, version 3.6: every name
// of that version, and each of them only another name for the same thing in that library. Programs written for the
// lineage, and the modules that they depend on, run on that library without a change to their source. Their go.mod says
//
//	replace go.etcd.io/raft/v3 => <a copy of that library's tree>/compat/etcd
//	replace github.com/seed695671cb/raft => <the same copy>
//
// Types are aliases, so values pass freely between code that imports this package and code that imports that library.
// What that library adds, such as the reason why a proposal was dropped, is to be had by importing it as well. Error
// variables hold its values, so comparison with == and errors.Is gives the same under both paths.
//
// The documentation of what is declared here is that library's. The same holds for the packages raftpb, quorum,
// tracker and confchange below this one.
package raft
