package choose

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBytesUsesAsManyBytesAsNeeded(t *testing.T) {
	for _, tc := range [...]struct{ n, used, made int }{
		{1, 0, 0},
		{2, 1, 1}, // 0x0b = 11
		{7, 1, 4},
		{256, 1, 0x0b},
		{257, 2, 0x160b % 257},
		{1 << 16, 2, 0x160b},
		{1<<16 + 1, 4, 0x2c21160b % (1<<16 + 1)},
		{1 << 32, 4, 0x2c21160b},
		{1<<32 + 1, 8, 0x584d42372c21160b % (1<<32 + 1)},
	} {
		b := NewBytes([]byte{0x0b, 0x16, 0x21, 0x2c, 0x37, 0x42, 0x4d, 0x58, 0x63})
		require.Equal(t, tc.made, b.Choose(tc.n), "n = %d", tc.n)
		require.Equal(t, tc.used, b.Used(), "n = %d", tc.n)
		require.False(t, b.Exhausted())
	}
}

func TestBytesIsZeroAfterItsEnd(t *testing.T) {
	b := NewBytes([]byte{5, 7})
	require.Equal(t, 5, b.Choose(10))
	require.False(t, b.Exhausted())
	require.Equal(t, 7, b.Choose(1000), "the byte that is missing counts as 0")
	require.True(t, b.Exhausted())
	require.Equal(t, make([]int, 20), take(b, 10, 20))
	require.Equal(t, 0, b.Choose(1<<40))
	require.Equal(t, 2, b.Used())
	require.True(t, new(Bytes).Exhausted())
}

func TestBytesCanMakeEveryChoice(t *testing.T) {
	for n := 1; n <= 256; n++ {
		seen := map[int]bool{}
		for octet := range 256 {
			seen[NewBytes([]byte{byte(octet)}).Choose(n)] = true
		}
		require.Len(t, seen, n)
	}
}

func TestEncodeFindsTheString(t *testing.T) {
	sizes := []int{1, 2, 3, 10, 255, 256, 257, 1000, 1 << 16, 1<<16 + 1, 1 << 31, 1 << 32, 1<<32 + 1, 1 << 40}
	s := NewSeeded(7)
	for range 2000 {
		choices := make([]Choice, s.Choose(20))
		for i := range choices {
			n := Pick(s, sizes)
			choices[i] = Choice{N: n, Made: s.Choose(n)}
		}
		data := Encode(choices)
		b := NewBytes(data)
		for _, c := range choices {
			require.Equal(t, c.Made, b.Choose(c.N))
		}
		require.Equal(t, len(data), b.Used())
	}
}

func TestContinuedGoesOnWithTheOtherSource(t *testing.T) {
	src := NewContinued([]byte{1, 0, 2}, NewSeeded(9))
	want := NewSeeded(9)
	for _, c := range []int{1, 0, 2} {
		require.Equal(t, c, src.Choose(5))
	}
	for range 100 {
		require.Equal(t, want.Choose(1000), src.Choose(1000))
	}
}
