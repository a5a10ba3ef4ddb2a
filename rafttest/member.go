package rafttest

import (
	"math/rand/v2"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// A member of a simulated group, from its start to its crash: what it forgets then, and what it finds again. What it does
// in between is in work.go.

// member is one member of a group: the library, a disk, and an application. It does one step at a time, when told.
type member struct {
	g        *group
	id       uint64
	settings memberSettings
	disk     Disk
	app      application
	// node is nil while the member is down.
	node Replica
	// foreign is set if it runs another implementation; async if it writes asynchronously.
	foreign, async bool
	// life counts the lives of the member.
	life uint64

	// hasReady says whether there is a Ready to be taken, as of the member's last event.
	hasReady bool
	ready    readyWork
	append   appendWork
	apply    applyWork
	// acks are responses of the two threads to the member itself, each thread's in order.
	acks [2][]pb.Message

	// checkpoint is what the application keeps durably beside snapshots; only if settings say so.
	checkpoint   checkpoint
	snapshotBusy bool
	// outdated is set while the application's membership lacks a change that only a snapshot on its way to it holds.
	outdated bool
	// supersededBy is the index of the last snapshot that the library has taken in, in this life.
	supersededBy uint64
	// wiped is set while the member has been removed and has lost its disk; quietTo is where it was then added again.
	wiped   bool
	quietTo uint64

	// readyReads are reads that were answered and wait for the application to get as far.
	readyReads []readyRead

	seen seen
}

// seen is what the checks remember of a member. It does not survive a crash, except for what the comments say.
type seen struct {
	status raft.BasicStatus
	// told is the log as handed out in Readys; durable is what is on disk of it, which survives crashes.
	told    termLog
	durable termLog
	// durableHard is the hard state on disk; it survives crashes.
	durableHard pb.HardState
	// readyHard is the hard state as last handed out.
	readyHard pb.HardState
	// ledSince is the term that the member has led since before the last Ready, or zero.
	ledSince uint64
	// handed is the last index handed out to be applied.
	handed uint64
	// uncommitted is the payload of the entries of the term being led that were handed out to be written and not yet to be
	// applied.
	uncommitted uint64
	contact     contact
	// reads are the requests not yet answered, by context, oldest first.
	reads []pendingRead
	// events counts events, for checks that are made now and then.
	events uint64
}

func (m *member) up() bool { return m.node != nil }

// start begins a life of the member with what its disk, and perhaps its application, remember.
func (m *member) start() {
	m.life++
	m.append, m.apply, m.ready = appendWork{}, applyWork{}, readyWork{}
	m.acks = [2][]pb.Message{}
	m.hasReady = false
	m.outdated, m.snapshotBusy, m.supersededBy = false, false, 0
	m.g.checkDisk(m)
	m.reopenApplication()
	m.chooseReplica()
	cfg := m.settings.config()
	cfg.ID, cfg.Storage = m.id, diskOf{Disk: m.disk, m: m}
	cfg.Applied = m.app.applied
	cfg.Rand = rand.NewPCG(m.g.runSeed^m.id, m.life)
	cfg.Logger = raft.DiscardLogger{}
	cfg.AsyncStorageWrites = m.async
	node, err := m.g.newReplica(&cfg)
	if err != nil {
		m.g.fail("no panic, no refusal", []uint64{m.id}, "member %d does not start: %v", m.id, err)
	}
	m.node = node
	m.g.checkStarted(m)
}

// reopenApplication gives the application the newest state that is durable.
func (m *member) reopenApplication() {
	m.app = application{machine: m.g.newStateMachine(m.id)}
	snap, err := m.disk.Snapshot()
	if err != nil {
		m.g.fail("storage", []uint64{m.id}, "member %d cannot read its snapshot: %v", m.id, err)
	}
	from := checkpoint{index: snap.Metadata.Index, membership: snap.Metadata.ConfState, data: snap.Data}
	if m.checkpoint.index > from.index {
		from = m.checkpoint
	}
	if err := m.app.restore(from.index, from.membership, from.data); err != nil {
		m.g.fail("state machine", []uint64{m.id}, "member %d cannot restore its state at %d: %v", m.id, from.index, err)
	}
}

// crash ends a life. Of what was written and is not durable, the first keep steps are kept.
func (m *member) crash(keep int) {
	m.node = nil
	m.g.losePendingReads(m)
	m.keepTorn(keep)
	if err := m.disk.Crash(keep); err != nil {
		m.g.fail("storage", []uint64{m.id}, "member %d: its disk fails to come back: %v", m.id, err)
	}
}

// unsyncedSteps is the number of steps that a crash may keep.
func (m *member) unsyncedSteps() int {
	n := 0
	for i := range m.append.unsynced {
		n += m.append.unsynced[i].steps()
	}
	return n
}

// keepTorn notes what a crash leaves on disk.
func (m *member) keepTorn(keep int) {
	for i := range m.append.unsynced {
		w := m.append.unsynced[i].torn(keep)
		m.noteDurable(&w)
		keep -= m.append.unsynced[i].steps()
		if keep <= 0 {
			break
		}
	}
	m.append.unsynced = m.append.unsynced[:0]
}

// write begins to write.
func (m *member) write(w Write) {
	m.append.unsynced = append(m.append.unsynced, w)
	if err := m.disk.Write(w); err != nil {
		m.g.fail("storage", []uint64{m.id}, "member %d: its disk fails to write: %v", m.id, err)
	}
}

// sync makes durable all that was written, and has the application take over a snapshot that was.
func (m *member) sync() {
	if err := m.disk.Sync(); err != nil {
		m.g.fail("storage", []uint64{m.id}, "member %d: its disk fails to sync: %v", m.id, err)
	}
	for i := range m.append.unsynced {
		w := &m.append.unsynced[i]
		m.noteDurable(w)
		if !raft.IsEmptySnap(w.Snapshot) {
			m.restore(&w.Snapshot)
		}
	}
	m.append.unsynced = m.append.unsynced[:0]
}

// noteDurable keeps the record of what is durable.
func (m *member) noteDurable(w *Write) {
	s := &m.seen
	if meta := w.Snapshot.Metadata; meta.Index > 0 {
		m.g.checkSnapshotDurable(m, meta)
		s.durable.reset(entryID{term: meta.Term, index: meta.Index})
	}
	if len(w.Entries) > 0 {
		m.g.checkTruncation(m, w.Entries)
		s.durable.append(w.Entries)
	}
	if !raft.IsEmptyHardState(w.HardState) {
		s.durableHard = w.HardState
	}
}

// restore has the application take over the state of a snapshot.
func (m *member) restore(snap *pb.Snapshot) {
	meta := snap.Metadata
	if err := m.app.restore(meta.Index, meta.ConfState, snap.Data); err != nil {
		m.g.fail("state machine", []uint64{m.id}, "member %d cannot restore the state at %d: %v", m.id, meta.Index, err)
	}
	m.outdated = false
	m.g.checkState(m)
	m.g.checkMembership(m)
}

// compact makes a snapshot of the application's state, and removes the log up to lag entries before it.
func (m *member) compact(lag uint64) bool {
	index := m.app.applied
	snap, err := m.disk.Snapshot()
	if m.outdated || err != nil || index <= snap.Metadata.Index {
		return false
	}
	data, err := m.app.encode()
	if err != nil {
		m.g.fail("state machine", []uint64{m.id}, "member %d makes no snapshot: %v", m.id, err)
	}
	first := m.seen.durable.first
	if index > lag {
		first = max(first, index-lag)
	}
	if m.foreign {
		// Elsewhere the library reads what it does not know to be applied yet.
		first = max(m.seen.durable.first, min(first, m.seen.status.Applied))
	}
	if err := m.disk.Compact(index, first, m.app.membership, data); err != nil {
		m.g.fail("storage", []uint64{m.id}, "member %d: its disk fails to compact: %v", m.id, err)
	}
	m.seen.durable.compact(first)
	m.seen.told.compact(first)
	return true
}
