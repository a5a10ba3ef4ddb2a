// How the generated types behave when an application handles them through the protobuf runtime or through fmt and
// encoding/json, instead of by their own methods.

package raftpb

import (
	"encoding/json"
	"testing"

	"github.com/gogo/protobuf/proto"
	"github.com/stretchr/testify/require"
)

func TestRuntimeAgreesWithMethods(t *testing.T) {
	for _, v := range loadVectors(t) {
		t.Run(v.name, func(t *testing.T) {
			value := v.value(t)
			encoded, err := proto.Marshal(value)
			require.NoError(t, err)
			require.Equal(t, v.encoded, encoded)
			require.Equal(t, len(v.encoded), proto.Size(value))

			decoded := newValue(v.kind)
			require.NoError(t, proto.Unmarshal(v.encoded, decoded))
			require.Equal(t, value, decoded)
			require.True(t, proto.Equal(value, decoded))
		})
	}
}

func TestCloneSharesNothing(t *testing.T) {
	original := Message{
		Context:   []byte("ctx"),
		Entries:   []Entry{{Index: 1, Data: []byte("data")}},
		Snapshot:  &Snapshot{Metadata: SnapshotMetadata{ConfState: ConfState{Voters: []uint64{1}}}},
		Responses: []Message{{To: 2, Context: []byte("more")}},
	}
	before, err := original.Marshal()
	require.NoError(t, err)

	clone := proto.Clone(&original).(*Message)
	require.Equal(t, &original, clone)
	clone.Context[0], clone.Entries[0].Data[0], clone.Responses[0].Context[0] = 'X', 'X', 'X'
	clone.Entries[0].Index, clone.Snapshot.Metadata.ConfState.Voters[0] = 9, 9

	after, err := original.Marshal()
	require.NoError(t, err)
	require.Equal(t, before, after)
}

func TestString(t *testing.T) {
	cases := []struct {
		value wireValue
		want  string
	}{
		{&Entry{Type: EntryConfChange, Term: 1, Index: 2, Data: []byte("x")},
			`Term:1 Index:2 Type:EntryConfChange Data:"x" `},
		{&SnapshotMetadata{Index: 3, Term: 1}, `conf_state:<auto_leave:false > index:3 term:1 `},
		{&Snapshot{Data: []byte("x")}, `data:"x" metadata:<conf_state:<auto_leave:false > index:0 term:0 > `},
		{&Message{Type: MsgVote, To: 1, From: 2, Term: 3}, `type:MsgVote to:1 from:2 term:3 logTerm:0 index:0 ` +
			`commit:0 vote:0 reject:false rejectHint:0 `},
		{&HardState{Term: 1, Vote: 2, Commit: 3}, `term:1 vote:2 commit:3 `},
		{&ConfState{Voters: []uint64{1, 2}, Learners: []uint64{3}}, `voters:1 voters:2 learners:3 auto_leave:false `},
		{&ConfChange{ID: 1, Type: ConfChangeUpdateNode, NodeID: 2}, `type:ConfChangeUpdateNode node_id:2 id:1 `},
		{&ConfChangeSingle{Type: ConfChangeRemoveNode, NodeID: 2}, `type:ConfChangeRemoveNode node_id:2 `},
		{&ConfChangeV2{Transition: ConfChangeTransitionJointExplicit},
			`transition:ConfChangeTransitionJointExplicit `},
	}
	require.Len(t, cases, len(kinds()))
	for _, tc := range cases {
		require.Equal(t, tc.want, tc.value.String())
	}
}

// In JSON an enumeration is read by name or by number.
func TestEnumerationsFromJSON(t *testing.T) {
	cases := []struct {
		target interface{ UnmarshalJSON([]byte) error }
		name   string
		number string
		want   any
	}{
		{new(EntryType), `"EntryConfChangeV2"`, `2`, EntryConfChangeV2.Enum()},
		{new(MessageType), `"MsgForgetLeader"`, `23`, MsgForgetLeader.Enum()},
		{new(ConfChangeType), `"ConfChangeAddLearnerNode"`, `3`, ConfChangeAddLearnerNode.Enum()},
		{new(ConfChangeTransition), `"ConfChangeTransitionJointImplicit"`, `1`, ConfChangeTransitionJointImplicit.Enum()},
	}
	for _, tc := range cases {
		require.Error(t, json.Unmarshal([]byte(`"Unheard"`), tc.target))
		require.NotEqual(t, tc.want, tc.target, "a refused name was stored")
		require.NoError(t, json.Unmarshal([]byte(tc.name), tc.target))
		require.Equal(t, tc.want, tc.target)
		require.NoError(t, json.Unmarshal([]byte(`0`), tc.target))
		require.NotEqual(t, tc.want, tc.target)
		require.NoError(t, json.Unmarshal([]byte(tc.number), tc.target))
		require.Equal(t, tc.want, tc.target)
	}
}
