package tracker

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// slowInflights is the slow twin: a plain list.
type slowInflights struct {
	size     int
	maxBytes uint64
	queue    []inflight
}

func (s *slowInflights) freeLE(to uint64) {
	var kept []inflight
	for _, m := range s.queue {
		if m.index > to {
			kept = append(kept, m)
		}
	}
	s.queue = kept
}

func (s *slowInflights) bytes() uint64 {
	sum := uint64(0)
	for _, m := range s.queue {
		sum += m.bytes
	}
	return sum
}

func (s *slowInflights) full() bool {
	return len(s.queue) >= s.size || s.maxBytes > 0 && s.bytes() >= s.maxBytes
}

// messages returns the queue, oldest first, after a check of the invariants that Inflights lists.
func messages(t *testing.T, in *Inflights) []inflight {
	require.GreaterOrEqual(t, in.count, 0)
	require.LessOrEqual(t, in.count, len(in.buf))
	if in.count == 0 {
		require.Zero(t, in.start)
	} else {
		require.Less(t, in.start, len(in.buf))
	}
	var queue []inflight
	sum := uint64(0)
	for i := range in.count {
		m := in.buf[in.at(i)]
		queue = append(queue, m)
		sum += m.bytes
	}
	require.Equal(t, sum, in.bytes)
	return queue
}

func requireSame(t *testing.T, slow *slowInflights, in *Inflights) {
	require.Equal(t, len(slow.queue), in.Count())
	require.Equal(t, slow.bytes(), in.Bytes())
	require.Equal(t, slow.full(), in.Full())
	if len(slow.queue) == 0 {
		require.Empty(t, messages(t, in))
		return
	}
	require.Equal(t, slow.queue, messages(t, in))
}

func TestInflightsAgreesWithAPlainList(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for round := range 300 {
		slow := &slowInflights{size: rng.IntN(20), maxBytes: rng.Uint64N(3) * 50}
		in := NewInflights(slow.size, slow.maxBytes)
		next := uint64(rng.IntN(3))
		for range 120 {
			switch op := rng.IntN(20); {
			case op < 12 && (!in.Full() || round%4 == 0): // every fourth round goes beyond the limits
				m := inflight{index: next, bytes: rng.Uint64N(12)}
				in.Add(m.index, m.bytes)
				slow.queue = append(slow.queue, m)
				next += rng.Uint64N(3)
			case op < 18:
				to := next - min(next, rng.Uint64N(10))
				in.FreeLE(to)
				slow.freeLE(to)
			case op == 18:
				in = in.Clone()
			case rng.IntN(4) == 0:
				in.Reset()
				slow.queue = nil
			}
			requireSame(t, slow, in)
		}
	}
}

func TestInflightsIsFullByCount(t *testing.T) {
	in := NewInflights(2, 0)
	require.False(t, in.Full())
	in.Add(1, 1000)
	require.False(t, in.Full())
	in.Add(2, 1000)
	require.True(t, in.Full())
	in.FreeLE(1)
	require.False(t, in.Full())
	require.Equal(t, 1, in.Count())
	require.Equal(t, uint64(1000), in.Bytes())
}

func TestInflightsIsFullByBytes(t *testing.T) {
	in := NewInflights(100, 10)
	in.Add(1, 9)
	require.False(t, in.Full(), "one more may go, whatever its size")
	in.Add(2, 500)
	require.True(t, in.Full())
	in.FreeLE(1)
	require.True(t, in.Full())
	in.FreeLE(2)
	require.False(t, in.Full())

	in.Add(3, 10)
	require.True(t, in.Full(), "the limit is inclusive")
}

func TestInflightsCountsWhatWasAddedBeyondItsLimits(t *testing.T) {
	in := NewInflights(2, 0)
	for i := range uint64(50) {
		in.Add(i, 1)
	}
	require.Equal(t, 50, in.Count())
	require.True(t, in.Full())
	in.FreeLE(47)
	require.Equal(t, 2, in.Count())
	require.True(t, in.Full())
	in.FreeLE(48)
	require.False(t, in.Full())
}

func TestInflightsWithoutSizeIsAlwaysFull(t *testing.T) {
	for _, in := range []*Inflights{{}, NewInflights(0, 0), NewInflights(-1, 0), NewInflights(math.MinInt, 5)} {
		require.True(t, in.Full())
		in.Add(1, 1)
		require.Equal(t, 1, in.Count())
		in.FreeLE(1)
		require.Equal(t, 0, in.Count())
		require.True(t, in.Full())
	}
}

func TestInflightsFreesNothingTwice(t *testing.T) {
	in := NewInflights(10, 0)
	in.Add(3, 7)
	in.Add(3, 7)
	in.Add(8, 7)
	in.FreeLE(2)
	require.Equal(t, 3, in.Count(), "an old answer frees nothing")
	in.FreeLE(5)
	require.Equal(t, 1, in.Count(), "an answer between two frees what it covers")
	in.FreeLE(5)
	require.Equal(t, 1, in.Count())
	in.FreeLE(math.MaxUint64)
	require.Equal(t, 0, in.Count())
	in.FreeLE(math.MaxUint64)
	require.Zero(t, in.Bytes())
}

func TestInflightsResetForgetsBytesToo(t *testing.T) {
	in := NewInflights(4, 10)
	in.Add(1, 10)
	in.Add(2, 10)
	in.FreeLE(1)
	in.Reset()
	require.False(t, in.Full())
	require.Zero(t, in.Bytes())
	require.Zero(t, in.Count())
	require.Empty(t, messages(t, in))
}

func TestInflightsTakesMemoryOnlyAsNeeded(t *testing.T) {
	in := MakeInflights(1_000_000, 0)
	require.Nil(t, in.buf)
	for i := range uint64(9) {
		in.Add(i, 0)
	}
	require.LessOrEqual(t, len(in.buf), 18)

	small := MakeInflights(3, 0)
	for i := range uint64(3) {
		small.Add(i, 0)
	}
	require.Len(t, small.buf, 3, "the ring does not grow beyond the size")

	// Once the ring is large enough, messages pass through without another allocation.
	index := uint64(9)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		in.Add(index, 1)
		in.FreeLE(index - 5)
		index++
	}))
}

func TestInflightsClonesShareNothing(t *testing.T) {
	require.Nil(t, (*Inflights)(nil).Clone())

	empty := NewInflights(5, 6).Clone()
	require.Equal(t, NewInflights(5, 6), empty)

	in := NewInflights(5, 0)
	for i := range uint64(7) { // moves the start of the ring away from 0
		in.Add(i, 1)
		in.FreeLE(i - min(i, 3))
	}
	before := messages(t, in)
	c := in.Clone()
	require.Equal(t, before, messages(t, c))
	c.FreeLE(5)
	c.Add(100, 1)
	c.Add(101, 1)
	require.Equal(t, before, messages(t, in))
	in.Reset()
	in.Add(55, 5)
	require.Equal(t, []inflight{{6, 1}, {100, 1}, {101, 1}}, messages(t, c))
}

func BenchmarkInflights(b *testing.B) {
	in := MakeInflights(256, 1<<20)
	index := uint64(0)
	for b.Loop() {
		in.Add(index, 100)
		if in.Full() {
			in.FreeLE(index - 128)
		}
		index++
	}
}
