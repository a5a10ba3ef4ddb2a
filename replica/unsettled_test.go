package replica

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// What can be proposed again is kept until it is settled. Behind one that took long, all that was settled in two election timeouts was
// once kept too, and no bound applied to it.
func TestWhatIsSettledIsNotKept(t *testing.T) {
	const size, many = 4 << 10, 20_000
	r := runAlone(t, NewMemoryLogStore(), newRegister(), func(c *Config) { c.MaxProposals = many + 1 })
	var most, mostBytes, counted int
	var kept []*proposal
	add := func() *proposal {
		p := &proposal{number: r.number.Add(1), again: true, data: bytes.Repeat([]byte{'x'}, size), outcome: make(chan outcome, 1)}
		require.NoError(t, r.waiting.addProposal(p))
		r.keepUnsettled(p)
		return p
	}
	first, pr := (*proposal)(nil), &r.stepping.proposing
	r.call(patient(t), func() {
		first = add()
		for range many {
			p := add()
			bytes := 0
			for _, q := range pr.unsettled {
				bytes += len(q.data)
			}
			most, mostBytes = max(most, len(pr.unsettled)), max(mostBytes, bytes)
			counted = max(counted, bytes-pr.unsettledBytes)
			r.waiting.settle(p.number, outcome{})
		}
		kept = append(kept, pr.unsettled...)
		r.stepping.proposing = proposing{} // the steps that follow must not propose it: it holds no command
	})
	require.Same(t, first, kept[0], "it is not settled")
	require.LessOrEqual(t, most, 2*2+minPruned+1)
	require.LessOrEqual(t, mostBytes, 2*2*size+minPrunedBytes+size)
	require.Zero(t, counted, "there is no more than is counted")

	// Those that are not settled are all kept, in their order.
	var live []*proposal
	r.call(patient(t), func() {
		pr.unsettled, pr.unsettledBytes = nil, 0
		for range 3 * minPruned {
			live = append(live, add())
		}
		kept = append(kept[:0], pr.unsettled...)
		pr.unsettled, pr.unsettledBytes = nil, 0
	})
	require.Equal(t, live, kept)
}

// The same by bytes alone: few large ones.
func TestLargeOnesThatAreSettledAreNotKept(t *testing.T) {
	const size = 128 << 10
	r := runAlone(t, NewMemoryLogStore(), newRegister(), nil)
	most := 0
	r.call(patient(t), func() {
		for range 3 * minPruned {
			p := &proposal{number: r.number.Add(1), again: true, data: make([]byte, size), outcome: make(chan outcome, 1)}
			require.NoError(t, r.waiting.addProposal(p))
			r.keepUnsettled(p)
			most = max(most, len(r.stepping.proposing.unsettled))
			r.waiting.settle(p.number, outcome{})
		}
		r.stepping.proposing = proposing{}
	})
	require.LessOrEqual(t, most*size, 2*size+minPrunedBytes+size)
}
