package raft

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Nodes in the hands of many goroutines. These tests mean most under the race detector.

// noLeaks requires, at the end of the test, that no more goroutines run than at this call.
func noLeaks(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for end := time.Now().Add(patience); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				stacks := make([]byte, 1<<20)
				require.Failf(t, "goroutines are left over", "%s", stacks[:runtime.Stack(stacks, true)])
			}
		}
	})
}

// keeper marshals, on a goroutine of its own, what Readys hand out, and again when all is over.
type keeper struct {
	in   chan Ready
	done chan struct{}
	kept []keptReady
}

type keptReady struct {
	rd    Ready
	bytes []byte
}

func newKeeper() *keeper {
	k := &keeper{in: make(chan Ready, 1000), done: make(chan struct{})}
	go func() {
		defer close(k.done)
		for rd := range k.in {
			k.kept = append(k.kept, keptReady{rd: rd, bytes: encodeReady(rd)})
		}
	}()
	return k
}

// check requires that nothing that was handed out has changed since.
func (k *keeper) check(t *testing.T) {
	close(k.in)
	<-k.done
	require.NotEmpty(t, k.kept)
	for i, kept := range k.kept {
		require.True(t, bytes.Equal(kept.bytes, encodeReady(kept.rd)), "Ready %d of %d has changed", i, len(k.kept))
	}
}

// encodeReady reads everything that a Ready refers to.
func encodeReady(rd Ready) []byte {
	var out []byte
	add := func(b []byte, err error) {
		if err != nil {
			panic(err)
		}
		out = append(out, b...)
	}
	for _, ents := range [][]pb.Entry{rd.Entries, rd.CommittedEntries} {
		for i := range ents {
			add(ents[i].Marshal())
		}
	}
	for i := range rd.Messages {
		add(rd.Messages[i].Marshal())
	}
	add(rd.Snapshot.Marshal())
	for _, rs := range rd.ReadStates {
		out = append(out, rs.RequestCtx...)
	}
	return out
}

// network carries messages between hosts; it loses what an inbox has no room for.
type network struct {
	inboxes map[uint64]chan pb.Message
	keeper  *keeper
}

func (n *network) send(msgs []pb.Message) {
	for _, m := range msgs {
		select {
		case n.inboxes[m.To] <- m:
		default:
		}
	}
}

// host runs one Node: a goroutine for its Readys and its ticks, one for its inbox, and with asynchronous writes
// one for each storage thread.
type host struct {
	id      uint64
	async   bool
	net     *network
	storage *confStorage
	life    uint64

	node Node
	stop chan struct{}
	wg   sync.WaitGroup

	mu      sync.Mutex
	applied uint64
	data    []string
}

// start starts the Node, with peers in its first life and with what storage holds in the others.
func (h *host) start(t *testing.T, peers ...Peer) {
	cfg := testConfig(h.id, h.storage)
	h.life++
	cfg.Rand = rand.NewPCG(h.id, h.life)
	cfg.AsyncStorageWrites = h.async
	cfg.MaxSizePerMsg = 1 << 12
	cfg.PreVote = h.id%2 == 0
	hs, _, err := h.storage.InitialState()
	require.NoError(t, err)
	cfg.Applied = min(h.applied, hs.Commit)
	n, err := NewNode(cfg, peers)
	require.NoError(t, err)
	h.node = n
	h.stop = make(chan struct{})
	appends, applies := make(chan pb.Message, 4096), make(chan pb.Message, 4096)
	h.goLoop(func() { h.runReady(appends, applies) })
	h.goLoop(h.runInbox)
	h.goLoop(func() { h.runThread(appends, h.write) })
	h.goLoop(func() { h.runThread(applies, func(m pb.Message) { h.apply(m.Entries) }) })
}

func (h *host) goLoop(f func()) {
	h.wg.Add(1)
	go func() { defer h.wg.Done(); f() }()
}

// crash stops everything at once. What the threads had not yet written is lost.
func (h *host) crash() {
	close(h.stop)
	h.node.Stop()
	h.wg.Wait()
}

func (h *host) runReady(appends, applies chan<- pb.Message) {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-h.stop:
			return
		case <-ticker.C:
			h.node.Tick()
		case rd := <-h.node.Ready():
			h.handle(rd, appends, applies)
		}
	}
}

func (h *host) handle(rd Ready, appends, applies chan<- pb.Message) {
	h.net.keeper.in <- rd
	var others []pb.Message
	for _, m := range rd.Messages {
		switch m.To {
		case LocalAppendThread:
			appends <- m
		case LocalApplyThread:
			applies <- m
		default:
			others = append(others, m)
		}
	}
	if h.async {
		h.net.send(others)
		return
	}
	h.write(pb.Message{Term: rd.Term, Vote: rd.Vote, Commit: rd.Commit, Entries: rd.Entries, Snapshot: &rd.Snapshot})
	// Sent from another goroutine, whenever that gets round to it.
	h.goLoop(func() { h.net.send(others) })
	h.apply(rd.CommittedEntries)
	h.node.Advance()
}

func (h *host) write(m pb.Message) {
	err := h.storage.Append(m.Entries)
	if hs := (pb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit}); !IsEmptyHardState(hs) {
		err = errors.Join(err, h.storage.SetHardState(hs))
	}
	if m.Snapshot != nil && !IsEmptySnap(*m.Snapshot) {
		err = errors.Join(err, errors.New("this cluster never compacts"))
	}
	if err != nil {
		panic(err)
	}
}

// apply applies entries, each once.
func (h *host) apply(ents []pb.Entry) {
	for _, e := range ents {
		change, err := decodeChange(&e)
		if err != nil {
			panic(err)
		}
		if known, _ := h.state(); e.Index <= known {
			continue
		}
		if change != nil {
			h.storage.setMembership(*h.node.ApplyConfChange(*change))
		}
		h.mu.Lock()
		h.applied = e.Index
		if len(e.Data) > 0 && change == nil {
			h.data = append(h.data, string(e.Data))
		}
		h.mu.Unlock()
	}
}

// setMembership records the membership in force, unless the Node was stopped before it could say.
func (s *confStorage) setMembership(cs pb.ConfState) {
	if len(cs.Voters) > 0 {
		s.cs = cs
	}
}

func (h *host) runInbox() {
	for {
		select {
		case <-h.stop:
			return
		case m := <-h.net.inboxes[h.id]:
			_ = h.node.Step(context.Background(), m)
		}
	}
}

// runThread is a local storage thread.
func (h *host) runThread(work <-chan pb.Message, do func(pb.Message)) {
	for {
		select {
		case <-h.stop:
			return
		case m := <-work:
			do(m)
			h.respond(m.Responses)
		}
	}
}

func (h *host) respond(msgs []pb.Message) {
	for _, m := range msgs {
		if m.To != h.id {
			h.net.send([]pb.Message{m})
			continue
		}
		if err := h.node.Step(context.Background(), m); err != nil && !errors.Is(err, ErrStopped) {
			panic(err)
		}
	}
}

func (h *host) state() (applied uint64, data []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.applied, h.data[:len(h.data):len(h.data)]
}

func startHosts(t *testing.T, async bool) []*host {
	net := &network{inboxes: map[uint64]chan pb.Message{}, keeper: newKeeper()}
	peers := []Peer{{ID: 1}, {ID: 2}, {ID: 3}}
	var hosts []*host
	for _, p := range peers {
		net.inboxes[p.ID] = make(chan pb.Message, 4096)
		storage := &confStorage{MemoryStorage: NewMemoryStorage()}
		hosts = append(hosts, &host{id: p.ID, async: async, net: net, storage: storage})
	}
	for _, h := range hosts {
		h.start(t, peers...)
	}
	return hosts
}

// proposeUntilTaken proposes at one host until the proposal is taken.
func proposeUntilTaken(n Node, data string) {
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		err := n.Propose(ctx, []byte(data))
		cancel()
		if err == nil {
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// Three Nodes, proposals from many goroutines, crashes and restarts of one: in the end all have applied the same, and
// no slice that was handed out has changed.
func TestNodeClusterAgrees(t *testing.T) {
	for _, async := range []bool{false, true} {
		t.Run(fmt.Sprintf("async=%t", async), func(t *testing.T) {
			noLeaks(t)
			hosts := startHosts(t, async)
			var wg sync.WaitGroup
			const proposers, each = 6, 60
			for p := range proposers {
				wg.Add(1)
				go func() {
					defer wg.Done()
					for i := range each {
						proposeUntilTaken(hosts[p%2].node, fmt.Sprintf("%d.%d", p, i))
						time.Sleep(time.Millisecond)
					}
				}()
			}
			for range 3 {
				time.Sleep(30 * time.Millisecond)
				hosts[2].crash()
				time.Sleep(20 * time.Millisecond)
				hosts[2].start(t)
			}
			wg.Wait()
			requireAgreement(t, hosts)
			for _, h := range hosts {
				h.crash()
			}
			hosts[0].net.keeper.check(t)
		})
	}
}

// requireAgreement has all hosts apply an end, and requires that they applied the same before it. The proposal of
// it may get lost like any other, and is repeated.
func requireAgreement(t *testing.T, hosts []*host) {
	t.Helper()
	upToEnd := func(h *host) []string {
		_, data := h.state()
		return data[:slices.Index(data, "end")+1]
	}
	require.Eventually(t, func() bool {
		proposeUntilTaken(hosts[0].node, "end")
		return !slices.ContainsFunc(hosts, func(h *host) bool { return len(upToEnd(h)) == 0 })
	}, patience, 50*time.Millisecond)
	for _, h := range hosts[1:] {
		require.Equal(t, upToEnd(hosts[0]), upToEnd(h))
	}
}

// Every method from its own goroutines, while the Ready loop runs, until Stop comes in the middle of it all.
func TestNodeMethodsFromManyGoroutines(t *testing.T) {
	for _, async := range []bool{false, true} {
		t.Run(fmt.Sprintf("async=%t", async), func(t *testing.T) {
			noLeaks(t)
			hosts := startHosts(t, async)
			var stopped atomic.Bool
			var wg sync.WaitGroup
			for _, f := range hammers() {
				for _, h := range hosts {
					n := h.node
					wg.Add(1)
					go func() {
						defer wg.Done()
						for i := 0; !stopped.Load(); i++ {
							f(n, i)
							time.Sleep(100 * time.Microsecond)
						}
					}()
				}
			}
			time.Sleep(250 * time.Millisecond)
			for _, h := range hosts {
				h.crash()
			}
			stopped.Store(true)
			wg.Wait()
			hosts[0].net.keeper.check(t)
		})
	}
}

// hammers returns what a goroutine each calls over and over.
func hammers() []func(n Node, i int) {
	briefly := func(f func(ctx context.Context)) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		f(ctx)
	}
	return []func(n Node, i int){
		func(n Node, i int) { briefly(func(ctx context.Context) { _ = n.Propose(ctx, []byte(fmt.Sprint(i))) }) },
		func(n Node, _ int) {
			cc := pb.ConfChange{Type: pb.ConfChangeAddLearnerNode, NodeID: 3 + uint64(rand.Uint32N(4))}
			briefly(func(ctx context.Context) { _ = n.ProposeConfChange(ctx, cc) })
		},
		func(n Node, _ int) { _ = n.Status().String() },
		func(n Node, i int) { _ = n.ReadIndex(context.Background(), []byte(fmt.Sprint(i))) },
		func(n Node, i int) { n.ReportUnreachable(uint64(i % 5)) },
		func(n Node, i int) { n.ReportSnapshot(uint64(i%5), SnapshotFailure) },
		func(n Node, i int) {
			if i%20 == 0 {
				n.TransferLeadership(context.Background(), 0, uint64(i/20%4))
				_ = n.ForgetLeader(context.Background())
			}
		},
		func(n Node, i int) {
			if i%50 == 0 {
				_ = n.Campaign(context.Background())
			}
		},
		func(n Node, _ int) {
			_ = n.Step(context.Background(), pb.Message{Type: pb.MsgHeartbeatResp, From: 2, To: 1, Term: 1})
		},
	}
}

func isChange(e pb.Entry) bool { return holdsChange(&e) }

// A membership change is applied by another goroutine than that which handles Readys, while a Ready is in hand.
func TestNodeApplyConfChangeFromAnotherGoroutine(t *testing.T) {
	s := votersOf(t, 1)
	n := startedNode(t, testConfig(1, s))
	ctx := context.Background()
	require.NoError(t, n.Campaign(ctx))
	driveUntil(t, n, s, leads)
	for id := uint64(2); id < 6; id++ {
		cc := pb.ConfChange{Type: pb.ConfChangeAddLearnerNode, NodeID: id}
		require.NoError(t, n.ProposeConfChange(ctx, cc))
		rd := nextReady(t, n)
		for persist(t, s, rd); !slices.ContainsFunc(rd.CommittedEntries, isChange); persist(t, s, rd) {
			n.Advance()
			rd = nextReady(t, n)
		}
		applied := make(chan *pb.ConfState, 1)
		go func() { applied <- n.ApplyConfChange(cc) }()
		require.Len(t, (<-applied).Learners, int(id)-1)
		n.Advance()
	}
}

// Stop comes at a random moment of a Node that is busy in every way; every call returns.
func TestNodeStopAtAnyMoment(t *testing.T) {
	noLeaks(t)
	for round := range 150 {
		s := votersOf(t, 1)
		n, err := NewNode(testConfig(1, s), nil)
		require.NoError(t, err)
		var wg sync.WaitGroup
		for _, c := range contextCalls() {
			wg.Add(1)
			go func() { defer wg.Done(); _ = c.call(context.Background(), n) }()
		}
		loopEnd := make(chan struct{})
		wg.Add(1)
		go func() { defer wg.Done(); readyLoop(n, s, loopEnd) }()
		time.Sleep(time.Duration(round) * 2 * time.Microsecond)
		for range 2 {
			wg.Add(1)
			go func() { defer wg.Done(); n.Stop() }()
		}
		n.Stop()
		close(loopEnd)
		wg.Wait()
	}
}

func readyLoop(n Node, s *MemoryStorage, end <-chan struct{}) {
	for {
		select {
		case rd := <-n.Ready():
			_ = s.Append(rd.Entries)
			n.Tick()
			n.Advance()
		case <-end:
			return
		}
	}
}
