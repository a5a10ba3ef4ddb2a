package model

import (
	"encoding/binary"
	"fmt"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/rafttest/trace"
)

// One member, alive: the real RawNode, a disk, the two storage threads' queues, an application, and what is remembered
// of its past for the checks. It is driven exactly as the commands of the scripts in testdata drive theirs, so that
// what is found here can be replayed there.

const (
	electionTick  = 10
	heartbeatTick = 1
	// electionTimeout is what every election timeout is: the longest, so that an election timeout of silence can pass
	// before it.
	electionTimeout = 2*electionTick - 1
)

// member is one member.
type member struct {
	id     uint64
	bounds *Bounds
	prints *fingerprinter

	storage *raft.MemoryStorage
	// rn is nil while the member is down.
	rn *raft.RawNode
	// appendQueue and applyQueue are the work of the storage threads, oldest first.
	appendQueue, applyQueue []pb.Message

	app  application
	past past

	// sent are the messages that left in this step.
	sent []pb.Message
	// broken is the first property that did not hold; once dead, after a panic, the member is of no use.
	broken *trace.Violation
	dead   bool
	// unchecked leaves the checks of a step out: it has been made before.
	unchecked bool
	// script receives the commands that do the same, if it is not nil.
	script *[]string
}

// application is the state machine, and survives a crash.
type application struct {
	// index is how far it has applied, membership what is in force as of then.
	index      uint64
	membership pb.ConfState
	// restored is the index of the last snapshot that was taken over in this life.
	restored uint64
}

// past is what the checks remember, also over crashes.
type past struct {
	// committed are the entries that the member has known to be committed, from index 1 on; learnt is the term in which
	// it learnt of the last of them.
	committed []EntryFact
	learnt    uint64
	// led has bit t set if the member has led term t.
	led uint64
	// memberships are those in force after each applied index, from index 1 on; the zero value where that is unknown.
	memberships []pb.ConfState
	// reads are the reads answered.
	reads []ReadFact
	// lives counts the restarts, if tokens of reads depend on it.
	lives uint64
}

// source is what a member draws its numbers from. The election timeout is always the same. The token of a life, which
// is drawn with the first read that is passed to the leader, differs from life to life, as it must.
type source struct{ lives *uint64 }

// Uint64 returns a number that is electionTimeout-electionTick modulo electionTick.
func (s source) Uint64() uint64 { return *s.lives*electionTick + electionTimeout - electionTick }

// disk is the Storage that the RawNode reads: the log, and the membership that the application has applied.
type disk struct {
	*raft.MemoryStorage
	m *member
}

// InitialState implements raft.Storage.
func (d disk) InitialState() (pb.HardState, pb.ConfState, error) {
	hard, _, err := d.MemoryStorage.InitialState()
	return hard, d.m.app.membership, err
}

// newMember returns a member as it begins: its disk holds a snapshot at index 1 of term 1 with the membership, or
// nothing if it is to join.
func newMember(id uint64, b *Bounds, prints *fingerprinter) (*member, error) {
	m := &member{id: id, bounds: b, prints: prints, storage: raft.NewMemoryStorage()}
	if id <= uint64(b.Voters+b.Learners) {
		first := EntryFact{Term: 1, Digest: digestEntry(&pb.Entry{})}
		m.app = application{index: 1, membership: b.membership()}
		m.past.committed, m.past.learnt = []EntryFact{first}, 1
		m.past.memberships = []pb.ConfState{m.app.membership}
		snap := pb.Snapshot{
			Data:     encodeState(m.past.committed),
			Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: m.app.membership},
		}
		if err := m.storage.ApplySnapshot(snap); err != nil {
			return nil, err
		}
		if err := m.storage.SetHardState(pb.HardState{Term: 1, Commit: 1}); err != nil {
			return nil, err
		}
	}
	if err := m.start(); err != nil {
		return nil, err
	}
	m.settle()
	return m, nil
}

// membership is the one that the group begins with.
func (b *Bounds) membership() pb.ConfState {
	var cs pb.ConfState
	for id := uint64(1); id <= uint64(b.Voters); id++ {
		cs.Voters = append(cs.Voters, id)
	}
	for id := uint64(b.Voters) + 1; id <= uint64(b.Voters+b.Learners); id++ {
		cs.Learners = append(cs.Learners, id)
	}
	return cs
}

// start starts the member with what its disk and its application hold.
func (m *member) start() error {
	cfg := &raft.Config{
		ID:                        m.id,
		ElectionTick:              electionTick,
		HeartbeatTick:             heartbeatTick,
		Storage:                   disk{MemoryStorage: m.storage, m: m},
		Applied:                   m.app.index,
		AsyncStorageWrites:        m.bounds.Async,
		MaxSizePerMsg:             ^uint64(0),
		MaxInflightMsgs:           256,
		CheckQuorum:               m.bounds.CheckQuorum || m.bounds.Lease,
		PreVote:                   m.bounds.PreVote,
		DisableProposalForwarding: m.bounds.NoForwarding,
		Logger:                    raft.DiscardLogger{},
		Rand:                      source{lives: &m.past.lives},
	}
	if m.bounds.SmallAppends {
		cfg.MaxSizePerMsg = 1
	}
	if m.bounds.Lease {
		cfg.ReadOnlyOption = raft.ReadOnlyLeaseBased
	}
	rn, err := raft.NewRawNode(cfg)
	if err != nil {
		return err
	}
	m.rn = rn
	return nil
}

// crash stops the member. Its application has kept what it had acknowledged to have applied, as that of a script.
func (m *member) crash() {
	m.app.index = max(m.rn.BasicStatus().Applied, m.app.restored)
	m.app.restored = 0
	m.rn, m.appendQueue, m.applyQueue = nil, nil, nil
}

// restart starts it again.
func (m *member) restart() {
	if m.bounds.limit(Reads) > 0 {
		m.past.lives++
	}
	if err := m.start(); err != nil {
		m.fail("a member restarts with what its disk holds", "%v", err)
		m.dead = true
	}
}

// fail notes that a property does not hold.
func (m *member) fail(property, format string, args ...any) {
	if m.broken != nil || m.unchecked {
		return
	}
	m.broken = &trace.Violation{
		Property: property,
		Detail:   fmt.Sprintf("member %d: ", m.id) + fmt.Sprintf(format, args...),
		Members:  []uint64{m.id},
	}
}

// say notes a command of the script that does the same.
func (m *member) say(format string, args ...any) {
	if m.script != nil {
		*m.script = append(*m.script, fmt.Sprintf(format, args...))
	}
}

// digestEntry returns a digest of what an entry holds, its term and index aside.
func digestEntry(e *pb.Entry) uint64 {
	w := newWalk(nil)
	w.add(uint64(e.Type))
	w.addBytes(e.Data)
	return w.h
}

func factOf(e *pb.Entry) EntryFact { return EntryFact{Term: e.Term, Digest: digestEntry(e)} }

func factsOf(ents []pb.Entry) []EntryFact {
	facts := make([]EntryFact, len(ents))
	for i := range ents {
		facts[i] = factOf(&ents[i])
	}
	return facts
}

// encodeState returns the data of a snapshot: what was applied, from index 1 on.
func encodeState(applied []EntryFact) []byte {
	data := make([]byte, 0, 16*len(applied))
	for _, e := range applied {
		data = binary.BigEndian.AppendUint64(data, e.Term)
		data = binary.BigEndian.AppendUint64(data, e.Digest)
	}
	return data
}

func decodeState(data []byte) []EntryFact {
	var applied []EntryFact
	for ; len(data) >= 16; data = data[16:] {
		applied = append(applied, EntryFact{
			Term: binary.BigEndian.Uint64(data), Digest: binary.BigEndian.Uint64(data[8:]),
		})
	}
	return applied
}
