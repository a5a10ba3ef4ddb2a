package main

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/lni/dragonboat/v4/statemachine"

	"github.com/seed695671cb/raft/bench/peers/proposers"
)

// machine is the state machine as the library wants it: the concurrent kind, which takes entries in batches and need
// not stand still while a snapshot is written.
type machine struct{ *proposers.Machine }

func (m machine) Update(entries []statemachine.Entry) ([]statemachine.Entry, error) {
	for i := range entries {
		m.Apply(entries[i].Cmd)
		entries[i].Result = statemachine.Result{Value: entries[i].Index}
	}
	return entries, nil
}

func (m machine) Lookup(any) (any, error) { return m.Count(), nil }

func (m machine) PrepareSnapshot() (any, error) { return uint64(m.Count()), nil }

// SaveSnapshot writes how many entries were applied: enough for the library to drop the log before it.
func (m machine) SaveSnapshot(
	count any, to io.Writer, _ statemachine.ISnapshotFileCollection, _ <-chan struct{},
) error {
	n, ok := count.(uint64)
	if !ok {
		return errors.New("the snapshot is not what was prepared")
	}
	_, err := to.Write(binary.LittleEndian.AppendUint64(nil, n))
	return err
}

// RecoverFromSnapshot is refused: a run in which a member needed a snapshot did something other than what is measured.
func (m machine) RecoverFromSnapshot(io.Reader, []statemachine.SnapshotFile, <-chan struct{}) error {
	return errors.New("no member of this workload should need a snapshot")
}

func (m machine) Close() error { return nil }
