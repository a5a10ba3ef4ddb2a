package httptransport

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/replica"
)

// A host of which nobody has told the other connects and says where it is: the other can answer.
func TestAHostThatWasGivenNoAddressAnswers(t *testing.T) {
	told := quickOptions(1)
	a, b := newHost(t, told), newHost(t, quickOptions(2))
	a.Transport.options.Address = a.address
	a.Transport.SetPeer(2, b.address)
	require.NoError(t, a.Transport.Send(2, []replica.Message{heartbeat(1, 2, 7)}))
	eventually(t, "the heartbeat arrives", func() bool { return b.received() == 1 })
	require.NoError(t, b.Transport.Send(1, []replica.Message{heartbeat(2, 1, 7)}))
	eventually(t, "the answer arrives", func() bool { return a.received() == 1 })
}

func TestWhatAHostSaysOfItselfIsBelievedWithinBounds(t *testing.T) {
	h := newHost(t, quickOptions(1))
	learned := func(id uint64) bool { return h.status(id).Address != "" }
	for i, address := range []string{"", "nonsense", "https://127.0.0.1:1", "http://example.org:80", "http://10.0.0.1:1", "ftp://127.0.0.1:1",
		"http://127.0.0.1:1/" + string(make([]byte, maxAddressBytes))} {
		h.learn(uint64(100+i), address)
		require.False(t, learned(uint64(100+i)), address)
	}
	h.Transport.SetPeer(2, "http://127.0.0.1:2")
	h.learn(2, "http://127.0.0.1:3")
	require.Equal(t, "http://127.0.0.1:2", h.status(2).Address, "what was said by SetPeer counts")
	for id := uint64(1000); id < 1000+2*maxLearned; id++ {
		h.learn(id, fmt.Sprint("http://127.0.0.1:", id))
	}
	require.True(t, learned(1000))
	require.False(t, learned(1000+maxLearned), "a bounded number")
	h.Transport.RemovePeer(1000)
	h.learn(5000, "http://localhost:1")
	require.True(t, learned(5000))
	h.Transport.SetPeer(5000, "http://127.0.0.1:4")
	require.Equal(t, "http://127.0.0.1:4", h.status(5000).Address)
}
