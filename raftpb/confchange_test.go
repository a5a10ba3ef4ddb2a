package raftpb

import (
	"testing"

	"github.com/stretchr/testify/require"
)

var _ = []ConfChangeI{ConfChange{}, ConfChangeV2{}, &ConfChange{}, &ConfChangeV2{}}

func TestConfChangeForms(t *testing.T) {
	for typ := ConfChangeAddNode; typ <= ConfChangeAddLearnerNode; typ++ {
		t.Run(typ.String(), func(t *testing.T) {
			one := ConfChange{ID: 7, Type: typ, NodeID: 3, Context: []byte("why")}
			same, ok := one.AsV1()
			require.True(t, ok)
			require.Equal(t, one, same)
			require.Equal(t, ConfChangeV2{
				Transition: ConfChangeTransitionAuto,
				Changes:    []ConfChangeSingle{{Type: typ, NodeID: 3}},
				Context:    []byte("why"),
			}, one.AsV2())
		})
	}

	general := ConfChangeV2{
		Transition: ConfChangeTransitionJointExplicit,
		Changes:    []ConfChangeSingle{{Type: ConfChangeRemoveNode, NodeID: 2}},
		Context:    []byte("why"),
	}
	require.Equal(t, general, general.AsV2())
	none, ok := general.AsV1()
	require.False(t, ok)
	require.Equal(t, ConfChange{}, none)
}

// A change of member zero is how an application cancels a change, and keeps that meaning in the general form.
func TestConfChangeOfMemberZeroIsKept(t *testing.T) {
	cancelled := ConfChange{Type: ConfChangeRemoveNode}
	require.Equal(t, []ConfChangeSingle{{Type: ConfChangeRemoveNode}}, cancelled.AsV2().Changes)
}

func TestEnterJoint(t *testing.T) {
	const unknown = ConfChangeTransition(3)
	cases := []struct {
		transition    ConfChangeTransition
		changes       int
		autoLeave, ok bool
	}{
		{ConfChangeTransitionAuto, 0, false, false},
		{ConfChangeTransitionAuto, 1, false, false},
		{ConfChangeTransitionAuto, 2, true, true},
		{ConfChangeTransitionAuto, 3, true, true},
		{ConfChangeTransitionJointImplicit, 0, true, true},
		{ConfChangeTransitionJointImplicit, 1, true, true},
		{ConfChangeTransitionJointImplicit, 2, true, true},
		{ConfChangeTransitionJointExplicit, 0, false, true},
		{ConfChangeTransitionJointExplicit, 1, false, true},
		{ConfChangeTransitionJointExplicit, 2, false, true},
		{unknown, 0, false, false},
		{unknown, 1, false, false},
		{unknown, 2, false, false},
		{-1, 2, false, false},
	}
	for _, tc := range cases {
		c := ConfChangeV2{Transition: tc.transition, Changes: make([]ConfChangeSingle, tc.changes)}
		autoLeave, ok := c.EnterJoint()
		require.Equal(t, tc.ok, ok, "%v, %d changes", tc.transition, tc.changes)
		require.Equal(t, tc.autoLeave, autoLeave, "%v, %d changes", tc.transition, tc.changes)
	}
}

func TestLeaveJoint(t *testing.T) {
	one := []ConfChangeSingle{{Type: ConfChangeUpdateNode}}
	cases := []struct {
		name  string
		c     ConfChangeV2
		leave bool
	}{
		{"empty", ConfChangeV2{}, true},
		{"empty, list not nil", ConfChangeV2{Changes: []ConfChangeSingle{}}, true},
		{"empty with context", ConfChangeV2{Context: []byte("done")}, true},
		{"with a change", ConfChangeV2{Changes: one}, false},
		{"with a change and context", ConfChangeV2{Changes: one, Context: []byte("done")}, false},
		{"implicit", ConfChangeV2{Transition: ConfChangeTransitionJointImplicit}, false},
		{"explicit", ConfChangeV2{Transition: ConfChangeTransitionJointExplicit}, false},
		{"unknown transition", ConfChangeV2{Transition: 3}, false},
	}
	for _, tc := range cases {
		require.Equal(t, tc.leave, tc.c.LeaveJoint(), tc.name)
	}
	withContext := ConfChangeV2{Context: []byte("done")}
	require.True(t, withContext.LeaveJoint())
	require.Equal(t, []byte("done"), withContext.Context, "the question changed the value")
}

func TestMarshalConfChange(t *testing.T) {
	one := ConfChange{ID: 77, Type: ConfChangeRemoveNode, NodeID: 300, Context: []byte("why")}
	oneBytes := unhex(t, "084d100118ac022203776879")
	general := ConfChangeV2{
		Transition: ConfChangeTransitionJointExplicit,
		Changes:    []ConfChangeSingle{{Type: ConfChangeAddLearnerNode, NodeID: 3}},
		Context:    []byte("c"),
	}
	generalBytes := unhex(t, "08021204080310031a0163")
	cases := []struct {
		name string
		c    ConfChangeI
		typ  EntryType
		data []byte
	}{
		{"nil", nil, EntryConfChangeV2, nil},
		{"V1", one, EntryConfChange, oneBytes},
		{"pointer to V1", &one, EntryConfChange, oneBytes},
		{"V1 in the general form", one.AsV2(), EntryConfChangeV2, unhex(t, "080012050801"+"10ac02"+"1a03776879")},
		{"V2", general, EntryConfChangeV2, generalBytes},
		{"pointer to V2", &general, EntryConfChangeV2, generalBytes},
		{"empty V2", ConfChangeV2{}, EntryConfChangeV2, unhex(t, "0800")},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			typ, data, err := MarshalConfChange(tc.c)
			require.NoError(t, err)
			require.Equal(t, tc.typ, typ)
			require.Equal(t, tc.data, data)
		})
	}
}

// The Data of the entry for a nil change, and the encoding of an empty V2 change, differ and mean the same.
func TestNilConfChangeLeavesJoint(t *testing.T) {
	for _, c := range []ConfChangeI{nil, ConfChangeV2{}} {
		_, data, err := MarshalConfChange(c)
		require.NoError(t, err)
		var decoded ConfChangeV2
		require.NoError(t, decoded.Unmarshal(data))
		require.True(t, decoded.LeaveJoint())
	}
}

func TestMarshalConfChangeRefusesNilPointers(t *testing.T) {
	for name, c := range map[string]ConfChangeI{
		"*raftpb.ConfChange,":   (*ConfChange)(nil),
		"*raftpb.ConfChangeV2,": (*ConfChangeV2)(nil),
	} {
		typ, data, err := MarshalConfChange(c)
		require.ErrorContains(t, err, name)
		require.Equal(t, EntryNormal, typ)
		require.Nil(t, data)
	}
}
