package linear

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/internal/choose"
)

// The clients of these histories are numbered by position, and the key is 1 unless a test says otherwise.

func write(value, call, end uint64) Operation {
	return Operation{Key: 1, Write: true, Value: value, Call: call, Return: end}
}

func read(value, call, end uint64) Operation {
	return Operation{Key: 1, Value: value, Call: call, Return: end}
}

func history(operations ...Operation) []Operation {
	for i := range operations {
		operations[i].Client = i
	}
	return operations
}

func TestCheckAccepts(t *testing.T) {
	for name, h := range map[string][]Operation{
		"nothing":                               nil,
		"a read of the initial value":           history(read(0, 1, 2)),
		"a read that overlaps the write":        history(write(7, 5, 9), read(7, 1, 5)),
		"old and new during a write":            history(write(7, 1, 9), read(0, 2, 3), read(7, 4, 5)),
		"old value as its successor is written": history(write(7, 1, 2), write(8, 3, 9), read(7, 4, 5), read(8, 6, 7)),
		"pending write never read":              history(write(7, 1, Pending), read(0, 5, 6)),
		"pending write read late":               history(write(7, 1, Pending), write(8, 2, 3), read(8, 4, 5), read(7, 6, 7)),
		"pending read":                          history(write(7, 1, 2), read(99, 3, Pending)),
		"equal times overlap":                   history(write(7, 1, 3), read(0, 3, 4)),
		"write ends as another begins":          history(write(7, 1, 3), write(8, 3, 5), read(7, 6, 7)),
		"writes that nobody read":               history(write(7, 1, 9), write(8, 1, 9), write(9, 4, 5)),
		"one moment for all":                    history(write(7, 5, 5), read(7, 5, 5), read(0, 5, 5)),
	} {
		t.Run(name, func(t *testing.T) { require.Nil(t, Check(h), "%v", Check(h)) })
	}
}

func TestCheckRefuses(t *testing.T) {
	for _, tc := range []struct {
		name string
		h    []Operation
		want string
	}{
		{"a stale read", history(write(7, 1, 2), write(8, 3, 4), read(7, 5, 6)),
			`not linearizable (values in a cycle): key 1: client 0's write of 7 [1, 2] ended before client 1's write of 8 [3, 4] began, so 7 was in force before 8; but client 1's write of 8 [3, 4] ended before client 2's read of 7 [5, 6] began, so 8 was in force before 7
  client 0's write of 7 to key 1 [1, 2]
  client 1's write of 8 to key 1 [3, 4]
  client 2's read of 7 from key 1 [5, 6]`},
		{"reads that swap two values", history(write(7, 1, 20), write(8, 1, 20), read(7, 2, 3), read(8, 4, 5), read(7, 6, 7)),
			`not linearizable (values in a cycle): key 1: client 2's read of 7 [2, 3] ended before client 3's read of 8 [4, 5] began, so 7 was in force before 8; but client 3's read of 8 [4, 5] ended before client 4's read of 7 [6, 7] began, so 8 was in force before 7
  client 0's write of 7 to key 1 [1, 20]
  client 1's write of 8 to key 1 [1, 20]
  client 2's read of 7 from key 1 [2, 3]
  client 3's read of 8 from key 1 [4, 5]
  client 4's read of 7 from key 1 [6, 7]`},
		{"a pending write that was read and then lost", history(write(7, 1, Pending), read(7, 2, 3), read(0, 4, 5)),
			`not linearizable (values in a cycle): key 1: client 1's read of 7 [2, 3] ended before client 2's read of 0 [4, 5] began, so 7 was in force before the initial value 0; nothing can be
  client 0's write of 7 to key 1 [1, pending]
  client 1's read of 7 from key 1 [2, 3]
  client 2's read of 0 from key 1 [4, 5]`},
		{"a write that was lost", history(write(7, 1, 2), read(0, 3, 4)),
			`not linearizable (values in a cycle): key 1: client 0's write of 7 [1, 2] ended before client 1's read of 0 [3, 4] began, so 7 was in force before the initial value 0; nothing can be
  client 0's write of 7 to key 1 [1, 2]
  client 1's read of 0 from key 1 [3, 4]`},
		{"a value from nowhere", history(write(7, 1, 2), read(9, 3, 4)),
			`not linearizable (read of a value never written): key 1: client 1's read of 9 [3, 4] returned a value that was never written
  client 1's read of 9 from key 1 [3, 4]`},
		{"a value from the future", history(read(7, 1, 2), write(7, 3, 4)),
			`not linearizable (read before the write): key 1: client 0's read of 7 [1, 2] ended before client 1's write of 7 [3, 4] began
  client 0's read of 7 from key 1 [1, 2]
  client 1's write of 7 to key 1 [3, 4]`},
		{"a value written twice", history(write(7, 3, 4), write(7, 1, 2)),
			`not linearizable (malformed history): key 1: the value 7 was written twice, so that it is unknown which of the two writes its reads saw
  client 1's write of 7 to key 1 [1, 2]
  client 0's write of 7 to key 1 [3, 4]`},
		{"the initial value written", history(write(0, 3, 4)),
			`not linearizable (malformed history): client 0's write of 0 to key 1 [3, 4] writes the initial value, which must not be written
  client 0's write of 0 to key 1 [3, 4]`},
		{"a return before the call", history(read(0, 4, 3)),
			`not linearizable (malformed history): client 0's read of 0 from key 1 [4, 3] returned before its call
  client 0's read of 0 from key 1 [4, 3]`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := Check(tc.h)
			require.NotNil(t, v)
			require.Equal(t, tc.want, v.String())
			require.Equal(t, 1, v.Key)
		})
	}
}

func TestCheckTakesKeysApart(t *testing.T) {
	h := history(write(7, 1, 2), read(0, 3, 4), write(7, 5, 6), read(0, 7, 8), read(7, 7, 8))
	h[1].Key, h[2].Key, h[3].Key = 2, 3, -1
	require.Nil(t, Check(h), "the same value may be written to several keys")

	h = history(write(7, 1, 2), read(0, 3, 4), write(7, 1, 2), read(0, 3, 4))
	h[0].Key, h[1].Key = 5, 5
	require.Equal(t, 1, Check(h).Key, "the lowest key that is at fault")
}

// The verdict and the evidence follow from the history as a set.
func TestCheckDoesNotDependOnTheOrderOfTheHistory(t *testing.T) {
	s := choose.NewSeeded(11)
	for range rounds(t, 20_000) {
		h := plausible(s, 3)
		before := append([]Operation(nil), h...)
		v := Check(h)
		require.Equal(t, before, h)
		for i := range h {
			j := choose.Between(s, i, len(h)-1)
			h[i], h[j] = h[j], h[i]
		}
		require.Equal(t, v == nil, Check(h) == nil)
	}
}

// recorded returns a linearizable history of n operations by a number of clients that overlap.
func recorded(n, clients, keys int) []Operation {
	s := choose.NewSeeded(uint64(n))
	values := make([]uint64, keys)
	h := make([]Operation, n)
	for i := range h {
		at := uint64(10 * (i + clients))
		o := Operation{Client: i % clients, Key: s.Choose(keys), Write: s.Choose(3) == 0}
		o.Call, o.Return = at-uint64(s.Choose(5*clients)), at+uint64(s.Choose(5*clients))
		if o.Write {
			values[o.Key] = uint64(i) + 1
		}
		o.Value = values[o.Key]
		h[i] = o
	}
	return h
}

func TestCheckFindsTheOneStaleReadInALongHistory(t *testing.T) {
	h := recorded(100_000, 10, 8)
	require.Nil(t, Check(h))
	lastWrite := make([]int, 8)
	for i, o := range h[:60_000] {
		if o.Write {
			lastWrite[o.Key] = i
		}
	}
	for i := 60_000; ; i++ {
		if o := h[i]; !o.Write && h[lastWrite[o.Key]].Value == o.Value {
			stale := o
			stale.Call, stale.Return = h[99_999].Return+1, h[99_999].Return+1
			v := Check(append(h, stale))
			require.NotNil(t, v)
			require.Equal(t, Cycle, v.Kind)
			require.Contains(t, v.Operations, stale)
			require.LessOrEqual(t, len(v.Operations), 6)
			return
		}
	}
}

func TestCheckAllocatesLittle(t *testing.T) {
	h := recorded(10_000, 10, 8)
	require.Less(t, testing.AllocsPerRun(10, func() { Check(h) }), 200.0)
}

func BenchmarkCheck(b *testing.B) {
	for _, keys := range [...]int{1, 100} {
		h := recorded(100_000, 20, keys)
		b.Run(fmt.Sprintf("operations=100000/keys=%d", keys), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if v := Check(h); v != nil {
					b.Fatal(v)
				}
			}
		})
	}
}
