package cluster

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMembersWithOneHashAgree(t *testing.T) {
	require.NoError(t, agree([]hashOf{{"a", 3, 7}, {"b", 3, 7}, {"c", 3, 7}}))
}

func TestADifferentHashIsFinal(t *testing.T) {
	err := agree([]hashOf{{"a", 3, 7}, {"b", 3, 7}, {"c", 3, 8}})
	require.EqualError(t, err, "members differ: a has the hash 00000007, c 00000008")
	require.NotErrorIs(t, err, errRetry)
}

func TestHashesOverOtherRevisionsAreAskedForAgain(t *testing.T) {
	require.ErrorIs(t, agree([]hashOf{{"a", 3, 7}, {"b", 2, 8}}), errRetry)
}
