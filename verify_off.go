//go:build !raftinvariants

package raft

// alwaysVerify has every RawNode check its invariants; see the build tag raftinvariants.
const alwaysVerify = false
