package replica

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

func TestChangeContextComesBackAsItWas(t *testing.T) {
	for _, c := range []changeContext{
		{life: 1, number: 2},
		{life: 1 << 63, number: 1 << 40, addresses: []memberAddress{{3, "c:1"}, {1, "a:1"}, {1 << 50, ""}}},
	} {
		data := c.encode()
		require.Equal(t, len(data), cap(data))
		got, err := decodeChangeContext(data)
		require.NoError(t, err)
		require.Equal(t, c, got)
		for n := 1; n < len(data); n++ {
			_, err := decodeChangeContext(data[:n])
			require.Error(t, err)
		}
	}
}

func TestChangeContextEmptyIsNobodys(t *testing.T) {
	c, err := decodeChangeContext(nil)
	require.NoError(t, err)
	require.Zero(t, c)
}

func TestChangeContextRefusesWhatIsNone(t *testing.T) {
	e := envelope{kind: kindCommand, command: []byte("x")}
	_, err := decodeChangeContext(e.encode())
	require.ErrorContains(t, err, "context of a membership change: first byte at offset 0 says command")

	c := changeContext{addresses: []memberAddress{{1, "a"}}}
	data := c.encode()
	data[len(data)-4] = 200
	_, err = decodeChangeContext(data)
	require.Error(t, err, "a number of addresses that the bytes cannot hold")
}

func TestMemberTableFollowsMembershipChanges(t *testing.T) {
	var table memberTable
	apply := func(context []byte) error {
		c, err := decodeChangeContext(context)
		table.set(c.addresses...)
		return err
	}
	add := changeContext{addresses: []memberAddress{{5, "e:1"}, {2, "b:1"}, {9, "i:1"}}}
	require.NoError(t, apply(add.encode()))
	before := table

	move := changeContext{addresses: []memberAddress{{2, "b:2"}}}
	require.NoError(t, apply(move.encode()))
	require.NoError(t, apply(nil), "leaving a joint membership has no context")
	require.Error(t, apply([]byte("else")))

	require.Equal(t, []memberAddress{{2, "b:2"}, {5, "e:1"}, {9, "i:1"}}, table.list)
	require.Equal(t, []memberAddress{{2, "b:1"}, {5, "e:1"}, {9, "i:1"}}, before.list, "a copy stays as it was")
	address, known := table.address(9)
	require.True(t, known)
	require.Equal(t, "i:1", address)
	_, known = table.address(3)
	require.False(t, known)

	require.False(t, table.set(memberAddress{5, "e:1"}))
	require.True(t, table.set(memberAddress{5, "e:2"}))
}

func TestMemberTableRetainsMembersOfEveryKind(t *testing.T) {
	var table memberTable
	for id := uint64(1); id <= 6; id++ {
		table.set(memberAddress{id, "x"})
	}
	before := table
	cs := pb.ConfState{Voters: []uint64{4, 1}, Learners: []uint64{2}, VotersOutgoing: []uint64{1, 6}, LearnersNext: []uint64{6}}
	require.Equal(t, []uint64{3, 5}, table.retain(cs))
	require.Equal(t, []memberAddress{{1, "x"}, {2, "x"}, {4, "x"}, {6, "x"}}, table.list)
	require.Len(t, before.list, 6)
	require.Empty(t, table.retain(cs))

	cs.Voters = append(cs.Voters, 8)
	require.Equal(t, []Member{
		{ID: 1, Address: "x"}, {ID: 2, Address: "x", Learner: true}, {ID: 4, Address: "x"}, {ID: 6, Address: "x"}, {ID: 8},
	}, table.members(cs))
}

func TestMemberTableComesBackAsItWas(t *testing.T) {
	for _, list := range [][]memberAddress{nil, {{1, "a"}}, {{1, ""}, {2, "b"}, {1 << 63, "c"}}} {
		table := memberTable{list: list}
		if len(list) > 1 {
			table.remove(9)
			table.remove(4)
			table.remove(9)
			require.Equal(t, []uint64{4, 9}, table.removed)
			require.True(t, table.wasRemoved(9))
			require.False(t, table.wasRemoved(5))
		}
		got, err := decodeMemberTable(table.encode())
		require.NoError(t, err)
		require.Equal(t, table, got)
		record := table.record()
		require.Equal(t, []byte{'m'}, record.Key)
		require.Equal(t, table.encode(), record.Value)
	}
	_, err := decodeMemberTable(memberTable{list: []memberAddress{{2, "b"}, {1, "a"}}}.encode())
	require.EqualError(t, err, "members table: member 1 stands after member 2")
	_, err = decodeMemberTable(memberTable{removed: []uint64{2, 2}}.encode())
	require.EqualError(t, err, "members table: member 2 stands after member 2")
	_, err = decodeMemberTable(appendAddresses(nil, []memberAddress{{0, "b"}}))
	require.ErrorContains(t, err, "must not be zero")
}

func FuzzMembers(f *testing.F) {
	c := changeContext{life: 1, number: 2, addresses: []memberAddress{{3, "c:1"}, {1, "a:1"}}}
	f.Add(c.encode())
	f.Add(memberTable{list: []memberAddress{{1, "a"}, {2, "b"}}}.encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := decodeChangeContext(data); err == nil && len(data) > 0 {
			require.Equal(t, data, c.encode())
		}
		if table, err := decodeMemberTable(data); err == nil {
			require.Equal(t, data, table.encode())
		}
	})
}
