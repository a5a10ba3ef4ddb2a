package rafttest

import (
	"errors"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
	"github.com/seed695671cb/raft/tracker"
)

// StateMachine is what a user may have every member run beside the simulator's own. It is used from one goroutine, must
// be deterministic, and is lost in a crash: a member that starts again is given the state that a snapshot holds.
type StateMachine interface {
	// Apply performs a committed command, one that Options.Command made and that is not empty. One that reached the log twice,
	// because the network doubled a proposal on its way to the leader, is performed twice.
	Apply(index uint64, command []byte)
	// Digest sums up the state: equal states give equal digests. After any index it must be the same at every member.
	Digest() uint64
	// Snapshot returns the state, to be restored at any member.
	Snapshot() ([]byte, error)
	// Restore replaces the state by that of a snapshot.
	Restore(snapshot []byte) error
}

// application is what a member applies entries to: registers, and the state machine of the user if there is one.
type application struct {
	registers registers
	machine   StateMachine // nil if the user brought none
	// applied is the last index applied, membership the configuration as of it.
	applied    uint64
	membership pb.ConfState
}

// encode returns the state as the data of a snapshot.
func (a *application) encode() ([]byte, error) {
	data := a.registers.encode(make([]byte, 0, registersSize))
	if a.machine == nil {
		return data, nil
	}
	more, err := a.machine.Snapshot()
	return append(data, more...), err
}

// restore replaces the state by one that encode returned, as of index.
func (a *application) restore(index uint64, membership pb.ConfState, data []byte) error {
	rest, ok := a.registers.decode(data)
	if !ok && len(data) > 0 {
		return errors.New("the data of a snapshot is too short")
	}
	a.applied, a.membership = index, membership
	if a.machine == nil || len(data) == 0 {
		return nil
	}
	return a.machine.Restore(rest)
}

// digest sums up the state.
func (a *application) digest() uint64 {
	d := a.registers.digest()
	if a.machine != nil {
		d = (d ^ a.machine.Digest()) * 0x9e3779b97f4a7c15
	}
	return d
}

// checkpoint is a state of the application that is durable beside the snapshots of the disk.
type checkpoint struct {
	index      uint64
	membership pb.ConfState
	data       []byte
}

// diskOf is what a member's library reads: its disk, with the membership of the application where that is durable
// beyond the last snapshot, and now and then without a snapshot to hand.
type diskOf struct {
	Disk
	m *member
}

func (d diskOf) InitialState() (pb.HardState, pb.ConfState, error) {
	hs, cs, err := d.Disk.InitialState()
	if d.m.app.applied > 0 {
		cs = d.m.app.membership
	}
	return hs, cs, err
}

func (d diskOf) Snapshot() (pb.Snapshot, error) {
	if d.m.snapshotBusy {
		return pb.Snapshot{}, raft.ErrSnapshotTemporarilyUnavailable
	}
	return d.Disk.Snapshot()
}

// membershipDigest sums up a configuration.
func membershipDigest(cs pb.ConfState) uint64 {
	m, err := tracker.NewMembership(cs)
	if err != nil {
		return 1
	}
	h := uint64(len(m.Members))
	if m.AutoLeave {
		h += 1 << 32
	}
	for _, member := range m.Members {
		h = (h ^ member.ID<<8 ^ uint64(member.Role)) * 0x9e3779b97f4a7c15
		h ^= h >> 31
	}
	return h
}
