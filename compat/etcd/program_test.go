package raft_test

import (
	"errors"
	"testing"

	ours "github.com/seed695671cb/raft"
	ourpb "github.com/seed695671cb/raft/raftpb"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// TestValuesPassBetweenThePaths runs a group of one, of which half the code imports the lineage's path and half this
// library's: storage, configuration, Readys, entries and errors are the same to both.
func TestValuesPassBetweenThePaths(t *testing.T) {
	var storage *ours.MemoryStorage = raft.NewMemoryStorage()
	rn, err := raft.NewRawNode(&raft.Config{
		ID: 1, ElectionTick: 10, HeartbeatTick: 1, Storage: storage, MaxInflightMsgs: 16, MaxSizePerMsg: 1 << 20,
		Logger: ours.DiscardLogger{},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := rn.Bootstrap([]raft.Peer{{ID: 1}}); err != nil {
		t.Fatal(err)
	}
	var applied []string
	settle(t, rn, storage, &applied)
	if err := rn.Campaign(); err != nil {
		t.Fatal(err)
	}
	settle(t, rn, storage, &applied)
	if err := rn.Propose([]byte("a")); err != nil {
		t.Fatal(err)
	}
	settle(t, rn, storage, &applied)
	if len(applied) != 1 || applied[0] != "a" {
		t.Errorf("applied %q", applied)
	}
	if state := rn.Status().RaftState; state != raft.StateLeader {
		t.Errorf("it is %s", state)
	}
	err = rn.Step(ourpb.Message{Type: ourpb.MsgHup})
	if !errors.Is(err, raft.ErrStepLocalMsg) || !errors.Is(err, ours.ErrStepLocalMsg) {
		t.Errorf("the error is %v", err)
	}
	if _, err := storage.Term(100); err != raft.ErrUnavailable {
		t.Errorf("the error is %v, want one that is equal to ErrUnavailable", err)
	}
}

// settle does what a Ready asks for until there is none. It is written for this library's path.
func settle(t *testing.T, rn *ours.RawNode, storage raft.Storage, applied *[]string) {
	t.Helper()
	disk := storage.(*ours.MemoryStorage)
	for rn.HasReady() {
		rd := rn.Ready()
		if err := disk.Append(rd.Entries); err != nil {
			t.Fatal(err)
		}
		if !raft.IsEmptyHardState(rd.HardState) {
			if err := disk.SetHardState(rd.HardState); err != nil {
				t.Fatal(err)
			}
		}
		for _, entry := range rd.CommittedEntries {
			apply(t, rn, entry, applied)
		}
		rn.Advance(rd)
	}
}

// apply is written for the lineage's path.
func apply(t *testing.T, rn *raft.RawNode, entry raftpb.Entry, applied *[]string) {
	t.Helper()
	if entry.Type == raftpb.EntryConfChange {
		var cc raftpb.ConfChange
		if err := cc.Unmarshal(entry.Data); err != nil {
			t.Fatal(err)
		}
		rn.ApplyConfChange(cc)
		return
	}
	if len(entry.Data) > 0 {
		*applied = append(*applied, string(entry.Data))
	}
}
