// Questions about message types and message targets that do not depend on a replica's state.

package raft

import (
	"math"

	pb "github.com/seed695671cb/raft/raftpb"
)

// None is the ID that no member has: no leader is known, nobody was voted for.
const None uint64 = 0

// LocalAppendThread is the target of messages to the part of the application that makes log entries, hard states and
// snapshots durable, under AsyncStorageWrites (thesis §10.2.1). It is not a member's ID.
const LocalAppendThread uint64 = math.MaxUint64

// LocalApplyThread is the target of messages to the part of the application that applies committed entries, under
// AsyncStorageWrites. It is not a member's ID.
const LocalApplyThread uint64 = math.MaxUint64 - 1

// IsLocalMsg reports whether messages of the given type stay within one process: between a replica and its host, or
// between a replica and its storage threads. One that comes from the network is to be refused. The answer for an
// unknown type is false.
func IsLocalMsg(msgt pb.MessageType) bool {
	switch msgt {
	case pb.MsgHup, pb.MsgBeat, pb.MsgCheckQuorum:
		return true
	case pb.MsgUnreachable, pb.MsgSnapStatus:
		return true
	case pb.MsgStorageAppend, pb.MsgStorageAppendResp, pb.MsgStorageApply, pb.MsgStorageApplyResp:
		return true
	default:
		return false
	}
}

// IsResponseMsg reports whether messages of the given type answer an earlier message. MsgUnreachable is among them: it
// answers in the place of a peer that could not be reached. The answer for an unknown type is false.
func IsResponseMsg(msgt pb.MessageType) bool {
	switch msgt {
	case pb.MsgVoteResp, pb.MsgPreVoteResp:
		return true
	case pb.MsgAppResp, pb.MsgHeartbeatResp, pb.MsgReadIndexResp, pb.MsgUnreachable:
		return true
	case pb.MsgStorageAppendResp, pb.MsgStorageApplyResp:
		return true
	default:
		return false
	}
}

// IsLocalMsgTarget reports whether id names a storage thread of the replica itself, LocalAppendThread or
// LocalApplyThread, and not a member.
func IsLocalMsgTarget(id uint64) bool {
	return id == LocalAppendThread || id == LocalApplyThread
}

// voteResponse returns the type that answers a vote request: MsgPreVoteResp for MsgPreVote (thesis §9.6), MsgVoteResp
// for MsgVote. It is not to be asked about other types; it answers MsgVoteResp for them.
func voteResponse(request pb.MessageType) pb.MessageType {
	if request == pb.MsgPreVote {
		return pb.MsgPreVoteResp
	}
	return pb.MsgVoteResp
}
