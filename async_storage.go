package raft

import (
	pb "github.com/seed695671cb/raft/raftpb"
)

// Asynchronous storage writes (thesis §10.2.1): what is to be written and what is to be applied leave as messages to
// two local threads. Each handles its messages in order, and delivers a message's Responses when its work is done:
// to other members those that rest on the write, and to this member the acknowledgement.

// addStorageMessages completes rd.Messages: those that rest on the write, and the acknowledgement of it, travel as
// the responses of one MsgStorageAppend.
func (rn *RawNode) addStorageMessages(rd *Ready, ack stored) {
	o := &rn.raft.outbox
	now := rn.takeUnheld()
	hasWrite := len(rd.Entries) > 0 || !IsEmptyHardState(rd.HardState) || !IsEmptySnap(rd.Snapshot)
	if rd.MustSync {
		o.push(rn.storageAppendAck(rd, ack))
	}
	held := o.take()
	var applied []pb.Message
	if len(rd.CommittedEntries) > 0 {
		o.push(pb.Message{
			Type: pb.MsgStorageApplyResp, To: rn.raft.id, From: LocalApplyThread, Entries: rd.CommittedEntries,
		})
		applied = o.take()
	}
	for i := range now {
		o.push(now[i])
	}
	if hasWrite || len(held) > 0 {
		o.push(rn.storageAppend(rd, held))
	}
	if len(applied) > 0 {
		o.push(pb.Message{
			Type: pb.MsgStorageApply, To: LocalApplyThread, From: rn.raft.id,
			Entries: rd.CommittedEntries, Responses: applied,
		})
	}
	rd.Messages = o.take()
}

// takeUnheld takes the messages out of the outbox that do not rest on a write.
func (rn *RawNode) takeUnheld() []pb.Message {
	r := rn.raft
	held := 0
	for i := range r.outbox.messages {
		if r.restsOnWrite(&r.outbox.messages[i]) {
			held++
		}
	}
	if held == len(r.outbox.messages) {
		return nil
	}
	all := r.outbox.take()
	if held == 0 {
		return all
	}
	var now []pb.Message
	for i := range all {
		if r.restsOnWrite(&all[i]) {
			r.outbox.push(all[i])
		} else {
			now = append(now, all[i])
		}
	}
	return now
}

func (rn *RawNode) storageAppend(rd *Ready, responses []pb.Message) pb.Message {
	m := pb.Message{
		Type: pb.MsgStorageAppend, To: LocalAppendThread, From: rn.raft.id,
		Entries: rd.Entries, Responses: responses,
	}
	if !IsEmptyHardState(rd.HardState) {
		m.Term, m.Vote, m.Commit = rd.Term, rd.Vote, rd.Commit
	}
	if !IsEmptySnap(rd.Snapshot) {
		snap := rd.Snapshot
		m.Snapshot = &snap
	}
	return m
}

// storageAppendAck is what the append thread returns to this member. It names what was handed out by identity, so
// that it releases nothing that has been replaced meanwhile.
func (rn *RawNode) storageAppendAck(rd *Ready, ack stored) pb.Message {
	m := pb.Message{
		Type: pb.MsgStorageAppendResp, To: rn.raft.id, From: LocalAppendThread,
		Term: ack.paper.term, Vote: ack.paper.vote,
		Index: ack.last.index, LogTerm: ack.last.term,
	}
	if !IsEmptySnap(rd.Snapshot) {
		// The metadata is all that the acknowledgement needs.
		m.Snapshot = &pb.Snapshot{Metadata: rd.Snapshot.Metadata}
	}
	return m
}
