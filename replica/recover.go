package replica

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// What a replica starts with (thesis §5): the state of a durable state machine, or that of the newest snapshot, whichever is
// newer.

// recordConfState is the first byte of the key of the record that keeps the membership; see recordMembers.
const recordConfState byte = 'c'

func confStateRecord(cs pb.ConfState) Record {
	data, err := cs.Marshal()
	if err != nil {
		panic(fmt.Sprintf("replica: a membership cannot be encoded: %v", err)) // it is made of numbers
	}
	// A membership without members is encoded in no bytes, and a value of nil would delete.
	return Record{Key: []byte{recordConfState}, Value: append([]byte{}, data...)}
}

// recover brings the state machine, and what belongs to it here, to where they were.
func (r *Replica) recover() error {
	if err := r.recoverDurable(); err != nil {
		return err
	}
	snapshot, err := r.log.Snapshot()
	if err != nil {
		return fmt.Errorf("the newest snapshot is not readable: %w", err)
	}
	if meta := snapshot.Metadata; meta.Index > r.applying.index {
		if _, err := r.restoreContents(&meta); err != nil {
			return err
		}
	}
	return r.checkLog()
}

func (r *Replica) recoverDurable() error {
	a := &r.applying
	if a.durable == nil {
		return nil
	}
	index, records, err := a.durable.Recover()
	if err != nil {
		return fmt.Errorf("the state machine cannot be recovered: %w", err)
	}
	if index == 0 {
		a.sessions, err = loadSessions(nil)
		return err
	}
	if err := r.loadRecords(records); err != nil {
		return fmt.Errorf("what the state machine keeps for its replica is damaged: %w", err)
	}
	a.index = index
	if a.term, err = r.log.Term(index); err != nil && !errors.Is(err, raft.ErrCompacted) {
		return fmt.Errorf("the state machine has applied entry %d, which the log does not have: are they of the same member? %w",
			index, err)
	}
	return nil
}

// loadRecords reads back what commit has given the state machine.
func (r *Replica) loadRecords(records []Record) error {
	a := &r.applying
	var err error
	if a.sessions, err = loadSessions(records); err != nil {
		return err
	}
	for _, record := range records {
		switch {
		case bytes.Equal(record.Key, []byte{recordMembers}):
			if a.members, err = decodeMemberTable(record.Value); err != nil {
				return err
			}
		case bytes.Equal(record.Key, []byte{recordConfState}):
			if err := a.confState.Unmarshal(record.Value); err != nil {
				return fmt.Errorf("membership: %w", err)
			}
		}
	}
	return nil
}

// checkLog makes sure that the log goes on where the state ends.
func (r *Replica) checkLog() error {
	first, err := r.log.FirstIndex()
	if err != nil {
		return fmt.Errorf("the log is not readable: %w", err)
	}
	if r.applying.index+1 < first {
		return fmt.Errorf("the log begins at entry %d, but the state machine has applied only up to %d: its state was lost; "+
			"remove this member and add a new one", first, r.applying.index)
	}
	return nil
}

// restoreContents replaces the state by the newest snapshot in the log store, and returns its size.
func (r *Replica) restoreContents(meta *pb.SnapshotMetadata) (bytes uint64, err error) {
	contents, err := r.log.OpenSnapshot()
	if err != nil {
		return 0, fmt.Errorf("the snapshot at entry %d cannot be opened: %w", meta.Index, err)
	}
	defer contents.Close()
	bytes, err = r.readContents(contents, meta)
	if err != nil {
		return 0, fmt.Errorf("the snapshot at entry %d cannot be restored: %w", meta.Index, err)
	}
	return bytes, nil
}

func (r *Replica) readContents(contents io.Reader, meta *pb.SnapshotMetadata) (bytes uint64, err error) {
	in, header, err := newContentsReader(contents)
	if err != nil {
		return 0, err
	}
	if header.applied != meta.Index || header.term != meta.Term {
		return 0, fmt.Errorf("its contents are of entry %d in term %d, and not %d in term %d",
			header.applied, header.term, meta.Index, meta.Term)
	}
	sessions, err := decodeSessions(header.sessions)
	if err != nil {
		return 0, err
	}
	a := &r.applying
	if err := a.machine.Restore(in); err != nil {
		return 0, fmt.Errorf("the state machine refuses it: %w", err)
	}
	if err := in.verifyEnd(); err != nil {
		return 0, err
	}
	a.index, a.term = header.applied, header.term
	a.confState, a.members, a.sessions = header.confState, header.members, sessions
	a.entries, a.bytes = 0, 0
	return in.length(), r.commitRestored()
}

// commitRestored makes a restored state of a durable state machine durable, after which the log store need not keep it.
func (r *Replica) commitRestored() error {
	a := &r.applying
	if a.durable == nil {
		return nil
	}
	records := append(a.sessions.records(), a.members.record(), confStateRecord(a.confState))
	if err := r.commit(records); err != nil {
		return err
	}
	if err := a.durable.Sync(); err != nil {
		return fmt.Errorf("the state machine could not make a restored state durable: %w", err)
	}
	if err := r.log.DropSnapshot(a.index); err != nil {
		return fmt.Errorf("the log store could not drop a snapshot: %w", err)
	}
	return nil
}

// restore replaces the state by a snapshot that the leader has sent and the log store has installed.
func (r *Replica) restore(meta *pb.SnapshotMetadata) error {
	// Until it is restored no other may become the newest one.
	defer r.staging.release()
	if meta.Index <= r.applying.index {
		return nil
	}
	size, err := r.restoreContents(meta)
	if err != nil {
		return err
	}
	r.membersChanged()
	// First, since what the snapshot holds instead of entries must not be taken for lost.
	r.waiting.superseded()
	r.publish()
	r.views.retireBelow(r.applying.index)
	r.later(func() { r.retryUnsettled() })
	r.events.emit(SnapshotReceived{From: r.staging.sender(), Index: meta.Index, Bytes: size})
	return nil
}

// later has the stepping goroutine run f, some time.
func (r *Replica) later(f func()) {
	if r.inbox.put(func(l *letters) { l.calls = append(l.calls, f) }) {
		r.host.steps.add(r.stepper())
	}
}
