package raftpb

import (
	"math"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConfChangesFromString(t *testing.T) {
	all := []ConfChangeSingle{
		{Type: ConfChangeAddNode, NodeID: 1},
		{Type: ConfChangeAddLearnerNode, NodeID: 2},
		{Type: ConfChangeRemoveNode, NodeID: 3},
		{Type: ConfChangeUpdateNode, NodeID: 4},
	}
	cases := []struct {
		text string
		want []ConfChangeSingle
	}{
		{"", nil},
		{" ", nil},
		{"v1 l2 r3 u4", all},
		{" v1 l2 r3 u4 ", all},
		{"\tv1 l2 r3 u4\n", all},
		{"v001 l2 r03 u4", all},
		{"r7", []ConfChangeSingle{{Type: ConfChangeRemoveNode, NodeID: 7}}},
		{"v0", []ConfChangeSingle{{Type: ConfChangeAddNode}}},
		{"v1 r1 v1", []ConfChangeSingle{{NodeID: 1}, {Type: ConfChangeRemoveNode, NodeID: 1}, {NodeID: 1}}},
		{"l18446744073709551615", []ConfChangeSingle{{Type: ConfChangeAddLearnerNode, NodeID: math.MaxUint64}}},
	}
	for _, tc := range cases {
		got, err := ConfChangesFromString(tc.text)
		require.NoError(t, err, "%q", tc.text)
		require.Equal(t, tc.want, got, "%q", tc.text)
	}
}

func TestConfChangesFromStringNamesTheToken(t *testing.T) {
	cases := []struct {
		text, token string
		cause       error
	}{
		{"v", `"v"`, strconv.ErrSyntax},
		{"1", `"1"`, nil},
		{"x1", `"x1"`, nil},
		{"V1", `"V1"`, nil},
		{"v1 q2 w3", `"q2"`, nil},
		{"v1 lx", `"lx"`, strconv.ErrSyntax},
		{"v-1", `"v-1"`, strconv.ErrSyntax},
		{"v+1", `"v+1"`, strconv.ErrSyntax},
		{"v1.5", `"v1.5"`, strconv.ErrSyntax},
		{"v0x10", `"v0x10"`, strconv.ErrSyntax},
		{"v1_000", `"v1_000"`, strconv.ErrSyntax},
		{"v18446744073709551616", `"v18446744073709551616"`, strconv.ErrRange},
		{"v1  l2", `""`, nil},
		{"v1\tl2", `"v1\tl2"`, strconv.ErrSyntax},
		{"v1,l2", `"v1,l2"`, strconv.ErrSyntax},
		{"v 1", `"v"`, strconv.ErrSyntax},
		{"\u00e91", `"` + "\u00e9" + `1"`, nil},
	}
	for _, tc := range cases {
		got, err := ConfChangesFromString(tc.text)
		require.ErrorContains(t, err, "membership change "+tc.token+" ", "%q", tc.text)
		require.Nil(t, got, "%q", tc.text)
		if tc.cause != nil {
			require.ErrorIs(t, err, tc.cause, "%q", tc.text)
		}
	}
}

func TestConfChangesToString(t *testing.T) {
	cases := []struct {
		ccs  []ConfChangeSingle
		want string
	}{
		{nil, ""},
		{[]ConfChangeSingle{}, ""},
		{[]ConfChangeSingle{{}}, "v0"},
		{[]ConfChangeSingle{{Type: ConfChangeAddLearnerNode, NodeID: math.MaxUint64}}, "l18446744073709551615"},
		{[]ConfChangeSingle{
			{Type: ConfChangeUpdateNode, NodeID: 4},
			{Type: ConfChangeRemoveNode, NodeID: 3},
			{Type: ConfChangeAddLearnerNode, NodeID: 2},
			{Type: ConfChangeAddNode, NodeID: 1},
		}, "u4 r3 l2 v1"},
		{[]ConfChangeSingle{{NodeID: 1}, {Type: 9, NodeID: 2}, {Type: -1, NodeID: 3}}, "v1 ?9:2 ?-1:3"},
	}
	for _, tc := range cases {
		require.Equal(t, tc.want, ConfChangesToString(tc.ccs))
	}
}

// A type without a letter is shown, and cannot be read back as a change of another type.
func TestConfChangesToStringOfUnknownTypeIsRefused(t *testing.T) {
	text := ConfChangesToString([]ConfChangeSingle{{Type: 4, NodeID: 1}})
	_, err := ConfChangesFromString(text)
	require.ErrorContains(t, err, `"?4:1"`)
}
