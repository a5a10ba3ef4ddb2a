package raft

import (
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a replica at rest holds, which is what a host of many idle groups pays: a block that is kept by each of them is
// more than all the rest. Storage and Config are the application's, and are not counted.

// idleGroups is how many groups of three are measured at a time.
const idleGroups = 60

// liveHeap returns what is in use after everything else was collected.
func liveHeap() (bytes, objects uint64) {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc, stats.HeapObjects
}

// idleMembers returns members of groups without their RawNodes, for which all is ready, and a function that starts them
// and has them elect a leader each and exchange heartbeats.
func idleMembers(t *testing.T, configure ...func(*Config)) (groups []*leanGroup, start func()) {
	var configs []*Config
	for range idleGroups {
		g := &leanGroup{t: t}
		for id := uint64(1); id <= 3; id++ {
			m := &leanMember{storage: leanStorage(t, votersUpTo(3), 1), applied: 1}
			cfg := testConfig(id, m.storage)
			cfg.verify, cfg.Rand = false, rand.NewPCG(id, 1)
			for _, f := range configure {
				f(cfg)
			}
			configs = append(configs, cfg)
			g.members = append(g.members, m)
		}
		g.async = configs[0].AsyncStorageWrites
		groups = append(groups, g)
	}
	return groups, func() {
		for i, g := range groups {
			for k, m := range g.members {
				rn, err := NewRawNode(configs[3*i+k])
				require.NoError(t, err)
				m.rn, m.applied = rn, 1
				rn.TickBy(rn.raft.silentUntil)
			}
			require.NoError(t, g.leader().Campaign())
			g.settle()
			g.tick(5)
		}
	}
}

// heldBy returns how many bytes and objects each of the replicas holds more after f than before.
func heldBy(groups []*leanGroup, f func()) (bytes, objects float64) {
	bytesBefore, objectsBefore := liveHeap()
	f()
	bytesAfter, objectsAfter := liveHeap()
	runtime.KeepAlive(groups)
	n := float64(3 * len(groups))
	return (float64(bytesAfter) - float64(bytesBefore)) / n, (float64(objectsAfter) - float64(objectsBefore)) / n
}

// burstOfReads has every member of the groups ask for reads, and lets time pass.
func burstOfReads(groups []*leanGroup) {
	for _, g := range groups {
		for range 90 {
			for _, m := range g.members {
				m.rn.ReadIndex(nil)
			}
		}
		g.settle()
		g.tick(30)
	}
}

// burstOfProposals keeps the groups busy with proposals, and lets time pass.
func burstOfProposals(groups []*leanGroup) {
	for _, g := range groups {
		for range 300 {
			g.propose([]byte("x"), 1)
			g.settle()
		}
		g.tick(30)
	}
}

// A replica that has been elected, or follows, and one that has been busy and is not any more. The numbers are means
// over a leader and two followers, just above what is measured.
func TestIdleReplicaHoldsLittle(t *testing.T) {
	if alwaysVerify {
		t.Skip("the checks of invariants keep what they compare")
	}
	for _, tc := range []struct {
		name      string
		configure func(*Config)
		bytes     float64
		objects   float64
	}{
		{"sync", func(*Config) {}, 880, 4},
		{"async", withAsync, 912, 5},
		{"lease", withLeaseReads, 960, 5},
	} {
		t.Run(tc.name, func(t *testing.T) {
			groups, start := idleMembers(t, tc.configure)
			for range 2 {
				start() // storage takes its room for the entries of leaders
			}
			for _, g := range groups {
				for _, m := range g.members {
					m.rn = nil
				}
			}
			bytes, objects := heldBy(groups, start)
			t.Logf("started: %.0f bytes in %.2f objects", bytes, objects)
			require.Less(t, bytes, tc.bytes)
			require.Less(t, objects, tc.objects)
			bytes, objects = heldBy(groups, func() { burstOfReads(groups) })
			t.Logf("after reads: %.0f bytes in %.2f objects more", bytes, objects)
			require.Less(t, bytes, 230.0)
			require.Less(t, objects, 1.5)
			bytes, objects = heldBy(groups, func() {
				burstOfProposals(groups)
				for _, g := range groups {
					for _, m := range g.members {
						require.NoError(t, m.storage.Compact(m.applied))
					}
				}
			})
			t.Logf("after proposals: %.0f bytes in %.2f objects more", bytes, objects)
			require.Less(t, bytes, 100.0)
			require.Less(t, objects, 0.5)
		})
	}
}
