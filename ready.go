package raft

import (
	pb "github.com/seed695671cb/raft/raftpb"
)

// SoftState is what a member knows of leadership. It is volatile: nothing of it need be stored.
type SoftState struct {
	// Lead is the leader known to this member, or None.
	Lead uint64
	// RaftState is this member's role.
	RaftState StateType
}

// Ready is what is to be done: what to write, what to send, what to apply. The package documentation says in which
// order.
//
// All slices and what they refer to may be kept, sent and read for ever by any goroutine: the library never writes to
// them again, and neither may the caller. Fields that have nothing to say are empty.
type Ready struct {
	// SoftState is set when the leader known to this member, or its role, has changed.
	*SoftState

	// HardState is to be written before Messages are sent. It is empty if it has not changed. With asynchronous storage
	// writes, do nothing with it: MsgStorageAppend holds it.
	pb.HardState

	// ReadStates answer ReadIndex requests of this member's application.
	ReadStates []ReadState

	// LostReads are ReadIndex requests of this member's application that will not be answered.
	LostReads []LostRead

	// Entries are to be written before Messages are sent. The first may replace one that was written earlier: what
	// follows it in the log is then to be removed. With asynchronous storage writes, do nothing with them:
	// MsgStorageAppend holds them.
	Entries []pb.Entry

	// Snapshot, unless it is empty, is to be written before Messages are sent, in place of the whole log, and to
	// replace the state of the application. With asynchronous storage writes, do nothing with it: MsgStorageAppend
	// holds it.
	Snapshot pb.Snapshot

	// CommittedEntries are to be applied, in this order, after Entries and Snapshot are written. With asynchronous
	// storage writes, do nothing with them: MsgStorageApply holds them.
	CommittedEntries []pb.Entry

	// Messages are to be sent. With synchronous writes, a follower sends them once Entries, HardState and Snapshot are
	// durable; a leader may send them at the same time as it writes (thesis §10.2.1). With asynchronous storage writes
	// they may be sent at once, and those to LocalAppendThread and LocalApplyThread go, in order, to the local threads.
	//
	// When a MsgSnap is not delivered, or is, call ReportSnapshot.
	Messages []pb.Message

	// MustSync reports whether Snapshot, Entries and HardState have to be durable. If not, only the commit index
	// has changed, which may be lost, though not while a later write survives.
	MustSync bool
}

// IsEmptyHardState reports whether st is the zero HardState, which Ready uses for "unchanged".
func IsEmptyHardState(st pb.HardState) bool { return st == pb.HardState{} }

// IsEmptySnap reports whether sp stands for no entry.
func IsEmptySnap(sp pb.Snapshot) bool { return sp.Metadata.Index == 0 }

// MustSync reports whether a write of entsnum entries, and of hard state st after prevst, has to be durable before
// anything that rests on it is sent (Raft Fig. 2: term, vote and log are persistent; the commit index is not).
func MustSync(st, prevst pb.HardState, entsnum int) bool {
	return entsnum != 0 || st.Vote != prevst.Vote || st.Term != prevst.Term
}
