package raft

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// The contract of Node, one method and one moment at a time: contexts, Stop, Ready and Advance, starting. Use by many
// goroutines is in node_race_test.go.

// patience is how long a test waits for what must happen, restraint how long for what must not.
const (
	patience  = 20 * time.Second
	restraint = 30 * time.Millisecond
)

// startedNode returns a running Node that is stopped at the end of the test.
func startedNode(t testing.TB, cfg *Config, peers ...Peer) Node {
	n, err := NewNode(cfg, peers)
	require.NoError(t, err)
	t.Cleanup(n.Stop)
	return n
}

// nextReady returns the next Ready, which must come.
func nextReady(t testing.TB, n Node) Ready {
	t.Helper()
	select {
	case rd := <-n.Ready():
		return rd
	case <-time.After(patience):
		require.FailNow(t, "no Ready came")
		return Ready{}
	}
}

// requireNoReady requires that no Ready comes.
func requireNoReady(t testing.TB, n Node) {
	t.Helper()
	select {
	case rd := <-n.Ready():
		require.Failf(t, "unexpected Ready", "%s", DescribeReady(rd, nil))
	case <-time.After(restraint):
	}
}

// persist writes what the Ready asks for.
func persist(t testing.TB, s *MemoryStorage, rd Ready) {
	t.Helper()
	if !IsEmptySnap(rd.Snapshot) {
		require.NoError(t, s.ApplySnapshot(rd.Snapshot))
	}
	require.NoError(t, s.Append(rd.Entries))
	if !IsEmptyHardState(rd.HardState) {
		require.NoError(t, s.SetHardState(rd.HardState))
	}
}

// applyChanges has the membership changes among the entries take effect.
func applyChanges(t testing.TB, n Node, ents []pb.Entry) {
	for i := range ents {
		change, err := decodeChange(&ents[i])
		require.NoError(t, err)
		if change != nil {
			n.ApplyConfChange(*change)
		}
	}
}

// driveUntil handles Readys until one satisfies enough, and returns that one.
func driveUntil(t testing.TB, n Node, s *MemoryStorage, enough func(Ready) bool) Ready {
	t.Helper()
	for {
		rd := nextReady(t, n)
		persist(t, s, rd)
		applyChanges(t, n, rd.CommittedEntries)
		n.Advance()
		if enough(rd) {
			return rd
		}
	}
}

func leads(rd Ready) bool { return rd.SoftState != nil && rd.SoftState.RaftState == StateLeader }

// appliesData returns a predicate on a Ready: that it has the data applied.
func appliesData(data string) func(Ready) bool {
	return func(rd Ready) bool {
		for _, e := range rd.CommittedEntries {
			if string(e.Data) == data {
				return true
			}
		}
		return false
	}
}

// nodeCall is a method of Node that takes a context.
type nodeCall struct {
	name string
	call func(ctx context.Context, n Node) error
}

func contextCalls() []nodeCall {
	heartbeat := pb.Message{Type: pb.MsgHeartbeat, From: 2, To: 1, Term: 5}
	change := pb.ConfChange{Type: pb.ConfChangeAddNode, NodeID: 4}
	return []nodeCall{
		{"Campaign", func(ctx context.Context, n Node) error { return n.Campaign(ctx) }},
		{"Propose", func(ctx context.Context, n Node) error { return n.Propose(ctx, []byte("x")) }},
		{"ProposeConfChange", func(ctx context.Context, n Node) error { return n.ProposeConfChange(ctx, change) }},
		{"Step", func(ctx context.Context, n Node) error { return n.Step(ctx, heartbeat) }},
		{"ForgetLeader", func(ctx context.Context, n Node) error { return n.ForgetLeader(ctx) }},
		{"ReadIndex", func(ctx context.Context, n Node) error { return n.ReadIndex(ctx, []byte("r")) }},
	}
}

func TestNodeContextDoneBeforeTheCall(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	late, cancelLate := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancelLate()
	for _, c := range contextCalls() {
		t.Run(c.name, func(t *testing.T) {
			n := startedNode(t, testConfig(1, votersOf(t, 3)))
			require.Equal(t, context.Canceled, c.call(ctx, n))
			require.Equal(t, context.DeadlineExceeded, c.call(late, n))
			requireNoReady(t, n)
			require.Equal(t, uint64(1), n.Status().Term)
		})
	}
	t.Run("TransferLeadership", func(t *testing.T) {
		n := startedNode(t, testConfig(1, votersOf(t, 3)))
		require.NoError(t, n.Step(context.Background(), pb.Message{Type: pb.MsgHeartbeat, From: 2, To: 1, Term: 5}))
		nextReady(t, n)
		n.Advance()
		n.TransferLeadership(ctx, 2, 3)
		requireNoReady(t, n)
		n.TransferLeadership(context.Background(), 2, 3)
		require.Equal(t, pb.MsgTransferLeader, nextReady(t, n).Messages[0].Type)
	})
}

// waiters are the calls that wait for a leader.
func waiters() []nodeCall {
	return contextCalls()[1:3]
}

func TestNodeContextDoneWhileWaitingForALeader(t *testing.T) {
	for _, c := range waiters() {
		t.Run(c.name, func(t *testing.T) {
			n := startedNode(t, testConfig(1, votersOf(t, 3)))
			ctx, cancel := context.WithCancel(context.Background())
			result := make(chan error, 1)
			go func() { result <- c.call(ctx, n) }()
			select {
			case err := <-result:
				require.Failf(t, "did not wait", "%v", err)
			case <-time.After(restraint):
			}
			cancel()
			require.Equal(t, context.Canceled, <-result)
			short, cancelShort := context.WithTimeout(context.Background(), restraint)
			defer cancelShort()
			require.Equal(t, context.DeadlineExceeded, c.call(short, n))
			requireNoReady(t, n)
		})
	}
}

func TestNodeStopReleasesThoseWhoWait(t *testing.T) {
	for _, c := range waiters() {
		t.Run(c.name, func(t *testing.T) {
			n := startedNode(t, testConfig(1, votersOf(t, 3)))
			const callers = 8
			result := make(chan error, callers)
			for range callers {
				go func() { result <- c.call(context.Background(), n) }()
			}
			time.Sleep(restraint)
			n.Stop()
			for range callers {
				require.Equal(t, ErrStopped, <-result)
			}
		})
	}
}

func TestNodeElectionReleasesThoseWhoWait(t *testing.T) {
	s := votersOf(t, 1)
	n := startedNode(t, testConfig(1, s))
	const callers = 8
	result := make(chan error, callers)
	for i := range callers {
		go func() { result <- n.Propose(context.Background(), []byte(fmt.Sprint("waited ", i))) }()
	}
	time.Sleep(restraint)
	require.Empty(t, result)
	require.NoError(t, n.Campaign(context.Background()))
	got := map[string]bool{}
	for len(got) < callers {
		rd := driveUntil(t, n, s, func(Ready) bool { return true })
		for _, e := range rd.CommittedEntries {
			if len(e.Data) > 0 {
				got[string(e.Data)] = true
			}
		}
	}
	for range callers {
		require.NoError(t, <-result)
	}
}

// A leader may be lost again before those who waited for it get the lock: they wait on.
func TestNodeWaitersSurviveALeaderThatIsForgotten(t *testing.T) {
	ctx := context.Background()
	n := startedNode(t, testConfig(1, votersOf(t, 3)))
	result := make(chan error, 1)
	go func() { result <- n.Propose(ctx, []byte("x")) }()
	for i := 0; i < 50; i++ {
		require.NoError(t, n.Step(ctx, pb.Message{Type: pb.MsgHeartbeat, From: 2, To: 1, Term: 2}))
		require.NoError(t, n.ForgetLeader(ctx))
	}
	require.NoError(t, n.Step(ctx, pb.Message{Type: pb.MsgHeartbeat, From: 2, To: 1, Term: 2}))
	require.NoError(t, <-result)
}

// requireStopped requires that every method says that the Node is stopped, with an error that err matches.
func requireStopped(t *testing.T, n Node, err error) {
	t.Helper()
	for _, c := range contextCalls() {
		require.ErrorIs(t, c.call(context.Background(), n), ErrStopped, c.name)
		require.ErrorIs(t, c.call(context.Background(), n), err, c.name)
	}
	n.Tick()
	n.Advance()
	n.TransferLeadership(context.Background(), 1, 2)
	n.ReportUnreachable(2)
	n.ReportSnapshot(2, SnapshotFailure)
	require.NotNil(t, n.ApplyConfChange(pb.ConfChange{Type: pb.ConfChangeAddNode, NodeID: 4}))
	require.Equal(t, Status{}, n.Status())
	requireNoReady(t, n)
	n.Stop()
}

func TestNodeAfterStop(t *testing.T) {
	n := startedNode(t, testConfig(1, votersOf(t, 1)))
	require.NoError(t, n.Campaign(context.Background()))
	nextReady(t, n)
	n.Stop()
	requireStopped(t, n, ErrStopped)
	require.Equal(t, ErrStopped, n.Propose(context.Background(), nil), "programs compare it with ==")
}

func TestNodeStopFromManyGoroutines(t *testing.T) {
	n := startedNode(t, testConfig(1, votersOf(t, 1)))
	require.NoError(t, n.Campaign(context.Background()))
	var wg sync.WaitGroup
	for range 8 {
		wg.Add(1)
		go func() { defer wg.Done(); n.Stop() }()
	}
	wg.Wait()
	requireStopped(t, n, ErrStopped)
}

// A Ready lies in the channel and nobody takes it; or it was taken and is not advanced.
func TestNodeStopWithAReadyInEveryPlace(t *testing.T) {
	for _, taken := range []bool{false, true} {
		n := startedNode(t, testConfig(1, votersOf(t, 1)))
		require.NoError(t, n.Campaign(context.Background()))
		if taken {
			nextReady(t, n)
		} else {
			waitOffered(t, n)
		}
		n.Stop()
		requireStopped(t, n, ErrStopped)
	}
}

func TestNodeStopFromTheReadyLoop(t *testing.T) {
	n := startedNode(t, testConfig(1, votersOf(t, 1)))
	require.NoError(t, n.Campaign(context.Background()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-n.Ready()
		n.Stop()
		n.Advance()
	}()
	select {
	case <-done:
	case <-time.After(patience):
		require.FailNow(t, "Stop inside the Ready loop does not return")
	}
}

// waitOffered waits until a Ready lies in the channel.
func waitOffered(t testing.TB, n Node) {
	t.Helper()
	inner := n.(*node)
	require.Eventually(t, func() bool {
		inner.mu.Lock()
		defer inner.mu.Unlock()
		return inner.offered
	}, patience, time.Millisecond)
}

func TestNodeAdvanceWithoutReadyDoesNothing(t *testing.T) {
	s := votersOf(t, 1)
	n := startedNode(t, testConfig(1, s))
	for range 3 {
		n.Advance()
	}
	require.NoError(t, n.Campaign(context.Background()))
	driveUntil(t, n, s, leads)
	for range 3 {
		n.Advance()
	}
	require.NoError(t, n.Propose(context.Background(), []byte("x")))
	driveUntil(t, n, s, appliesData("x"))
}

// An Advance too many must not acknowledge a Ready that nobody has seen: its entries would count as durable, and all
// Advances after it would be one Ready ahead.
func TestNodeAdvanceBeforeTheReadyIsReceived(t *testing.T) {
	n := startedNode(t, testConfig(1, votersOf(t, 1)))
	require.NoError(t, n.Campaign(context.Background()))
	waitOffered(t, n)
	n.Advance()
	require.Equal(t, StateCandidate, n.Status().RaftState, "its vote is not written yet, so it cannot have won")
	rd := nextReady(t, n)
	require.Equal(t, uint64(2), rd.Term)
	requireNoReady(t, n)
}

func TestNodeNextReadyWaitsForAdvance(t *testing.T) {
	s := votersOf(t, 1)
	n := startedNode(t, testConfig(1, s))
	require.NoError(t, n.Campaign(context.Background()))
	driveUntil(t, n, s, leads)
	require.NoError(t, n.Propose(context.Background(), []byte("a")))
	rd := nextReady(t, n)
	require.NoError(t, n.Propose(context.Background(), []byte("b")))
	requireNoReady(t, n)
	persist(t, s, rd)
	n.Advance()
	driveUntil(t, n, s, appliesData("b"))
}

// nodeIn returns a Node of three that leads if the state says so, and otherwise knows of no leader.
func nodeIn(t *testing.T, state StateType, configure func(*Config)) Node {
	s := votersOf(t, 3)
	cfg := testConfig(1, s)
	configure(cfg)
	n := startedNode(t, cfg)
	if state == StateLeader {
		for n.Status().RaftState == StateFollower {
			n.Tick()
		}
		driveUntil(t, n, s, func(rd Ready) bool { grantAll(t, n, rd.Messages); return leads(rd) })
	}
	return n
}

// grantAll answers the requests for votes among the messages.
func grantAll(t *testing.T, n Node, msgs []pb.Message) {
	for _, m := range msgs {
		if m.Type == pb.MsgVote || m.Type == pb.MsgPreVote {
			grant := pb.Message{Type: voteResponse(m.Type), From: m.To, To: m.From, Term: m.Term}
			require.NoError(t, n.Step(context.Background(), grant))
		}
	}
}

// However far the Ready loop falls behind the clock, what it finds to be sent then is bounded.
func TestNodeTicksWithoutTheReadyLoopDoNotPileUp(t *testing.T) {
	configs := map[string]func(*Config){
		"plain": func(*Config) {}, "pre-vote": withPreVote, "check-quorum": withCheckQuorum, "lease": withLeaseReads,
	}
	for name, configure := range configs {
		for _, state := range []StateType{StateFollower, StateLeader} {
			t.Run(name+"/"+state.String(), func(t *testing.T) {
				n := nodeIn(t, state, configure)
				for range 20000 {
					n.Tick()
				}
				for range 3 {
					rd := nextReady(t, n)
					require.LessOrEqual(t, len(rd.Messages), 8)
					n.Advance()
					for range 25 {
						n.Tick()
					}
				}
			})
		}
	}
}

func TestNodeUnconsumedReadyBlocksNothing(t *testing.T) {
	for _, async := range []bool{false, true} {
		n := nodeIn(t, StateFollower, func(c *Config) { c.AsyncStorageWrites = async })
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		for i := uint64(0); i < 100; i++ {
			m := pb.Message{Type: pb.MsgApp, From: 2, To: 1, Term: 2, LogTerm: 2, Index: i + 1,
				Entries: []pb.Entry{{Term: 2, Index: i + 2}}}
			if i == 0 {
				m.LogTerm = 1
			}
			require.NoError(t, n.Step(ctx, m))
			require.NoError(t, n.Propose(ctx, []byte("x")))
			require.NoError(t, n.ReadIndex(ctx, []byte("r")))
			n.Tick()
			n.ReportUnreachable(2)
			require.Equal(t, uint64(2), n.Status().Lead)
		}
	}
}

// In asynchronous mode one Ready follows the other, whether or not anybody calls Advance.
func TestNodeAsyncNeedsNoAdvance(t *testing.T) {
	s := votersOf(t, 1)
	cfg := testConfig(1, s)
	cfg.AsyncStorageWrites = true
	n := startedNode(t, cfg)
	ctx := context.Background()
	require.NoError(t, n.Campaign(ctx))
	require.Equal(t, []string{"x"}, runAsync(t, n, s, func() { require.NoError(t, n.Propose(ctx, []byte("x"))) }))
	n.Advance()
	require.NoError(t, n.Propose(ctx, []byte("y")))
	require.Equal(t, pb.MsgStorageAppend, nextReady(t, n).Messages[0].Type)
}

// runAsync does the work of the storage threads until something was applied, and has request made by another goroutine.
func runAsync(t *testing.T, n Node, s *MemoryStorage, request func()) []string {
	go request()
	for {
		var applied []string
		for _, m := range nextReady(t, n).Messages {
			if m.To == LocalAppendThread {
				require.NoError(t, s.Append(m.Entries))
				require.NoError(t, s.SetHardState(pb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit}))
			}
			for _, e := range m.Entries {
				if m.To == LocalApplyThread && len(e.Data) > 0 {
					applied = append(applied, string(e.Data))
				}
			}
			for _, r := range m.Responses {
				require.NoError(t, n.Step(context.Background(), r))
			}
		}
		if len(applied) > 0 {
			return applied
		}
	}
}
