package raft

import (
	pb "github.com/seed695671cb/raft/raftpb"
)

// How the bytes of a fuzz input are read as messages.

// choices turns the bytes of a fuzz input into decisions. When they are used up all decisions are zero.
type choices struct{ data []byte }

func (c *choices) next() byte {
	if len(c.data) == 0 {
		return 0
	}
	b := c.data[0]
	c.data = c.data[1:]
	return b
}

// choose returns a number in [0, n).
func (c *choices) choose(n int) int { return int(c.next()) % n }

func (c *choices) of(values ...uint64) uint64 { return values[c.choose(len(values))] }

func (c *choices) index(r *raft) uint64 {
	l := &r.log
	return c.of(l.lastIndex(), l.committed, l.applied, l.lastIndex()+1, l.committed+1, l.lastIndex()-1, 0, 1, 2, 3, 5, 9,
		l.storedIndex(), l.firstSeen, maxIndex, noLimit)
}

func (c *choices) term(r *raft) uint64 {
	return c.of(r.term, r.term, r.term+1, r.term, r.term-1, 0, 1, 2, 3, r.log.lastID().term, maxTerm, noLimit)
}

// prevTerm mostly returns the right term of the entry at index.
func (c *choices) prevTerm(r *raft, index uint64) uint64 {
	if c.choose(4) > 0 {
		return r.log.identify(index).term
	}
	return c.term(r)
}

func (c *choices) change() []byte {
	cc := pb.ConfChangeV2{Transition: pb.ConfChangeTransition(c.choose(3))}
	for range c.choose(3) {
		single := pb.ConfChangeSingle{Type: pb.ConfChangeType(c.choose(4)), NodeID: uint64(c.choose(6))}
		cc.Changes = append(cc.Changes, single)
	}
	data, err := cc.Marshal()
	if err != nil || c.choose(16) == 1 {
		return []byte("no change")
	}
	return data
}

func (c *choices) entries(prev entryID) []pb.Entry {
	ents := make([]pb.Entry, c.choose(4))
	for i := range ents {
		prev.index++
		prev.term += c.of(0, 0, 0, 1)
		ents[i] = pb.Entry{Term: prev.term, Index: prev.index}
		switch c.choose(6) {
		case 0:
			ents[i].Data = make([]byte, c.choose(40))
		case 1:
			ents[i].Type, ents[i].Data = pb.EntryConfChangeV2, c.change()
		case 2:
			ents[i].Index += uint64(c.choose(2))
		}
	}
	return ents
}

func (c *choices) confState() pb.ConfState {
	return []pb.ConfState{
		{Voters: []uint64{1, 2, 3}}, {Voters: []uint64{1}}, {Voters: []uint64{2, 3}, Learners: []uint64{1}},
		{Voters: []uint64{1, 2}, VotersOutgoing: []uint64{2, 3}, AutoLeave: true}, {Voters: []uint64{2}}, {},
		{Voters: []uint64{1, 2}, VotersOutgoing: []uint64{1, 3}, LearnersNext: []uint64{3}}, {Learners: []uint64{1}},
	}[c.choose(8)]
}

// message returns a message that is plausible in most of its fields.
func (c *choices) message(r *raft) pb.Message {
	m := pb.Message{Type: pb.MessageType(c.choose(25)), From: c.of(2, 3, 2, 4, 5, 1, 0, LocalAppendThread, LocalApplyThread), To: 1}
	m.Term = c.term(r)
	m.Index = c.index(r)
	m.LogTerm = c.prevTerm(r, m.Index)
	m.Commit = min(c.index(r), c.index(r))
	m.Reject = c.choose(3) == 1
	m.RejectHint = c.of(m.Index-1, 0, c.index(r), r.log.identify(m.Commit).term)
	m.Vote = c.of(0, 1, 2, r.vote)
	m.Entries = c.entries(entryID{term: m.LogTerm, index: m.Index})
	switch c.choose(5) {
	case 1:
		m.Context = []byte(transferContext)
	case 2:
		m.Context = []byte{0, 0, 0, 0, 0, 0, 0, byte(c.choose(4))}
	}
	if m.Type == pb.MsgReadIndex || m.Type == pb.MsgReadIndexResp {
		m.Entries = []pb.Entry{{Data: []byte{c.next()}}}
	}
	if m.Type == pb.MsgSnap || c.choose(16) == 1 {
		m.Snapshot = &pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: m.Index, Term: m.LogTerm, ConfState: c.confState()}}
	}
	return m
}

// answerTo returns what the receiver of a message would answer, in some cases also what it might refuse.
func (c *choices) answerTo(got *pb.Message) pb.Message {
	m := pb.Message{From: got.To, To: got.From, Term: got.Term}
	switch got.Type {
	case pb.MsgVote, pb.MsgPreVote:
		m.Type = voteResponse(got.Type)
		m.Reject = c.choose(4) == 1
	case pb.MsgApp:
		m.Type, m.Index = pb.MsgAppResp, got.Index+uint64(len(got.Entries))
		if c.choose(4) == 1 && got.Index > 0 {
			m.Index, m.Reject, m.RejectHint, m.LogTerm = got.Index, true, got.Index-1, c.of(0, 1, got.LogTerm)
		}
	case pb.MsgHeartbeat:
		m.Type, m.Context = pb.MsgHeartbeatResp, got.Context
	case pb.MsgSnap:
		m.Type, m.Index = pb.MsgAppResp, got.Snapshot.Metadata.Index
	case pb.MsgTimeoutNow:
		m.Type, m.Term, m.Index, m.LogTerm = pb.MsgVote, got.Term+1, got.Index, got.LogTerm
		m.Context = []byte(transferContext)
	case pb.MsgReadIndex:
		m.Type, m.Index, m.Entries = pb.MsgReadIndexResp, c.of(1, 4, 9), got.Entries
		m.Reject = c.choose(4) == 1
		if m.Reject {
			m.Context, m.Entries = got.Entries[0].Data, nil
		}
	case pb.MsgProp:
		m.Type = pb.MsgHeartbeat
	default:
		m.Type = pb.MsgAppResp
	}
	return m
}
