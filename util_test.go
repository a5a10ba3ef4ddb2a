package raft

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

func TestMessageTypePredicates(t *testing.T) {
	for _, tc := range []struct {
		typ             pb.MessageType
		local, response bool
	}{
		{typ: pb.MsgHup, local: true},
		{typ: pb.MsgBeat, local: true},
		{typ: pb.MsgProp},
		{typ: pb.MsgApp},
		{typ: pb.MsgAppResp, response: true},
		{typ: pb.MsgVote},
		{typ: pb.MsgVoteResp, response: true},
		{typ: pb.MsgSnap},
		{typ: pb.MsgHeartbeat},
		{typ: pb.MsgHeartbeatResp, response: true},
		{typ: pb.MsgUnreachable, local: true, response: true},
		{typ: pb.MsgSnapStatus, local: true},
		{typ: pb.MsgCheckQuorum, local: true},
		{typ: pb.MsgTransferLeader},
		{typ: pb.MsgTimeoutNow},
		{typ: pb.MsgReadIndex},
		{typ: pb.MsgReadIndexResp, response: true},
		{typ: pb.MsgPreVote},
		{typ: pb.MsgPreVoteResp, response: true},
		{typ: pb.MsgStorageAppend, local: true},
		{typ: pb.MsgStorageAppendResp, local: true, response: true},
		{typ: pb.MsgStorageApply, local: true},
		{typ: pb.MsgStorageApplyResp, local: true, response: true},
		{typ: pb.MsgForgetLeader},
		// Types that no version has.
		{typ: -1},
		{typ: pb.MessageType(len(pb.MessageType_name))},
		{typ: math.MaxInt32},
		{typ: math.MinInt32},
	} {
		t.Run(tc.typ.String(), func(t *testing.T) {
			require.Equal(t, tc.local, IsLocalMsg(tc.typ))
			require.Equal(t, tc.response, IsResponseMsg(tc.typ))
		})
	}
	require.Len(t, pb.MessageType_name, 24, "a new message type belongs into the table above")
}

func TestIsLocalMsgTarget(t *testing.T) {
	for id, want := range map[uint64]bool{
		None:               false,
		1:                  false,
		math.MaxUint64 - 2: false,
		LocalApplyThread:   true,
		LocalAppendThread:  true,
	} {
		require.Equal(t, want, IsLocalMsgTarget(id), "%d", id)
	}
}

func TestVoteResponse(t *testing.T) {
	require.Equal(t, pb.MsgVoteResp, voteResponse(pb.MsgVote))
	require.Equal(t, pb.MsgPreVoteResp, voteResponse(pb.MsgPreVote))
	require.Equal(t, pb.MsgVoteResp, voteResponse(-1), "what is no pre-vote is a vote")
}
