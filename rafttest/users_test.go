package rafttest

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft/internal/choose"
	pb "github.com/seed695671cb/raft/raftpb"
)

// What a user brings along is tried by the same faults, and its bugs are found.

// ledger is a state machine that adds up numbers.
type ledger struct {
	sum, count uint64
	// Its bugs.
	countsItself *uint64 // takes part of its state from outside
	forgetsCount bool    // leaves it out of snapshots
}

func (l *ledger) Apply(_ uint64, command []byte) {
	l.sum += binary.LittleEndian.Uint64(command)
	l.count++
	if l.countsItself != nil {
		*l.countsItself++
		l.sum += *l.countsItself
	}
}

func (l *ledger) Digest() uint64 { return l.sum*31 + l.count }

func (l *ledger) Snapshot() ([]byte, error) {
	b := binary.LittleEndian.AppendUint64(nil, l.sum)
	return binary.LittleEndian.AppendUint64(b, l.count), nil
}

func (l *ledger) Restore(b []byte) error {
	if len(b) != 16 {
		return errors.New("not a ledger")
	}
	l.sum, l.count = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
	if l.forgetsCount {
		l.count = 0
	}
	return nil
}

func ledgerCommand(src choose.Source) []byte {
	return binary.LittleEndian.AppendUint64(nil, uint64(src.Choose(1000)))
}

func TestAUsersStateMachine(t *testing.T) {
	outside := uint64(0)
	for name, c := range map[string]struct {
		machine func() *ledger
		finds   string
	}{
		"sound":             {machine: func() *ledger { return &ledger{} }},
		"not deterministic": {machine: func() *ledger { return &ledger{countsItself: &outside} }, finds: "state machine"},
		"forgets":           {machine: func() *ledger { return &ledger{forgetsCount: true} }, finds: "state machine"},
	} {
		t.Run(name, func(t *testing.T) {
			finds := ""
			for seed := uint64(1); seed <= 10 && finds == ""; seed++ {
				r := Run(Options{
					Seed: seed, Events: 5000, Nodes: 3, Command: ledgerCommand,
					NewStateMachine: func(uint64) StateMachine { return c.machine() },
				})
				if r.Violation != nil {
					finds = r.Violation.Property
				}
			}
			require.Equal(t, c.finds, finds)
		})
	}
}

// forgetfulDisk is a disk with a bug.
type forgetfulDisk struct {
	*MemoryDisk
	// syncs counts; those after the first few make nothing durable.
	syncs     int
	broken    bool
	losesVote bool
}

func (d *forgetfulDisk) Sync() error {
	d.syncs++
	if d.broken && d.syncs > 20 {
		d.unsynced = d.unsynced[:0]
		return nil
	}
	return d.MemoryDisk.Sync()
}

func (d *forgetfulDisk) Crash(keep int) error {
	if d.losesVote {
		d.hard.Vote = 0
	}
	return d.MemoryDisk.Crash(keep)
}

// slowReader fails to give its log back.
type slowReader struct{ *MemoryDisk }

func (slowReader) Write(Write) error { return errors.New("the disk is full") }

func TestAUsersDisk(t *testing.T) {
	for name, c := range map[string]struct {
		disk  func() Disk
		finds string
	}{
		"sound":              {disk: func() Disk { return NewMemoryDisk() }},
		"syncs nothing":      {disk: func() Disk { return &forgetfulDisk{MemoryDisk: NewMemoryDisk(), broken: true} }, finds: "storage"},
		"forgets its vote":   {disk: func() Disk { return &forgetfulDisk{MemoryDisk: NewMemoryDisk(), losesVote: true} }, finds: "storage"},
		"returns its errors": {disk: func() Disk { return slowReader{NewMemoryDisk()} }, finds: "storage"},
	} {
		t.Run(name, func(t *testing.T) {
			finds := ""
			for seed := uint64(1); seed <= 10 && finds == ""; seed++ {
				r := Run(Options{
					Seed: seed, Events: 5000, Nodes: 3, NewDisk: func(uint64) Disk { return c.disk() },
					Faults: func(Faults) Faults { return Faults{Crash: 200, Heal: 100, Interval: 1000} },
				})
				if r.Violation != nil {
					finds = r.Violation.Property
				}
			}
			require.Equal(t, c.finds, finds)
		})
	}
}

// TestAViolationIsMadeSmall: what is left of a run that found a bug still finds it, and little is left.
func TestAViolationIsMadeSmall(t *testing.T) {
	var r Result
	for seed := uint64(1); r.Violation == nil && seed < 20; seed++ {
		r = Run(Options{
			Seed: seed, Events: 3000, Nodes: 3,
			NewDisk: func(uint64) Disk { return &forgetfulDisk{MemoryDisk: NewMemoryDisk(), losesVote: true} },
		})
	}
	require.NotNil(t, r.Violation)
	require.NotNil(t, r.Trace)
	require.Equal(t, r.Violation, r.Trace.Violation)
	small := Minimise(r, 0)
	require.Equal(t, r.Violation.Property, small.Violation.Property)
	require.Less(t, small.Events, uint64(30))
	require.Len(t, small.Trace.Events, int(small.Events))
	again, found := small.replay(small.actions, nil)
	require.Equal(t, small.Violation, found)
	require.Equal(t, small.Hash, uint64(again.hash))
}

// TestMemoryDisk: what is synced is there after a crash, what is not is there as far as it is kept.
func TestMemoryDisk(t *testing.T) {
	entry := func(term, index uint64) pb.Entry { return pb.Entry{Term: term, Index: index} }
	written := func() *MemoryDisk {
		d := NewMemoryDisk()
		require.NoError(t, d.Write(Write{
			Entries:   []pb.Entry{entry(1, 1), entry(1, 2), entry(1, 3)},
			HardState: pb.HardState{Term: 1, Vote: 1, Commit: 1},
		}))
		require.NoError(t, d.Sync())
		require.NoError(t, d.Compact(2, 1, pb.ConfState{Voters: []uint64{1}}, []byte("two")))
		require.NoError(t, d.Write(Write{Entries: []pb.Entry{entry(2, 3), entry(2, 4)}, HardState: pb.HardState{Term: 2}}))
		require.NoError(t, d.Write(Write{Entries: []pb.Entry{entry(2, 5)}}))
		return d
	}
	for keep, want := range []struct{ term3, last, term uint64 }{
		{1, 3, 1}, {2, 3, 1}, {2, 4, 1}, {2, 4, 2}, {2, 5, 2}, {2, 5, 2},
	} {
		d := written()
		last, _ := d.LastIndex()
		require.Equal(t, uint64(5), last, "reads see what is not synced")
		require.NoError(t, d.Crash(keep))
		last, _ = d.LastIndex()
		term, err := d.Term(3)
		require.NoError(t, err)
		hs, _, _ := d.InitialState()
		require.Equal(t, want, struct{ term3, last, term uint64 }{term, last, hs.Term}, "keep %d", keep)
		snap, err := d.Snapshot()
		require.NoError(t, err)
		require.Equal(t, uint64(2), snap.Metadata.Index)
		first, _ := d.FirstIndex()
		require.Equal(t, uint64(2), first)
	}
}
