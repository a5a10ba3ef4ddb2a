package replica

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// benchGroup starts three members on memory stores and a memory network, and returns the leader.
func benchGroup(b *testing.B) *Replica {
	network := NewMemoryNetwork()
	peers := []Member{{ID: 1, Address: "1"}, {ID: 2, Address: "2"}, {ID: 3, Address: "3"}}
	var members []*Replica
	for _, p := range peers {
		r, err := Run(HostConfig{ID: p.ID, Store: NewMemoryLogStore(), Transport: network.Transport(p.ID), Tick: 20 * time.Millisecond,
			Logger: slog.New(slog.DiscardHandler)}, Config{StateMachine: &nothing{register{state: map[string]string{}}}, Peers: peers, LeaseReads: true})
		require.NoError(b, err)
		members = append(members, r)
	}
	b.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		for _, r := range members {
			_ = r.Stop(ctx)
		}
	})
	for {
		_, err := members[0].Propose(context.Background(), []byte("x"))
		require.NoError(b, err)
		if id, _ := members[0].Leader(); id != 0 {
			return members[id-1]
		}
	}
}

// BenchmarkPropose is a group of three in one process: what the loop costs without disk and network.
func BenchmarkPropose(b *testing.B) {
	command := make([]byte, 256)
	for _, callers := range []int{1, 16, 256} {
		b.Run(fmt.Sprint("callers=", callers), func(b *testing.B) {
			leader := benchGroup(b)
			b.SetParallelism(callers)
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := leader.Propose(context.Background(), command); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

func BenchmarkRead(b *testing.B) {
	for _, level := range []Consistency{Linearizable, Lease} {
		b.Run(fmt.Sprint("consistency=", level), func(b *testing.B) {
			leader := benchGroup(b)
			b.SetParallelism(64)
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := leader.Read(context.Background(), level); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
