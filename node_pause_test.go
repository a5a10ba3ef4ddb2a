package raft

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// The pause before Advance offers: when there is one, what it costs where it gains nothing, and that nothing is offered
// twice meanwhile.

func TestPauseIsForSeveralEntries(t *testing.T) {
	var p pause
	require.False(t, p.due(0))
	require.False(t, p.due(1))
	require.True(t, p.due(2))
}

// Pauses that take long are left out, each time for longer up to a bound; once they are short again they come back.
func TestLongPausesAreLeftOut(t *testing.T) {
	var p pause
	for _, want := range []int{1, 3, 7, 15, 31, 63, 127, 255, 511, 1023, maxPenalty, maxPenalty} {
		require.True(t, p.due(2))
		p.took(pauseBase+2*pausePerEntry+1, 2)
		left := 0
		for !p.due(2) {
			left++
		}
		require.Equal(t, want, left)
	}
	for range 11 {
		p.took(pauseBase+2*pausePerEntry, 2)
	}
	p.took(time.Second, 2)
	left := 0
	for !p.due(2) {
		left++
	}
	require.Equal(t, 1, left, "short pauses are forgiven")
}

// What several callers of Advance may do while one pauses, the misuse of calling it twice included: every Ready comes
// out once, every entry is applied once and in order, and Stop ends it.
func TestAdvanceWhilePausing(t *testing.T) {
	storage := NewMemoryStorage()
	n := StartNode(&Config{
		ID: 1, ElectionTick: 10, HeartbeatTick: 1, Storage: storage, MaxSizePerMsg: 1 << 20, MaxInflightMsgs: 256,
	}, []Peer{{ID: 1}})
	defer n.Stop()
	const proposers, each = 8, 200
	done := make(chan struct{})
	go func() {
		defer close(done)
		applied, index := 0, uint64(0)
		for applied < proposers*each {
			rd := <-n.Ready()
			if !IsEmptyHardState(rd.HardState) {
				require.NoError(t, storage.SetHardState(rd.HardState))
			}
			require.NoError(t, storage.Append(rd.Entries))
			for _, e := range rd.CommittedEntries {
				require.Equal(t, index+1, e.Index)
				index = e.Index
				if e.Type == pb.EntryConfChange {
					var cc pb.ConfChange
					require.NoError(t, cc.Unmarshal(e.Data))
					n.ApplyConfChange(cc)
				}
				if len(e.Data) > 0 && e.Data[0] == 'x' {
					applied++
				}
			}
			var twice sync.WaitGroup
			twice.Go(n.Advance)
			n.Advance()
			twice.Wait()
			require.NoError(t, n.Campaign(context.Background()), "until it leads, which takes its change applied")
		}
	}()
	var all sync.WaitGroup
	for range proposers {
		all.Go(func() {
			for range each {
				if err := n.Propose(context.Background(), []byte("x")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	<-done
}
