package rafttest

import (
	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// Replica is what a member runs: a *raft.RawNode is one. It stands for any implementation of the protocol with the same
// API and wire format, perhaps in another process. It is used from one goroutine. A panic ends the run as a violation.
//
// The methods do what those of raft.RawNode do; that is where they are documented.
type Replica interface {
	Tick()
	TickQuiesced()
	Step(m pb.Message) error
	HasReady() bool
	Ready() raft.Ready
	Advance(rd raft.Ready)

	Propose(data []byte) error
	ProposeConfChange(cc pb.ConfChangeI) error
	ApplyConfChange(cc pb.ConfChangeI) *pb.ConfState
	ReadIndex(rctx []byte)
	TransferLeader(transferee uint64)
	ForgetLeader() error
	Campaign() error
	ReportUnreachable(id uint64)
	ReportSnapshot(id uint64, status raft.SnapshotStatus)

	// Status may leave out Progress, which then is not checked. A replica whose Status leaves something out may have a
	// method Describe that says all, for the report on a violation.
	Status() raft.Status
	BasicStatus() raft.BasicStatus
}

// describeReplica says how a replica stands.
func describeReplica(r Replica) string {
	if d, ok := r.(interface{ Describe() string }); ok {
		return d.Describe()
	}
	return raft.DescribeStatus(r.Status())
}

// newReplica returns what a member runs.
func (g *group) newReplica(cfg *raft.Config) (Replica, error) {
	if g.opt.NewReplica != nil {
		return g.opt.NewReplica(cfg, g.upgrades[cfg.ID])
	}
	return raft.NewRawNode(cfg)
}

// chooseReplica notes what the member runs in the life that begins. With asynchronous writes others of the lineage tell of
// terms that are not durable yet: they are run with synchronous ones.
func (m *member) chooseReplica() {
	m.foreign = m.g.opt.mixed() && m.g.opt.Foreign(m.id, m.g.upgrades[m.id])
	m.async = m.settings.Async && !m.foreign
}

// upgrade has a member run what comes next: if it runs, it is stopped, and started again. Nothing that it was writing is
// lost. One that does not exist yet begins with what comes next.
func (g *group) upgrade(id uint8, m *member) {
	g.upgrades[id]++
	if m != nil && m.up() {
		m.crash(m.unsyncedSteps())
		m.start()
	}
}

// busy reports whether a foreign member is at work on what its library has handed out. It is not sent a snapshot
// meanwhile: one that arrives between a membership change being handed out and being applied would put the change on top
// of a configuration that holds it already.
func (m *member) busy() bool {
	return m != nil && m.foreign && m.up() && (m.ready.taken || m.hasReady)
}

// upgrade gives the next member its turn, if the time has come.
func (d *driver) upgrade(events uint64) {
	plan := d.g.opt.Upgrades
	if d.upgraded == len(plan) || d.g.event < events*uint64(d.upgraded+1)/uint64(len(plan)+1) {
		return
	}
	id := plan[d.upgraded]
	d.upgraded++
	if m := d.g.byID[id]; m != nil && m.up() {
		d.generation[id]++
		d.armed[id] = 0
	}
	d.do(action{kind: actUpgrade, member: uint8(id)})
}
