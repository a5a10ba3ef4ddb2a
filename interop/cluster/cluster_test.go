package cluster

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/rafttest"
)

// pool is that of the tests: the workers are built once.
var pool *Pool

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "interop")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	workers, err := Build("..", dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	pool = NewPool(workers)
	code := m.Run()
	if err := pool.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// A member in another process does exactly what one in this process does: what is between the driver and the members
// changes nothing.
func TestAMemberInAProcessDoesTheSame(t *testing.T) {
	for seed := uint64(1); seed <= 6; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			far, _ := Run(pool, mixOf(t, "3-ours"), rafttest.Options{Seed: seed, Events: 4000})
			mix := mixOf(t, "3-ours")
			near := rafttest.Run(rafttest.Options{Seed: seed, Events: 4000, Nodes: 3, Upgrades: mix.upgrades(seed)})
			require.Nil(t, far.Violation, "%+v", far.Violation)
			require.Equal(t, near.Stats, far.Stats)
			require.Equal(t, near.Hash, far.Hash)
		})
	}
}

func mixOf(t *testing.T, name string) Mix {
	t.Helper()
	mix, err := MixOf(name)
	require.NoError(t, err)
	return mix
}

// Whatever members say to each other crosses from one library to the other, in both directions.
func TestEveryMix(t *testing.T) {
	var all Traffic
	for _, mix := range Mixes() {
		t.Run(mix.Name, func(t *testing.T) {
			var sum rafttest.Stats
			for seed := uint64(1); seed <= 3; seed++ {
				r, traffic := Run(pool, mix, rafttest.Options{Seed: seed, Events: 6000})
				all.Add(traffic)
				require.Nil(t, r.Violation, "seed %d: %+v", seed, r.Violation)
				sum.Add(&r.Stats)
			}
			require.Equal(t, 3, sum.Recoveries)
			for what, n := range map[string]int{
				"elections": sum.Elections, "crashes": sum.Crashes, "snapshots": sum.Snapshots, "changes": sum.Changes,
				"transfers": sum.Transfers, "writes": sum.Writes, "reads": sum.Reads,
			} {
				require.NotZero(t, n, what)
			}
		})
	}
	for _, k := range []pb.MessageType{
		pb.MsgProp, pb.MsgApp, pb.MsgAppResp, pb.MsgVote, pb.MsgVoteResp, pb.MsgPreVote, pb.MsgPreVoteResp, pb.MsgSnap,
		pb.MsgHeartbeat, pb.MsgHeartbeatResp, pb.MsgTransferLeader, pb.MsgTimeoutNow, pb.MsgReadIndex, pb.MsgReadIndexResp,
	} {
		require.NotZero(t, all.ToOurs[k], "to this library: %s", k)
		require.NotZero(t, all.ToOthers[k], "to others: %s", k)
	}
	for _, k := range []Change{OldForm, Simple, Joint, Leave, Promotion} {
		require.NotZero(t, all.OursChanged[k], "under leaders of this library: %s", k)
		require.NotZero(t, all.OthersChanged[k], "under other leaders: %s", k)
	}
}

// The other libraries draw from a source of chance of their own; the worker gives them the seed's.
func TestTheSameSeedDoesTheSame(t *testing.T) {
	for _, name := range []string{"one-of-each", "roll-etcd36-ours-etcd37"} {
		run := func(seed uint64) uint64 {
			r, _ := Run(pool, mixOf(t, name), rafttest.Options{Seed: seed, Events: 4000})
			require.Nil(t, r.Violation, "%+v", r.Violation)
			return r.Hash
		}
		require.Equal(t, run(5), run(5), name)
		require.NotEqual(t, run(5), run(6), name)
	}
}

// A rolling upgrade takes every member from one library to the next, on the same disk, and back.
func TestEveryMemberIsUpgradedAndTakenBack(t *testing.T) {
	for _, mix := range Mixes() {
		if len(mix.Rolls) == 0 {
			continue
		}
		t.Run(mix.Name, func(t *testing.T) {
			g := &group{pool: pool, mix: mix, seed: 2}
			o := g.options(rafttest.Options{Seed: 2, Events: 20000})
			r := rafttest.Run(o)
			g.close()
			require.Nil(t, r.Violation, "%+v", r.Violation)
			require.NotZero(t, r.Stats.Writes)
			whole := append(mix.First[:1:1], mix.Rolls...)
			last := mix.Rolls[len(mix.Rolls)-1]
			for id, lives := range g.ran {
				ran := slices.CompactFunc(lives, func(a, b Implementation) bool { return a.ID == b.ID })
				require.Equal(t, last, ran[len(ran)-1], "member %d ends with the last roll", id)
				if id <= uint64(len(mix.First)) {
					require.Equal(t, whole, ran, "member %d goes through all of them", id)
				}
			}
		})
	}
}

// tampered is a member of another implementation whose input is changed on the way.
type tampered struct{ rafttest.Replica }

func (r tampered) Step(m pb.Message) error {
	if m.Type == pb.MsgAppResp && !m.Reject {
		m.Index++
	}
	return r.Replica.Step(m)
}

// Where members count entries that others have not got, it is found, whatever they run.
func TestWhatIsWrongIsFound(t *testing.T) {
	for _, mix := range Peers() {
		found := ""
		for seed := uint64(1); seed <= 10 && found == ""; seed++ {
			g := &group{pool: pool, mix: mix, seed: seed}
			o := g.options(rafttest.Options{Seed: seed, Events: 4000})
			o.NewReplica = func(cfg *raft.Config, upgrades int) (rafttest.Replica, error) {
				r, err := g.newReplica(cfg, upgrades)
				return tampered{r}, err
			}
			if r := rafttest.Run(o); r.Violation != nil {
				found = r.Violation.Property
			}
			g.close()
		}
		require.Contains(t, []string{"committed on a quorum", "no panic, no refusal"}, found, mix.Name)
	}
}

// A member whose process has died ends the run, which says so.
func TestADeadProcessIsNoticed(t *testing.T) {
	g := &group{pool: pool, mix: mixOf(t, "one-of-each"), seed: 1}
	o := g.options(rafttest.Options{Seed: 1, Events: 2000})
	started := 0
	o.NewReplica = func(cfg *raft.Config, upgrades int) (rafttest.Replica, error) {
		r, err := g.newReplica(cfg, upgrades)
		if started++; started == 3 {
			require.NoError(t, r.(*replica).process.cmd.Process.Kill())
		}
		return r, err
	}
	r := rafttest.Run(o)
	require.NotNil(t, r.Violation)
	require.Equal(t, "no panic, no refusal", r.Violation.Property)
	require.Contains(t, r.Violation.Detail, "no answer of the process of a member")
	g.close()
	gone := 0
	for _, p := range g.processes {
		if p.gone {
			gone++
		}
	}
	require.NotZero(t, gone, "a process that has died is not given to another run")
}

func TestAMixOfNoSuchNameIsRefused(t *testing.T) {
	_, err := MixOf("4-ours")
	require.ErrorContains(t, err, `no mix "4-ours"`)
}
