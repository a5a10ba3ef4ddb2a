package raft

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

func TestDescribeHardState(t *testing.T) {
	for want, hs := range map[string]pb.HardState{
		"empty":                  {},
		"Term:1":                 {Term: 1},
		"Vote:2":                 {Vote: 2},
		"Commit:3":               {Commit: 3},
		"Term:1 Vote:2 Commit:3": {Term: 1, Vote: 2, Commit: 3},
	} {
		require.Equal(t, want, DescribeHardState(hs))
	}
}

func TestDescribeSoftState(t *testing.T) {
	require.Equal(t, "State:StateFollower", DescribeSoftState(SoftState{}))
	require.Equal(t, "State:StateLeader Lead:3", DescribeSoftState(SoftState{Lead: 3, RaftState: StateLeader}))
}

func TestDescribeConfState(t *testing.T) {
	for want, cs := range map[string]pb.ConfState{
		"empty":            {},
		"Voters:[3 1 2]":   {Voters: []uint64{3, 1, 2}},
		"AutoLeave":        {AutoLeave: true},
		"LearnersNext:[5]": {LearnersNext: []uint64{5}},
		"Voters:[1 2] VotersOutgoing:[1 4] Learners:[3] LearnersNext:[4] AutoLeave": {
			Voters: []uint64{1, 2}, VotersOutgoing: []uint64{1, 4}, Learners: []uint64{3}, LearnersNext: []uint64{4},
			AutoLeave: true,
		},
	} {
		require.Equal(t, want, DescribeConfState(cs))
	}
}

func TestDescribeSnapshot(t *testing.T) {
	for want, snap := range map[string]pb.Snapshot{
		"empty":   {},
		"Data:1B": {Data: []byte("x")},
		"0/5":     snapshotAt(0, 5),
		"2/5 Voters:[1] Data:3B": {
			Data:     []byte("abc"),
			Metadata: pb.SnapshotMetadata{Index: 5, Term: 2, ConfState: pb.ConfState{Voters: []uint64{1}}},
		},
	} {
		require.Equal(t, want, DescribeSnapshot(snap))
	}
}

// encoded returns the encoding of a membership change.
func encoded(t *testing.T, cc interface{ Marshal() ([]byte, error) }) []byte {
	data, err := cc.Marshal()
	require.NoError(t, err)
	return data
}

func TestDescribeEntry(t *testing.T) {
	upper := func(data []byte) string { return strings.ToUpper(string(data)) }
	v1 := func(cc pb.ConfChange) []byte { return encoded(t, &cc) }
	v2 := func(cc pb.ConfChangeV2) []byte { return encoded(t, &cc) }
	several := []pb.ConfChangeSingle{
		{Type: pb.ConfChangeAddNode, NodeID: 2},
		{Type: pb.ConfChangeAddLearnerNode, NodeID: 3},
		{Type: pb.ConfChangeRemoveNode, NodeID: 1},
	}
	for _, tc := range []struct {
		name   string
		typ    pb.EntryType
		data   []byte
		format EntryFormatter
		want   string
	}{
		{name: "no data", want: `EntryNormal ""`},
		{name: "text", data: []byte("a\n\x00b"), want: `EntryNormal "a\n\x00b"`},
		{name: "formatted", data: []byte("ab"), format: upper, want: `EntryNormal AB`},
		{name: "formatted to nothing", data: []byte("ab"), format: func([]byte) string { return "" },
			want: "EntryNormal "},
		{name: "unknown type", typ: 99, data: []byte("ab"), want: `99 "ab"`},

		{name: "V1", typ: pb.EntryConfChange, format: upper,
			data: v1(pb.ConfChange{Type: pb.ConfChangeRemoveNode, NodeID: 4}), want: "EntryConfChange r4"},
		{name: "V1 with all fields", typ: pb.EntryConfChange,
			data: v1(pb.ConfChange{ID: 7, Type: pb.ConfChangeUpdateNode, NodeID: 4, Context: []byte("at home")}),
			want: `EntryConfChange u4 ID:7 Context:"at home"`},
		{name: "V1 that was cancelled", typ: pb.EntryConfChange,
			data: v1(pb.ConfChange{}), want: "EntryConfChange v0"},
		{name: "V1 of an unknown kind", typ: pb.EntryConfChange,
			data: v1(pb.ConfChange{Type: 9, NodeID: 4}), want: "EntryConfChange ?9:4"},
		{name: "V1 cut short", typ: pb.EntryConfChange, data: []byte{8},
			want: "EntryConfChange malformed 0x08 (unexpected EOF)"},

		{name: "V2", typ: pb.EntryConfChangeV2, format: upper,
			data: v2(pb.ConfChangeV2{Changes: several}), want: "EntryConfChangeV2 v2 l3 r1"},
		{name: "V2 with all fields", typ: pb.EntryConfChangeV2,
			data: v2(pb.ConfChangeV2{
				Transition: pb.ConfChangeTransitionJointExplicit, Changes: several[:1], Context: []byte{1, 0xff},
			}),
			want: "EntryConfChangeV2 v2 Transition:JointExplicit Context:0x01ff"},
		{name: "V2 that leaves", typ: pb.EntryConfChangeV2, want: "EntryConfChangeV2 leave-joint"},
		{name: "V2 that leaves, with context", typ: pb.EntryConfChangeV2,
			data: v2(pb.ConfChangeV2{Context: []byte("x")}), want: `EntryConfChangeV2 leave-joint Context:"x"`},
		{name: "V2 without changes", typ: pb.EntryConfChangeV2,
			data: v2(pb.ConfChangeV2{Transition: pb.ConfChangeTransitionJointImplicit}),
			want: "EntryConfChangeV2 no-changes Transition:JointImplicit"},
		{name: "V2 of an unknown transition", typ: pb.EntryConfChangeV2,
			data: v2(pb.ConfChangeV2{Transition: 9, Changes: several[:1]}),
			want: "EntryConfChangeV2 v2 Transition:9"},
		{name: "V2 that is text", typ: pb.EntryConfChangeV2, data: []byte("abc"),
			want: `EntryConfChangeV2 malformed "abc" (unexpected EOF)`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := DescribeEntry(pb.Entry{Term: 1, Index: 4, Type: tc.typ, Data: tc.data}, tc.format)
			require.Equal(t, "1/4 "+tc.want, got)
		})
	}
}

// TestDescribeEntryOfAnyBytes feeds the decoders of membership changes all short inputs over a few bytes that matter to
// them; none may panic, and the line must stay a line.
func TestDescribeEntryOfAnyBytes(t *testing.T) {
	alphabet := []byte{0, 1, 2, 8, 10, 16, 18, 26, 0x7f, 0x80, 0xff}
	inputs := [][]byte{nil}
	for length := 0; length < 3; length++ {
		for _, prefix := range inputs {
			if len(prefix) < length {
				continue
			}
			for _, c := range alphabet {
				inputs = append(inputs, append(append([]byte(nil), prefix...), c))
			}
		}
	}
	require.Len(t, inputs, 1+11+121+1331)
	for _, data := range inputs {
		for _, typ := range []pb.EntryType{pb.EntryConfChange, pb.EntryConfChangeV2} {
			got := DescribeEntry(pb.Entry{Type: typ, Data: data}, nil)
			require.True(t, strings.HasPrefix(got, "0/0 "+typ.String()+" "), "%x: %s", data, got)
			require.NotContains(t, got, "\n")
		}
	}
}

func TestDescribeEntries(t *testing.T) {
	require.Empty(t, DescribeEntries(nil, nil))
	ents := []pb.Entry{{Term: 1, Index: 4, Data: []byte("x")}, {Term: 2, Index: 5}}
	require.Equal(t, "1/4 EntryNormal \"x\"\n2/5 EntryNormal \"\"\n", DescribeEntries(ents, nil))
	size := func(data []byte) string { return fmt.Sprint(len(data)) }
	require.Equal(t, "1/4 EntryNormal 1\n2/5 EntryNormal 0\n", DescribeEntries(ents, size))
}

func TestDescribeMessageFields(t *testing.T) {
	for want, m := range map[string]pb.Message{
		"None->None MsgHup": {},
		"None->1 MsgProp":   {To: 1, Type: pb.MsgProp},
		"1->2 MsgHeartbeat Term:3 Commit:4": {
			From: 1, To: 2, Type: pb.MsgHeartbeat, Term: 3, Commit: 4,
		},
		`1->2 MsgHeartbeat Context:"ctx 1"`: {
			From: 1, To: 2, Type: pb.MsgHeartbeat, Context: []byte("ctx 1"),
		},
		"1->2 MsgHeartbeat Context:0x0a0b": {
			From: 1, To: 2, Type: pb.MsgHeartbeat, Context: []byte{10, 11},
		},
		"1->2 MsgHeartbeat Context:0x6dc3bc": { // not ASCII
			From: 1, To: 2, Type: pb.MsgHeartbeat, Context: []byte("m\u00fc"),
		},
		"2->1 MsgAppResp Term:3 Index:4": {
			From: 2, To: 1, Type: pb.MsgAppResp, Term: 3, Index: 4,
		},
		"2->1 MsgAppResp Term:3 Reject:9 Hint:2/4": {
			From: 2, To: 1, Type: pb.MsgAppResp, Term: 3, Index: 9, LogTerm: 2, Reject: true, RejectHint: 4,
		},
		"2->1 MsgAppResp Reject:1 Hint:0/0": {From: 2, To: 1, Type: pb.MsgAppResp, Index: 1, Reject: true},
		"1->2 MsgVote Term:3 Log:2/7":       {From: 1, To: 2, Type: pb.MsgVote, Term: 3, LogTerm: 2, Index: 7},
		"1->2 MsgVote Log:2/0":              {From: 1, To: 2, Type: pb.MsgVote, LogTerm: 2},
		"2->1 MsgVoteResp Term:3 Reject":    {From: 2, To: 1, Type: pb.MsgVoteResp, Term: 3, Reject: true},
		"2->1 MsgVoteResp Reject Hint:5":    {From: 2, To: 1, Type: pb.MsgVoteResp, Reject: true, RejectHint: 5},
		"2->1 MsgHeartbeatResp Hint:5":      {From: 2, To: 1, Type: pb.MsgHeartbeatResp, RejectHint: 5},
		"1->2 MsgSnap Term:3 Snapshot:{2/5}": {
			From: 1, To: 2, Type: pb.MsgSnap, Term: 3, Snapshot: &pb.Snapshot{
				Metadata: pb.SnapshotMetadata{Index: 5, Term: 2},
			},
		},
		"1->2 MsgSnap Snapshot:{empty}": {From: 1, To: 2, Type: pb.MsgSnap, Snapshot: &pb.Snapshot{}},
		"1->AppendThread MsgStorageAppend Term:1 Commit:3 Vote:2": {
			From: 1, To: LocalAppendThread, Type: pb.MsgStorageAppend, Term: 1, Vote: 2, Commit: 3,
		},
		"ApplyThread->1 MsgStorageApplyResp": {From: LocalApplyThread, To: 1, Type: pb.MsgStorageApplyResp},
		"18446744073709551613->1 99 Term:18446744073709551615": {
			From: math.MaxUint64 - 2, To: 1, Type: 99, Term: math.MaxUint64,
		},
		`1->2 MsgApp Term:1 Log:1/3 Commit:3 Entries:[1/4 EntryNormal "x"]`: {
			From: 1, To: 2, Type: pb.MsgApp, Term: 1, LogTerm: 1, Index: 3, Commit: 3,
			Entries: []pb.Entry{{Term: 1, Index: 4, Data: []byte("x")}},
		},
	} {
		require.Equal(t, want, DescribeMessage(m, nil))
	}
}

func TestDescribeMessageOnSeveralLines(t *testing.T) {
	ents := []pb.Entry{{Term: 1, Index: 4, Data: []byte("x")}, {Term: 1, Index: 5, Data: []byte("y")}}
	m := pb.Message{
		From: 1, To: LocalAppendThread, Type: pb.MsgStorageAppend, Term: 1, Commit: 3, Entries: ents,
		Responses: []pb.Message{
			{From: 1, To: 2, Type: pb.MsgApp, Term: 1, LogTerm: 1, Index: 3, Entries: ents},
			{From: LocalAppendThread, To: 1, Type: pb.MsgStorageAppendResp, Term: 1, LogTerm: 1, Index: 5,
				Responses: []pb.Message{{From: 1, To: 3, Type: pb.MsgTimeoutNow}}},
		},
	}
	require.Equal(t, strings.TrimSpace(`
1->AppendThread MsgStorageAppend Term:1 Commit:3 Entries:[
  1/4 EntryNormal (x)
  1/5 EntryNormal (y)
] Responses:[
  1->2 MsgApp Term:1 Log:1/3 Entries:[
    1/4 EntryNormal (x)
    1/5 EntryNormal (y)
  ]
  AppendThread->1 MsgStorageAppendResp Term:1 Log:1/5 Responses:[
    1->3 MsgTimeoutNow
  ]
]`), DescribeMessage(m, func(data []byte) string { return "(" + string(data) + ")" }))
}

func TestDescribeReady(t *testing.T) {
	require.Equal(t, "empty\n", DescribeReady(Ready{}, nil))
	rd := Ready{
		SoftState:  &SoftState{Lead: 1, RaftState: StateLeader},
		HardState:  pb.HardState{Term: 1, Vote: 1, Commit: 4},
		ReadStates: []ReadState{{Index: 4, RequestCtx: []byte("r")}, {RequestCtx: []byte{0}}},
		LostReads:  []LostRead{{RequestCtx: []byte("s"), Reason: errors.New("no leader")}, {}},
		Entries: []pb.Entry{
			{Term: 1, Index: 5, Data: []byte("x")},
			{Term: 1, Index: 6, Type: pb.EntryConfChangeV2},
		},
		Snapshot:         snapshotAt(1, 3),
		CommittedEntries: []pb.Entry{{Term: 1, Index: 4, Data: []byte("w")}},
		Messages: []pb.Message{
			{From: 1, To: 2, Type: pb.MsgApp, Term: 1, Entries: []pb.Entry{{Term: 1, Index: 1}, {Term: 1, Index: 2}}},
			{From: 1, To: 3, Type: pb.MsgHeartbeat, Term: 1},
		},
		MustSync: true,
	}
	require.Equal(t, strings.TrimLeft(`
SoftState State:StateLeader Lead:1
HardState Term:1 Vote:1 Commit:4
ReadStates
  Index:4 Context:"r"
  Index:0 Context:0x00
LostReads
  Context:"s" Reason:no leader
  Context:"" Reason:<nil>
Entries
  1/5 EntryNormal "x"
  1/6 EntryConfChangeV2 leave-joint
Snapshot 1/3
CommittedEntries
  1/4 EntryNormal "w"
Messages
  1->2 MsgApp Term:1 Entries:[
    1/1 EntryNormal ""
    1/2 EntryNormal ""
  ]
  1->3 MsgHeartbeat Term:1
MustSync
`, "\n"), DescribeReady(rd, nil))
}

// TestDescribeReadyShowsEachFieldAlone checks that every field of a Ready has a section, and no empty field has one.
func TestDescribeReadyShowsEachFieldAlone(t *testing.T) {
	for want, rd := range map[string]Ready{
		"SoftState State:StateFollower\n":            {SoftState: &SoftState{}},
		"HardState Commit:1\n":                       {HardState: pb.HardState{Commit: 1}},
		"ReadStates\n  Index:1 Context:\"\"\n":       {ReadStates: []ReadState{{Index: 1}}},
		"LostReads\n  Context:\"\" Reason:<nil>\n":   {LostReads: make([]LostRead, 1)},
		"Entries\n  0/0 EntryNormal \"\"\n":          {Entries: make([]pb.Entry, 1)},
		"Snapshot 1/2\n":                             {Snapshot: snapshotAt(1, 2)},
		"CommittedEntries\n  0/0 EntryNormal \"\"\n": {CommittedEntries: make([]pb.Entry, 1)},
		"Messages\n  None->None MsgHup\n":            {Messages: make([]pb.Message, 1)},
		"MustSync\n":                                 {MustSync: true},
		"Messages\n  1->2 MsgHup\n  2->AppendThread MsgHup\n": {
			Messages: []pb.Message{{From: 1, To: 2}, {From: 2, To: LocalAppendThread}},
		},
	} {
		require.Equal(t, want, DescribeReady(rd, nil))
	}
}
