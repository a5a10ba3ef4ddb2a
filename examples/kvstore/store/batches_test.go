package store

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A member that replays its log applies in large batches what others have applied bit by bit. See TestSplitsDoNotMatter.

// TestLongBatchesAreRemembered has a batch change many more keys than the cache of keys holds.
func TestLongBatchesAreRemembered(t *testing.T) {
	s := openNew(t, Bounds{})
	var f feed
	create := put("x", "1")
	create.Cond = IfAbsent()
	commands := []Command{create}
	for i := range 200 {
		commands = append(commands, put(fmt.Sprint("key ", i), "v"))
	}
	create.Value = []byte("2")
	results := f.do(t, s, append(commands, create)...)
	require.Equal(t, CodePreconditionFailed, results[len(results)-1].Code)
	kv, found, err := s.Get([]byte("x"))
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, "1", string(kv.Value))
	require.EqualValues(t, 201, s.Stats().Keys)
}

// TestLargeResultsEndABatch reads a large value very often.
func TestLargeResultsEndABatch(t *testing.T) {
	s := openNew(t, Bounds{})
	var f feed
	f.do(t, s, put("a", strings.Repeat("x", 3<<20)), put("b", strings.Repeat("y", ownBytes)))
	get := func(keys ...string) Command {
		c := Command{Kind: KindTxn}
		for _, key := range keys {
			c.Then = append(c.Then, Op{Kind: OpGet, Key: []byte(key)})
		}
		return c
	}
	commands := f.commands(t, get("a"), get("c"), get("a", "a"), get("a"), put("c", "1"), get("c"), get("b"))
	results, err := s.Apply(commands)
	require.NoError(t, err)
	require.Len(t, results, 3, "9 MiB and more")
	more, err := s.Apply(commands[3:])
	require.NoError(t, err)
	require.Len(t, more, 4, "3 MiB")
	require.NoError(t, s.Commit(f.index, nil))
	large := decodeAll(t, results)[2]
	require.Len(t, large.Ops[1].Value, 3<<20)

	kept := decodeAll(t, [][]byte{s.Condense(results[2])})[0]
	for i := range large.Ops {
		large.Ops[i].Value, large.Ops[i].Omitted = []byte{}, true
	}
	require.Equal(t, large, kept)
	require.Less(t, len(s.Condense(results[2])), 64)
	for _, i := range []int{0, 1} { // c was not there, and a put has nothing to drop
		result := [][]byte{results[1], more[1]}[i]
		require.Equal(t, result, s.Condense(result))
	}
	condensed := s.Condense(more[2])
	require.NotEqual(t, more[2], condensed, "small values go as well: what is kept must not depend on how they were stored")
	require.Equal(t, condensed, s.Condense(condensed))
	require.Empty(t, s.Condense(nil))

	require.GreaterOrEqual(t, len(more[3]), ownBytes)
	require.Less(t, cap(more[3]), ownBytes+ownBytes/4, "a large result has memory of its own")
}
