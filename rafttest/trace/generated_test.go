// Traces of any length for the tests: real members under random losses, copies, reorderings and crashes.
package trace

import (
	"io"
	"log"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft"
	"github.com/seed695671cb/raft/raftpb"
)

// toyRun is a group whose events are drawn at random and recorded.
type toyRun struct {
	t     *testing.T
	r     *recorder
	rng   *rand.Rand
	nodes map[uint64]*raft.RawNode // without those that are down
	disks map[uint64]*raft.MemoryStorage
	ids   []uint64
	// applied is up to where each member has applied, network what is on its way, by the ID of its packet.
	applied map[uint64]uint64
	network []flight
}

type flight struct {
	id uint64
	m  raftpb.Message
}

// generated returns the record of a run of so many events.
func generated(t *testing.T, members, events int, seed uint64) *Trace {
	g := &toyRun{
		t: t, r: newRecorder("a generated run"), rng: rand.New(rand.NewPCG(seed, 0)),
		nodes: map[uint64]*raft.RawNode{}, disks: map[uint64]*raft.MemoryStorage{}, applied: map[uint64]uint64{},
	}
	for id := uint64(1); id <= uint64(members); id++ {
		g.ids = append(g.ids, id)
		g.disks[id] = raft.NewMemoryStorage()
	}
	for _, id := range g.ids {
		snap := raftpb.Snapshot{Metadata: raftpb.SnapshotMetadata{
			Index: 1, Term: 1, ConfState: raftpb.ConfState{Voters: g.ids},
		}}
		require.NoError(t, g.disks[id].ApplySnapshot(snap))
		g.applied[id] = 1
		g.nodes[id] = g.node(id)
		state := g.state(id)
		g.r.t.Start = append(g.r.t.Start, state)
		g.r.now[id] = &state
	}
	g.r.t.Members = g.ids
	for len(g.r.t.Events) < events {
		g.event()
	}
	return g.r.t
}

func (g *toyRun) node(id uint64) *raft.RawNode {
	node, err := raft.NewRawNode(&raft.Config{
		ID: id, ElectionTick: 10, HeartbeatTick: 1, Storage: g.disks[id], Applied: g.applied[id], PreVote: id%2 == 0,
		Rand:          rand.NewPCG(g.rng.Uint64(), id),
		MaxSizePerMsg: 1 << 20, MaxInflightMsgs: 16, Logger: &raft.DefaultLogger{Logger: log.New(io.Discard, "", 0)},
	})
	require.NoError(g.t, err)
	return node
}

func (g *toyRun) state(id uint64) MemberState {
	disk := g.disks[id]
	first, err := disk.FirstIndex()
	require.NoError(g.t, err)
	last, err := disk.LastIndex()
	require.NoError(g.t, err)
	s := MemberState{ID: id, Down: true, Role: "follower", Last: last, Durable: last, Applied: g.applied[id]}
	s.Snapshot.First = first - 1
	s.Snapshot.Term, err = disk.Term(first - 1)
	require.NoError(g.t, err)
	for i, before := first, uint64(0); i <= last; i++ {
		term, err := disk.Term(i)
		require.NoError(g.t, err)
		if term != before {
			s.Log = append(s.Log, TermRun{Term: term, First: i})
		}
		before = term
	}
	if node := g.nodes[id]; node != nil {
		status := node.Status()
		role := strings.ToLower(strings.TrimPrefix(status.RaftState.String(), "State"))
		s.Down, s.Role = false, strings.Replace(role, "precandidate", "pre-candidate", 1)
		s.Term, s.Vote, s.Lead, s.Commit = status.Term, status.Vote, status.Lead, status.Commit
		s.Membership = status.Config.String()
		return s
	}
	hs, _, err := disk.InitialState()
	require.NoError(g.t, err)
	s.Term, s.Vote, s.Commit = hs.Term, hs.Vote, hs.Commit
	return s
}

// note records how a member stands, if that changed.
func (g *toyRun) note(id uint64) {
	s := g.state(id)
	before := g.r.now[id]
	if len(s.changes(before)) > 0 {
		g.r.set(id, func(m *MemberState) { *m = s })
	}
}

// event has something happen.
func (g *toyRun) event() {
	id := g.ids[g.rng.IntN(len(g.ids))]
	node := g.nodes[id]
	choice := g.rng.IntN(1000)
	switch {
	case node == nil && choice < 60:
		g.nodes[id] = g.node(id)
		g.r.event(KindStart, id, "starts again", "restart")
		g.note(id)
	case node == nil:
	case choice < 5:
		delete(g.nodes, id)
		g.r.event(KindCrash, id, "crashes", "crash")
		g.note(id)
	case node.HasReady():
		g.ready(id)
	case len(g.network) > 0 && choice < 700:
		g.transmit(g.rng.IntN(min(4, len(g.network))), choice)
	case choice < 900:
		node.Tick()
		g.r.event(KindTick, id, "time passes", "tick")
		g.note(id)
	case choice < 950 && node.Status().RaftState == raft.StateLeader:
		require.NoError(g.t, node.Propose([]byte("data")))
		g.r.event(KindRequest, id, "is asked to propose", "propose")
	}
}

// ready does all that a Ready asks for.
func (g *toyRun) ready(id uint64) {
	rd := g.nodes[id].Ready()
	require.NoError(g.t, g.disks[id].Append(rd.Entries))
	if !raft.IsEmptyHardState(rd.HardState) {
		require.NoError(g.t, g.disks[id].SetHardState(rd.HardState))
	}
	if n := len(rd.CommittedEntries); n > 0 {
		g.applied[id] = rd.CommittedEntries[n-1].Index
	}
	g.nodes[id].Advance(rd)
	g.r.event(KindReady, id, "a Ready is written, sent and applied", "ready")
	for _, m := range rd.Messages {
		text := strings.Join(strings.Fields(raft.DescribeMessage(m, nil)), " ")
		packet := g.r.send(m.From, m.To, m.Type.String(), m.Term, "")
		g.network = append(g.network, flight{packet, m})
		sent := g.r.t.Events[len(g.r.t.Events)-1].Sent
		sent[len(sent)-1].Text, sent[len(sent)-1].Reject = text, m.Reject
	}
	g.note(id)
}

// transmit delivers a message, loses it, or makes a copy.
func (g *toyRun) transmit(at, choice int) {
	f := g.network[at]
	if choice < 30 {
		g.network = append(g.network, flight{g.r.duplicate(f.id), f.m})
		return
	}
	g.network = append(g.network[:at:at], g.network[at+1:]...)
	to := g.nodes[f.m.To]
	if to == nil || choice < 100 {
		g.r.lose(f.id)
		return
	}
	_ = to.Step(f.m) // a refused message changes nothing
	g.r.deliver(f.id)
	g.note(f.m.To)
}
