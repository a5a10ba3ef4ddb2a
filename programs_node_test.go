// What programs do with a Node beside its Ready loop. Fabric's node and etcd's raftNode embed raft.Node, and the test
// benches of etcd put one of their own in its place; Fabric stops it from the Ready loop, etcd and swarmkit from
// elsewhere, and each may ask for the status, or propose, when it has stopped. etcd ticks many times before it runs the
// loop at all. All give Propose a context, and compare with == what comes back.

package raft_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// embeddingNode is a program's node: a raft.Node, and what the program does on top.
type embeddingNode struct {
	raft.Node
	proposed  int
	campaigns int
}

func (n *embeddingNode) Propose(ctx context.Context, data []byte) error {
	n.proposed++
	return n.Node.Propose(ctx, data)
}

func (n *embeddingNode) Campaign(ctx context.Context) error {
	n.campaigns++
	return n.Node.Campaign(ctx)
}

func TestProgramsEmbedNode(t *testing.T) {
	f := newFleet(t, asFabric, 3)
	wrappers := map[uint64]*embeddingNode{}
	for _, id := range f.ids {
		wrappers[id] = &embeddingNode{Node: f.members[id].node}
		f.members[id].node = wrappers[id]
	}
	f.elect(2)
	f.propose(1, "through two wrappers")
	f.requireData([]string{"through two wrappers"})
	require.Equal(t, 1, wrappers[1].proposed)
	require.Equal(t, 1, wrappers[2].campaigns)
	require.Zero(t, wrappers[2].proposed, "the library does not call what wraps it")
}

// standInNode is a Node of a test bench. It has every method that the interface had in the lineage, and no other, so
// that one more in the interface would break programs that have such a type.
type standInNode struct{ readies chan raft.Ready }

func (standInNode) Tick()                                                     {}
func (standInNode) Campaign(context.Context) error                            { return nil }
func (standInNode) Propose(context.Context, []byte) error                     { return nil }
func (standInNode) ProposeConfChange(context.Context, pb.ConfChangeI) error   { return nil }
func (standInNode) Step(context.Context, pb.Message) error                    { return nil }
func (n standInNode) Ready() <-chan raft.Ready                                { return n.readies }
func (standInNode) Advance()                                                  {}
func (standInNode) ApplyConfChange(pb.ConfChangeI) *pb.ConfState              { return &pb.ConfState{} }
func (standInNode) TransferLeadership(_ context.Context, lead, target uint64) {}
func (standInNode) ForgetLeader(context.Context) error                        { return nil }
func (standInNode) ReadIndex(context.Context, []byte) error                   { return nil }
func (standInNode) Status() raft.Status                                       { return raft.Status{} }
func (standInNode) ReportUnreachable(uint64)                                  {}
func (standInNode) ReportSnapshot(uint64, raft.SnapshotStatus)                {}
func (standInNode) Stop()                                                     {}

var _ raft.Node = standInNode{}

func TestProgramsPutAnotherNodeInItsPlace(t *testing.T) {
	readies := make(chan raft.Ready, 1)
	readies <- raft.Ready{
		SoftState:        &raft.SoftState{Lead: 1, RaftState: raft.StateLeader},
		Entries:          []pb.Entry{{Term: 1, Index: 1, Data: []byte("made up")}},
		CommittedEntries: []pb.Entry{{Term: 1, Index: 1, Data: []byte("made up")}},
	}
	m := &member{t: t, id: 1, storage: raft.NewMemoryStorage(), node: standInNode{readies: readies}, fleet: &fleet{}}
	m.handle = asDgraph
	require.True(t, m.step())
	require.True(t, m.leads)
	require.Equal(t, []string{"made up"}, m.data)
}

// leaderOfOne returns a Node that leads a group of one.
func leaderOfOne(t *testing.T) *member { return newFleet(t, asSwarmkit, 1).elect(1) }

// requireIsOver requires that the Node says of everything that it is stopped, and that nothing waits.
func requireIsOver(t *testing.T, n raft.Node) {
	t.Helper()
	finishes(t, "the calls after Stop", func() {
		ctx := context.Background()
		heartbeat := pb.Message{Type: pb.MsgHeartbeat, From: 2, To: 1, Term: 9}
		for what, err := range map[string]error{
			"Campaign":          n.Campaign(ctx),
			"Propose":           n.Propose(ctx, []byte("late")),
			"ProposeConfChange": n.ProposeConfChange(ctx, pb.ConfChange{NodeID: 2}),
			"Step":              n.Step(ctx, heartbeat),
			"ReadIndex":         n.ReadIndex(ctx, []byte("late")),
			"ForgetLeader":      n.ForgetLeader(ctx),
		} {
			require.True(t, err == raft.ErrStopped, "%s: %v", what, err)
		}
		status := n.Status()
		require.Equal(t, raft.Status{}, status)
		require.Equal(t, raft.None, status.Lead)
		_, err := json.Marshal(status)
		require.NoError(t, err)
		require.NotNil(t, n.ApplyConfChange(pb.ConfChange{Type: pb.ConfChangeAddNode, NodeID: 2}))
		n.Tick()
		n.Advance()
		n.ReportUnreachable(2)
		n.ReportSnapshot(2, raft.SnapshotFailure)
		n.TransferLeadership(ctx, 1, 2)
		_, ok := offered(n)
		require.False(t, ok, "a Ready after Stop")
		n.Stop()
	})
}

func TestProgramsStopFromAnywhere(t *testing.T) {
	propose := func(t *testing.T, m *member) {
		require.NoError(t, m.node.Propose(context.Background(), []byte("x")))
	}
	for where, stop := range map[string]func(t *testing.T, m *member){
		"at rest": func(_ *testing.T, m *member) { m.node.Stop() },
		"with a Ready that nobody has taken": func(t *testing.T, m *member) {
			propose(t, m)
			m.node.Stop()
		},
		"in the Ready loop, instead of Advance": func(t *testing.T, m *member) {
			propose(t, m)
			mustOffer(t, m.node)
			m.node.Stop()
		},
		"in the Ready loop, before Advance": func(t *testing.T, m *member) {
			propose(t, m)
			m.save(mustOffer(t, m.node))
			m.node.Stop()
			m.node.Advance()
		},
		"while applying, from another goroutine": func(t *testing.T, m *member) {
			propose(t, m)
			rd := mustOffer(t, m.node)
			finishes(t, "the applying", func() { m.node.Stop() })
			m.save(rd)
			m.node.Advance()
		},
		"by many at once": func(t *testing.T, m *member) {
			stopped := make(chan struct{})
			for range 8 {
				go func() { m.node.Stop(); stopped <- struct{}{} }()
			}
			for range 8 {
				await(t, stopped, "the end of Stop")
			}
		},
		"by the transport, on an error of Step": func(t *testing.T, m *member) {
			if err := m.node.Step(context.Background(), pb.Message{Type: pb.MsgHeartbeat, From: 2, To: 7, Term: 3}); err != nil {
				m.node.Stop()
			}
		},
	} {
		t.Run(where, func(t *testing.T) {
			m := leaderOfOne(t)
			finishes(t, "Stop", func() { stop(t, m) })
			requireIsOver(t, m.node)
		})
	}
}

// waitingContext tells when somebody waits with it.
type waitingContext struct {
	context.Context
	waits chan struct{}
}

func (c waitingContext) Done() <-chan struct{} {
	c.waits <- struct{}{}
	return c.Context.Done()
}

// letWait has calls of Propose and ProposeConfChange wait for a leader with the context, until each does, and returns
// the channel of their results.
func letWait(t *testing.T, ctx context.Context, n raft.Node, calls int) <-chan error {
	waiting := waitingContext{Context: ctx, waits: make(chan struct{}, 10*calls)}
	results := make(chan error, calls)
	for i := range calls {
		go func() {
			if i%2 == 0 {
				results <- n.Propose(waiting, []byte("waited"))
				return
			}
			results <- n.ProposeConfChange(waiting, pb.ConfChange{Type: pb.ConfChangeAddLearnerNode, NodeID: 4})
		}()
	}
	for range calls {
		await(t, waiting.waits, "the waiting for a leader")
	}
	return results
}

// Those who wait for a leader, in Propose and ProposeConfChange, are let go by Stop.
func TestProgramsStopWhileProposalsWait(t *testing.T) {
	n := newFleet(t, asFabric, 3).members[1].node
	results := letWait(t, context.Background(), n, 8)
	n.Stop()
	for range 8 {
		require.True(t, await(t, results, "the end of a proposal") == raft.ErrStopped)
	}
}

// The status can be asked for at any time: before the first Ready is taken, between Ready and Advance, after Stop.
func TestProgramsAskForTheStatusAtAnyTime(t *testing.T) {
	n := raft.StartNode(config(1, raft.NewMemoryStorage()), []raft.Peer{{ID: 1}})
	finishes(t, "asking", func() {
		require.Equal(t, uint64(1), n.Status().ID)
		mustOffer(t, n)
		require.Equal(t, uint64(1), n.Status().Commit)
		require.Zero(t, n.Status().Applied, "not advanced")
		n.Advance()
		require.Equal(t, uint64(1), n.Status().Applied)
		require.Nil(t, n.Status().Progress, "it does not lead: programs tell leaders by this")
		n.Stop()
	})
	requireIsOver(t, n)
}

// What etcd, Fabric and the operator's commands read in the progress of the others.
func TestProgramsReadTheProgressOfOthers(t *testing.T) {
	f := newFleet(t, asFabric, 3)
	leader := f.elect(1)
	f.away[3] = true
	f.propose(1, "a", "b")
	status := leader.node.Status()
	require.Len(t, status.Progress, 3)
	require.Equal(t, status.Commit, status.Progress[1].Match)
	require.Equal(t, status.Commit, status.Progress[2].Match)
	require.Equal(t, status.Commit-2, status.Progress[3].Match)
	require.True(t, status.Progress[2].RecentActive)
	require.False(t, status.Progress[2].IsLearner)
	require.Equal(t, map[uint64]struct{}{1: {}, 2: {}, 3: {}}, status.Config.Voters.IDs())
}

// However often a program ticks while it does not look at Ready, nothing blocks, and it works when it looks again.
func TestProgramsTickFasterThanReadyIsConsumed(t *testing.T) {
	f := newFleet(t, asEtcd, 3)
	f.elect(1)
	finishes(t, "ticking", func() {
		for range 5000 {
			for _, id := range f.ids {
				f.members[id].node.Tick()
			}
		}
	})
	for _, id := range f.ids {
		for rd, ok := offered(f.members[id].node); ok; rd, ok = offered(f.members[id].node) {
			require.LessOrEqual(t, len(rd.Messages), 8, "what was missed is not made up for")
			f.members[id].handle(f.members[id], rd)
		}
	}
	f.settle()
	f.elect(2)
	f.propose(3, "after all")
	f.requireData([]string{"after all"})
}

// etcd lets most of an election timeout pass on a member that starts alone, before it runs the Ready loop, so that it
// need not wait for it afterwards: those ticks count.
func TestProgramsTickBeforeTheReadyLoopRuns(t *testing.T) {
	f := &fleet{t: t, members: map[uint64]*member{}}
	timeout := config(1, nil).ElectionTick
	m := f.add(1, asEtcd, func(_ *member, cfg *raft.Config) { cfg.Rand = slowest(timeout - 1) })
	m.start([]raft.Peer{{ID: 1}})
	finishes(t, "ticking", func() {
		for range timeout - 1 {
			m.node.Tick()
		}
	})
	f.settle()
	require.Equal(t, raft.StateFollower, m.node.Status().RaftState)
	for range timeout {
		m.node.Tick()
		f.settle()
	}
	require.Equal(t, raft.StateLeader, m.node.Status().RaftState, "the longest timeout is one tick less than two of the shortest")
}

// slowest is a source that always gives the same number: here that of the longest timeout.
type slowest uint64

func (s slowest) Uint64() uint64 { return uint64(s) }

func TestProgramsCancelProposals(t *testing.T) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	late, cancelLate := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancelLate()
	f := newFleet(t, asEtcd, 3)
	refuse := func() {
		for want, ctx := range map[error]context.Context{context.Canceled: cancelled, context.DeadlineExceeded: late} {
			err := f.members[1].node.Propose(ctx, []byte("too late"))
			require.True(t, err == want, "%v", err)
			err = f.members[1].node.ProposeConfChange(ctx, pb.ConfChange{NodeID: 4})
			require.True(t, err == want, "%v", err)
		}
	}
	refuse()
	f.elect(1)
	refuse()
	f.propose(1, "in time")
	f.requireData([]string{"in time"})
}

// A proposal that waits for a leader ends with its context, and is not made when there is a leader at last.
func TestProgramsCancelProposalsThatWait(t *testing.T) {
	f := newFleet(t, asEtcd, 3)
	ctx, cancel := context.WithCancel(context.Background())
	results := letWait(t, ctx, f.members[1].node, 4)
	cancel()
	for range 4 {
		require.True(t, await(t, results, "the end of a proposal") == context.Canceled)
	}
	f.elect(1)
	f.propose(1, "made")
	f.requireData([]string{"made"})
	require.Empty(t, f.members[1].conf.Learners)
}

// One that goes on waiting is made when there is a leader.
func TestProgramsWaitForALeaderInPropose(t *testing.T) {
	f := newFleet(t, asEtcd, 3)
	results := letWait(t, context.Background(), f.members[2].node, 2)
	f.elect(1)
	for range 2 {
		require.NoError(t, await(t, results, "the end of a proposal"))
	}
	f.settle()
	f.requireData([]string{"waited"})
	require.Equal(t, []uint64{4}, f.members[3].conf.Learners)
}

// A proposal whose context ends when it was made is not undone: the program finds it applied.
func TestProgramsCancelProposalsAfterTheyWereMade(t *testing.T) {
	f := newFleet(t, asEtcd, 3)
	f.elect(1)
	ctx, cancel := context.WithCancel(context.Background())
	require.NoError(t, f.members[2].node.Propose(ctx, []byte("made")))
	cancel()
	f.settle()
	f.requireData([]string{"made"})
}
