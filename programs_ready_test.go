// How programs read a Ready. All of them take a nil SoftState to say that nothing has changed, keep the one they got,
// and have other goroutines read it; they ask IsEmptySnap and IsEmptyHardState whether there is anything to write, and
// never look at what is empty.

package raft_test

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// recording returns a handler that keeps what was handed out, and handles it as the program does.
func recording(handle handler, kept *[]raft.Ready) handler {
	return func(m *member, rd raft.Ready) {
		*kept = append(*kept, rd)
		handle(m, rd)
	}
}

func TestProgramsTakeNilSoftStateForNoChange(t *testing.T) {
	f := newFleet(t, asEtcd, 3)
	var leader, follower []raft.Ready
	f.members[1].handle = recording(asEtcd, &leader)
	f.members[2].handle = recording(asEtcd, &follower)
	f.elect(1)
	for id, kept := range map[uint64][]raft.Ready{1: leader, 2: follower} {
		last := raft.SoftState{}
		for _, rd := range kept {
			if rd.SoftState != nil {
				require.NotEqual(t, last, *rd.SoftState, "member %d is told the same again", id)
				last = *rd.SoftState
			}
		}
		require.Equal(t, uint64(1), last.Lead, "member %d is told who leads", id)
	}
	leader, follower = nil, nil
	f.propose(1, "a", "b")
	f.beat(1)
	require.NotEmpty(t, leader)
	for _, rd := range append(leader, follower...) {
		require.Nil(t, rd.SoftState)
	}
}

// Fabric has the leader's ID read from the SoftState by other goroutines, atomically, for as long as they like.
func TestProgramsReadTheSoftStateElsewhere(t *testing.T) {
	f := newFleet(t, asFabric, 3)
	states := make(chan *raft.SoftState)
	result := make(chan [2][]uint64)
	go func() {
		var kept []*raft.SoftState
		var read, readAgain []uint64
		for s := range states {
			kept = append(kept, s)
			read = append(read, atomic.LoadUint64(&s.Lead))
		}
		for _, s := range kept {
			readAgain = append(readAgain, atomic.LoadUint64(&s.Lead))
		}
		result <- [2][]uint64{read, readAgain}
	}()
	f.members[3].handle = func(m *member, rd raft.Ready) {
		if rd.SoftState != nil {
			states <- rd.SoftState
		}
		asFabric(m, rd)
	}
	f.elect(1)
	f.elect(2)
	close(states)
	got := await(t, result, "what was read")
	require.Equal(t, got[0], got[1], "what was kept does not change")
	require.Equal(t, uint64(1), got[0][0])
	require.Equal(t, uint64(2), got[0][len(got[0])-1])
}

// Every Ready has something to say; what it does not say is empty by the functions that programs ask.
func TestProgramsAskWhatIsEmpty(t *testing.T) {
	f := newFleet(t, asDgraph, 3)
	var all []raft.Ready
	for _, id := range f.ids {
		f.members[id].handle = recording(asDgraph, &all)
	}
	f.elect(1)
	f.away[3] = true
	f.propose(1, "a", "b")
	f.members[1].compact()
	f.away[3] = false
	f.beat(1)
	snapshots, unchanged := 0, 0
	for _, rd := range all {
		if !raft.IsEmptySnap(rd.Snapshot) {
			snapshots++
			require.Equal(t, []uint64{1, 2, 3}, rd.Snapshot.Metadata.ConfState.Voters)
			require.Equal(t, rd.Snapshot.Metadata.Index, rd.Commit, "the hard state goes with it")
			require.True(t, rd.MustSync)
		} else {
			require.Equal(t, pb.Snapshot{}, rd.Snapshot)
		}
		if raft.IsEmptyHardState(rd.HardState) {
			unchanged++
			require.Equal(t, pb.HardState{}, rd.HardState)
		} else {
			require.NotZero(t, rd.Term)
		}
	}
	require.Equal(t, 1, snapshots)
	require.Positive(t, unchanged)
	require.True(t, raft.IsEmptySnap(pb.Snapshot{}))
	require.True(t, raft.IsEmptySnap(pb.Snapshot{Data: []byte("data alone")}))
	require.False(t, raft.IsEmptySnap(pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1}}))
	require.True(t, raft.IsEmptyHardState(pb.HardState{}))
	require.False(t, raft.IsEmptyHardState(pb.HardState{Commit: 1}))
}

// etcd asks for one read after the other, gives up on one that takes too long, asks again with the same context while
// it waits, and looks only at the last answer in a Ready: that of what was asked last. Its channel has room for one
// answer that nobody waits for any more; the Ready loop stands still on the next.
func TestProgramsTakeOnlyTheLastReadState(t *testing.T) {
	for name, asks := range map[string]uint64{"leader": 1, "follower": 2} {
		t.Run(name, func(t *testing.T) {
			f := newFleet(t, asEtcd, 3)
			f.elect(1)
			f.propose(1, "a")
			m := f.members[asks]
			var answers []raft.ReadState
			m.handle = func(m *member, rd raft.Ready) {
				if n := len(rd.ReadStates); n > 0 {
					answers = append(answers, rd.ReadStates[n-1])
				}
				asEtcd(m, rd)
			}
			f.away[2], f.away[3] = asks != 2, true
			for _, request := range []string{"given up", "given up, too", "waits", "waits"} {
				require.NoError(t, m.node.ReadIndex(t.Context(), []byte(request)))
			}
			f.away[2], f.away[3] = false, false
			f.settle()
			f.beat(1)
			f.beat(1)
			require.NotEmpty(t, answers)
			require.LessOrEqual(t, len(answers), 2, "one that is waited for, and one more")
			last := answers[len(answers)-1]
			require.Equal(t, "waits", string(last.RequestCtx))
			require.Equal(t, m.applied, last.Index)
		})
	}
}
