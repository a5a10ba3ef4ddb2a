package raft

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/tracker"
)

// How costs grow. Each benchmark varies one thing and leaves the rest alone; docs/PERFORMANCE.md states what is to be
// seen. Counts that do not depend on the machine, such as the number of probes, are required, not only reported.

// BenchmarkGrowthLog settles 16 entries at a time in groups whose logs hold n entries: kept at that length by compaction,
// or growing on. The cost of an entry does not depend on n.
func BenchmarkGrowthLog(b *testing.B) {
	for _, n := range []uint64{1_000, 100_000, 1_000_000} {
		for _, compacted := range []bool{true, false} {
			b.Run(fmt.Sprintf("log=%d/compacted=%t", n, compacted), func(b *testing.B) {
				g := newLeanGroup(b, 3, n)
				if compacted {
					g.keep = n
				}
				data := payload()
				b.ReportAllocs()
				for b.Loop() {
					g.propose(data, 16)
					g.settle()
				}
				reportEach(b, 16, "entry")
				g.requireApplied(16 * b.N)
			})
		}
	}
}

// BenchmarkGrowthInFlight has a leader of three propose an entry and take the acknowledgement of the oldest of n that
// are on their way, each in an append of its own. The cost does not depend on n.
func BenchmarkGrowthInFlight(b *testing.B) {
	for _, n := range []int{1, 100, 10_000, 100_000} {
		b.Run(fmt.Sprintf("inflight=%d", n), func(b *testing.B) {
			l := newLoneLeader(b, 3, func(c *Config) { c.MaxInflightMsgs = n + 1 })
			data := payload()
			acked := l.last()
			send := func() {
				l.propose(data, 1)
				l.settle()
			}
			for range n {
				send()
			}
			b.ReportAllocs()
			for b.Loop() {
				send()
				acked++
				l.acknowledge(acked)
			}
			p := &l.leader().raft.leading.progress[1]
			require.Equal(b, n, p.Inflights.Count())
			require.Equal(b, acked, l.leader().raft.log.committed)
		})
	}
}

// BenchmarkGrowthMembers takes an entry from its proposal to where it is applied, at a leader whose followers all
// acknowledge it. The cost is linear in the members: that of each of them does not depend on how many there are.
func BenchmarkGrowthMembers(b *testing.B) {
	for _, voters := range []int{3, 7, 21, 51, 101, 201} {
		b.Run(fmt.Sprintf("voters=%d", voters), func(b *testing.B) {
			l := newLoneLeader(b, voters)
			data := payload()
			b.ReportAllocs()
			for b.Loop() {
				l.cycle(data, 1)
			}
			reportEach(b, voters, "member")
			require.Equal(b, b.N, l.members[0].entries)
		})
	}
}

// divergence is a leader and a follower whose logs have nothing in common after index 1: n entries each, in the given
// number of terms, none of which the two share.
type divergence struct {
	n, terms          int
	leading, followed *MemoryStorage
}

func newDivergence(t testing.TB, n, terms int) *divergence {
	d := &divergence{n: n, terms: terms}
	for side, storage := range []**MemoryStorage{&d.leading, &d.followed} {
		*storage = leanStorage(t, votersUpTo(3), 1)
		ents := make([]pb.Entry, n)
		for i := range ents {
			run := i * terms / n
			ents[i] = pb.Entry{Term: uint64(2 + 2*run + side), Index: uint64(i + 2)}
		}
		require.NoError(t, (*storage).Append(ents))
		require.NoError(t, (*storage).SetHardState(pb.HardState{Term: uint64(2 * (terms + 1)), Commit: 1}))
	}
	return d
}

// start starts both members anew and has member 1 elected. Nothing is written, so that it can be done again.
func (d *divergence) start(t testing.TB) (lead, follower *RawNode) {
	start := func(id uint64, storage *MemoryStorage) *RawNode {
		cfg := testConfig(id, storage)
		cfg.verify, cfg.MaxSizePerMsg = false, 0
		rn, err := NewRawNode(cfg)
		require.NoError(t, err)
		return rn
	}
	lead, follower = start(1, d.leading), start(2, d.followed)
	require.NoError(t, lead.Campaign())
	lead.Advance(lead.Ready())
	require.NoError(t, lead.Step(answerFrom(pb.MsgVoteResp, 3, 1, lead.raft.term, true)))
	return lead, follower
}

// findParting lets the two find the point where their logs part, and returns how many probes that took.
func findParting(t testing.TB, lead, follower *RawNode) (probes int) {
	for lead.raft.leading.progress[1].State == tracker.StateProbe {
		probe := appendsOf(lead.Ready().Messages, 2)[0]
		probes++
		if err := follower.Step(probe); err != nil {
			t.Fatal(err)
		}
		rd := follower.Ready()
		follower.Advance(rd)
		if err := lead.Step(rd.Messages[0]); err != nil {
			t.Fatal(err)
		}
	}
	return probes
}

// A leader goes back by a term with each probe, however many entries that is: the probes are at most one for each term
// of either log, and one (Raft §5.3).
func TestCatchUpProbesOncePerTerm(t *testing.T) {
	for _, terms := range []int{1, 2, 10, 50} {
		for _, n := range []int{100, 1_000, 10_000} {
			lead, follower := newDivergence(t, n, terms).start(t)
			probes := findParting(t, lead, follower)
			require.Equal(t, uint64(2), lead.raft.leading.progress[1].Match, "the logs part after index 1")
			require.LessOrEqual(t, probes, terms+2, "%d entries in %d terms", n, terms)
		}
	}
}

// BenchmarkGrowthRejection has a leader and a follower whose logs parted n entries ago find out where. The time is linear
// in the terms, and grows with the logarithm of the entries: terms that are not in memory are found by bisection.
func BenchmarkGrowthRejection(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		for _, terms := range []int{1, 10, 100} {
			b.Run(fmt.Sprintf("entries=%d/terms=%d", n, terms), func(b *testing.B) {
				d := newDivergence(b, n, terms)
				probes := 0
				b.ReportAllocs()
				for b.Loop() {
					b.StopTimer()
					lead, follower := d.start(b)
					b.StartTimer()
					probes = findParting(b, lead, follower)
				}
				b.ReportMetric(float64(probes), "probes")
				require.LessOrEqual(b, probes, terms+2)
			})
		}
	}
}

// BenchmarkGrowthChange applies membership changes at a leader: a learner is added, and removed, in a group of so many
// voters, after so many others were removed in the term. The cost of a change is linear in the voters.
func BenchmarkGrowthChange(b *testing.B) {
	for _, tc := range []struct{ voters, removed int }{{3, 0}, {51, 0}, {201, 0}, {801, 0}, {3, 1_000}, {3, 10_000}} {
		b.Run(fmt.Sprintf("voters=%d/removed=%d", tc.voters, tc.removed), func(b *testing.B) {
			rn := newLoneLeader(b, tc.voters).leader()
			change := func(id uint64) {
				rn.ApplyConfChange(pb.ConfChange{Type: pb.ConfChangeAddLearnerNode, NodeID: id})
				rn.ApplyConfChange(pb.ConfChange{Type: pb.ConfChangeRemoveNode, NodeID: id})
			}
			for i := range tc.removed {
				change(uint64(tc.voters + 2 + i))
			}
			b.ReportAllocs()
			for b.Loop() {
				change(uint64(tc.voters + 1))
			}
			reportEach(b, 2*tc.voters, "member")
			require.Len(b, rn.raft.leading.former, tc.removed+1)
			require.Len(b, rn.raft.membership.Members, tc.voters)
		})
	}
}

// BenchmarkGrowthRead reads a log of n entries from storage to its end, in messages of at most so many bytes, as a leader
// does for a follower that is far behind. The cost of an entry depends on neither, but for what each message costs.
func BenchmarkGrowthRead(b *testing.B) {
	for _, n := range []uint64{10_000, 100_000} {
		for _, limit := range []encodedSize{1 << 10, 16 << 10, 1 << 20} {
			b.Run(fmt.Sprintf("log=%d/bytes=%d", n, limit), func(b *testing.B) {
				l, err := newLog(leanStorage(b, votersUpTo(3), n))
				require.NoError(b, err)
				b.ReportAllocs()
				for b.Loop() {
					for next := uint64(2); next <= n; {
						ents, _, err := l.entries(next, n+1, limit)
						if err != nil || ents[0].Index != next {
							b.Fatalf("index %d was read wrongly: %v", next, err)
						}
						next += uint64(len(ents))
					}
				}
				reportEach(b, int(n), "entry")
			})
		}
	}
}

// BenchmarkGrowthRestart starts a member whose log holds n entries: all of them applied; all committed, and none applied;
// or none known to be committed. Only the entries that are not known to be committed are looked at, for membership
// changes among them: that is linear in their number.
func BenchmarkGrowthRestart(b *testing.B) {
	for _, n := range []uint64{1_000, 100_000, 1_000_000} {
		storage := leanStorage(b, votersUpTo(3), n)
		for _, state := range []struct {
			name            string
			commit, applied uint64
		}{{"applied", n, n}, {"committed", n, 1}, {"uncommitted", 1, 1}} {
			b.Run(fmt.Sprintf("log=%d/%s", n, state.name), func(b *testing.B) {
				require.NoError(b, storage.SetHardState(pb.HardState{Term: 1, Commit: state.commit}))
				cfg := testConfig(1, storage)
				cfg.verify, cfg.Applied = false, state.applied
				var rn *RawNode
				b.ReportAllocs()
				for b.Loop() {
					var err error
					if rn, err = NewRawNode(cfg); err != nil {
						b.Fatal(err)
					}
				}
				require.Equal(b, state.commit, rn.raft.log.committed)
				require.Equal(b, n, rn.raft.log.lastIndex())
			})
		}
	}
}

// BenchmarkGrowthIdleTick lets time pass at members of groups of any size, with logs of any length, in which nothing is
// due. The cost is the same for all.
func BenchmarkGrowthIdleTick(b *testing.B) {
	patient := func(c *Config) { c.HeartbeatTick, c.ElectionTick = 1<<29, 1<<30 }
	for _, voters := range []int{3, 201} {
		b.Run(fmt.Sprintf("leader/voters=%d", voters), func(b *testing.B) {
			benchmarkIdleTicks(b, newLoneLeader(b, voters, patient).leader())
		})
	}
	for _, n := range []uint64{1_000, 1_000_000} {
		b.Run(fmt.Sprintf("follower/log=%d", n), func(b *testing.B) {
			benchmarkIdleTicks(b, newLeanMember(b, 1, votersUpTo(3), n, patient).rn)
		})
	}
}
