package main

// This file is a member's disk: one file of records, and the raft.MemoryStorage that the library reads from.

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// The kinds of records.
const (
	recordSnapshot = 's'
	recordEntry    = 'e'
	recordState    = 'h'
)

// compactAfter is after how many entries a snapshot is made.
const compactAfter = 200

// disk is the file, and what it holds.
type disk struct {
	dir     string
	file    *os.File
	storage *raft.MemoryStorage
	fresh   bool   // nothing was ever written
	snapped uint64 // index of the last snapshot
}

// openDisk reads what a member has written. The end of a write that was cut off by a crash is cut off here too.
func openDisk(dir string) (*disk, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(dir, "log"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	d := &disk{dir: dir, file: file, storage: raft.NewMemoryStorage(), fresh: true}
	in := bufio.NewReader(file)
	end := int64(0)
	for {
		kind, data, err := readRecord(in)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err == nil {
			err = d.load(kind, data)
		}
		if err != nil {
			return nil, err
		}
		d.fresh = false
		end += int64(5 + len(data))
	}
	if err := file.Truncate(end); err != nil {
		return nil, err
	}
	_, err = file.Seek(end, io.SeekStart)
	return d, err
}

// load takes one record over into memory.
func (d *disk) load(kind byte, data []byte) error {
	switch kind {
	case recordSnapshot:
		var snapshot raftpb.Snapshot
		if err := snapshot.Unmarshal(data); err != nil {
			return err
		}
		d.snapped = snapshot.Metadata.Index
		return d.storage.ApplySnapshot(snapshot)
	case recordEntry:
		var entry raftpb.Entry
		if err := entry.Unmarshal(data); err != nil {
			return err
		}
		return d.storage.Append([]raftpb.Entry{entry})
	default:
		var state raftpb.HardState
		if err := state.Unmarshal(data); err != nil {
			return err
		}
		return d.storage.SetHardState(state)
	}
}

func (d *disk) snapshot() raftpb.Snapshot {
	snapshot, err := d.storage.Snapshot()
	fail(err)
	return snapshot
}

// save makes durable what a Ready asks for.
func (d *disk) save(snapshot raftpb.Snapshot, entries []raftpb.Entry, state raftpb.HardState) error {
	records, err := encode(snapshot, entries, state)
	if err != nil || len(records) == 0 {
		return err
	}
	if _, err := d.file.Write(records); err != nil {
		return err
	}
	if err := d.file.Sync(); err != nil {
		return err
	}
	if !raft.IsEmptySnap(snapshot) {
		d.snapped = snapshot.Metadata.Index
		if err := d.storage.ApplySnapshot(snapshot); err != nil {
			return err
		}
	}
	if !raft.IsEmptyHardState(state) {
		if err := d.storage.SetHardState(state); err != nil {
			return err
		}
	}
	return d.storage.Append(entries)
}

// compact makes a snapshot when there is enough for one, and writes the file anew without what it stands for.
func (d *disk) compact(applied uint64, conf raftpb.ConfState, state map[string]string) error {
	if applied < d.snapped+compactAfter {
		return nil
	}
	data, err := json.Marshal(state)
	if err != nil {
		return err
	}
	snapshot, err := d.storage.CreateSnapshot(applied, &conf, data)
	if err != nil {
		return err
	}
	d.snapped = applied
	if err := d.storage.Compact(applied - compactAfter/4); err != nil {
		return err
	}
	hardState, _, err := d.storage.InitialState()
	if err != nil {
		return err
	}
	last, err := d.storage.LastIndex()
	if err != nil {
		return err
	}
	var entries []raftpb.Entry
	if last > applied {
		if entries, err = d.storage.Entries(applied+1, last+1, 1<<62); err != nil {
			return err
		}
	}
	return d.rewrite(snapshot, entries, hardState)
}

// rewrite puts a new file in the place of the old one.
func (d *disk) rewrite(snapshot raftpb.Snapshot, entries []raftpb.Entry, state raftpb.HardState) error {
	records, err := encode(snapshot, entries, state)
	if err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(d.dir, "new"))
	if err != nil {
		return err
	}
	if _, err := file.Write(records); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	d.file.Close()
	d.file = file
	return os.Rename(file.Name(), filepath.Join(d.dir, "log"))
}

func (d *disk) close() error { return d.file.Close() }

// importState makes a disk that begins with a state: a snapshot of it at index 1, which all first members have alike.
func importState(id uint64, data []byte) error {
	d, err := openDisk(directory(id))
	if err != nil {
		return err
	}
	if !d.fresh {
		return errors.New("this member has a log already")
	}
	conf := raftpb.ConfState{Voters: everyone}
	metadata := raftpb.SnapshotMetadata{Index: 1, Term: 1, ConfState: conf}
	first := raftpb.Snapshot{Data: data, Metadata: metadata}
	if err := d.save(first, nil, raftpb.HardState{Term: 1, Commit: 1}); err != nil {
		return err
	}
	return d.close()
}

// encode returns the records of what is not empty.
func encode(snapshot raftpb.Snapshot, entries []raftpb.Entry, state raftpb.HardState) ([]byte, error) {
	var out []byte
	if !raft.IsEmptySnap(snapshot) {
		data, err := snapshot.Marshal()
		if err != nil {
			return nil, err
		}
		out = appendRecord(out, recordSnapshot, data)
	}
	for _, entry := range entries {
		data, err := entry.Marshal()
		if err != nil {
			return nil, err
		}
		out = appendRecord(out, recordEntry, data)
	}
	if raft.IsEmptyHardState(state) {
		return out, nil
	}
	data, err := state.Marshal()
	return appendRecord(out, recordState, data), err
}

func appendRecord(out []byte, kind byte, data []byte) []byte {
	out = append(out, kind)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(data)))
	return append(out, data...)
}

func readRecord(in *bufio.Reader) (byte, []byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return 0, nil, err
	}
	data := make([]byte, binary.LittleEndian.Uint32(head[1:]))
	_, err := io.ReadFull(in, data)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return head[0], data, err
}
