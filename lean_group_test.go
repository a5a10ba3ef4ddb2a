package raft

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// A group of RawNodes for measuring: in one goroutine, each with a MemoryStorage, without a check of invariants, and with
// next to nothing of its own to allocate or to spend time on. Messages are stepped into their receivers as they leave.
// The harness of the other tests keeps all that passes through it.

// leanMember is a member of a leanGroup, and its application: a count.
type leanMember struct {
	rn      *RawNode
	storage *MemoryStorage
	// applied is the last index applied, entries how many entries with data were applied.
	applied uint64
	entries int
	// reads and lost count the answers to reads.
	reads, lost int
	// compacted is the index up to which storage was compacted last.
	compacted uint64
}

// leanGroup is a group whose first member leads.
type leanGroup struct {
	t       testing.TB
	members []*leanMember
	async   bool
	// keep is how many applied entries stay in a log, compacted as often as there are twice as many. Zero: all.
	keep uint64
}

// leanKeep is how many entries the logs of a group in its steady state keep.
const leanKeep = 10_000

// leanStorage returns a storage that begins after index 1 of term 1, as newVoters does for the harness, and holds
// entries with data up to index last, all of them known to be committed.
func leanStorage(t testing.TB, cs pb.ConfState, last uint64) *MemoryStorage {
	storage := NewMemoryStorage()
	snap := pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: cs}}
	require.NoError(t, storage.ApplySnapshot(snap))
	require.NoError(t, storage.SetHardState(pb.HardState{Term: 1, Commit: last}))
	data := make([]byte, 128)
	page := make([]pb.Entry, 0, 1000)
	for index := uint64(2); index <= last; index++ {
		page = append(page, pb.Entry{Term: 1, Index: index, Data: data})
		if len(page) == cap(page) || index == last {
			require.NoError(t, storage.Append(page))
			page = make([]pb.Entry, 0, 1000)
		}
	}
	return storage
}

// newLeanMember starts a member of the configuration that has applied all that its storage holds.
func newLeanMember(t testing.TB, id uint64, cs pb.ConfState, last uint64, configure ...func(*Config)) *leanMember {
	m := &leanMember{storage: leanStorage(t, cs, last), applied: last, compacted: 1}
	cfg := testConfig(id, m.storage)
	cfg.verify = false
	cfg.Applied = last
	for _, f := range configure {
		f(cfg)
	}
	rn, err := NewRawNode(cfg)
	require.NoError(t, err)
	m.rn = rn
	return m
}

// votersUpTo returns the configuration of the voters 1 to n.
func votersUpTo(n int) (cs pb.ConfState) {
	for id := uint64(1); id <= uint64(n); id++ {
		cs.Voters = append(cs.Voters, id)
	}
	return cs
}

// newLeanGroup returns a group of n voters whose logs hold entries up to index last, which is 1 for none, and keep all
// there is. It is led by member 1, and at rest.
func newLeanGroup(t testing.TB, n int, last uint64, configure ...func(*Config)) *leanGroup {
	g := &leanGroup{t: t}
	for id := uint64(1); id <= uint64(n); id++ {
		g.members = append(g.members, newLeanMember(t, id, votersUpTo(n), last, configure...))
	}
	g.async = g.leader().raft.asyncStorageWrites
	for _, m := range g.members {
		m.rn.TickBy(uint64(m.rn.raft.silentUntil)) // a lease that was granted before, if leases are in use
	}
	require.NoError(t, g.leader().Campaign())
	g.settle()
	require.Equal(t, StateLeader, g.leader().raft.state)
	return g
}

func (g *leanGroup) leader() *RawNode { return g.members[0].rn }

// settle handles Readys until there are none.
func (g *leanGroup) settle() {
	for busy := true; busy; {
		busy = false
		for _, m := range g.members {
			if m.rn.HasReady() {
				g.handle(m)
				busy = true
			}
		}
	}
}

// handle does what one Ready asks for.
func (g *leanGroup) handle(m *leanMember) {
	rd := m.rn.Ready()
	m.reads += len(rd.ReadStates)
	m.lost += len(rd.LostReads)
	if g.async {
		for i := range rd.Messages {
			g.handleAsync(m, &rd.Messages[i])
		}
		return
	}
	g.save(m, rd.Entries, rd.HardState)
	g.send(rd.Messages)
	g.apply(m, rd.CommittedEntries)
	m.rn.Advance(rd)
}

// handleAsync sends a message, or does at once what it asks of a local thread.
func (g *leanGroup) handleAsync(m *leanMember, msg *pb.Message) {
	switch msg.To {
	case LocalAppendThread:
		g.save(m, msg.Entries, pb.HardState{Term: msg.Term, Vote: msg.Vote, Commit: msg.Commit})
	case LocalApplyThread:
		g.apply(m, msg.Entries)
	default:
		g.step(msg)
	}
	g.send(msg.Responses)
}

func (g *leanGroup) save(m *leanMember, ents []pb.Entry, hs pb.HardState) {
	if err := m.storage.Append(ents); err != nil {
		g.t.Fatal(err)
	}
	if !IsEmptyHardState(hs) {
		_ = m.storage.SetHardState(hs)
	}
}

func (g *leanGroup) send(msgs []pb.Message) {
	for i := range msgs {
		g.step(&msgs[i])
	}
}

// step delivers a message, unless its receiver is not there.
func (g *leanGroup) step(msg *pb.Message) {
	if msg.To > uint64(len(g.members)) {
		return
	}
	if err := g.members[msg.To-1].rn.Step(*msg); err != nil {
		g.t.Fatal(err)
	}
}

// apply counts committed entries, and compacts what is then no longer needed.
func (g *leanGroup) apply(m *leanMember, ents []pb.Entry) {
	for i := range ents {
		if m.applied++; ents[i].Index != m.applied {
			g.t.Fatalf("entry %d was applied after %d", ents[i].Index, m.applied-1)
		}
		if len(ents[i].Data) > 0 {
			m.entries++
		}
	}
	if g.keep > 0 && m.applied > m.compacted+2*g.keep {
		m.compacted = m.applied - g.keep
		if err := m.storage.Compact(m.compacted); err != nil {
			g.t.Fatal(err)
		}
	}
}

// tick lets n units of time pass at every member, one by one, with all that follows from each.
func (g *leanGroup) tick(n int) {
	for range n {
		for _, m := range g.members {
			m.rn.Tick()
		}
		g.settle()
	}
}

// propose has the leader take n proposals.
func (g *leanGroup) propose(data []byte, n int) {
	for range n {
		if err := g.leader().Propose(data); err != nil {
			g.t.Fatal(err)
		}
	}
}

// requireApplied requires that every member has applied n entries with data.
func (g *leanGroup) requireApplied(n int) {
	for i, m := range g.members {
		require.Equal(g.t, n, m.entries, "member %d", i+1)
	}
}

// loneLeader is a leader of many whose followers are the driver's: they acknowledge when it says so.
type loneLeader struct {
	*leanGroup
	voters int
	term   uint64
}

// newLoneLeader returns a leader of n voters, none of which has acknowledged anything but its vote.
func newLoneLeader(t testing.TB, n int, configure ...func(*Config)) *loneLeader {
	l := &loneLeader{leanGroup: &leanGroup{t: t, keep: leanKeep}, voters: n, term: 2}
	l.members = []*leanMember{newLeanMember(t, 1, votersUpTo(n), 1, configure...)}
	require.NoError(t, l.leader().Campaign())
	l.settle()
	for id := 2; id <= n/2+1; id++ {
		require.NoError(t, l.leader().Step(answerFrom(pb.MsgVoteResp, uint64(id), 1, l.term, true)))
	}
	require.Equal(t, StateLeader, l.leader().raft.state)
	l.settle()
	l.acknowledge(l.last())
	l.settle()
	return l
}

// last returns the last index of the leader's log.
func (l *loneLeader) last() uint64 { return l.leader().raft.log.lastIndex() }

// acknowledge has every follower acknowledge the log up to index.
func (l *loneLeader) acknowledge(index uint64) {
	for id := uint64(2); id <= uint64(l.voters); id++ {
		if err := l.leader().Step(ackFrom(id, 1, l.term, index)); err != nil {
			l.t.Fatal(err)
		}
	}
}

// cycle takes n proposals from where they are made to where they are applied.
func (l *loneLeader) cycle(data []byte, n int) {
	l.propose(data, n)
	l.settle()
	l.acknowledge(l.last())
	l.settle()
}

// leanFollower is a follower whose leader is the driver.
type leanFollower struct {
	*leanGroup
	last uint64
	// stock holds entries to be sent, made many at a time, so that they do not count.
	stock []pb.Entry
}

// newLeanFollower returns a follower, one of three voters, in term 1. Member 2 leads it.
func newLeanFollower(t testing.TB, configure ...func(*Config)) *leanFollower {
	f := &leanFollower{leanGroup: &leanGroup{t: t, keep: leanKeep}, last: 1}
	f.members = []*leanMember{newLeanMember(t, 1, votersUpTo(3), 1, configure...)}
	f.async = f.leader().raft.asyncStorageWrites
	return f
}

// follow has the follower take one append of n new entries, and learn that those before it are committed.
func (f *leanFollower) follow(data []byte, n int) {
	if len(f.stock) < n {
		f.stock = make([]pb.Entry, 4096)
	}
	ents := f.stock[:n:n]
	f.stock = f.stock[n:]
	for i := range ents {
		ents[i] = pb.Entry{Term: 1, Index: f.last + 1 + uint64(i), Data: data}
	}
	m := pb.Message{Type: pb.MsgApp, From: 2, To: 1, Term: 1, LogTerm: 1, Index: f.last, Entries: ents, Commit: f.last}
	f.last += uint64(n)
	f.step(&m)
	f.settle()
}
