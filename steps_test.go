package raft

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	pb "github.com/seed695671cb/raft/raftpb"
)

// Messages written by hand, and what comes out of a member when it is given them: the vocabulary of the tests that
// put one member into a situation of the paper instead of waiting for a cluster to come into it (Raft Fig. 2).

// at names the entry of a term at an index.
func at(term, index uint64) entryID { return entryID{term: term, index: index} }

// entriesAt returns empty entries with the given identities.
func entriesAt(ids ...entryID) []pb.Entry {
	ents := make([]pb.Entry, len(ids))
	for i, id := range ids {
		ents[i] = pb.Entry{Term: id.term, Index: id.index}
	}
	return ents
}

// idsOf returns the identities of entries.
func idsOf(ents []pb.Entry) []entryID {
	var ids []entryID
	for i := range ents {
		ids = append(ids, idOf(&ents[i]))
	}
	return ids
}

func appendFrom(from, to, term uint64, prev entryID, commit uint64, ents ...entryID) pb.Message {
	return pb.Message{
		Type: pb.MsgApp, From: from, To: to, Term: term, Index: prev.index, LogTerm: prev.term,
		Commit: commit, Entries: entriesAt(ents...),
	}
}

func heartbeatFrom(from, to, term, commit uint64) pb.Message {
	return pb.Message{Type: pb.MsgHeartbeat, From: from, To: to, Term: term, Commit: commit}
}

// askFrom is a request for a vote, of type MsgVote or MsgPreVote, by a candidate whose log ends in last.
func askFrom(typ pb.MessageType, from, to, term uint64, last entryID) pb.Message {
	return pb.Message{Type: typ, From: from, To: to, Term: term, Index: last.index, LogTerm: last.term}
}

func answerFrom(typ pb.MessageType, from, to, term uint64, granted bool) pb.Message {
	return pb.Message{Type: typ, From: from, To: to, Term: term, Reject: !granted}
}

func ackFrom(from, to, term, index uint64) pb.Message {
	return pb.Message{Type: pb.MsgAppResp, From: from, To: to, Term: term, Index: index}
}

// rejectFrom rejects an append after the entry at index, and names the entry that may match.
func rejectFrom(from, to, term, index uint64, hint entryID) pb.Message {
	return pb.Message{
		Type: pb.MsgAppResp, From: from, To: to, Term: term, Index: index,
		Reject: true, RejectHint: hint.index, LogTerm: hint.term,
	}
}

func snapshotFrom(from, to, term uint64, last entryID, cs pb.ConfState) pb.Message {
	return pb.Message{
		Type: pb.MsgSnap, From: from, To: to, Term: term,
		Snapshot: &pb.Snapshot{
			Data:     []byte("snapshot " + last.String()),
			Metadata: pb.SnapshotMetadata{Index: last.index, Term: last.term, ConfState: cs},
		},
	}
}

// voters returns the configuration of the given voters.
func voters(ids ...uint64) pb.ConfState { return pb.ConfState{Voters: ids} }

// outOf lets the member do all it has to do, and returns what it sends. Nothing is delivered.
func outOf(c *cluster, id uint64) []pb.Message {
	for c.ready(id) || c.runAppendThread(id) || c.runApplyThread(id) {
		continue
	}
	msgs := c.network
	c.network = nil
	return msgs
}

// replies gives the message to its receiver, which must accept it, and returns what that sends thereupon.
func replies(c *cluster, m pb.Message) []pb.Message {
	c.t.Helper()
	require.NoError(c.t, c.step(m))
	return outOf(c, m.To)
}

// ofType returns the messages of a type.
func ofType(msgs []pb.Message, typ pb.MessageType) []pb.Message {
	var out []pb.Message
	for _, m := range msgs {
		if m.Type == typ {
			out = append(out, m)
		}
	}
	return out
}

// soleReply gives the message to its receiver and requires that it sends one message of the type and nothing else.
func soleReply(c *cluster, m pb.Message, typ pb.MessageType) pb.Message {
	c.t.Helper()
	out := replies(c, m)
	require.Len(c.t, out, 1)
	require.Equal(c.t, typ, out[0].Type)
	return out[0]
}

// seed starts the member anew with the given hard state, and with entries after what its storage holds.
func seed(c *cluster, id uint64, hs pb.HardState, ids ...entryID) {
	m := c.members[id]
	require.NoError(c.t, m.storage.Append(entriesAt(ids...)))
	require.NoError(c.t, m.storage.SetHardState(hs))
	c.start(id)
}

// logOf returns the identities of the entries that the member's log holds.
func logOf(c *cluster, id uint64) []entryID {
	l := &c.raft(id).log
	var ids []entryID
	err := l.scan(l.firstIndex(), l.lastIndex()+1, noEncodedLimit, func(ents []pb.Entry) bool {
		ids = append(ids, idsOf(ents)...)
		return true
	})
	require.NoError(c.t, err)
	return ids
}

// fingerprint shows everything that a member remembers, but its randomness, so that two can be compared.
func fingerprint(r *raft) string {
	var b strings.Builder
	fmt.Fprintf(&b, "term %d vote %x persisted %v %s lead %x\n", r.term, r.vote, r.persisted, r.state, r.lead)
	l := r.log
	fmt.Fprintf(&b, "log %v %v committed %d applying %d applied %d size %d superseded %d failed %t\n",
		idsOf(l.unstable.slice(l.unstable.offset, l.unstable.next())), runsKnown(&l.terms), l.committed, l.applying, l.applied, l.applyingSize, l.supersededTo, l.readFailed)
	fmt.Fprintf(&b, "unstable %d %d %v %t\n", l.unstable.offset, l.unstable.fresh, l.unstable.snapshot, l.unstable.snapshotSaving)
	fmt.Fprintf(&b, "members %s clock %+v ballots %v\n", r.membership, r.clock, r.ballots)
	fmt.Fprintf(&b, "forwarded %+v reads %v lost %v silent %d\n", r.ownReads().forwarded, r.ownReads().answered, r.ownReads().lost, r.silentUntil)
	for _, m := range r.outbox.messages.list {
		fmt.Fprintf(&b, "out %s\n", DescribeMessage(m, nil))
	}
	if r.outbox.held != nil {
		for _, m := range r.outbox.held.list {
			fmt.Fprintf(&b, "held %s\n", DescribeMessage(m, nil))
		}
	}
	if r.leading != nil {
		b.WriteString(leadershipPrint(r.leading))
	}
	return b.String()
}

func leadershipPrint(l *leadership) string {
	var b strings.Builder
	for i := range l.progress {
		p := l.progress[i]
		fmt.Fprintf(&b, "%x: %d/%d ", l.members[i].ID, p.Inflights.Count(), p.Inflights.Bytes())
		p.Inflights = nil // its address is not part of what is compared
		fmt.Fprintf(&b, "%+v\n", p)
	}
	fmt.Fprintf(&b, "owed %v %d %t %t former %v change %d quota %d transfer %x %d %t reads %+v rounds %+v\n",
		l.owedAppend, l.owed, l.broadcast, l.beatDue, l.former, l.pendingChange, l.uncommitted,
		l.transferee, l.transferDeadline, l.sentTimeoutNow, l.reads, l.rounds)
	return b.String()
}

func TestFingerprintShowsWhatChanged(t *testing.T) {
	c := newVoters(t, 3)
	before := fingerprint(c.raft(1))
	require.Equal(t, before, fingerprint(c.raft(1)))
	c.tick(1, 1)
	require.NotEqual(t, before, fingerprint(c.raft(1)))
	c.elect(1)
	before = fingerprint(c.raft(1))
	c.members[1].rn.ReportUnreachable(2)
	require.NotEqual(t, before, fingerprint(c.raft(1)))
}
