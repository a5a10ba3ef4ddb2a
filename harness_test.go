package raft

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// The harness: a cluster of RawNodes in one goroutine, each with a MemoryStorage, and a network that is a list of
// messages. Nothing happens unless a test says so; stabilize lets everything happen until nothing is left to do.
// Every call of a RawNode is followed by the checks of invariants.go.

// testConfig returns a valid Config that logs nothing and checks its invariants.
func testConfig(id uint64, s Storage) *Config {
	return &Config{
		ID:              id,
		ElectionTick:    10,
		HeartbeatTick:   1,
		Storage:         s,
		MaxSizePerMsg:   noLimit,
		MaxInflightMsgs: 256,
		Logger:          DiscardLogger{},
		Rand:            rand.NewPCG(id, 1),
		verify:          true,
	}
}

// testMember is a member, its disk, and its application.
type testMember struct {
	cfg     *Config
	storage *MemoryStorage
	// disk is the Storage that the member reads: storage, and what the application remembers.
	disk *testDisk
	rn   *RawNode

	// applied are the entries applied, oldest first; those that a snapshot stands for are missing.
	applied []pb.Entry
	// conf is the membership as of the last entry applied.
	conf      pb.ConfState
	reads     []ReadState
	lost      []LostRead
	lastReady Ready

	// appendQueue and applyQueue are the work of the local storage threads.
	appendQueue, applyQueue []pb.Message
	// appendStalled and applyStalled keep the storage threads from working by themselves.
	appendStalled, applyStalled bool
}

// testDisk is what a member reads from: its log, and the membership that its application had applied, which is ahead
// of that of the last snapshot.
type testDisk struct {
	*MemoryStorage
	m *testMember
	// snapshotPending has snapshots refused as being still in the making.
	snapshotPending bool
}

func (d *testDisk) InitialState() (pb.HardState, pb.ConfState, error) {
	hs, _, err := d.MemoryStorage.InitialState()
	return hs, d.m.conf, err
}

func (d *testDisk) Snapshot() (pb.Snapshot, error) {
	if d.snapshotPending {
		return pb.Snapshot{}, ErrSnapshotTemporarilyUnavailable
	}
	return d.MemoryStorage.Snapshot()
}

// cluster is a group of members and the messages between them.
type cluster struct {
	t       testing.TB
	ids     []uint64
	members map[uint64]*testMember
	network []pb.Message
	// lose reports whether a message is lost. Nil: none is.
	lose func(m pb.Message) bool
	// isolated members neither send nor receive.
	isolated map[uint64]bool
	// trace receives a line for each thing that happens. Nil: nothing is traced.
	trace io.Writer
	// brief leaves Readys and the work of storage threads out of the trace.
	brief bool
	// reportsByHand leaves it to the test to report delivered snapshots to their senders.
	reportsByHand bool
	// vetoed has every application reject the membership changes that were committed.
	vetoed bool
}

func newCluster(t testing.TB) *cluster {
	return &cluster{t: t, members: map[uint64]*testMember{}, isolated: map[uint64]bool{}}
}

// newVoters returns a cluster of n voters, with IDs from 1 on, whose logs begin after index 1 of term 1.
func newVoters(t testing.TB, n int, configure ...func(*Config)) *cluster {
	c := newCluster(t)
	var cs pb.ConfState
	for id := uint64(1); id <= uint64(n); id++ {
		cs.Voters = append(cs.Voters, id)
	}
	for _, id := range cs.Voters {
		c.add(id, cs, configure...)
	}
	return c
}

// add starts a member whose storage holds a snapshot at index 1 of term 1 with the given membership; an empty
// storage if that is empty.
func (c *cluster) add(id uint64, cs pb.ConfState, configure ...func(*Config)) *testMember {
	storage := NewMemoryStorage()
	if len(cs.Voters) > 0 {
		snap := pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: cs}}
		require.NoError(c.t, storage.ApplySnapshot(snap))
		require.NoError(c.t, storage.SetHardState(pb.HardState{Term: 1, Commit: 1}))
	}
	m := &testMember{storage: storage, conf: cs, cfg: testConfig(id, storage)}
	m.disk = &testDisk{MemoryStorage: storage, m: m}
	m.cfg.Storage = m.disk
	for _, f := range configure {
		f(m.cfg)
	}
	c.ids = append(c.ids, id)
	c.members[id] = m
	c.start(id)
	return m
}

// start starts, or restarts, the member with what its storage holds.
func (c *cluster) start(id uint64) {
	m := c.members[id]
	rn, err := NewRawNode(m.cfg)
	require.NoError(c.t, err)
	m.rn = rn
	m.appendQueue, m.applyQueue = nil, nil
}

// restart crashes the member, which loses what it had not yet written, and starts it again. Its application has kept
// what it had applied.
func (c *cluster) restart(id uint64) {
	m := c.members[id]
	m.cfg.Applied = m.rn.raft.log.applied
	m.cfg.Rand = rand.NewPCG(id, m.cfg.Rand.Uint64())
	c.start(id)
}

func (c *cluster) raft(id uint64) *raft { return &c.members[id].rn.raft }

func (c *cluster) tracef(format string, args ...any) {
	if c.trace != nil {
		fmt.Fprintf(c.trace, format+"\n", args...)
	}
}

// ready handles one Ready of the member, if it has one: writes, applies, sends, advances.
func (c *cluster) ready(id uint64) bool {
	m := c.members[id]
	if !m.rn.HasReady() {
		return false
	}
	rd := m.rn.Ready()
	m.lastReady = rd
	if !c.brief {
		c.tracef("Ready %d:\n%s", id, strings.TrimSuffix(DescribeReady(rd, plainPayload), "\n"))
	}
	m.reads = append(m.reads, rd.ReadStates...)
	m.lost = append(m.lost, rd.LostReads...)
	if m.cfg.AsyncStorageWrites {
		c.send(id, rd.Messages)
		return true
	}
	c.write(m, rd.HardState, rd.Entries, rd.Snapshot)
	c.send(id, rd.Messages)
	c.apply(m, rd.CommittedEntries)
	m.rn.Advance(rd)
	return true
}

// write makes durable what a Ready or a MsgStorageAppend asks for.
func (c *cluster) write(m *testMember, hs pb.HardState, ents []pb.Entry, snap pb.Snapshot) {
	if !IsEmptySnap(snap) {
		require.NoError(c.t, m.storage.ApplySnapshot(snap))
		m.conf = snap.Metadata.ConfState
		m.applied = nil
	}
	require.NoError(c.t, m.storage.Append(ents))
	if !IsEmptyHardState(hs) {
		require.NoError(c.t, m.storage.SetHardState(hs))
	}
}

// apply applies committed entries.
func (c *cluster) apply(m *testMember, ents []pb.Entry) {
	for i := range ents {
		e := ents[i]
		switch e.Type {
		case pb.EntryConfChange:
			var cc pb.ConfChange
			require.NoError(c.t, cc.Unmarshal(e.Data))
			if c.vetoed {
				cc.NodeID = None
			}
			m.conf = *m.rn.ApplyConfChange(cc)
		case pb.EntryConfChangeV2:
			var cc pb.ConfChangeV2
			require.NoError(c.t, cc.Unmarshal(e.Data))
			for k := range cc.Changes {
				if c.vetoed {
					cc.Changes[k].NodeID = None
				}
			}
			m.conf = *m.rn.ApplyConfChange(cc)
		}
		m.applied = append(m.applied, e)
	}
}

// send puts messages on their way: to the local threads' queues, or into the network.
func (c *cluster) send(from uint64, msgs []pb.Message) {
	m := c.members[from]
	for _, msg := range msgs {
		switch {
		case msg.To == LocalAppendThread:
			m.appendQueue = append(m.appendQueue, msg)
		case msg.To == LocalApplyThread:
			m.applyQueue = append(m.applyQueue, msg)
		case msg.To == from:
			c.step(msg)
		default:
			c.network = append(c.network, msg)
		}
	}
}

// runAppendThread does the oldest work of the member's append thread, if there is any.
func (c *cluster) runAppendThread(id uint64) bool {
	m := c.members[id]
	if m.appendStalled || len(m.appendQueue) == 0 {
		return false
	}
	msg := m.appendQueue[0]
	m.appendQueue = m.appendQueue[1:]
	var snap pb.Snapshot
	if msg.Snapshot != nil {
		snap = *msg.Snapshot
	}
	c.write(m, pb.HardState{Term: msg.Term, Vote: msg.Vote, Commit: msg.Commit}, msg.Entries, snap)
	if !c.brief {
		c.tracef("Append thread of %d has written %d entries", id, len(msg.Entries))
	}
	c.send(id, msg.Responses)
	return true
}

// runApplyThread does the oldest work of the member's apply thread, if there is any.
func (c *cluster) runApplyThread(id uint64) bool {
	m := c.members[id]
	if m.applyStalled || len(m.applyQueue) == 0 {
		return false
	}
	msg := m.applyQueue[0]
	m.applyQueue = m.applyQueue[1:]
	c.apply(m, msg.Entries)
	if !c.brief {
		c.tracef("Apply thread of %d has applied %d entries", id, len(msg.Entries))
	}
	c.send(id, msg.Responses)
	return true
}

// step gives a message to its receiver and returns what Step returned.
func (c *cluster) step(msg pb.Message) error {
	m, ok := c.members[msg.To]
	if !ok {
		return nil
	}
	return m.rn.Step(msg)
}

// reaches reports whether the message will arrive.
func (c *cluster) reaches(msg pb.Message) bool {
	if c.isolated[msg.From] || c.isolated[msg.To] || c.members[msg.To] == nil {
		return false
	}
	return c.lose == nil || !c.lose(msg)
}

// deliver delivers, or loses, all messages in the network, in order, and reports whether there were any. A delivered
// snapshot is reported to its sender.
func (c *cluster) deliver() bool {
	msgs := c.network
	c.network = nil
	for _, msg := range msgs {
		c.deliverOne(msg)
	}
	return len(msgs) > 0
}

// deliverOne delivers, or loses, one message.
func (c *cluster) deliverOne(msg pb.Message) {
	if !c.reaches(msg) {
		c.tracef("lost: %s", DescribeMessage(msg, plainPayload))
		return
	}
	c.tracef("%s", DescribeMessage(msg, plainPayload))
	if err := c.step(msg); err != nil {
		c.tracef("%d: %v", msg.To, err)
	}
	if sender, ok := c.members[msg.From]; ok && msg.Type == pb.MsgSnap && !c.reportsByHand {
		sender.rn.ReportSnapshot(msg.To, SnapshotFinish)
	}
}

// stabilize handles Readys, runs storage threads and delivers messages until nothing is left to do.
func (c *cluster) stabilize(ids ...uint64) {
	if len(ids) == 0 {
		ids = c.ids
	}
	for round := 0; ; round++ {
		require.Less(c.t, round, 10000, "the cluster does not come to rest")
		busy := false
		for _, id := range ids {
			for c.ready(id) {
				busy = true
			}
			for c.runAppendThread(id) || c.runApplyThread(id) {
				busy = true
			}
		}
		if !c.deliver() && !busy {
			return
		}
	}
}

// tick lets n units of time pass at the members, at all if none is named, without letting anything else happen.
func (c *cluster) tick(n int, ids ...uint64) {
	if len(ids) == 0 {
		ids = c.ids
	}
	for i := 0; i < n; i++ {
		for _, id := range ids {
			c.members[id].rn.Tick()
		}
	}
}

// beat lets one heartbeat interval pass on the member and everything come to rest.
func (c *cluster) beat(id uint64) {
	c.tick(c.members[id].cfg.HeartbeatTick, id)
	c.stabilize()
}

// elect has the member campaign, lets everything come to rest, and requires that it leads.
func (c *cluster) elect(id uint64) {
	c.t.Helper()
	require.NoError(c.t, c.members[id].rn.Campaign())
	c.stabilize()
	require.Equal(c.t, StateLeader, c.raft(id).state, "member %d", id)
}

// propose proposes data at the member and requires that it is taken.
func (c *cluster) propose(id uint64, data string) {
	c.t.Helper()
	require.NoError(c.t, c.members[id].rn.Propose([]byte(data)))
}

// change proposes a membership change at the member, in the text form of raftpb, and lets it come to rest.
func (c *cluster) change(id uint64, text string) {
	c.t.Helper()
	require.NoError(c.t, c.members[id].rn.ProposeConfChange(changeOf(c.t, text)))
	c.stabilize()
}

func changeOf(t testing.TB, text string) pb.ConfChangeV2 {
	ccs, err := pb.ConfChangesFromString(text)
	require.NoError(t, err)
	return pb.ConfChangeV2{Changes: ccs}
}

// snapshot compacts the member's log up to index, keeping a snapshot of it.
func (c *cluster) snapshot(id, index uint64) {
	m := c.members[id]
	_, err := m.storage.CreateSnapshot(index, &m.conf, []byte(fmt.Sprintf("state at %d", index)))
	require.NoError(c.t, err)
	require.NoError(c.t, m.storage.Compact(index))
}

// data returns the payloads that the member has applied, the empty ones left out.
func (c *cluster) data(id uint64) []string {
	var out []string
	for _, e := range c.members[id].applied {
		if e.Type == pb.EntryNormal && len(e.Data) > 0 {
			out = append(out, string(e.Data))
		}
	}
	return out
}

// leader returns the one member that leads in the highest term, or None.
func (c *cluster) leader() uint64 {
	var lead, term uint64
	for _, id := range c.ids {
		if r := c.raft(id); r.state == StateLeader && r.term > term {
			lead, term = id, r.term
		}
	}
	return lead
}

// plainPayload shows data in ASCII: quoted if it is printable, else in hexadecimal.
func plainPayload(data []byte) string {
	for _, b := range data {
		if b < ' ' || b > '~' {
			return fmt.Sprintf("%#x", data)
		}
	}
	return strconv.Quote(string(data))
}

// withAsync has a member write asynchronously.
func withAsync(c *Config) { c.AsyncStorageWrites = true }

// withPreVote and the like set one field.
func withPreVote(c *Config) { c.PreVote = true }

func withCheckQuorum(c *Config) { c.CheckQuorum = true }

func withLeaseReads(c *Config) {
	c.CheckQuorum = true
	c.ReadOnlyOption = ReadOnlyLeaseBased
}

func withLeaseOnRequest(c *Config) { c.CheckQuorum, c.ReadOnlyOption = true, ReadOnlySafeWithLease }
