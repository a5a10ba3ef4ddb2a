package rafttest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// What members run may be brought along, may be changed in the middle of a run, and is found out if it is wrong.

func TestMembersAreUpgraded(t *testing.T) {
	run := func() (Result, map[uint64]int) {
		reached := map[uint64]int{}
		return Run(Options{
			Seed: 3, Events: 6000, Nodes: 3, Upgrades: []uint64{1, 2, 3, 2, 7},
			NewReplica: func(cfg *raft.Config, upgrades int) (Replica, error) {
				require.GreaterOrEqual(t, upgrades, reached[cfg.ID], "no member goes back")
				reached[cfg.ID] = upgrades
				return raft.NewRawNode(cfg)
			},
		}), reached
	}
	first, reached := run()
	require.Nil(t, first.Violation, "%+v", first.Violation)
	require.Equal(t, 1, reached[1])
	require.Equal(t, 2, reached[2])
	require.Equal(t, 1, reached[3])
	again, _ := run()
	require.Equal(t, first.Hash, again.Hash)
	require.NotEqual(t, first.Hash, Run(Options{Seed: 3, Events: 6000, Nodes: 3}).Hash)
}

func TestAnUpgradeOfNobodyIsRefused(t *testing.T) {
	for _, id := range []uint64{0, maxMembers + 1, 1 << 60} {
		r := Run(Options{Seed: 1, Events: 10, Upgrades: []uint64{id}})
		require.NotNil(t, r.Violation)
		require.Contains(t, r.Violation.Detail, "Options.Upgrades")
	}
}

// Foreign members are not asked for what only this library promises, and are checked in all else.
func TestForeignMembers(t *testing.T) {
	elections := 0
	for seed := uint64(1); seed <= 12; seed++ {
		r := Run(Options{
			Seed: seed, Events: 5000,
			Foreign: func(id uint64, _ int) bool { return id%2 == 0 },
			NewReplica: func(cfg *raft.Config, _ int) (Replica, error) {
				require.False(t, cfg.AsyncStorageWrites && cfg.ID%2 == 0)
				require.Equal(t, raft.ReadOnlySafe, cfg.ReadOnlyOption)
				return raft.NewRawNode(cfg)
			},
		})
		require.Nil(t, r.Violation, "seed %d: %+v", seed, r.Violation)
		require.Zero(t, r.Stats.Wipes)
		elections += r.Stats.Elections
	}
	require.NotZero(t, elections)
}

// faulty is a replica with a fault of its own.
type faulty struct {
	*raft.RawNode
	step  func(pb.Message) pb.Message
	ready func(raft.Ready) raft.Ready
	tick  func()
}

func (w *faulty) Step(m pb.Message) error {
	if w.step != nil {
		m = w.step(m)
	}
	return w.RawNode.Step(m)
}

func (w *faulty) Ready() raft.Ready {
	rd := w.RawNode.Ready()
	if w.ready != nil {
		rd = w.ready(rd)
	}
	return rd
}

func (w *faulty) Tick() {
	if w.tick != nil {
		w.tick()
	}
	w.RawNode.Tick()
}

func TestAWrongReplicaIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		replica faulty
		finds   string
	}{
		"counts what it was not told": {finds: "committed on a quorum", replica: faulty{step: func(m pb.Message) pb.Message {
			if m.Type == pb.MsgAppResp && !m.Reject {
				m.Index++
			}
			return m
		}}},
		"keeps its vote to itself": {finds: "ready contract", replica: faulty{ready: func(rd raft.Ready) raft.Ready {
			rd.HardState.Vote = 0
			return rd
		}}},
		"answers reads too early": {finds: "linearizable reads", replica: faulty{ready: func(rd raft.Ready) raft.Ready {
			for i := range rd.ReadStates {
				rd.ReadStates[i].Index = 1
			}
			return rd
		}}},
		"panics": {finds: "no panic, no refusal", replica: faulty{tick: func() { panic("on purpose") }}},
	} {
		t.Run(name, func(t *testing.T) {
			found := ""
			for seed := uint64(1); seed <= 10 && found == ""; seed++ {
				r := Run(Options{
					Seed: seed, Events: 5000, Nodes: 3,
					Foreign: func(uint64, int) bool { return true },
					NewReplica: func(cfg *raft.Config, _ int) (Replica, error) {
						node, err := raft.NewRawNode(cfg)
						w := c.replica
						w.RawNode = node
						return &w, err
					},
				})
				if r.Violation != nil {
					found = r.Violation.Property
				}
			}
			require.Equal(t, c.finds, found)
		})
	}
}
