// The harness of the tests programs_*_test.go, which do with the API what programs of the lineage do with it. A fleet is
// a group of Nodes in one goroutine: each member has a log on disk, a MemoryStorage that is rebuilt from it, and a
// handler, which does with a Ready what one of those programs does, in its order. Messages travel as bytes. A Node
// offers what it has to do before the call that caused it returns, so that nothing here waits for time to pass.

package raft_test

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// waitAtMost bounds how long a test waits for what another goroutine is to do. It only ends tests that have failed.
const waitAtMost = 20 * time.Second

// noSizeLimit asks Entries for all.
const noSizeLimit = 1<<64 - 1

// await returns what comes out of the channel, which must come.
func await[T any](t testing.TB, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(waitAtMost):
		require.FailNow(t, "did not come: "+what)
		panic("not reached")
	}
}

// finishes requires that f returns.
func finishes(t testing.TB, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	await(t, done, "the end of "+what)
}

// offered returns the Ready that the Node offers now, and whether there is one.
func offered(n raft.Node) (raft.Ready, bool) {
	select {
	case rd := <-n.Ready():
		return rd, true
	default:
		return raft.Ready{}, false
	}
}

// mustOffer returns the Ready that the Node must offer now.
func mustOffer(t testing.TB, n raft.Node) raft.Ready {
	t.Helper()
	rd, ok := offered(n)
	require.True(t, ok, "no Ready is offered")
	return rd
}

// journal is a member's disk, a write-ahead log: what a crash leaves.
type journal struct {
	snap pb.Snapshot
	hard pb.HardState
	ents []pb.Entry
}

// save makes durable what a Ready asks for.
func (j *journal) save(rd raft.Ready) {
	if !raft.IsEmptySnap(rd.Snapshot) {
		j.snap, j.ents = rd.Snapshot, nil
	}
	if len(rd.Entries) > 0 {
		first := rd.Entries[0].Index
		keep := slices.IndexFunc(j.ents, func(e pb.Entry) bool { return e.Index >= first })
		if keep >= 0 {
			j.ents = j.ents[:keep:keep]
		}
		j.ents = append(j.ents, rd.Entries...)
	}
	if !raft.IsEmptyHardState(rd.HardState) {
		j.hard = rd.HardState
	}
}

// replay returns a MemoryStorage with what the disk holds, filled in the order in which those programs do it.
func (j *journal) replay(t testing.TB) *raft.MemoryStorage {
	s := raft.NewMemoryStorage()
	if !raft.IsEmptySnap(j.snap) {
		require.NoError(t, s.ApplySnapshot(j.snap))
	}
	require.NoError(t, s.SetHardState(j.hard))
	after := slices.IndexFunc(j.ents, func(e pb.Entry) bool { return e.Index > j.snap.Metadata.Index })
	if after >= 0 {
		require.NoError(t, s.Append(j.ents[after:]))
	}
	return s
}

// handler does with one Ready what a program does, Advance included.
type handler func(m *member, rd raft.Ready)

// configurer changes the Config of a member that is about to be started.
type configurer func(m *member, cfg *raft.Config)

// member is a program around a Node.
type member struct {
	fleet  *fleet
	t      testing.TB
	id     uint64
	life   uint64
	handle handler
	// configure changes the Config of every life.
	configure []configurer

	disk    journal
	storage *raft.MemoryStorage
	node    raft.Node

	// leads is what SoftState last said.
	leads bool
	// applied is where the application is, data what it has applied, changes the membership changes among it.
	applied, appliedTerm uint64
	conf                 pb.ConfState
	data                 []string
	changes              []pb.ConfChange
}

// start starts the Node, with the peers, or with what is on disk.
func (m *member) start(peers []raft.Peer) {
	m.life++
	m.storage = m.disk.replay(m.t)
	m.restore(m.disk.snap)
	m.leads = false
	cfg := config(m.id, m.storage)
	cfg.Rand = rand.NewPCG(m.id, m.life)
	for _, configure := range m.configure {
		configure(m, cfg)
	}
	if m.life > 1 {
		m.node = raft.RestartNode(cfg)
		return
	}
	m.node = raft.StartNode(cfg, peers)
}

// restart stops the member, which loses what is not on disk, and starts it again.
func (m *member) restart() {
	m.node.Stop()
	m.applied, m.data, m.changes = 0, nil, nil
	m.start(nil)
}

// step handles one Ready, if one is offered.
func (m *member) step() bool {
	rd, ok := offered(m.node)
	if ok {
		m.handle(m, rd)
	}
	return ok
}

// noteRole keeps what SoftState says; a Ready without one says that nothing has changed.
func (m *member) noteRole(rd raft.Ready) {
	if rd.SoftState != nil {
		m.leads = rd.RaftState == raft.StateLeader
	}
}

// save writes the Ready to the disk and to the MemoryStorage.
func (m *member) save(rd raft.Ready) {
	m.disk.save(rd)
	store(m.storage, rd)
}

// restore replaces the state of the application by the snapshot, unless it is empty.
func (m *member) restore(snap pb.Snapshot) {
	if raft.IsEmptySnap(snap) {
		return
	}
	m.applied, m.appliedTerm = snap.Metadata.Index, snap.Metadata.Term
	m.conf = snap.Metadata.ConfState
	m.data = strings.Fields(string(snap.Data))
}

// apply applies committed entries, and requires that none is missing.
func (m *member) apply(ents []pb.Entry) {
	for _, e := range ents {
		require.Equal(m.t, m.applied+1, e.Index, "member %d", m.id)
		m.applied, m.appliedTerm = e.Index, e.Term
		switch {
		case e.Type == pb.EntryConfChange:
			var cc pb.ConfChange
			require.NoError(m.t, cc.Unmarshal(e.Data))
			m.changes = append(m.changes, cc)
			m.conf = *m.node.ApplyConfChange(cc)
		case e.Type == pb.EntryConfChangeV2:
			var cc pb.ConfChangeV2
			require.NoError(m.t, cc.Unmarshal(e.Data))
			m.conf = *m.node.ApplyConfChange(cc)
		case len(e.Data) > 0:
			m.data = append(m.data, string(e.Data))
		}
	}
}

// compact makes a snapshot of what is applied and drops the log up to it.
func (m *member) compact() {
	snap, err := m.storage.CreateSnapshot(m.applied, &m.conf, []byte(strings.Join(m.data, " ")))
	require.NoError(m.t, err)
	m.disk.snap = snap
	require.NoError(m.t, m.storage.Compact(m.applied))
}

// send hands messages to the network, those to nobody left out.
func (m *member) send(msgs []pb.Message) {
	for i := range msgs {
		if msgs[i].To == raft.None {
			continue
		}
		require.NotEqual(m.t, m.id, msgs[i].To, "a message to the member itself")
		packet, err := msgs[i].Marshal()
		require.NoError(m.t, err)
		m.fleet.wire = append(m.fleet.wire, packet)
	}
}

// fleet is a group, and the messages that are on their way.
type fleet struct {
	t       testing.TB
	ids     []uint64
	members map[uint64]*member
	wire    [][]byte
	// away are the members that nothing reaches, and of which nothing is heard.
	away map[uint64]bool
	// refused are the errors of Step.
	refused []error
}

// newFleet starts a new group of members 1 to n.
func newFleet(t testing.TB, handle handler, n int, configure ...configurer) *fleet {
	f := &fleet{t: t, members: map[uint64]*member{}, away: map[uint64]bool{}}
	var peers []raft.Peer
	for id := uint64(1); id <= uint64(n); id++ {
		peers = append(peers, raft.Peer{ID: id})
	}
	for _, p := range peers {
		f.add(p.ID, handle, configure...).start(peers)
	}
	f.settle()
	return f
}

// add adds a member that is yet to be started.
func (f *fleet) add(id uint64, handle handler, configure ...configurer) *member {
	m := &member{fleet: f, t: f.t, id: id, handle: handle, configure: configure}
	f.ids = append(f.ids, id)
	f.members[id] = m
	f.t.Cleanup(func() { m.node.Stop() })
	return m
}

// settle lets everybody work until nothing is left to do.
func (f *fleet) settle() {
	f.t.Helper()
	for round := 0; ; round++ {
		require.Less(f.t, round, 10000, "the group does not come to rest")
		busy := f.deliver()
		for _, id := range f.ids {
			for f.members[id].step() {
				busy = true
			}
		}
		if !busy {
			return
		}
	}
}

// deliver delivers what is on its way, and reports whether there was anything.
func (f *fleet) deliver() bool {
	packets := f.wire
	f.wire = nil
	for _, packet := range packets {
		var msg pb.Message
		require.NoError(f.t, msg.Unmarshal(packet))
		to := f.members[msg.To]
		reached := to != nil && !f.away[msg.To] && !f.away[msg.From]
		if reached {
			if err := to.node.Step(context.Background(), msg); err != nil {
				f.refused = append(f.refused, err)
			}
		}
		f.report(msg, reached)
	}
	return len(packets) > 0
}

// report tells the sender what its transport has seen.
func (f *fleet) report(msg pb.Message, reached bool) {
	from := f.members[msg.From]
	if from == nil {
		return
	}
	status := raft.SnapshotFinish
	if !reached {
		from.node.ReportUnreachable(msg.To)
		status = raft.SnapshotFailure
	}
	if msg.Type == pb.MsgSnap {
		from.node.ReportSnapshot(msg.To, status)
	}
}

// elect has the member campaign, and requires that it wins.
func (f *fleet) elect(id uint64) *member {
	f.t.Helper()
	m := f.members[id]
	require.NoError(f.t, m.node.Campaign(context.Background()))
	f.settle()
	require.Equal(f.t, raft.StateLeader, m.node.Status().RaftState)
	return m
}

// beat lets a heartbeat interval pass on the member.
func (f *fleet) beat(id uint64) {
	f.members[id].node.Tick()
	f.settle()
}

// propose proposes the data at the member.
func (f *fleet) propose(id uint64, data ...string) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), waitAtMost)
	defer cancel()
	for _, d := range data {
		require.NoError(f.t, f.members[id].node.Propose(ctx, []byte(d)))
	}
	f.settle()
}

// change proposes the membership change at the member.
func (f *fleet) change(id uint64, cc pb.ConfChangeI) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), waitAtMost)
	defer cancel()
	require.NoError(f.t, f.members[id].node.ProposeConfChange(ctx, cc))
	f.settle()
}

// requireData requires that the members, all if none is named, have applied exactly this.
func (f *fleet) requireData(want []string, ids ...uint64) {
	f.t.Helper()
	if len(ids) == 0 {
		ids = f.ids
	}
	for _, id := range ids {
		require.Equal(f.t, want, f.members[id].data, "member %d", id)
	}
}

// requireVoters requires that these members, and nobody else, are voters by what each of them believes.
func (f *fleet) requireVoters(ids ...uint64) {
	f.t.Helper()
	for _, id := range ids {
		require.Equal(f.t, pb.ConfState{Voters: ids}, f.members[id].conf, "what member %d was told", id)
		voters := f.members[id].node.Status().Config.Voters.IDs()
		require.ElementsMatch(f.t, ids, slices.Collect(maps.Keys(voters)), "what member %d goes by", id)
	}
}
