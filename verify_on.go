//go:build raftinvariants

package raft

// alwaysVerify has every RawNode check its invariants (build tag raftinvariants).
const alwaysVerify = true
