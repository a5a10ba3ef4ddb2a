package raft

import (
	pb "github.com/seed695671cb/raft/raftpb"
)

// Asynchronous storage writes (thesis §10.2.1): what is to be written and what is to be applied leave as messages to
// two local threads. Each handles its messages in order, and delivers a message's Responses when its work is done:
// to other members those that rest on the write, and to this member the acknowledgement.

// addStorageMessages completes rd.Messages: those that rest on the write, and the acknowledgement of it, travel as
// the responses of one MsgStorageAppend. What was sent before it was known what is to be written, see
// raft.restsOnWrite, rests on it too.
func (rn *RawNode) addStorageMessages(rd *Ready, ack *stored) {
	r := &rn.raft
	now, held, out := r.clock.now, r.outbox.held, &r.outbox.messages
	hasWrite := len(rd.Entries) > 0 || !IsEmptyHardState(rd.HardState) || !IsEmptySnap(rd.Snapshot)
	if rd.MustSync {
		rn.storageAppendAck(held.add(now), rd, ack)
	}
	if responses := held.take(); hasWrite || len(responses) > 0 {
		rn.storageAppend(out.add(now), rd, responses)
		out.weigh(payloadSizeOf(rd.Entries))
	}
	if len(rd.CommittedEntries) > 0 {
		m := held.add(now)
		m.Type, m.To, m.From = pb.MsgStorageApplyResp, r.id, LocalApplyThread
		m.Entries = rd.CommittedEntries
		m = out.add(now)
		m.Type, m.To, m.From = pb.MsgStorageApply, LocalApplyThread, r.id
		m.Entries = rd.CommittedEntries
		payload := payloadSizeOf(rd.CommittedEntries)
		held.weigh(payload)
		out.weigh(payload)
		m.Responses = held.take()
	}
	rd.Messages = out.take()
}

// storageAppend makes m the message that asks the append thread for the Ready's writes.
func (rn *RawNode) storageAppend(m *pb.Message, rd *Ready, responses []pb.Message) {
	m.Type, m.To, m.From = pb.MsgStorageAppend, LocalAppendThread, rn.raft.id
	m.Entries = rd.Entries
	m.Responses = responses
	if !IsEmptyHardState(rd.HardState) {
		m.Term, m.Vote, m.Commit = rd.Term, rd.Vote, rd.Commit
	}
	if !IsEmptySnap(rd.Snapshot) {
		snap := rd.Snapshot
		m.Snapshot = &snap
	}
}

// storageAppendAck makes m what the append thread returns to this member. It names what was handed out by identity, so
// that it releases nothing that has been replaced meanwhile.
func (rn *RawNode) storageAppendAck(m *pb.Message, rd *Ready, ack *stored) {
	m.Type, m.To, m.From = pb.MsgStorageAppendResp, rn.raft.id, LocalAppendThread
	m.Term, m.Vote = ack.paper.term, ack.paper.vote
	m.Index, m.LogTerm = ack.last.index, ack.last.term
	if !IsEmptySnap(rd.Snapshot) {
		// The metadata is all that the acknowledgement needs.
		m.Snapshot = &pb.Snapshot{Metadata: rd.Snapshot.Metadata}
	}
}
