package model

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed695671cb/raft"
	pb "github.com/seed695671cb/raft/raftpb"
)

// TestChecksOfAMemberFail shows each check what it is there for.
func TestChecksOfAMemberFail(t *testing.T) {
	for _, c := range append(wrongDoings(), wrongStates()...) {
		m := freshMember(t, Bounds{Voters: 3, Async: true, MaxInFlight: 1})
		c.do(m)
		require.NotNil(t, m.broken, c.property)
		require.Equal(t, c.property, m.broken.Property, m.broken.Detail)
	}
}

// wrong is something that a property forbids.
type wrong struct {
	property string
	do       func(m *member)
}

// secondEntry is one that the members' logs might hold next.
func secondEntry() pb.Entry { return pb.Entry{Term: 1, Index: 2, Data: []byte("x")} }

// wrongDoings break properties of what is sent, written and applied.
func wrongDoings() []wrong {
	second := secondEntry()
	return []wrong{
		{"a term is durable before it is told", func(m *member) {
			m.send([]pb.Message{{Type: pb.MsgHeartbeatResp, To: 2, Term: 2}}, false)
		}},
		{"a vote is durable before it is told", func(m *member) {
			m.send([]pb.Message{{Type: pb.MsgVoteResp, To: 2, Term: 1}}, true)
		}},
		{"a vote is durable before it is told", func(m *member) {
			m.send([]pb.Message{{Type: pb.MsgVote, To: 2, Term: 1}}, true)
		}},
		{"an entry is durable before it is acknowledged", func(m *member) {
			m.send([]pb.Message{{Type: pb.MsgAppResp, To: 2, Term: 1, Index: 2}}, true)
		}},
		{"an entry is durable before it is acknowledged", func(m *member) {
			m.write(&pb.Message{Entries: []pb.Entry{second}}, 1)
			m.appendQueue = []pb.Message{{Entries: []pb.Entry{{Term: 1, Index: 2, Data: []byte("y")}}}}
			m.send([]pb.Message{{Type: pb.MsgAppResp, To: 2, Term: 1, Index: 2}}, false)
		}},
		{"entries are applied without a gap", func(m *member) { m.apply([]pb.Entry{{Term: 1, Index: 3}}) }},
		{"entries are applied once in a life", func(m *member) { m.apply([]pb.Entry{{Term: 1, Index: 1}}) }},
		{"only what is committed is applied", func(m *member) { m.apply([]pb.Entry{second}) }},
		{"only what is durable here is applied", func(m *member) {
			m.past.committed = append(m.past.committed, factOf(&second))
			m.apply([]pb.Entry{second})
		}},
		{"what is to be written fits the disk", func(m *member) {
			m.write(&pb.Message{Entries: []pb.Entry{{Term: 1, Index: 7}}}, 1)
		}},
		{"the application never goes back", func(m *member) {
			m.app.index = 5
			m.restore(&pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 4, Term: 1}})
		}},
	}
}

// wrongStates break properties of the state after a step.
func wrongStates() []wrong {
	second := secondEntry()
	return []wrong{
		{"what is in the log was handed out to be written", func(m *member) {
			m.appendQueue = []pb.Message{{Entries: []pb.Entry{second}}}
			m.checkStep(&before{})
		}},
		{"what was committed stays", func(m *member) {
			m.past.committed = append(m.past.committed, EntryFact{Term: 9})
			log := logView{first: 2, entries: []pb.Entry{second}}
			m.checkCommitted(2, &log)
		}},
		{"a term and vote taken for durable are on disk", func(m *member) {
			log := m.log()
			m.checkDurable(&glance{persisted: pb.HardState{Term: 1, Vote: 2}}, &log)
		}},
		{"entries taken for durable are on disk", func(m *member) {
			m.appendQueue = []pb.Message{{Entries: []pb.Entry{second}}}
			log := m.log()
			m.checkDurable(&glance{stored: 2}, &log)
		}},
		{"a leader only appends", func(m *member) {
			status := m.rn.BasicStatus()
			status.RaftState = raft.StateLeader
			log := m.log()
			b := before{status: status, log: logView{first: 2, entries: []pb.Entry{second}}}
			m.checkAppendOnly(&b, &status, &log)
		}},
		{"terms never go back", func(m *member) { monotone(m, func(s *raft.BasicStatus) { s.Term = 2 }) }},
		{"one vote in a term", func(m *member) { monotone(m, func(s *raft.BasicStatus) { s.Vote = 2 }) }},
		{"the commit index never goes back", func(m *member) { monotone(m, func(s *raft.BasicStatus) { s.Commit = 2 }) }},
		{"the applied index never goes back", func(m *member) { monotone(m, func(s *raft.BasicStatus) { s.Applied = 2 }) }},
		{"nothing panics", func(m *member) { m.perform(Input{Kind: InputDeliver}, nil) }},
		{"what a correct member sends is valid", func(m *member) {
			m.perform(Input{Kind: InputDeliver}, &pb.Message{Type: pb.MsgApp, To: 1, From: 2, Term: 0})
		}},
		{"a member restarts with what its disk holds", func(m *member) {
			m.crash()
			m.app.index = 9
			m.perform(Input{Kind: InputRestart}, nil)
		}},
	}
}

func freshMember(t *testing.T, b Bounds) *member {
	prints, err := newFingerprinter()
	require.NoError(t, err)
	m, err := newMember(1, &b, prints)
	require.NoError(t, err)
	require.Nil(t, m.broken)
	return m
}

// monotone has the member checked against a state before in which something was other than it is.
func monotone(m *member, change func(*raft.BasicStatus)) {
	after := m.rn.BasicStatus()
	b := before{status: after}
	change(&b.status)
	m.checkMonotone(&b, &after)
}
