package main

import "github.com/seed695671cb/raft/interop/wire"

// describeReady returns what a Ready holds.
func describeReady(rd *ready) (*wire.Ready, error) {
	r := &wire.Ready{MustSync: rd.MustSync, Lost: lostReads(rd)}
	if rd.SoftState != nil {
		r.HasSoft, r.Lead, r.Role = true, rd.Lead, uint64(rd.RaftState)
	}
	for _, read := range rd.ReadStates {
		r.Reads = append(r.Reads, wire.Read{Context: read.RequestCtx, Index: read.Index})
	}
	var err error
	note := func(b []byte, failed error) []byte {
		if failed != nil {
			err = failed
		}
		return b
	}
	if !isEmptyHardState(rd.HardState) {
		r.HardState = note(encodeHardState(rd.HardState))
	}
	if !isEmptySnapshot(rd.Snapshot) {
		r.Snapshot = note(encodeSnapshot(rd.Snapshot))
	}
	for i := range rd.Entries {
		r.Entries = append(r.Entries, note(encodeEntry(rd.Entries[i])))
	}
	for i := range rd.CommittedEntries {
		r.Committed = append(r.Committed, note(encodeEntry(rd.CommittedEntries[i])))
	}
	for i := range rd.Messages {
		r.Messages = append(r.Messages, note(encodeMessage(rd.Messages[i])))
	}
	return r, err
}
