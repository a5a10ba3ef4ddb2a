package linear

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/internal/choose"
)

func TestOnlineKeepsRealTimeOrder(t *testing.T) {
	var o Online
	early := o.Called()
	require.Zero(t, early.Index())
	require.Nil(t, o.Done(o.Called(), write(7, 1, 2), 10))
	floor := o.Called()
	require.EqualValues(t, 10, floor.Index())

	require.Nil(t, o.Done(early, read(0, 0, 3), 9), "it overlaps the write")
	require.EqualValues(t, 10, o.Called().Index(), "an index does not fall")
	require.Nil(t, o.Done(floor, read(7, 3, 4), 10), "a read may see the same state")
	require.Nil(t, o.Done(floor, write(8, 3, 4), 11))
	require.Nil(t, o.Done(floor, read(7, 3, 5), 10), "it overlaps the write of 8")
	require.Nil(t, o.Done(o.Called(), read(8, 6, 7), 15), "other entries were applied meanwhile")
	require.EqualValues(t, 15, o.Called().Index())
}

func TestOnlineRefusesAStaleRead(t *testing.T) {
	var o Online
	require.Nil(t, o.Done(o.Called(), write(7, 1, 2), 10))
	stale := read(0, 3, 4)
	stale.Client, stale.Key = 5, 2
	v := o.Done(o.Called(), stale, 9)
	require.Equal(t, &Violation{
		Kind: OutOfOrder, Key: 2, Operations: []Operation{write(7, 1, 2), stale},
		Explanation: "client 5's read of 0 from key 2 [3, 4] took effect at index 9, but began after client 0's write of 7 to " +
			"key 1 [1, 2] had ended, which took effect at index 10",
	}, v)
	require.EqualValues(t, 10, o.Called().Index(), "a violation does not move the floor")
}

func TestOnlineRefusesTwoWritesAtOneIndex(t *testing.T) {
	var o Online
	require.Nil(t, o.Done(o.Called(), write(7, 1, 2), 10))
	require.Equal(t, OutOfOrder, o.Done(o.Called(), write(8, 3, 4), 10).Kind)
	require.Nil(t, o.Done(o.Called(), write(8, 3, 4), 11))
}

func TestOnlineRefusesAWriteWithoutAnEntry(t *testing.T) {
	var o Online
	v := o.Done(o.Called(), write(7, 1, 2), 0)
	require.Equal(t, "not linearizable (out of order in the log): client 0's write of 7 to key 1 [1, 2] took effect at index "+
		"0, where there is no entry\n  client 0's write of 7 to key 1 [1, 2]", v.String())
	require.Nil(t, o.Done(o.Called(), read(0, 1, 2), 0), "a read may come before every entry")
}

// The twin of Online compares each operation with every earlier one.
func TestOnlineAgreesWithAllPairs(t *testing.T) {
	type effect struct {
		Operation
		index uint64
	}
	s, refused := choose.NewSeeded(4), 0
	for range 20_000 {
		var o Online
		var ended []effect
		floors := [3]Floor{}
		calls := [3]uint64{}
		for now := range uint64(12) {
			client := s.Choose(3)
			if calls[client] == 0 {
				calls[client], floors[client] = now+1, o.Called()
				continue
			}
			e := effect{Operation{Client: client, Write: s.Choose(2) == 1, Call: calls[client], Return: now + 1}, 1 + now/2}
			e.index += uint64(s.Choose(4))
			calls[client] = 0
			wrong := false
			for _, before := range ended {
				precedes := before.Return < e.Call
				wrong = wrong || precedes && (e.index < before.index || e.Write && e.index == before.index)
			}
			require.Equal(t, wrong, o.Done(floors[client], e.Operation, e.index) != nil)
			if wrong {
				refused++
				break
			}
			ended = append(ended, e)
		}
	}
	require.Greater(t, refused, 1000)
	require.Less(t, refused, 19_000)
}

func TestOnlineDoesNotAllocate(t *testing.T) {
	var o Online
	index := uint64(0)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		floor := o.Called()
		index++
		if o.Done(floor, write(index, index, index), index) != nil {
			t.Fail()
		}
	}))
}
