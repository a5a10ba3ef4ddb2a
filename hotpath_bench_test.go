package raft

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// Benchmarks of the hot paths of this module alone, each of which checks what came of it; the module bench compares
// whole workloads with those of other libraries. Where an operation handles several entries, reads or acknowledgements,
// the time for one of them is reported too.

// reportEach reports the time for one of the n things that each operation handles.
func reportEach(b *testing.B, n int, unit string) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/"+unit)
}

// BenchmarkSettle takes entries from their proposal at the leader of three to where all have applied them.
func BenchmarkSettle(b *testing.B) {
	for _, mode := range []struct {
		name      string
		configure func(*Config)
	}{{"sync", func(*Config) {}}, {"async", withAsync}} {
		for _, batch := range []int{1, 16, 256} {
			b.Run(fmt.Sprintf("%s/batch=%d", mode.name, batch), func(b *testing.B) {
				g := newLeanGroup(b, 3, 1, mode.configure)
				g.keep = leanKeep
				data := payload()
				b.ReportAllocs()
				for b.Loop() {
					g.propose(data, batch)
					g.settle()
				}
				reportEach(b, batch, "entry")
				g.requireApplied(b.N * batch)
			})
		}
	}
}

// BenchmarkRead asks the leader of three, or a follower, for reads, and has them answered.
func BenchmarkRead(b *testing.B) {
	for _, mode := range []struct {
		name      string
		configure func(*Config)
	}{{"safe", func(*Config) {}}, {"lease", withLeaseReads}} {
		for member, asked := range []string{"leader", "follower"} {
			for _, batch := range []int{1, 64} {
				b.Run(fmt.Sprintf("%s/%s/batch=%d", mode.name, asked, batch), func(b *testing.B) {
					g := newLeanGroup(b, 3, 1, mode.configure)
					g.tick(1)
					benchmarkReads(b, g, g.members[member], batch)
				})
			}
		}
	}
}

func benchmarkReads(b *testing.B, g *leanGroup, m *leanMember, batch int) {
	rctx := []byte("r")
	b.ReportAllocs()
	for b.Loop() {
		for range batch {
			m.rn.ReadIndex(rctx)
		}
		g.settle()
	}
	reportEach(b, batch, "read")
	require.Equal(b, b.N*batch, m.reads)
	require.Zero(b, m.lost)
}

// BenchmarkHeartbeat lets the leader of three send a heartbeat to each of two followers, and has both answered.
func BenchmarkHeartbeat(b *testing.B) {
	g := newLeanGroup(b, 3, 1)
	g.tick(1)
	b.ReportAllocs()
	for b.Loop() {
		g.leader().Tick()
		g.settle()
	}
	reportEach(b, 2, "heartbeat")
	for i := range g.leader().raft.leading.progress {
		require.True(b, g.leader().raft.leading.progress[i].RecentActive)
	}
	require.Equal(b, StateLeader, g.leader().raft.state)
}

// BenchmarkIdleTick lets time pass at a follower, and at a leader, for which nothing is due.
func BenchmarkIdleTick(b *testing.B) {
	patient := func(c *Config) { c.HeartbeatTick, c.ElectionTick = 1<<29, 1<<30 }
	for _, role := range []struct {
		name  string
		start func() *RawNode
	}{
		{"follower", func() *RawNode { return newLeanFollower(b, patient).leader() }},
		{"leader", func() *RawNode { return newLoneLeader(b, 3, patient).leader() }},
	} {
		b.Run(role.name, func(b *testing.B) { benchmarkIdleTicks(b, role.start()) })
	}
}

func benchmarkIdleTicks(b *testing.B, rn *RawNode) {
	before := rn.raft.clock.now
	b.ReportAllocs()
	for b.Loop() {
		rn.Tick()
		if rn.HasReady() {
			b.Fatal("something is due")
		}
	}
	require.Equal(b, before+uint64(b.N), rn.raft.clock.now)
}

// BenchmarkFollowerAppend has a follower take an append of some entries, write them, acknowledge them, and apply those
// of the append before.
func BenchmarkFollowerAppend(b *testing.B) {
	for _, batch := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			f := newLeanFollower(b)
			data := payload()
			b.ReportAllocs()
			for b.Loop() {
				f.follow(data, batch)
			}
			reportEach(b, batch, "entry")
			require.Equal(b, (b.N-1)*batch, f.members[0].entries)
		})
	}
}

// BenchmarkLeaderAck has a leader take the acknowledgements of one entry by all followers. The entry is committed on the
// way; proposing it and handing it out is not counted.
func BenchmarkLeaderAck(b *testing.B) {
	for _, voters := range []int{3, 51, 201} {
		b.Run(fmt.Sprintf("voters=%d", voters), func(b *testing.B) {
			l := newLoneLeader(b, voters)
			data := payload()
			acked, proposed := l.last(), 0
			b.ReportAllocs()
			for b.Loop() {
				if acked == l.last() {
					b.StopTimer()
					l.propose(data, 1000)
					proposed += 1000
					l.settle()
					b.StartTimer()
				}
				acked++
				l.acknowledge(acked)
			}
			reportEach(b, voters-1, "ack")
			require.Equal(b, acked, l.leader().raft.log.committed)
			l.acknowledge(l.last())
			l.settle()
			require.Equal(b, proposed, l.members[0].entries)
		})
	}
}

// BenchmarkNodePropose proposes to a Node that is alone in its group, from one goroutine, while another handles Readys;
// it ends when all is applied.
func BenchmarkNodePropose(b *testing.B) {
	m := &leanMember{storage: leanStorage(b, votersUpTo(1), 1), applied: 1, compacted: 1}
	cfg := testConfig(1, m.storage)
	cfg.verify = false
	n := startedNode(b, cfg)
	ctx := context.Background()
	require.NoError(b, n.Campaign(ctx))
	g := &leanGroup{t: b, members: []*leanMember{m}, keep: leanKeep}
	want, done := make(chan int, 1), make(chan struct{})
	go func() {
		defer close(done)
		total := -1
		for total != m.entries {
			select {
			case rd := <-n.Ready():
				g.save(m, rd.Entries, rd.HardState)
				g.apply(m, rd.CommittedEntries)
				n.Advance()
			case total = <-want:
			}
		}
	}()
	data := payload()
	b.ReportAllocs()
	for b.Loop() {
		if err := n.Propose(ctx, data); err != nil {
			b.Fatal(err)
		}
	}
	want <- b.N
	<-done
	require.Equal(b, b.N, m.entries)
}
