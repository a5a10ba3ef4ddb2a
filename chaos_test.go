package raft

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	pb "github.com/seed695671cb/raft/raftpb"
)

// The chaos test: groups of one to seven members under random faults, each run determined by one seed. This file
// holds the run, the members and their disks; chaos_faults_test.go the network and what goes wrong;
// chaos_check_test.go what must hold after every event, and what must come about once the faults have stopped.

var (
	chaosSeeds  = flag.Int("chaos.seeds", 150, "number of seeds that TestChaos runs")
	chaosFirst  = flag.Uint64("chaos.first", 1, "first seed that TestChaos runs")
	chaosEvents = flag.Int("chaos.events", 3000, "events in the run of a seed")
	chaosSeed   = flag.Uint64("chaos.seed", 0, "the only seed that TestChaos runs, unless zero")
	chaosTrace  = flag.Bool("chaos.trace", false, "print what happens")
)

func TestChaos(t *testing.T) {
	if *chaosSeed != 0 {
		runChaos(t, *chaosSeed, *chaosEvents, *chaosTrace)
		return
	}
	for i := range uint64(*chaosSeeds) {
		runChaos(t, *chaosFirst+i, *chaosEvents, false)
		if t.Failed() {
			return
		}
	}
}

// TestChaosIsDeterministic runs a few seeds twice and compares all that was sent.
func TestChaosIsDeterministic(t *testing.T) {
	for seed := uint64(1); seed <= 5; seed++ {
		a, b := runChaos(t, seed, 1000, false), runChaos(t, seed, 1000, false)
		if a.digest != b.digest || a.proposed != b.proposed || a.history.last() != b.history.last() {
			t.Fatalf("seed %d: two runs differ: %x and %x", seed, a.digest, b.digest)
		}
	}
}

// runChaos runs one seed. A violation, of the checks here or of the invariants of the core, ends it.
func runChaos(t *testing.T, seed uint64, events int, trace bool) (c *chaos) {
	c = newChaos(seed, trace)
	defer func() {
		if e := recover(); e != nil {
			t.Errorf("seed %d, event %d: %v\nrerun: go test . -run 'TestChaos$' -chaos.seed=%d -chaos.events=%d -chaos.trace",
				seed, c.event, e, seed, events)
			if _, isOurs := e.(chaosViolation); !isOurs {
				panic(e)
			}
		}
	}()
	c.begin()
	for c.event = 1; c.event <= events; c.event++ {
		c.act()
		c.checkAll()
	}
	c.recoverAndCheck()
	return c
}

// chaosViolation says what does not hold.
type chaosViolation string

// chaos is one run.
type chaos struct {
	rng   *rand.Rand
	event int
	trace bool
	// digest sums up all messages sent.
	digest uint64

	// What the seed has decided for the whole run.
	lease        bool // every member reads by lease, and the clocks drift no more than allowed
	bootstrapped uint64
	electionTick int
	lossy        int // lost messages in a hundred
	churn        bool

	ids     []uint64
	members map[uint64]*chaosMember
	net     []chaosPacket
	reports []chaosReport
	blocked map[[2]uint64]bool
	// toTick are the members that have not ticked yet in this unit of time.
	toTick   []uint64
	calm     bool
	pace     int // how much happens in an event, at present
	proposed int

	history chaosHistory
}

// chaosDisk is what a member does not forget in a crash. The commit index of the hard state may be lost unless it was
// written together with something that must be durable.
type chaosDisk struct {
	*MemoryStorage
	synced pb.HardState
	// conf is the membership of the application's durable state, if that is durable beyond snapshots.
	conf        pb.ConfState
	durableApp  bool
	unavailable bool
}

func (d *chaosDisk) InitialState() (pb.HardState, pb.ConfState, error) {
	hs, cs, err := d.MemoryStorage.InitialState()
	if d.durableApp {
		cs = d.conf
	}
	return hs, cs, err
}

func (d *chaosDisk) Snapshot() (pb.Snapshot, error) {
	if d.unavailable {
		return pb.Snapshot{}, ErrSnapshotTemporarilyUnavailable
	}
	return d.MemoryStorage.Snapshot()
}

// chaosPhase is how far a member has come with a Ready, synchronous writes.
type chaosPhase int

const (
	chaosIdle chaosPhase = iota
	chaosTaken
	chaosWritten
	chaosSent
	chaosApplied
)

// chaosMember is a member, its disk and its application.
type chaosMember struct {
	id   uint64
	cfg  Config
	disk *chaosDisk
	rn   *RawNode
	down bool
	// wiped is set while the member has been removed and has lost its disk.
	wiped bool
	// quietTo is where the member was added again with an empty disk.
	quietTo uint64
	rate    int
	phase   int // of the clock, in hundredths of a tick

	progress chaosPhase
	// stall are the events until which each kind of work rests.
	stall [5]int
	rd    Ready
	early bool // sends before it writes, as a leader may

	appendQueue, applyQueue []pb.Message
	// acks are responses of the threads to the member itself, each thread's in order.
	acks [2][]pb.Message

	// The application.
	applied uint64
	conf    pb.ConfState
	// stale is set while conf lacks a change that only a snapshot on its way holds.
	stale  bool
	reads  []chaosRead
	served int

	kept      []chaosKept
	applying  []pb.Entry
	seenTerm  uint64
	restarted uint64
}

func newChaos(seed uint64, trace bool) *chaos {
	return &chaos{
		rng:     rand.New(rand.NewPCG(seed, 0x63686f)),
		trace:   trace,
		members: map[uint64]*chaosMember{},
		blocked: map[[2]uint64]bool{},
		history: newChaosHistory(),
	}
}

// chance reports true percent times in a hundred.
func (c *chaos) chance(percent int) bool { return c.rng.IntN(100) < percent }

func (c *chaos) tracef(format string, args ...any) {
	if c.trace {
		fmt.Printf("%5d "+format+"\n", append([]any{c.event}, args...)...)
	}
}

func (c *chaos) fail(format string, args ...any) {
	panic(chaosViolation(fmt.Sprintf(format, args...)))
}

// begin makes the first members.
func (c *chaos) begin() {
	c.lease = c.chance(40)
	c.electionTick = 5 + c.rng.IntN(8)
	c.lossy = []int{0, 0, 2, 8, 20}[c.rng.IntN(5)]
	c.churn = c.chance(70)
	n := uint64(1 + c.rng.IntN(7))
	var cs pb.ConfState
	for id := uint64(1); id <= n; id++ {
		if id > 1 && c.chance(10) {
			cs.Learners = append(cs.Learners, id)
		} else {
			cs.Voters = append(cs.Voters, id)
		}
	}
	if c.chance(30) {
		c.bootstrap(n)
		return
	}
	first := pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: cs}}
	c.history.confAt[1] = confText(cs)
	c.history.begin(entryID{term: 1, index: 1})
	for id := uint64(1); id <= n; id++ {
		m := c.create(id)
		_ = m.disk.ApplySnapshot(first)
		_ = m.disk.SetHardState(pb.HardState{Term: 1, Commit: 1})
		m.disk.synced = pb.HardState{Term: 1, Commit: 1}
		c.start(m)
	}
	c.noteMembers(1, cs)
}

func (c *chaos) bootstrap(n uint64) {
	c.bootstrapped = n
	for id := uint64(1); id <= n; id++ {
		m := c.create(id)
		c.start(m)
	}
}

// found has a founder begin the log, also if it crashed before it had written anything.
func (c *chaos) found(m *chaosMember) {
	if last, _ := m.disk.LastIndex(); m.id > c.bootstrapped || last > 0 {
		return
	}
	var peers []Peer
	for id := uint64(1); id <= c.bootstrapped; id++ {
		peers = append(peers, Peer{ID: id})
	}
	if err := m.rn.Bootstrap(peers); err != nil {
		c.fail("bootstrap: %v", err)
	}
}

// create makes a member with an empty disk, which is not started.
func (c *chaos) create(id uint64) *chaosMember {
	m := &chaosMember{id: id, down: true, rate: 100}
	if c.lease {
		m.rate = 96 + c.rng.IntN(9)
	} else if c.chance(30) {
		m.rate = 40 + c.rng.IntN(120)
	}
	m.cfg = c.configOf(id)
	c.wipe(m)
	if i, found := slices.BinarySearch(c.ids, id); !found {
		c.ids = slices.Insert(c.ids, i, id)
	}
	c.members[id] = m
	return m
}

// wipe gives the member an empty disk.
func (c *chaos) wipe(m *chaosMember) {
	m.disk = &chaosDisk{MemoryStorage: NewMemoryStorage(), durableApp: c.chance(50)}
	m.cfg.Storage = m.disk
	m.applied, m.conf, m.stale = 0, pb.ConfState{}, false
}

// configOf draws the settings of a member.
func (c *chaos) configOf(id uint64) Config {
	pick := func(values ...uint64) uint64 { return values[c.rng.IntN(len(values))] }
	cfg := Config{
		ID: id, ElectionTick: c.electionTick, HeartbeatTick: 1 + c.rng.IntN(2),
		AsyncStorageWrites:        c.chance(50),
		MaxSizePerMsg:             pick(noLimit, noLimit, 0, 100, 1000),
		MaxCommittedSizePerReady:  pick(0, 0, 1, 150, noLimit),
		MaxUncommittedEntriesSize: pick(0, 0, 300, 2000),
		MaxInflightMsgs:           int(pick(256, 1, 2, 5)),
		CheckQuorum:               c.lease || c.chance(40),
		PreVote:                   c.chance(50),
		MaxPendingReads:           int(pick(0, 1, 5)),
		DisableProposalForwarding: c.chance(10),
		StepDownOnRemoval:         c.chance(50),
		Logger:                    DiscardLogger{},
		verify:                    true,
	}
	if cfg.MaxSizePerMsg <= 1000 && c.chance(30) {
		cfg.MaxInflightBytes = cfg.MaxSizePerMsg + 1 + uint64(c.rng.IntN(1000))
	}
	if c.lease || cfg.CheckQuorum && c.chance(20) {
		cfg.ReadOnlyOption = ReadOnlyLeaseBased
	}
	return cfg
}

// start starts the member with what its disk holds.
func (c *chaos) start(m *chaosMember) {
	snap, _ := m.disk.MemoryStorage.Snapshot()
	hs, _, _ := m.disk.MemoryStorage.InitialState()
	if m.applied > hs.Commit || m.stale {
		m.disk.durableApp = false
	}
	if !m.disk.durableApp || m.applied < snap.Metadata.Index {
		m.applied, m.conf = snap.Metadata.Index, snap.Metadata.ConfState
	}
	m.disk.conf, m.stale = m.conf, false
	m.cfg.Applied = m.applied
	m.cfg.Rand = rand.NewPCG(c.rng.Uint64(), m.id)
	rn, err := NewRawNode(&m.cfg)
	if err != nil {
		c.fail("member %d does not start: %v", m.id, err)
	}
	m.rn, m.down, m.progress = rn, false, chaosIdle
	m.seenTerm = 0
	c.found(m)
	c.tracef("start %d: applied %d, %s", m.id, m.applied, DescribeHardState(hs))
}

// crash stops the member, which loses what it has not written, and perhaps the last commit index.
func (c *chaos) crash(m *chaosMember) {
	c.tracef("crash %d", m.id)
	m.down = true
	m.restarted++
	m.appendQueue, m.applyQueue, m.acks = nil, nil, [2][]pb.Message{}
	m.reads, m.kept, m.applying = nil, nil, nil
	if c.chance(50) {
		_ = m.disk.SetHardState(m.disk.synced)
	}
}

// write makes durable what a Ready or a MsgStorageAppend asks for.
func (c *chaos) write(m *chaosMember, hs pb.HardState, ents []pb.Entry, snap pb.Snapshot) {
	if !IsEmptySnap(snap) {
		c.restore(m, snap)
	}
	if err := m.disk.Append(ents); err != nil {
		c.fail("member %d: append: %v", m.id, err)
	}
	old, _, _ := m.disk.MemoryStorage.InitialState()
	if !IsEmptyHardState(hs) {
		_ = m.disk.SetHardState(hs)
		old = hs
	}
	if c.chance(30) || len(ents) > 0 || old.Term != m.disk.synced.Term || old.Vote != m.disk.synced.Vote {
		m.disk.synced = old
	}
}

// restore has disk and application take over a snapshot.
func (c *chaos) restore(m *chaosMember, snap pb.Snapshot) {
	if err := m.disk.ApplySnapshot(snap); err != nil {
		c.fail("member %d: snapshot %d: %v", m.id, snap.Metadata.Index, err)
	}
	if snap.Metadata.Index > m.applied {
		m.applied, m.conf = snap.Metadata.Index, snap.Metadata.ConfState
		m.disk.conf, m.stale = m.conf, false
	}
	c.checkConf(m)
}

// apply applies committed entries, except those that a snapshot has brought already.
func (c *chaos) apply(m *chaosMember, ents []pb.Entry) {
	for i := range ents {
		e := &ents[i]
		if e.Index <= m.applied {
			continue
		}
		if e.Index != m.applied+1 {
			c.fail("member %d applies %d after %d", m.id, e.Index, m.applied)
		}
		m.applied = e.Index
		c.checkApplied(m, e)
		change, err := decodeChange(e)
		if err != nil {
			c.fail("member %d: entry %d: %v", m.id, e.Index, err)
		}
		if change == nil {
			continue
		}
		m.stale = m.stale || m.rn.raft.log.supersededTo != 0
		conf := *m.rn.ApplyConfChange(*change)
		if !m.stale {
			m.conf, m.disk.conf = conf, conf
			c.checkConf(m)
			c.joinAll(m)
		}
	}
}

// joinAll starts the members that the application learns of.
func (c *chaos) joinAll(m *chaosMember) {
	for _, member := range m.rn.raft.membership.Members {
		other := c.members[member.ID]
		if other == nil {
			other = c.create(member.ID)
		} else if !other.wiped {
			continue
		}
		if other.wiped {
			other.wiped, other.quietTo = false, m.applied
		}
		c.tracef("%d joins", member.ID)
		c.start(other)
	}
}
