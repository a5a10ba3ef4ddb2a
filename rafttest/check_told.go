package rafttest

import (
	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// Persistence before telling: what a message says of its sender's term, vote and log is on the sender's disk when it
// leaves (Raft Fig. 2, persistent state).

func (g *group) checkSent(m *member, msg *pb.Message) {
	// Requests that are passed on name whom they concern as their sender.
	passedOn := msg.Type == pb.MsgTransferLeader || msg.Type == pb.MsgReadIndex || msg.Type == pb.MsgProp
	if msg.From != m.id && !passedOn || msg.To == m.id || msg.To == raft.None || msg.To > maxMembers {
		g.failSent("ready contract", m, msg, "sends a message that is not from it to another member")
	}
	disk := &m.seen.durableHard
	preVote := msg.Type == pb.MsgPreVote || msg.Type == pb.MsgPreVoteResp && !msg.Reject
	switch {
	case msg.Term == 0 || preVote:
		return
	case msg.Term > disk.Term:
		g.failSent("persistence before telling", m, msg, "has not got the term on disk, and sends")
	case msg.Term < disk.Term:
		return
	}
	switch msg.Type {
	case pb.MsgVote:
		g.checkCandidacy(m, msg)
	case pb.MsgVoteResp:
		if !msg.Reject && disk.Vote != msg.To {
			g.failSent("persistence before telling", m, msg, "has not got the vote on disk, and sends")
		}
	case pb.MsgAppResp:
		if !msg.Reject {
			g.checkAcknowledgement(m, msg)
		}
	case pb.MsgApp:
		g.checkAppendSize(m, msg)
	}
}

// checkAcknowledgement checks that what the message acknowledges is on disk, and is what the leader has.
func (g *group) checkAcknowledgement(m *member, msg *pb.Message) {
	if msg.Index > m.seen.durable.last() {
		g.failSent("persistence before telling", m, msg, "has not got the entries on disk, and sends")
	}
	lead := g.byID[msg.To]
	if lead == nil || !lead.up() || lead.seen.status.RaftState != raft.StateLeader || lead.seen.status.Term != msg.Term {
		return
	}
	held, ok := m.seen.durable.at(msg.Index)
	theirs, known := lead.seen.told.at(msg.Index)
	if msg.Index > lead.seen.told.last() || ok && known && held != theirs {
		g.failSent("log matching", m, msg, "acknowledges what its leader has not got, and sends")
	}
}

// checkCandidacy checks a request for a vote. One that the candidate has given up meanwhile, to follow the winner,
// elects nobody.
func (g *group) checkCandidacy(m *member, msg *pb.Message) {
	if m.seen.durableHard.Vote != m.id {
		g.failSent("persistence before telling", m, msg, "has not got its vote on disk, and sends")
	}
	campaigns := m.seen.status.RaftState == raft.StateCandidate && m.seen.status.Term == msg.Term
	last := entryID{term: msg.LogTerm, index: msg.Index}
	if campaigns && (msg.Index > m.seen.durable.last() || !m.seen.durable.holds(last)) {
		g.failSent("persistence before telling", m, msg, "has not got the log on disk, and sends")
	}
}

func (g *group) failSent(property string, m *member, msg *pb.Message, what string) {
	d := &m.seen.durableHard
	g.fail(property, []uint64{m.id}, "member %d %s %q; on disk it has term %d, vote %d, and a log that ends in index %d of term %d",
		m.id, what, raft.DescribeMessage(*msg, nil), d.Term, d.Vote, m.seen.durable.last(), m.seen.durable.lastID().term)
}

// checkIntact checks that a message still is what it was when it was handed out.
func (g *group) checkIntact(p *packet) {
	if messageDigest(&p.msg) != p.digest {
		g.fail("handed out for ever", []uint64{p.msg.From}, "a message was written to after member %d had handed it out; now it is %q",
			p.msg.From, raft.DescribeMessage(p.msg, nil))
	}
}
