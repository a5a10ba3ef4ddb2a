package main

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/hashicorp/raft"

	"github.com/seed695671cb/raft/bench/peers/proposers"
)

// machine is the state machine as the library wants it. It takes committed entries in batches, which the library offers
// to those that can.
type machine struct{ *proposers.Machine }

func (m machine) Apply(entry *raft.Log) any {
	if entry.Type == raft.LogCommand {
		m.Machine.Apply(entry.Data)
	}
	return nil
}

func (m machine) ApplyBatch(entries []*raft.Log) []any {
	for _, entry := range entries {
		m.Apply(entry)
	}
	return make([]any, len(entries))
}

// Snapshot holds how many entries were applied: enough for the library to drop the log before it.
func (m machine) Snapshot() (raft.FSMSnapshot, error) { return snapshot(m.Count()), nil }

// Restore is refused: a run in which a member needed a snapshot did something other than what is measured.
func (m machine) Restore(from io.ReadCloser) error {
	return errors.Join(errors.New("no member of this workload should need a snapshot"), from.Close())
}

type snapshot uint64

func (s snapshot) Persist(sink raft.SnapshotSink) error {
	if _, err := sink.Write(binary.LittleEndian.AppendUint64(nil, uint64(s))); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	return sink.Close()
}

func (s snapshot) Release() {}
